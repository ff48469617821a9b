package hnsw

import (
	"math"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// coder turns rows into bytes: code[i] = round((v[i] - mean[i])·scale). The mean of the rows is taken off first, which changes no
// ranking among rows of unit length and frees the range of a byte from the coordinates that are large in every picture.
type coder struct {
	mean    []float32
	scale   float32
	outside float32 // a query whose product with mean is below this lies outside the rows' cloud
	rows    int     // rows that there were when mean and scale were taken
}

const (
	trainRows   = 1 << 14 // rows that mean and scale are taken from, at most
	trainValues = 1 << 18 // values of them that the scale is taken from, at most
	clipped     = 1e-4    // share of the values that may be cut off at the ends of a byte
)

// train takes mean and scale from n rows, or from as many of them, evenly spread, as are enough. row may return the same memory again.
func train(dim, n int, row func(i int) ([]float32, error)) (*coder, error) {
	c := &coder{mean: make([]float32, dim), rows: n}
	step := (n + trainRows - 1) / trainRows
	taken := 0
	sum := make([]float64, dim)
	for i := 0; i < n; i += step {
		v, err := row(i)
		if err != nil {
			return nil, err
		}
		taken++
		for j, a := range v {
			sum[j] += float64(a)
		}
	}
	square := 0.0
	for j, s := range sum {
		s /= float64(taken)
		c.mean[j] = float32(s)
		square += s * s
	}
	c.outside = float32(square / 2) // half of what a row has on average
	step *= max(1, taken*dim/trainValues)
	var values []float32
	for i := 0; i < n; i += step {
		v, err := row(i)
		if err != nil {
			return nil, err
		}
		for j, a := range v {
			values = append(values, max(a-c.mean[j], c.mean[j]-a))
		}
	}
	slices.Sort(values)
	c.scale = 1
	if most := values[int(float64(len(values)-1)*(1-clipped))]; most > 0 {
		c.scale = 127 / most
	}
	return c, nil
}

// encode writes the code of a row and returns the sum of its squares.
func (c *coder) encode(dst []int8, v []float32) int32 {
	for i, a := range v {
		dst[i] = int8(math.RoundToEven(float64(min(max((a-c.mean[i])*c.scale, -127), 127))))
	}
	return square(dst[:len(v)])
}

// square returns the sum of the squares of a code.
func square(code []int8) int32 {
	var sum int32
	for _, k := range code {
		sum += int32(k) * int32(k)
	}
	return sum
}

// decode writes the row that a code stands for.
func (c *coder) decode(dst []float32, code []int8) {
	for i, k := range code {
		dst[i] = float32(k)/c.scale + c.mean[i]
	}
}

// query writes q on a scale of its own, as fine as sums of products with codes allow: a text is small where pictures are large, and
// cut to their scale would lose what tells it from other texts. Products with codes rank rows as q itself does.
func (c *coder) query(dst []int16, q []float32) {
	var most, sum float64
	for _, a := range q {
		most = max(most, math.Abs(float64(a)))
		sum += math.Abs(float64(a))
	}
	scale := min(math.MaxInt16/most, (1<<24-float64(len(q)))/sum) // vec.DotInt8 wants 128·Σ|q| below 1<<31
	for i, a := range q {
		dst[i] = int16(math.RoundToEven(float64(a) * scale))
	}
}

// isOutside reports whether a unit vector lies outside the cloud of rows, as a text's does among pictures.
func (c *coder) isOutside(q []float32) bool { return vec.Dot(q, c.mean) < c.outside }
