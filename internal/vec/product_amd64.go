package vec

import "sync"

// shape is a kernel's tile: rows of w by lanes of x. one takes a single row of w.
type shape struct {
	rows, lanes int
	tile, one   func(o, x, w *float32, stride, columns int)
}

var (
	wide512   = shape{6, 64, tileAVX5126x64, tileAVX5121x64}
	narrow512 = shape{12, 16, tileAVX51212x16, tileAVX5121x16} // for few rows of x
	narrow2   = shape{6, 16, tileAVX26x16, tileAVX21x16}
)

const (
	panelRows = 256 // of x, packed at once: with 512 columns half a megabyte, which stays in L2
	chunkRows = 48  // of w, multiplied with a panel before the next: their sums stay in L1
)

// bench holds what a call packs and adds up.
type bench struct {
	packed []float32
	sums   [chunkRows * 64]float32
}

var benches = sync.Pool{New: func() any { return new(bench) }}

// productTiled packs rows of x, lanes beside lanes, and sends the rows of w past them: each is read where it lies.
func productTiled(dst, x, w []float32, d int, wide, narrow *shape) {
	n, m := len(x)/d, len(w)/d
	if n == 0 || m == 0 {
		return
	}
	b := benches.Get().(*bench)
	defer benches.Put(b)
	for lo := 0; lo < n; lo += panelRows {
		hi := min(lo+panelRows, n)
		b.pack(x[lo*d:hi*d], d, wide, narrow)
		for j := 0; j < m; j += chunkRows {
			rows := w[j*d : min(j+chunkRows, m)*d]
			at := 0
			for i := lo; i < hi; {
				s := shapeFor(hi-i, wide, narrow)
				b.multiply(s, b.packed[at:], rows, d)
				b.unpack(s, dst[i*m+j:], m, min(s.lanes, hi-i), len(rows)/d)
				at += s.lanes * d
				i += s.lanes
			}
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
		for lane := range min(s.lanes, n-i) {
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
		for ; j+s.rows <= rows; j += s.rows {
			s.tile(&b.sums[j*s.lanes], &packed[p*s.lanes], &w[j*d+p], d, run)
		}
		for ; j < rows; j++ {
			s.one(&b.sums[j*s.lanes], &packed[p*s.lanes], &w[j*d+p], d, run)
		}
	}
}

// unpack writes the sums of n lanes to the rows of dst, which are stride apart.
func (b *bench) unpack(s *shape, dst []float32, stride, n, rows int) {
	for lane := range n {
		to := dst[lane*stride:][:rows]
		from := b.sums[lane:]
		for j := range to {
			to[j] = from[j*s.lanes]
		}
	}
}
