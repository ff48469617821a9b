package hnsw

import "slices"

// What dead says of a node.
const (
	alive        = iota
	deleted      // it answers no more, but walks still pass through it
	doomed       // and the sweep is taking the links to it away
	unlinkedNode // nothing leads to it: it may be used again
)

// Delete forgets ord and says whether it was there.
func (x *Index) Delete(ord uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	node, ok := x.at.get(ord)
	if !ok {
		return false
	}
	x.thawRows()
	x.at.remove(ord)
	x.bury(node)
	if x.live == 0 {
		x.reset()
		return true
	}
	x.repair(sweepPace)
	return true
}

// bury makes a node one that answers no more. Where there is no graph, nothing leads to it.
func (x *Index) bury(node uint32) {
	x.live--
	if x.coder == nil {
		x.graph.dead[node] = unlinkedNode
		x.free = append(x.free, node)
		return
	}
	x.graph.dead[node] = deleted
	x.sweep.dead++
}

// A sweep goes over all nodes and mends those that are linked with nodes that were dead when it began; then nothing leads to these, and
// they are used again. It goes on by a few nodes with each change of the index, so that no change has to wait for all of it.
type sweep struct {
	dead   int      // nodes that died since the last sweep began
	doomed []uint32 // nodes that this one takes out; nil: none is going on
	next   uint32   // the node that is looked at next
}

const (
	sweepFrom = 8  // a sweep begins when one of so many nodes is dead
	sweepPace = 16 // nodes that a change of one row looks at: a sweep ends before half of sweepFrom's nodes more have died
)

// repair goes on with the sweep by some nodes; it begins one where it is time. The caller holds the lock.
func (x *Index) repair(nodes int) {
	if x.coder == nil {
		return
	}
	if x.sweep.doomed == nil {
		if x.sweep.dead*sweepFrom < len(x.ords) {
			return
		}
		if x.thaw() != nil { // a damaged file: searches say so; what was deleted stays deleted
			return
		}
		x.beginSweep()
	}
	w := x.linkers()[0]
	for ; nodes > 0 && int(x.sweep.next) < len(x.ords); nodes-- {
		w.mend(x.sweep.next)
		x.sweep.next++
	}
	if int(x.sweep.next) >= len(x.ords) {
		x.endSweep()
	}
}

// Repair takes all dead rows out of the graph now, which changes otherwise do bit by bit.
func (x *Index) Repair() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.thaw(); err != nil || x.coder == nil {
		return err
	}
	for x.sweep.doomed != nil || x.sweep.dead > 0 {
		if x.sweep.doomed == nil {
			x.beginSweep()
		}
		x.repair(len(x.ords))
	}
	return nil
}

func (x *Index) beginSweep() {
	x.sweep = sweep{doomed: make([]uint32, 0, x.sweep.dead)}
	for node, dead := range x.graph.dead {
		if dead == deleted {
			x.graph.dead[node] = doomed
			x.sweep.doomed = append(x.sweep.doomed, uint32(node))
		}
	}
}

func (x *Index) endSweep() {
	g := &x.graph
	for _, node := range x.sweep.doomed {
		g.dead[node] = unlinkedNode
		for layer := range int(g.level[node]) + 1 {
			g.link(node, layer, nil)
		}
	}
	x.free = append(x.free, x.sweep.doomed...)
	x.sweep.doomed = nil
	if g.dead[g.entry] == unlinkedNode {
		g.entry = x.highest()
	}
}

// highest returns the node of the highest layer of those that are linked.
func (x *Index) highest() uint32 {
	best, level := none, -1
	for node, dead := range x.graph.dead {
		if dead != unlinkedNode && int(x.graph.level[node]) > level {
			best, level = uint32(node), int(x.graph.level[node])
		}
	}
	return best
}

// mend replaces the links of a node to doomed ones by links to where those lead.
func (w *walker) mend(node uint32) {
	g := w.g
	if g.dead[node] == doomed || g.dead[node] == unlinkedNode {
		return
	}
	if list := g.bridgesOf(node); slices.ContainsFunc(ended(list), w.isDoomed) {
		left := slices.DeleteFunc(slices.Clone(ended(list)), w.isDoomed)
		copy(list, append(left, unlinked(len(list)-len(left))...))
	}
	for layer := range int(g.level[node]) + 1 {
		if !slices.ContainsFunc(g.neighbours(node, layer), w.isDoomed) {
			continue
		}
		w.begin()
		w.marks[node] = w.epoch
		met := w.met[:0]
		take := func(n uint32) {
			if w.marks[n] != w.epoch {
				w.marks[n] = w.epoch
				if g.dead[n] == alive {
					met = append(met, n)
				}
			}
		}
		for _, n := range g.neighbours(node, layer) {
			if !w.isDoomed(n) {
				take(n)
				continue
			}
			for _, next := range g.neighbours(n, layer) {
				take(next)
			}
		}
		w.met = met
		w.from(node)
		g.link(node, layer, w.choose(node, w.ranked(met), g.width(layer)))
	}
}

func (w *walker) isDoomed(node uint32) bool { return w.g.dead[node] == doomed }
