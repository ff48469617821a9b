package hnsw

import (
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// sameShare is the share of a node's links that may lead to nodes with the same code: one of so many. A hundred copies of a picture would
// otherwise be linked with each other alone.
const sameShare = 4

// choose returns up to most of the candidates, which come best first, as links of the node that the walker is at: each that is nearer to
// the node than to every candidate chosen before it. So links lead into different directions, and a node that is reached by way of another
// is left out. The result is valid until the next call.
func (w *walker) choose(node uint32, candidates []key, most int) []uint32 {
	chosen, same := w.chosen[:0], 0
	for _, k := range candidates {
		if len(chosen) == most {
			break
		}
		c, distance := w.node(k), w.g.norms[node]-k.score()
		if distance == 0 {
			if same++; same <= max(most/sameShare, 1) {
				chosen = append(chosen, c)
			}
		} else if w.isNearer(c, distance, chosen) {
			chosen = append(chosen, c)
		}
	}
	w.chosen = chosen
	return chosen
}

// isNearer reports whether none of others is nearer to the candidate than the distance.
func (w *walker) isNearer(candidate uint32, distance int32, others []uint32) bool {
	if len(others) == 0 {
		return true
	}
	g := w.g
	vec.Widen(w.other, g.code(candidate))
	w.apart = slices.Grow(w.apart[:0], len(others))[:len(others)]
	vec.DotInt8At(w.apart, w.other, g.codes, others)
	for i, o := range others {
		if g.norms[candidate]+g.norms[o]-2*w.apart[i] < distance {
			return false
		}
	}
	return true
}
