package hnsw

import (
	"cmp"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// choice is the links that a new node takes on a layer.
type choice struct {
	node  uint32
	layer int
	to    []uint32
}

// back is a link from a chosen node to the one that chose it.
type back struct {
	node  uint32
	layer int
	to    uint32
}

// connect links new nodes, which have codes and levels, with the graph and with each other. It looks for the neighbours of all in the graph
// as it was, then writes: so the result does not depend on how many walkers share the work. No link leads to a dead node.
func (g *graph) connect(nodes []uint32, breadth int, walkers []*walker) {
	if g.entry == none {
		g.entry = nodes[0]
		nodes = nodes[1:]
	}
	choices := make([][]choice, len(nodes))
	vec.Parallel(len(walkers), len(nodes), 1, func(worker, lo, _ int) {
		choices[lo] = walkers[worker].choices(nodes[lo], nodes, breadth)
	})
	var backs []back
	for _, of := range choices {
		for _, c := range of {
			g.link(c.node, c.layer, c.to)
			for _, to := range c.to {
				backs = append(backs, back{to, c.layer, c.node})
			}
		}
	}
	g.linkBack(backs, walkers)
	for _, node := range nodes {
		if int(g.level[node]) > g.top() {
			g.entry = node
		}
	}
}

// startsBelow is how many of the nearest nodes of a layer the search on the next one begins with.
const startsBelow = 8

// choices looks for the neighbours of a new node on each of its layers, in the graph and among those that are new with it.
func (w *walker) choices(node uint32, batch []uint32, breadth int) []choice {
	g := w.g
	w.from(node)
	level := int(g.level[node])
	starts := []key{w.descend(min(level, g.top()))}
	of := make([]choice, 0, level+1)
	for layer := level; layer >= 0; layer-- {
		w.begin()
		w.marks[node] = w.epoch
		if layer <= g.top() {
			w.start(starts)
			w.walk(layer, breadth)
			starts = slices.Clone(w.beam[:min(startsBelow, len(w.beam))])
		}
		w.meetBatch(batch, layer, breadth)
		w.beam = slices.DeleteFunc(w.beam, func(k key) bool { return g.dead[w.node(k)] != 0 })
		of = append(of, choice{node, layer, slices.Clone(w.choose(node, w.beam, g.m))})
	}
	return of
}

// meetBatch offers those of a batch that reach up to a layer.
func (w *walker) meetBatch(batch []uint32, layer, ef int) {
	if len(batch) < 2 {
		return
	}
	reach := make([]uint32, 0, len(batch))
	for _, b := range batch {
		if int(w.g.level[b]) >= layer {
			reach = append(reach, b)
		}
	}
	w.meet(reach, ef)
}

// linkBack adds links from chosen nodes to those that chose them. Each node's are added by one walker.
func (g *graph) linkBack(backs []back, walkers []*walker) {
	slices.SortFunc(backs, func(a, b back) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.layer, b.layer), cmp.Compare(a.to, b.to))
	})
	var starts []int
	for i, b := range backs {
		if i == 0 || b.node != backs[i-1].node || b.layer != backs[i-1].layer {
			starts = append(starts, i)
		}
	}
	starts = append(starts, len(backs))
	vec.Parallel(len(walkers), len(starts)-1, 16, func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			walkers[worker].add(backs[starts[i]:starts[i+1]])
		}
	})
}

// add links one node on one layer with more nodes; where they are too many, it chooses.
func (w *walker) add(more []back) {
	node, layer := more[0].node, more[0].layer
	all := append(w.met[:0], w.g.neighbours(node, layer)...)
	for _, b := range more {
		if !slices.Contains(all, b.to) {
			all = append(all, b.to)
		}
	}
	w.met = all
	if len(all) > w.g.width(layer) {
		all = slices.DeleteFunc(all, func(n uint32) bool { return w.g.dead[n] != 0 })
	}
	if len(all) > w.g.width(layer) {
		w.from(node)
		all = w.choose(node, w.ranked(all), w.g.width(layer))
	}
	w.g.link(node, layer, all)
}

// ranked returns nodes by their distance from the query, in memory that is used again.
func (w *walker) ranked(nodes []uint32) []key {
	w.beam = w.beam[:0]
	for i, score := range w.scores(nodes) {
		w.beam = append(w.beam, w.key(score, nodes[i]))
	}
	slices.Sort(w.beam)
	return w.beam
}
