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
		if near := g.neighbours(node, layer); slices.ContainsFunc(near, w.isDoomed) {
			kept := slices.DeleteFunc(slices.Clone(near), w.isDoomed)
			w.from(node)
			chosen := w.choose(node, w.ranked(w.beyond(node, layer)), g.width(layer))
			all := union(chosen, kept, g.width(layer))
			g.link(node, layer, all)
			for _, to := range all {
				g.linkIfRoom(to, layer, node)
			}
		}
	}
}

// linkIfRoom links a node with another one, unless it is or its list is full.
func (g *graph) linkIfRoom(node uint32, layer int, to uint32) {
	list := g.slot(node, layer)
	if at := slices.IndexFunc(list, func(v uint32) bool { return v == none || v == to }); at >= 0 {
		list[at] = to
	}
}

const (
	mendDepth = 4 // doomed nodes that the way from a node may lead through, for each link that it may have
	mendAmong = 8 // nodes that new links are chosen among, for each link: with 2 a graph whose rows are replaced again and again gets worse
)

// beyond returns the nodes that a node would be linked with if what is doomed were not there: its neighbours, and where the doomed among them
// lead, and so on through those until there are enough.
func (w *walker) beyond(node uint32, layer int) []uint32 {
	g := w.g
	w.begin()
	w.marks[node] = w.epoch
	width := g.width(layer)
	met, through := w.met[:0], []uint32{node}
	for i := 0; i < len(through) && i <= mendDepth*width && len(met) < mendAmong*width; i++ {
		for _, n := range g.neighbours(through[i], layer) {
			if w.marks[n] == w.epoch {
				continue
			}
			w.marks[n] = w.epoch
			switch g.dead[n] {
			case alive:
				met = append(met, n)
			case doomed:
				through = append(through, n)
			}
		}
	}
	w.met = met
	return met
}

// union is a and what b has beside, at most n.
func union(a, b []uint32, n int) []uint32 {
	all := slices.Clone(a)
	for _, v := range b {
		if len(all) < n && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

func (w *walker) isDoomed(node uint32) bool { return w.g.dead[node] == doomed }
