package hnsw

import (
	"slices"

	"github.com/saedb/saedb/internal/huge"
)

// none ends a list of links that is not full.
const none = ^uint32(0)

// graph is who is linked with whom, and the codes that distances are taken from. It is flat: node i has its things at index i of every
// slice, or at i times a width.
type graph struct {
	dim, m int
	codes  []int8   // (nodes, dim)
	norms  []int32  // sum of squares of each code
	links  []uint32 // layer 0: (nodes, 2m)
	dead   []uint8  // not 0: the node answers no more; see deleted and friends
	level  []uint8  // the highest layer of each node
	above  []uint32 // where the links of layer 1 begin in upper, those of the others follow; 0 where there are none
	upper  []uint32 // lists of m links
	entry  uint32   // where a search begins: a node of the highest layer; none if there is no node

	bridgeAt []uint32 // where the bridges of a node begin, 0 where there are none; nodes after its end have none
	bridges  []uint32 // lists of bridges

	file *file // where codes and links lie, whose pages are verified when they are read; nil: in memory
}

func newGraph(dim, m int) graph { return graph{dim: dim, m: m, entry: none, upper: make([]uint32, m)} }

// width is how many links a node may have on a layer.
func (g *graph) width(layer int) int {
	if layer == 0 {
		return 2 * g.m
	}
	return g.m
}

// slot returns the space for the links of a node on one of its layers.
func (g *graph) slot(node uint32, layer int) []uint32 {
	if layer == 0 {
		at := int(node) * 2 * g.m
		return g.links[at : at+2*g.m : at+2*g.m]
	}
	at := int(g.above[node]) + (layer-1)*g.m
	return g.upper[at : at+g.m : at+g.m]
}

// neighbours returns the links of a node on one of its layers.
func (g *graph) neighbours(node uint32, layer int) []uint32 { return ended(g.slot(node, layer)) }

// ended is a list without what follows its end.
func ended(list []uint32) []uint32 {
	if i := slices.Index(list, none); i >= 0 {
		return list[:i]
	}
	return list
}

// link replaces the links of a node on one of its layers.
func (g *graph) link(node uint32, layer int, to []uint32) {
	s := g.slot(node, layer)
	for i := copy(s, to); i < len(s); i++ {
		s[i] = none
	}
}

func (g *graph) code(node uint32) []int8 { return g.codes[int(node)*g.dim : (int(node)+1)*g.dim] }

// grow appends a node without code and links.
func (g *graph) grow() uint32 {
	node := uint32(len(g.level))
	g.codes = huge.Append(g.codes, make([]int8, g.dim)...)
	g.norms = append(g.norms, 0)
	g.links = huge.Append(g.links, unlinked(2*g.m)...)
	g.dead = append(g.dead, 0)
	g.level = append(g.level, 0)
	g.above = append(g.above, 0)
	return node
}

// reserve makes room for n more nodes, so that no more is taken than they need.
func (g *graph) reserve(n int) {
	g.codes = reserved(g.codes, n*g.dim)
	g.links = reserved(g.links, n*2*g.m)
}

// reserved returns s with room for n more.
func reserved[T int8 | uint32 | float32](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	more := huge.Make[T](len(s) + n)[:len(s)]
	copy(more, s)
	return more
}

// raise gives a node without links its highest layer.
func (g *graph) raise(node uint32, level int) {
	g.level[node] = uint8(level)
	if int(node) < len(g.bridgeAt) {
		g.bridgeAt[node] = 0 // those of the row that was here before
	}
	g.above[node] = 0
	if level > 0 {
		g.above[node] = uint32(len(g.upper))
		g.upper = append(g.upper, unlinked(level*g.m)...)
	}
}

func unlinked(n int) []uint32 {
	s := make([]uint32, n)
	for i := range s {
		s[i] = none
	}
	return s
}

// top is the highest layer of all.
func (g *graph) top() int { return int(g.level[g.entry]) }
