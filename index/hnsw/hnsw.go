// Package hnsw finds nearly the nearest vectors without looking at all of them: it walks a graph in which each row is linked with rows near
// it, in all directions, and a few layers of ever fewer rows lead to where a walk begins (hierarchical navigable small worlds).
//
// Rows are compared as bytes, a quarter of their size, and only the best are scored again as they are; what a search reads from memory
// is what it costs. Texts lie outside the cloud of pictures, where a walk along pictures goes astray: Bridge links pictures that answer the
// same sample texts, and a query outside the cloud walks those links too, and further.
//
// An Index below Options.Exact rows has no graph and looks at all of them.
package hnsw

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/huge"
)

// Options say how a graph is built and searched. The zero value of each field stands for its default.
type Options struct {
	M       int // links of a row on a layer, twice that on the lowest: 16, where more links cost a picture query more than they find
	Breadth int // rows kept in mind while neighbours are looked for: 200
	Ef      int // rows kept in mind while a query inside the cloud of rows is answered
	EfText  int // the same for a query outside, as texts are
	Exact   int // rows below which there is no graph: 1024, which are looked at in less time than a walk takes
	Threads int // goroutines that build: one for each processor
	Seed    uint64

	// Rows returns the row that was put under an ordinal, which is not changed and stays valid until the call that asked for it returns; a
	// database hands out the rows of its mapped file. nil: the index keeps copies.
	Rows func(ord uint32) ([]float32, error)
}

// The defaults reach a recall@10 of 0.95 for pictures and of 0.90 for texts on real vectors, with some to spare; see docs/decisions.md.
const (
	defaultM       = 16
	defaultBreadth = 200
	defaultEf      = 64
	defaultEfText  = 256
	defaultExact   = 1024
)

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.M, defaultM}, {&o.Breadth, defaultBreadth}, {&o.Ef, defaultEf}, {&o.EfText, defaultEfText}, {&o.Exact, defaultExact},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	o.M = max(o.M, 2)
	return o
}

// Index is an approximate index.Mutable. Any number of goroutines may search, put and delete at once; a search sees the rows as they were
// at one moment.
type Index struct {
	dim  int
	opts Options

	mu      sync.RWMutex
	graph   graph
	coder   *coder    // nil: there is no graph yet, and codes and links mean nothing
	rows    []float32 // (nodes, dim), unless Options.Rows has them
	ords    []uint32  // ordinal of each node
	at      nodeTable // node of an ordinal
	live    int       // nodes that answer
	free    []uint32  // nodes that nothing is linked to, to be used again
	sweep   sweep
	random  *rand.PCG
	writers []*walker
	file    *file // what the index was opened from and still reads; nil once all is in memory

	walkers sync.Pool // of *walker, for searches
}

// New returns an empty index of rows of width dim, which is at least 1.
func New(dim int, opts Options) *Index {
	x := &Index{dim: dim, opts: opts.withDefaults()}
	x.reset()
	x.walkers.New = func() any { return newWalker(&x.graph) }
	return x
}

// reset makes the index empty.
func (x *Index) reset() {
	x.graph = newGraph(x.dim, x.opts.M)
	x.coder, x.rows, x.ords, x.at, x.live, x.free, x.sweep = nil, nil, nil, nodeTable{}, 0, nil, sweep{}
	x.random = rand.NewPCG(x.opts.Seed, 0x5aedb)
	x.writers, x.file = nil, nil
}

// Len returns the number of rows.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.live
}

// Bytes returns the memory of the copies of rows that the index keeps, and of all else that it holds or maps. What searches use while they run
// is not in it: two bytes a row for each that runs at the same time.
func (x *Index) Bytes() (rows, rest int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	g := &x.graph
	rest = int64(len(g.codes)+len(g.dead)+len(g.level)) + 4*int64(len(g.norms)+len(g.links)+len(g.above)+len(g.upper)+len(g.bridgeAt)+len(g.bridges))
	rest += 4 * int64(len(x.ords)+len(x.free)+len(x.at.sorted)+len(x.at.pages)<<pageBits)
	return 4 * int64(len(x.rows)), rest
}

// Dim returns the width of each row.
func (x *Index) Dim() int { return x.dim }

// Put stores the unit vector v under ord, in place of what was there.
func (x *Index) Put(ord uint32, v []float32) error {
	if err := index.CheckRow(ord, v, x.dim); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.thaw(); err != nil {
		return err
	}
	x.put([]uint32{ord}, func(int) []float32 { return v })
	x.repair(sweepPace)
	return nil
}

// buildBatch is how many rows are linked at once. A batch does not see the links of its own rows, so it is small beside what is there.
const buildBatch = 128

// PutAll stores n rows as Put would one after the other, on all threads of the index, and in less time. row returns ordinal i and its unit
// vector, which need be valid only until the next call. An error leaves the rows before it in place.
func (x *Index) PutAll(ctx context.Context, n int, row func(i int) (ord uint32, v []float32, err error)) error {
	if err := x.reserve(n); err != nil {
		return err
	}
	ords, batch := make([]uint32, 0, buildBatch), make([]float32, 0, buildBatch*x.dim)
	for i := 0; i < n; {
		var fault error
		size := x.batchSize()
		ords, batch = ords[:0], batch[:0]
		for ; i < n && len(ords) < size && fault == nil; i++ {
			ord, v, err := row(i)
			if err == nil {
				err = errors.Join(ctx.Err(), index.CheckRow(ord, v, x.dim))
			}
			if fault = err; err == nil {
				ords, batch = append(ords, ord), append(batch, v...)
			}
		}
		if err := x.putBatch(ords, batch); err != nil {
			return err
		}
		if fault != nil {
			return fault
		}
	}
	return nil
}

// reserve makes room for n rows more than there are.
func (x *Index) reserve(n int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.thaw(); err != nil {
		return err
	}
	x.graph.reserve(n)
	if x.opts.Rows == nil {
		x.rows = reserved(x.rows, n*x.dim)
	}
	return nil
}

// putBatch stores rows that lie side by side.
func (x *Index) putBatch(ords []uint32, rows []float32) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.thaw(); err != nil {
		return err
	}
	x.put(ords, func(i int) []float32 { return rows[i*x.dim : (i+1)*x.dim] })
	x.repair(sweepPace * len(ords))
	return nil
}

// batchSize is how many rows are to be linked at once with those that are there.
func (x *Index) batchSize() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.coder == nil {
		return buildBatch
	}
	return min(max(len(x.ords)/16, 1), buildBatch)
}

// put stores rows and links them. The caller holds the lock.
func (x *Index) put(ords []uint32, row func(i int) []float32) {
	nodes := make([]uint32, 0, len(ords))
	for i, ord := range ords {
		if old, ok := x.at.get(ord); ok {
			x.bury(old)
			nodes = slices.DeleteFunc(nodes, func(n uint32) bool { return n == old }) // twice in one batch
		}
		nodes = append(nodes, x.store(ord, row(i)))
	}
	if x.coder != nil {
		x.graph.connect(nodes, x.opts.Breadth, x.linkers())
	}
	x.train()
}

// linkers returns a walker for each thread that builds.
func (x *Index) linkers() []*walker {
	for len(x.writers) < x.opts.Threads {
		x.writers = append(x.writers, newWalker(&x.graph))
	}
	return x.writers
}

// store puts a row into a node that is free or new, and encodes it where there is a graph.
func (x *Index) store(ord uint32, v []float32) uint32 {
	node := x.take()
	x.ords[node] = ord
	x.at.set(ord, node)
	x.live++
	if x.opts.Rows == nil {
		copy(x.rows[int(node)*x.dim:], v)
	}
	if x.coder != nil {
		x.graph.norms[node] = x.coder.encode(x.graph.code(node), v)
		x.graph.raise(node, x.level())
	}
	return node
}

// take returns a node that nothing is linked to.
func (x *Index) take() uint32 {
	if last := len(x.free) - 1; last >= 0 {
		node := x.free[last]
		x.free = x.free[:last]
		x.graph.dead[node] = 0
		return node
	}
	x.ords = append(x.ords, 0)
	if x.opts.Rows == nil {
		x.rows = huge.Append(x.rows, make([]float32, x.dim)...)
	}
	return x.graph.grow()
}

// maxLevel is far above what any number of rows needs.
const maxLevel = 12

// level draws the highest layer of a row: each layer has one of M rows of the one below.
func (x *Index) level() int {
	u := float64(x.random.Uint64()>>11+1) / (1 << 53)
	return min(int(-math.Log(u)/math.Log(float64(x.opts.M))), maxLevel)
}

// row returns the vector of a node.
func (x *Index) row(node uint32) ([]float32, error) {
	if x.opts.Rows != nil {
		return x.opts.Rows(x.ords[node])
	}
	if x.file != nil {
		if err := x.file.rows.touch(int(node)*x.dim*4, (int(node)+1)*x.dim*4); err != nil {
			return nil, x.file.fault(err)
		}
	}
	return x.rows[int(node)*x.dim : (int(node)+1)*x.dim], nil
}

// retrain is by how much an index grows before mean and scale are taken anew.
const retrain = 4

// train makes the graph once there are rows enough, and takes mean and scale anew when there are many more. If rows cannot be read, all
// stays as it is, and the next row tries again.
func (x *Index) train() {
	switch {
	case x.coder == nil && x.live >= x.opts.Exact:
		if nodes := x.liveNodes(); x.recode(nodes) == nil {
			for _, node := range nodes {
				x.graph.raise(node, x.level())
			}
			for len(nodes) > 0 {
				n := min(max((len(x.ords)-len(nodes))/16, 1), buildBatch, len(nodes))
				x.graph.connect(nodes[:n], x.opts.Breadth, x.linkers())
				nodes = nodes[n:]
			}
		}
	case x.coder != nil && x.live >= retrain*x.coder.rows:
		_ = x.recode(x.liveNodes())
	}
}

func (x *Index) liveNodes() []uint32 {
	nodes := make([]uint32, 0, x.live)
	for node, dead := range x.graph.dead {
		if dead == 0 {
			nodes = append(nodes, uint32(node))
		}
	}
	return nodes
}

// recode takes mean and scale from the nodes that live, and writes all codes anew. Of those that are dead the old code is all that is left.
func (x *Index) recode(nodes []uint32) error {
	c, err := train(x.dim, len(nodes), func(i int) ([]float32, error) { return x.row(nodes[i]) })
	if err != nil {
		return err
	}
	codes, norms := huge.Make[int8](cap(x.graph.codes))[:len(x.graph.codes)], make([]int32, len(x.graph.norms))
	row := make([]float32, x.dim)
	for node, dead := range x.graph.dead {
		v := row
		if dead == 0 {
			if v, err = x.row(uint32(node)); err != nil {
				return err
			}
		} else if x.coder != nil {
			x.coder.decode(row, x.graph.code(uint32(node)))
		}
		norms[node] = c.encode(codes[node*x.dim:(node+1)*x.dim], v)
	}
	x.coder, x.graph.codes, x.graph.norms = c, codes, norms
	return nil
}

// Search returns about the k rows of largest cosine with q, with their exact scores, under the rules of package index. How many rows it
// keeps in mind is Options.Ef, or EfText where q lies outside the cloud of rows.
func (x *Index) Search(ctx context.Context, q []float32, k int, f index.Filter) ([]index.Hit, error) {
	return x.SearchEf(ctx, q, k, 0, f)
}

// SearchEf is Search with ef rows kept in mind; 0 is the default.
func (x *Index) SearchEf(ctx context.Context, q []float32, k, ef int, f index.Filter) ([]index.Hit, error) {
	if err := index.CheckK(k); err != nil {
		return nil, err
	}
	unit, err := index.Unit(q, x.dim)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := search{x: x, ctx: ctx, unit: unit, k: k, filter: f}
	return s.run(ef)
}

var _ index.Mutable = (*Index)(nil)

// Next returns the ordinal behind the largest that answers, 0 where there are no rows.
func (x *Index) Next() uint32 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	next := uint32(0)
	for node, dead := range x.graph.dead {
		if dead == alive {
			next = max(next, x.ords[node]+1)
		}
	}
	return next
}

// Retain deletes all rows but those of f.
func (x *Index) Retain(f index.Filter) {
	x.mu.RLock()
	var gone []uint32
	for node, dead := range x.graph.dead {
		if dead == alive && !f.Contains(x.ords[node]) {
			gone = append(gone, x.ords[node])
		}
	}
	x.mu.RUnlock()
	for _, ord := range gone {
		x.Delete(ord)
	}
}

// IsOutside reports whether a query lies outside the cloud of rows, as texts do among pictures.
func (x *Index) IsOutside(q []float32) bool {
	unit, err := index.Unit(q, x.dim)
	if err != nil {
		return false
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.coder != nil && x.coder.isOutside(unit)
}
