package flat

import (
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/huge"
)

// Rounded is Index with a first look at rows that are rounded to bytes, a quarter of what a search of all rows reads otherwise. Its
// hits are those of Index and Scan, to the bit and with every tie: each row whose score can reach that of the k-th hit, by an upper
// bound on what the rounding of row, query and sums amounts to, is scored from its float32 values; if that were too many rows, all are.
// Any number of goroutines may search, put and delete at once; a search sees the rows as they were at one moment.
type Rounded struct {
	dim, threads int

	mu    sync.RWMutex
	rows  []float32 // row i is rows[i*dim : (i+1)*dim]; their order means nothing
	ords  []uint32  // ordinal of row i
	at    map[uint32]int
	codes *codes

	halves *lazyHalves // of codes: new ones with each change

	sum     []float64 // of the rows
	changes int       // since the mean was looked at
}

// NewRounded returns an empty index of rows of width dim, which is at least 1. A search runs on up to threads goroutines; 0 means one
// for each processor.
func NewRounded(dim, threads int) *Rounded {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Rounded{dim: dim, threads: threads, at: map[uint32]int{}, codes: newCodes(dim), halves: &lazyHalves{}, sum: make([]float64, dim)}
}

// Len returns the number of rows.
func (x *Rounded) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.ords)
}

// Dim returns the width of each row.
func (x *Rounded) Dim() int { return x.dim }

// Bytes returns how much memory the rows take: their float32 values, and everything else, halves too where a search made them.
func (x *Rounded) Bytes() (rows, rest int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n, dim := int64(len(x.ords)), int64(x.dim)
	const perRow = 4 + 4 + 4 + 24 // ordinal, scale, rest, and about that for an entry of a map
	rest = n*(dim+perRow) + 12*dim
	if h := x.halves.made.Load(); h != nil {
		rest += h.size()
	}
	return 4 * n * dim, rest
}

// Put stores a copy of the unit vector v under ord, in place of what was there.
func (x *Rounded) Put(ord uint32, v []float32) error {
	if err := index.CheckRow(ord, v, x.dim); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.at[ord]
	if ok {
		x.count(x.row(i), -1)
		copy(x.row(i), v)
	} else {
		i = len(x.ords)
		x.at[ord] = i
		x.ords = append(x.ords, ord)
		x.rows = huge.Append(x.rows, v...)
	}
	x.codes.set(i, v)
	x.count(v, 1)
	x.changed()
	return nil
}

// Delete forgets ord and says whether it was there. The last row moves into the gap.
func (x *Rounded) Delete(ord uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.at[ord]
	if !ok {
		return false
	}
	x.count(x.row(i), -1)
	last := len(x.ords) - 1
	copy(x.row(i), x.row(last))
	x.ords[i] = x.ords[last]
	x.at[x.ords[i]] = i
	delete(x.at, ord)
	x.ords, x.rows = x.ords[:last], x.rows[:last*x.dim]
	x.codes.drop(i)
	x.changed()
	return true
}

func (x *Rounded) row(i int) []float32 { return x.rows[i*x.dim : (i+1)*x.dim] }

// count adds a row to the sum, or takes it away again.
func (x *Rounded) count(row []float32, sign float64) {
	for j, v := range row {
		x.sum[j] += sign * float64(v)
	}
}

// The mean is looked at whenever half of the rows, and changesLeast at least, were put or deleted; so this costs a fixed number of
// roundings for each row. Rows are rounded again if the mean has moved by more than drift of the distance that rows have from it: by
// that the remainders of the rounding grow, and the number of rows that are scored with them.
const (
	changesLeast = 64
	drift        = 0.3
)

func (x *Rounded) changed() {
	if x.halves.used() {
		x.halves = &lazyHalves{}
	}
	x.changes++
	n := len(x.ords)
	if x.changes < max(changesLeast, n/2) || n == 0 {
		return
	}
	x.changes = 0
	if moved, from := x.moved(); moved > drift*from {
		x.codes = encode(x.rows, meanOf(x.rows, x.dim), x.threads)
	}
}

// moved returns how far the mean of the rows is from the mean that they were rounded with, and the mean distance of unit rows from it.
func (x *Rounded) moved() (moved, from float64) {
	var square, gone float64
	for j, s := range x.sum {
		mean := s / float64(len(x.ords))
		square += mean * mean
		gone += (mean - float64(x.codes.mean[j])) * (mean - float64(x.codes.mean[j]))
	}
	return math.Sqrt(gone), math.Sqrt(max(0, 1-square))
}

// Search returns the k rows of largest cosine with q, under the rules of package index.
func (x *Rounded) Search(ctx context.Context, q []float32, k int, f index.Filter) ([]index.Hit, error) {
	hits, err := x.SearchBatch(ctx, [][]float32{q}, k, f)
	if err != nil {
		return nil, err
	}
	return hits[0], nil
}

// SearchBatch answers many queries in one pass over the rows. Entry i is what Search returns for qs[i].
func (x *Rounded) SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error) {
	units, err := unitsOf(qs, k, x.dim)
	if err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	l := lookup{table: table{x.rows, x.ords, x.find}, codes: x.codes, ctx: ctx, threads: x.threads, k: k, filter: f}
	if len(qs) == 1 {
		l.halves = x.halves.get(x.codes, units, x.threads, func() bool { return true })
	}
	return l.run(units)
}

func (x *Rounded) find(ord uint32) (int, bool) {
	i, ok := x.at[ord]
	return i, ok
}

// unitsOf checks a batch of queries and returns them divided by their norms, one after the other.
func unitsOf(qs [][]float32, k, dim int) ([]float32, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	units := make([]float32, 0, len(qs)*dim)
	for _, q := range qs {
		unit, err := index.Unit(q, dim)
		if err != nil {
			return nil, err
		}
		units = append(units, unit...)
	}
	return units, nil
}
