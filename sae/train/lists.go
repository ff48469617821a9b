package train

import "slices"

// lists is the batch's codes turned around, for a run of latents: for each, the rows in which it fired, ascending, how strongly, and
// at which level.
type lists struct {
	start  []int32 // one more than latents: where a latent's list begins
	rows   []uint32
	heard  []uint32 // row · levels + level: the row of e that the latent hears
	acts   []float32
	deltas []float32 // the gradient by each activation: whoever knows it puts it there

	from []int32 // per row: where the latents of the run begin in its code
}

// build turns the codes of a batch around as far as they are of the latents lo to hi.
func (s *lists) build(codes []ladder, lo, hi, levels int) {
	s.start = slices.Grow(s.start[:0], hi-lo+2)[:hi-lo+2]
	s.from = slices.Grow(s.from[:0], len(codes))[:len(codes)]
	clear(s.start)
	total := 0
	for i := range codes {
		latents := codes[i].Latents
		from, _ := slices.BinarySearch(latents, uint32(lo))
		s.from[i] = int32(from)
		for _, l := range latents[from:] {
			if int(l) >= hi {
				break
			}
			s.start[int(l)-lo+2]++
			total++
		}
	}
	for l := 2; l < len(s.start); l++ {
		s.start[l] += s.start[l-1]
	}
	s.rows, s.heard = slices.Grow(s.rows[:0], total)[:total], slices.Grow(s.heard[:0], total)[:total]
	s.acts, s.deltas = slices.Grow(s.acts[:0], total)[:total], slices.Grow(s.deltas[:0], total)[:total]
	for i := range codes {
		c := &codes[i]
		for t := int(s.from[i]); t < len(c.Latents) && int(c.Latents[t]) < hi; t++ {
			end := &s.start[int(c.Latents[t])-lo+1] // one past what is filled; ends as the start of the next list
			s.rows[*end], s.acts[*end] = uint32(i), c.Acts[t]
			s.heard[*end] = uint32(i*levels + int(c.level[t]))
			*end++
		}
	}
}

// of tells where the list of the l-th latent of the run lies.
func (s *lists) of(l int) (from, to int) { return int(s.start[l]), int(s.start[l+1]) }
