package kmeans

import (
	"fmt"
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// Rows are what is grouped: unit vectors of one width, held densely or sparsely. Only this package implements it.
type Rows interface {
	// Len is the number of rows, Dim the width of each.
	Len() int
	Dim() int

	// lay brings k centres, (k, Dim), into the layout that scores reads. The result may be w itself, or use dst.
	lay(dst, w []float32, k int) []float32
	// scores writes the products of the rows [lo,hi) with the k laid-out centres to dst, (hi-lo, k).
	scores(dst []float32, lo, hi int, laid []float32, k int)
	// add adds row i to sum.
	add(sum []float64, i int)
	// pick returns a copy of the listed rows.
	pick(list []int) Rows
}

// Dense are rows that store every number. The zero value is not ready: NewDense.
type Dense struct {
	d int
	x []float32 // row i is x[i*d : (i+1)*d], of unit length
}

// NewDense returns an empty set of rows of width d, which is at least 1.
func NewDense(d int) *Dense { return &Dense{d: d} }

// Append adds a copy of v, divided by its length. Errors: ErrRow for a wrong width, for numbers that are not finite, and
// for a zero vector, which has no direction.
func (x *Dense) Append(v []float32) error {
	if len(v) != x.d {
		return fmt.Errorf("%w: row %d has %d numbers, want %d", ErrRow, x.Len(), len(v), x.d)
	}
	n := vec.Norm(v)
	if err := checkNorm(n, x.Len()); err != nil {
		return err
	}
	for _, f := range v {
		x.x = append(x.x, float32(float64(f)/n))
	}
	return nil
}

// Len is the number of rows.
func (x *Dense) Len() int { return len(x.x) / x.d }

// Dim is the width of each row.
func (x *Dense) Dim() int { return x.d }

func (x *Dense) row(i int) []float32 { return x.x[i*x.d : (i+1)*x.d] }

func (x *Dense) lay(_, w []float32, _ int) []float32 { return w }

func (x *Dense) scores(dst []float32, lo, hi int, laid []float32, _ int) {
	vec.Product(dst, x.x[lo*x.d:hi*x.d], laid, x.d)
}

func (x *Dense) add(sum []float64, i int) {
	for j, f := range x.row(i) {
		sum[j] += float64(f)
	}
}

func (x *Dense) pick(list []int) Rows {
	p := NewDense(x.d)
	p.x = make([]float32, 0, len(list)*x.d)
	for _, i := range list {
		p.x = append(p.x, x.row(i)...)
	}
	return p
}

// Sparse are rows of which most numbers are zero, such as codes: each stores the columns that are not. They are never
// written out; a pass costs what their entries cost. The zero value is not ready: NewSparse.
type Sparse struct {
	d      int
	start  []int // row i is columns[start[i]:start[i+1]] with its values
	column []uint32
	value  []float32
}

// NewSparse returns an empty set of rows of width d, which is at least 1.
func NewSparse(d int) *Sparse { return &Sparse{d: d, start: []int{0}} }

// Append adds a row: values at columns, which ascend and lie below Dim. Copies are kept, divided by their length. Errors:
// ErrRow for columns out of order or out of range, for values that are not finite, and for a row without a direction:
// empty, or all zero.
func (x *Sparse) Append(columns []uint32, values []float32) error {
	if len(columns) != len(values) {
		return fmt.Errorf("%w: row %d has %d columns and %d values", ErrRow, x.Len(), len(columns), len(values))
	}
	for i, c := range columns {
		if int(c) >= x.d || i > 0 && c <= columns[i-1] {
			return fmt.Errorf("%w: row %d: column %d does not ascend below %d", ErrRow, x.Len(), c, x.d)
		}
	}
	n := vec.Norm(values)
	if err := checkNorm(n, x.Len()); err != nil {
		return err
	}
	x.column = append(x.column, columns...)
	for _, f := range values {
		x.value = append(x.value, float32(float64(f)/n))
	}
	x.start = append(x.start, len(x.column))
	return nil
}

// Len is the number of rows.
func (x *Sparse) Len() int { return len(x.start) - 1 }

// Dim is the width of each row.
func (x *Sparse) Dim() int { return x.d }

func (x *Sparse) row(i int) ([]uint32, []float32) {
	lo, hi := x.start[i], x.start[i+1]
	return x.column[lo:hi], x.value[lo:hi]
}

// lay transposes the centres: what one column holds for all of them then lies together, and an entry of a row is one
// scaled addition.
func (x *Sparse) lay(dst, w []float32, k int) []float32 {
	if cap(dst) < len(w) {
		dst = make([]float32, len(w))
	}
	dst = dst[:len(w)]
	for c := range k {
		for j, f := range w[c*x.d : (c+1)*x.d] {
			dst[j*k+c] = f
		}
	}
	return dst
}

func (x *Sparse) scores(dst []float32, lo, hi int, laid []float32, k int) {
	clear(dst[:(hi-lo)*k])
	for i := lo; i < hi; i++ {
		columns, values := x.row(i)
		vec.AxpyRows(dst[(i-lo)*k:(i-lo+1)*k], laid, columns, values)
	}
}

func (x *Sparse) add(sum []float64, i int) {
	columns, values := x.row(i)
	for j, c := range columns {
		sum[c] += float64(values[j])
	}
}

func (x *Sparse) pick(list []int) Rows {
	p := NewSparse(x.d)
	for _, i := range list {
		columns, values := x.row(i)
		p.column = append(p.column, columns...)
		p.value = append(p.value, values...)
		p.start = append(p.start, len(p.column))
	}
	return p
}

func checkNorm(n float64, row int) error {
	if n == 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return fmt.Errorf("%w: row %d has the length %g and no direction", ErrRow, row, n)
	}
	return nil
}
