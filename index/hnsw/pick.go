package hnsw

import (
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// picker chooses the links of a node among candidates.
type picker struct {
	query []int16
	dots  []int32
	nodes []uint32
}

// choose returns up to most of the candidates, which come best first with their scores from node: each that is nearer to the node than to
// every candidate chosen before it. So links lead into different directions, and one that is reached by way of another is left out. The
// result is valid until the next call.
func (p *picker) choose(g *graph, node uint32, candidates []key, most int) []uint32 {
	chosen := p.nodes[:0]
	for _, c := range candidates {
		if len(chosen) == most {
			break
		}
		if len(chosen) == 0 || p.isNearer(g, c.node(), chosen, g.norms[node]-c.score()) {
			chosen = append(chosen, c.node())
		}
	}
	p.nodes = chosen
	return chosen
}

// isNearer reports whether every one of others is at least the distance away from node.
func (p *picker) isNearer(g *graph, node uint32, others []uint32, distance int32) bool {
	vec.Widen(p.query, g.code(node))
	p.dots = slices.Grow(p.dots[:0], len(others))[:len(others)]
	vec.DotInt8At(p.dots, p.query, g.codes, others)
	for i, o := range others {
		if g.norms[node]+g.norms[o]-2*p.dots[i] < distance {
			return false
		}
	}
	return true
}
