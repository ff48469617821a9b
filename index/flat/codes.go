package flat

import (
	"math"
	"slices"

	"github.com/saedb/saedb/internal/huge"
	"github.com/saedb/saedb/internal/vec"
)

// codes are rows rounded to a byte for each value: with c for the bytes of row i,
//
//	row = mean + scale[i]·c + remainder,    |remainder| ≤ rest[i],    |scale[i]·c| ≤ reach.
//
// The mean of the rows is subtracted first, because that is where the large values of embeddings are; what is left is small and even.
// Each row has a scale of its own, so that none is cut off: on CLIP rows that leaves two thirds of the remainder of a common scale.
// The three inequalities hold for the numbers as they are stored, whatever the mean is: it only decides how small rest is.
type codes struct {
	dim    int
	mean   []float32
	bytes  []int8    // of row i: bytes[i*dim : (i+1)*dim]
	scale  []float32 // 0 for a row that lies at the mean
	rest   []float32
	reach  float32
	widest float32 // at least each rest
}

// leastScale is the smallest scale of a row. A row that is nearer to the mean has no bytes, only a remainder.
const leastScale = 1e-30

// zero is added to a value of -127..127 so that it is positive, and half a step, so that cutting off its fraction rounds it.
const zero, halfStep = 128, .5

func newCodes(dim int) *codes { return &codes{dim: dim, mean: make([]float32, dim)} }

// meanOf returns the mean of the rows; rows has at least one.
func meanOf(rows []float32, dim int) []float32 {
	sum := make([]float64, dim)
	for i := 0; i < len(rows); i += dim {
		for j, v := range rows[i : i+dim] {
			sum[j] += float64(v)
		}
	}
	mean := make([]float32, dim)
	for j, s := range sum {
		mean[j] = float32(s * float64(dim) / float64(len(rows)))
	}
	return mean
}

// encode rounds all rows around a mean, on up to threads goroutines.
func encode(rows, mean []float32, threads int) *codes {
	c := &codes{dim: len(mean), mean: mean}
	n := len(rows) / c.dim
	c.bytes, c.scale, c.rest = huge.Make[int8](n*c.dim), make([]float32, n), make([]float32, n)
	reach := make([]float32, max(threads, 1))
	vec.Parallel(len(reach), n, grain, func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			length := float32(0)
			c.scale[i], c.rest[i], length = c.round(c.bytes[i*c.dim:(i+1)*c.dim], rows[i*c.dim:(i+1)*c.dim])
			reach[worker] = max(reach[worker], length)
		}
	})
	c.reach = slices.Max(reach)
	for _, r := range c.rest {
		c.widest = max(c.widest, r)
	}
	return c
}

// set rounds a row and stores it as the i-th; i is at most the number of rows.
func (c *codes) set(i int, row []float32) {
	if i == len(c.scale) {
		c.bytes = huge.Append(c.bytes, make([]int8, c.dim)...)
		c.scale, c.rest = append(c.scale, 0), append(c.rest, 0)
	}
	length := float32(0)
	c.scale[i], c.rest[i], length = c.round(c.bytes[i*c.dim:(i+1)*c.dim], row)
	c.reach, c.widest = max(c.reach, length), max(c.widest, c.rest[i])
}

// drop forgets row i; the last row takes its place.
func (c *codes) drop(i int) {
	last := len(c.scale) - 1
	copy(c.bytes[i*c.dim:(i+1)*c.dim], c.bytes[last*c.dim:])
	c.scale[i], c.rest[i] = c.scale[last], c.rest[last]
	c.bytes, c.scale, c.rest = c.bytes[:last*c.dim], c.scale[:last], c.rest[:last]
}

// Codes is what rows are rounded to where it lies outside of an index, in a mapped file for example: see Fixed.Rounded. With c for the bytes of
// row i, row = Mean + Scale[i]·c + a remainder of length Rest[i] at most; no Scale[i]·c is longer than Reach, no remainder than Widest.
type Codes struct {
	Mean          []float32
	Bytes         []int8    // of row i: Bytes[i*dim : (i+1)*dim]
	Scale, Rest   []float32 // of row i
	Reach, Widest float32
}

// MeanOf returns the mean of rows, (n,dim), of which there is one at least.
func MeanOf(rows []float32, dim int) []float32 { return meanOf(rows, dim) }

// Round rounds rows, (n,dim), around a mean.
func Round(rows, mean []float32, threads int) Codes {
	c := encode(rows, mean, threads)
	return Codes{c.mean, c.bytes, c.scale, c.rest, c.reach, c.widest}
}

// round writes the bytes of a row and returns its scale, and upper bounds for the lengths of its remainder and of scale·bytes.
func (c *codes) round(dst []int8, row []float32) (scale, rest, length float32) {
	dst, mean := dst[:len(row)], c.mean[:len(row)]
	most := float32(0)
	for j, v := range row {
		most = max(most, v-mean[j], mean[j]-v)
	}
	if scale = most / 127; scale < leastScale {
		scale = 0
	}
	inverse := 1 / max(scale, leastScale)
	var left, square float64
	for j, v := range row {
		x := int32(0)
		if scale > 0 {
			x = int32((v-mean[j])*inverse+(zero+halfStep)) - zero
		}
		dst[j] = int8(min(max(x, -127), 127))
		part := float64(scale) * float64(dst[j])
		r := float64(v) - float64(mean[j]) - part
		left += r * r
		square += part * part
	}
	return scale, upper(math.Sqrt(left)), upper(math.Sqrt(square))
}

// widen makes int16 of the bytes of rows.
func (c *codes) widen(dst []int16, lo, hi int) []int16 {
	stride := vec.PanelStride(c.dim)
	if stride == c.dim {
		vec.Widen(dst, c.bytes[lo*stride:hi*stride])
		return dst
	}
	for i := lo; i < hi; i++ {
		vec.Widen(dst[(i-lo)*stride:], c.bytes[i*c.dim:(i+1)*c.dim])
	}
	return dst
}

// upper returns a float32 that is larger than v and than what v would be without the roundings of float64 on the way to it.
func upper(v float64) float32 { return above(v*(1+1e-9) + 1e-12) }

// above returns the next float32 beyond v, below the one before it.
func above(v float64) float32 { return math.Nextafter32(float32(v), float32(math.Inf(1))) }
func below(v float64) float32 { return math.Nextafter32(float32(v), float32(math.Inf(-1))) }
