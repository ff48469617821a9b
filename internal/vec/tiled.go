//go:build amd64 || arm64

package vec

import "sync"

// shape is a kernel's tile: rows of w by lanes of x. one takes a single row of w; strip, where there is one, several tiles.
type shape struct {
	rows, lanes int
	tile, one   func(o, x, w *float32, stride, columns int)
	strip       func(o, x, w *float32, stride, columns, tiles int)
}

const (
	panelRows = 128 // of x, packed at once: with 512 columns a quarter of a megabyte, which stays in L2 beside a chunk of w
	chunkRows = 48  // of w, multiplied with a panel before the next: their sums stay in L1
	fewRows   = 2   // of x: so many go one by one past w, sixteen rows of which lie beside each other
	besides   = 16
)

// bench holds what a call packs and adds up.
type bench struct {
	packed []float32
	sums   [chunkRows * 64]float32
}

var benches = sync.Pool{New: func() any { return new(bench) }}

// productTiled packs rows of x, lanes beside lanes, and sends the rows of w past them: each is read where it lies.
func productTiled(dst, x, w, bias []float32, d int, wide, narrow *shape) {
	n, m := len(x)/d, len(w)/d
	if n == 0 || m == 0 {
		return
	}
	b := benches.Get().(*bench)
	defer benches.Put(b)
	if n <= fewRows && m >= besides {
		for i := range n {
			b.single(dst[i*m:(i+1)*m], x[i*d:(i+1)*d], w, bias)
		}
		return
	}
	for lo := 0; lo < n; lo += panelRows {
		hi := min(lo+panelRows, n)
		b.pack(x[lo*d:hi*d], d, wide, narrow)
		for j := 0; j < m; j += chunkRows {
			end := min(j+chunkRows, m)
			if rest := (end - j) % narrow.rows; narrow.strip != nil && rest > 0 && j >= narrow.rows-rest {
				j -= narrow.rows - rest // rows that had their turn come out the same in another
			}
			at := 0
			for i := lo; i < hi; {
				s := shapeFor(hi-i, wide, narrow)
				fetch(&dst[i*m+j], m, min(s.lanes, hi-i), end-j)
				b.multiply(s, b.packed[at:], w[j*d:end*d], d)
				b.unpack(s, dst[i*m+j:], biasOf(bias, j, end), m, min(s.lanes, hi-i))
				at += s.lanes * d
				i += s.lanes
			}
		}
	}
}

// noBias is the bias of rows of w where there is none.
var noBias [chunkRows]float32

// biasOf returns the bias of the rows lo to hi of w.
func biasOf(bias []float32, lo, hi int) []float32 {
	if bias == nil {
		return noBias[:hi-lo]
	}
	return bias[lo:hi]
}

// single multiplies one row of x with all of w, of which there are at least sixteen rows.
func (b *bench) single(dst, x, w, bias []float32) {
	d, m := len(x), len(dst)
	sums := b.sums[:besides]
	for at := 0; at < m; at += besides {
		j := min(at, m-besides) // the last sixteen rows may have had their turn: they come out the same
		clear(sums)
		for p := 0; p < d; p += sumRun {
			column(&sums[0], &x[p], &w[j*d+p], d, min(sumRun, d-p))
		}
		beside := biasOf(bias, j, j+besides)
		for i, s := range sums {
			dst[j+i] = s + beside[i]
		}
	}
}

// shapeFor is the shape for the next rows of n.
func shapeFor(n int, wide, narrow *shape) *shape {
	if n > narrow.lanes {
		return wide
	}
	return narrow
}

// pack lays the rows of x column by column, as many beside each other as the tile for them has lanes; lanes without a row are zero.
func (b *bench) pack(x []float32, d int, wide, narrow *shape) {
	n := len(x) / d
	if size := (n + wide.lanes) * d; len(b.packed) < size { // the last tile may be nearly empty
		b.packed = make([]float32, size)
	}
	at := 0
	for i := 0; i < n; {
		s := shapeFor(n-i, wide, narrow)
		to := b.packed[at : at+s.lanes*d]
		if n-i < s.lanes {
			clear(to)
		}
		full := 0
		for eights := d / 8; turns && eights > 0 && full+8 <= min(s.lanes, n-i); full += 8 {
			packed(&to[full], &x[(i+full)*d], d, s.lanes, eights)
			for lane := full; lane < full+8; lane++ {
				for p := eights * 8; p < d; p++ {
					to[p*s.lanes+lane] = x[(i+lane)*d+p]
				}
			}
		}
		for lane := full; lane < min(s.lanes, n-i); lane++ {
			for p, v := range x[(i+lane)*d : (i+lane+1)*d] {
				to[p*s.lanes+lane] = v
			}
		}
		at += s.lanes * d
		i += s.lanes
	}
}

// multiply fills sums, (rows of w, lanes), a run of columns at a time as productGo does.
func (b *bench) multiply(s *shape, packed, w []float32, d int) {
	rows := len(w) / d
	clear(b.sums[:rows*s.lanes])
	for p := 0; p < d; p += sumRun {
		run := min(sumRun, d-p)
		j := 0
		if s.strip != nil && rows >= s.rows {
			s.strip(&b.sums[0], &packed[p*s.lanes], &w[p], d, run, rows/s.rows)
			j = rows / s.rows * s.rows
		}
		for ; j+s.rows <= rows; j += s.rows {
			s.tile(&b.sums[j*s.lanes], &packed[p*s.lanes], &w[j*d+p], d, run)
		}
		for ; j < rows; j++ {
			s.one(&b.sums[j*s.lanes], &packed[p*s.lanes], &w[j*d+p], d, run)
		}
	}
}

// unpack writes the sums of n lanes, with the bias of each row of w, to the rows of dst, which are stride apart.
func (b *bench) unpack(s *shape, dst, bias []float32, stride, n int) {
	rows, lane := len(bias), 0
	eights := rows / 8
	for ; turns && lane+8 <= n && eights > 0; lane += 8 {
		turned(&dst[lane*stride], &b.sums[lane], &bias[0], stride, s.lanes, eights)
		b.unpackLanes(s, dst, bias, stride, lane, lane+8, eights*8)
	}
	b.unpackLanes(s, dst, bias, stride, lane, n, 0)
}

// unpackLanes is unpack of the lanes lo to hi, from the j-th row of w on.
func (b *bench) unpackLanes(s *shape, dst, bias []float32, stride, lo, hi, j int) {
	for lane := lo; lane < hi; lane++ {
		to := dst[lane*stride:][:len(bias)]
		for r := j; r < len(bias); r++ {
			to[r] = b.sums[r*s.lanes+lane] + bias[r]
		}
	}
}
