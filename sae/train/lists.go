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
}

// cuts say where the latents of each run begin in the code of each row: run after run, all rows of it.
type cuts []int32

// newCuts has room for the codes of that many rows, cut into runs.
func newCuts(rows, runs int) cuts { return make(cuts, rows*(runs+1)) }

// cut finds the cuts of row i of rows.
func (c cuts) cut(i, rows int, latents []uint32) {
	t := 0
	for at := i; at < len(c); at += rows {
		for end := at / rows * latentRun; t < len(latents) && int(latents[t]) < end; {
			t++
		}
		c[at] = int32(t)
	}
}

// build turns the codes of a batch around as far as they are of the latents of a run, lo up to hi, which the cuts know.
func (s *lists) build(codes []ladder, c cuts, lo, hi, levels int) {
	n := len(codes)
	from, to := c[lo/latentRun*n:][:n], c[(lo/latentRun+1)*n:][:n]
	s.start = slices.Grow(s.start[:0], hi-lo+2)[:hi-lo+2]
	clear(s.start)
	total := 0
	for i := range codes {
		total += int(to[i] - from[i])
		for _, l := range codes[i].Latents[from[i]:to[i]] {
			s.start[int(l)-lo+2]++
		}
	}
	for l := 2; l < len(s.start); l++ {
		s.start[l] += s.start[l-1]
	}
	s.rows, s.heard = slices.Grow(s.rows[:0], total)[:total], slices.Grow(s.heard[:0], total)[:total]
	s.acts, s.deltas = slices.Grow(s.acts[:0], total)[:total], slices.Grow(s.deltas[:0], total)[:total]
	for i := range codes {
		code := &codes[i]
		acts, level := code.Acts[from[i]:to[i]], code.level[from[i]:to[i]]
		for t, l := range code.Latents[from[i]:to[i]] {
			end := &s.start[int(l)-lo+1] // one past what is filled; ends as the start of the next list
			s.rows[*end], s.acts[*end] = uint32(i), acts[t]
			s.heard[*end] = uint32(i*levels + int(level[t]))
			*end++
		}
	}
}

// of tells where the list of the l-th latent of the run lies.
func (s *lists) of(l int) (from, to int) { return int(s.start[l]), int(s.start[l+1]) }
