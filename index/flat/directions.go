package flat

import (
	"fmt"
	"math"
	"runtime"

	"github.com/saedb/saedb/internal/huge"
	"github.com/saedb/saedb/internal/vec"
)

// NewDirections returns the index of the directions of rows, (n,dim), row i under the ordinal i: the decoder of an autoencoder, say, for
// the latents that are nearest to a text, a picture or a latent. Rows need not be of unit length; one that is zero, or holds a number
// that is not finite, has no direction and is no answer. rows is not kept.
func NewDirections(dim, threads int, rows []float32) (*Rounded, error) {
	if dim < 1 || len(rows)%dim != 0 || len(rows)/dim > math.MaxUint32 {
		return nil, fmt.Errorf("flat: %d values are no rows of %d", len(rows), dim)
	}
	x := NewRounded(dim, threads)
	x.rows = huge.Make[float32](len(rows))[:0]
	for i := range len(rows) / dim {
		row := rows[i*dim : (i+1)*dim]
		norm := vec.Norm(row)
		if !(norm > 0) || math.IsInf(norm, 1) {
			continue
		}
		x.at[uint32(i)] = len(x.ords)
		x.ords = append(x.ords, uint32(i))
		for _, v := range row {
			x.rows = append(x.rows, float32(float64(v)/norm))
		}
		x.count(x.row(len(x.ords)-1), 1)
	}
	if len(x.ords) > 0 {
		x.codes = encode(x.rows, meanOf(x.rows, dim), runtime.GOMAXPROCS(0))
	}
	return x, nil
}
