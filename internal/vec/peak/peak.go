// Package peak measures how many numbers one core multiplies and adds in a second at the very most: what the share of a kernel is a share
// of. Only benchmarks import it.
package peak

import "time"

// Path is one way to multiply and add, named like the paths of package vec.
type Path struct {
	Name  string
	Lanes int // numbers of one instruction
	run   func(turns int)
}

// chains is how many sums a turn of run adds to; see gen/peak.
const chains = 12

// GFLOPs returns the billions of operations a second, a product and its addition counting two, in the best of several runs of about a
// millisecond of processor time. Interleave it with what is to be compared: the clock of a processor changes.
func (p Path) GFLOPs() float64 {
	const turns, runs = 200_000, 5
	best := time.Duration(1<<63 - 1)
	for range runs {
		begun := CPUTime()
		p.run(turns)
		best = min(best, CPUTime()-begun)
	}
	return 2 * chains * turns * float64(p.Lanes) / float64(best.Nanoseconds())
}
