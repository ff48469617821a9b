package hnsw

import (
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// key is a node with its score, made so that the better of two is the smaller number: the score turned upside down, the node, and in the
// lowest bit whether the node's neighbours were looked at.
type key uint64

const expanded key = 1

func (k key) score() int32 { return int32(uint32(k>>32) ^ (1<<31 - 1)) }

// walker searches a graph. It keeps its space from search to search and serves one goroutine at a time.
type walker struct {
	g       *graph
	marks   []uint16 // nodes that this search has met bear its epoch: nothing is cleared between searches
	epoch   uint16
	query   []int16 // what scores are products with
	between bool    // the query is a code too: scores are 2·q·code - |code|², which order as distances between codes do
	salt    uint32  // nodes in keys are turned over by it: whose score is the same come in another order for each node that is linked
	beam    []key   // the best so far, best first
	met     []uint32
	dots    []int32
	fault   error // a page of the graph's file that could not be read: the walk ends, and what it found is nothing

	chosen []uint32 // see choose
	other  []int16
	apart  []int32
}

func newWalker(g *graph) *walker {
	return &walker{g: g, query: make([]int16, g.dim), other: make([]int16, g.dim)}
}

func (w *walker) key(score int32, node uint32) key {
	return key(uint32(score)^(1<<31-1))<<32 | key(node^w.salt)<<1
}

func (w *walker) node(k key) uint32 { return uint32(k)>>1 ^ w.salt }

// ask makes q, as the coder wrote it to w.query, what scores are products with.
func (w *walker) ask() { w.between, w.salt = false, 0 }

// from makes the code of a node the query.
func (w *walker) from(node uint32) {
	vec.Widen(w.query, w.g.code(node))
	w.between, w.salt = true, node*0x9e3779b1>>1
}

// begin starts a search: no node is met.
func (w *walker) begin() {
	if n := len(w.g.level); len(w.marks) < n {
		w.marks = append(w.marks, make([]uint16, n+n/8-len(w.marks))...)
	}
	if w.epoch++; w.epoch == 0 {
		clear(w.marks)
		w.epoch = 1
	}
	w.beam = w.beam[:0]
}

// scores returns the scores of nodes, in memory that is used again.
func (w *walker) scores(nodes []uint32) []int32 {
	if w.g.file != nil {
		w.touchCodes(nodes)
	}
	w.dots = slices.Grow(w.dots[:0], len(nodes))[:len(nodes)]
	vec.DotInt8At(w.dots, w.query, w.g.codes, nodes)
	if w.between {
		for i, node := range nodes {
			w.dots[i] = 2*w.dots[i] - w.g.norms[node]
		}
	}
	return w.dots
}

// touchCodes verifies where the codes of nodes lie.
func (w *walker) touchCodes(nodes []uint32) {
	for _, node := range nodes {
		if err := w.g.file.codes.touch(int(node)*w.g.dim, (int(node)+1)*w.g.dim); err != nil {
			w.fault = err
			return
		}
	}
}

// near returns the list of the neighbours of a node, an empty one if it cannot be read. Those on layers above 0 were verified when the file was opened.
func (w *walker) near(node uint32, layer int) []uint32 {
	if w.g.file != nil && layer == 0 {
		size := 4 * w.g.width(0)
		if err := w.g.file.links.touch(int(node)*size, (int(node)+1)*size); err != nil {
			w.fault = err
		}
		if w.fault != nil {
			return nil
		}
	}
	return w.g.slot(node, layer)
}

// takeFault returns the walk's error and forgets it.
func (w *walker) takeFault() error {
	err := w.fault
	w.fault = nil
	return w.g.file.fault(err)
}

// descend goes from the entry down to a layer, on each layer to the neighbour that is better, until none is.
func (w *walker) descend(to int) key {
	at := w.g.entry
	best := w.key(w.scores([]uint32{at})[0], at)
	for layer := w.g.top(); layer > to; layer-- {
		for {
			near := w.g.neighbours(w.node(best), layer)
			was := best
			for i, score := range w.scores(near) {
				best = min(best, w.key(score, near[i]))
			}
			if best == was {
				break
			}
		}
	}
	return best
}

// meet offers the nodes of a list to the beam, those that were not met before, and returns the lowest place that one took, or len(beam).
func (w *walker) meet(list []uint32, ef int) int {
	met := w.met[:0]
	for _, node := range list {
		if node == none {
			break
		}
		if w.marks[node] != w.epoch {
			w.marks[node] = w.epoch
			met = append(met, node)
		}
	}
	w.met = met
	return w.offer(met, ef)
}

// offer offers nodes to the beam, each for the first time, and returns the lowest place that one took, or len(beam).
func (w *walker) offer(nodes []uint32, ef int) int {
	first := len(w.beam)
	for i, score := range w.scores(nodes) {
		k := w.key(score, nodes[i])
		if len(w.beam) == ef {
			if k > w.beam[ef-1] {
				continue
			}
			w.beam = w.beam[:ef-1]
		}
		first = min(first, w.insert(k))
	}
	return first
}

// start puts nodes with their scores into the empty beam.
func (w *walker) start(keys []key) {
	for _, k := range keys {
		w.marks[w.node(k)] = w.epoch
		w.insert(k &^ expanded)
	}
}

// insert puts k in its place of the beam.
func (w *walker) insert(k key) int {
	lo, hi := 0, len(w.beam)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if w.beam[mid] < k {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	w.beam = append(w.beam, 0)
	copy(w.beam[lo+1:], w.beam[lo:])
	w.beam[lo] = k
	return lo
}

// walk looks at the neighbours of the best node whose neighbours were not looked at, until there is none among the ef best. The beam
// holds where to begin.
func (w *walker) walk(layer, ef int) {
	for at := 0; at < len(w.beam); {
		k := w.beam[at]
		if k&expanded != 0 {
			at++
			continue
		}
		w.beam[at] |= expanded
		at = min(at+1, w.meet(w.near(w.node(k), layer), ef))
	}
}

// walkAcross is walk on layer 0, along links and bridges.
func (w *walker) walkAcross(ef int) {
	for at := 0; at < len(w.beam); {
		k := w.beam[at]
		if k&expanded != 0 {
			at++
			continue
		}
		w.beam[at] |= expanded
		node := w.node(k)
		at = min(at+1, w.meet(w.near(node, 0), ef), w.meet(w.g.bridgesOf(node), ef))
	}
}
