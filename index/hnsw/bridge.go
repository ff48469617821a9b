package hnsw

import (
	"cmp"
	"context"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
)

// Texts lie far from all pictures, and the pictures that answer one text lie in different places among the pictures: a walk along pictures
// that are like each other finds some of them and not the way to the others. A bridge is a link between two pictures that answer the same
// sample text. Queries outside the cloud walk bridges beside links; for others they would be detours.

const (
	bridged       = 32  // rows that count as the answer of a sample: with 128 a row's bridges lead to rows that are good answers of no text
	bridges       = 16  // bridges of a row, at most
	bridgeBreadth = 400 // rows kept in mind while the answer of a sample is looked for, or
	bridgeShare   = 250 // one row in so many, where that is more: among a million rows a walk of 400 finds three of four
)

// Bridge makes bridges for sample queries like those that will be asked: the vectors of a vocabulary, for example. They need not be of unit
// length and are not kept. It replaces the bridges that there were, without samples by none; rows that are put later have none, so it is called again when many
// were. Below Options.Exact rows it does nothing, and there is nothing to do.
func (x *Index) Bridge(ctx context.Context, samples [][]float32) error {
	units := make([][]float32, len(samples))
	for i, s := range samples {
		unit, err := index.Unit(s, x.dim)
		if err != nil {
			return err
		}
		units[i] = unit
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.coder == nil {
		return nil
	}
	if err := x.file.verifyAll(); err != nil {
		return err
	}
	answers := x.answers(ctx, units)
	if err := ctx.Err(); err != nil {
		return err
	}
	x.graph.bridge(answers)
	return nil
}

// Bridged reports whether there are bridges.
func (x *Index) Bridged() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.graph.bridges != nil
}

// answers returns the nodes nearest to each sample, best first.
func (x *Index) answers(ctx context.Context, samples [][]float32) [][]uint32 {
	walkers, answers := x.linkers(), make([][]uint32, len(samples))
	breadth := max(bridgeBreadth, len(x.ords)/bridgeShare)
	vec.Parallel(len(walkers), len(samples), 1, func(worker, i, _ int) {
		if ctx.Err() != nil {
			return
		}
		w := walkers[worker]
		x.coder.query(w.query, samples[i])
		w.ask()
		w.walkFrom(breadth)
		for _, k := range w.beam {
			if node := w.node(k); x.graph.dead[node] == alive && len(answers[i]) < bridged {
				answers[i] = append(answers[i], node)
			}
		}
	})
	return answers
}

// place says that a node has a rank in the answer of a sample.
type place struct {
	node         uint32
	sample, rank int
}

// bridge gives each node that is in answers bridges to others of those.
func (g *graph) bridge(answers [][]uint32) {
	if len(answers) == 0 {
		g.bridgeAt, g.bridges = nil, nil
		return
	}
	g.bridgeAt = make([]uint32, len(g.level))
	g.bridges = make([]uint32, bridges, (1+len(answers))*bridges) // place 0 is no node's
	var places []place
	for s, answer := range answers {
		for rank, node := range answer {
			places = append(places, place{node, s, rank})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.sample, b.sample)) })
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].node == places[0].node {
			n++
		}
		if to := g.across(places[:n], answers); len(to) > 0 {
			g.bridgeAt[places[0].node] = uint32(len(g.bridges))
			g.bridges = append(append(g.bridges, to...), unlinked(bridges-len(to))...)
		}
		places = places[n:]
	}
}

// across returns where the bridges of a node lead, from its places in answers: to those that are most often, and highest, in the same
// answers, and that it is not linked with anyway.
func (g *graph) across(places []place, answers [][]uint32) []uint32 {
	node := places[0].node
	weight := map[uint32]float64{}
	for _, p := range places {
		for rank, other := range answers[p.sample] {
			weight[other] += 1 / float64(1+p.rank+rank) // in the order of places, so that the sum is always the same
		}
	}
	delete(weight, node)
	for _, other := range g.neighbours(node, 0) {
		delete(weight, other)
	}
	to := make([]uint32, 0, len(weight))
	for other := range weight {
		to = append(to, other)
	}
	slices.SortFunc(to, func(a, b uint32) int { return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(a, b)) })
	return to[:min(len(to), bridges)]
}

// bridgesOf returns the list of the bridges of a node.
func (g *graph) bridgesOf(node uint32) []uint32 {
	if int(node) >= len(g.bridgeAt) || g.bridgeAt[node] == 0 {
		return nil
	}
	return g.bridges[g.bridgeAt[node]:][:bridges]
}
