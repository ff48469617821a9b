package train

import (
	"cmp"
	"slices"

	"github.com/saedb/saedb/sae"
)

// maxLevels is how many levels fit into the byte in which a latent of a code keeps its own.
const maxLevels = 64

// levels are the numbers of active latents, or with prefixes of latents, that a configuration trains for.
func (c Config) levels() []int {
	if len(c.Prefixes) > 0 {
		return c.Prefixes
	}
	if len(c.Levels) == 0 {
		return []int{c.K}
	}
	return c.Levels
}

// levelWeights are the shares of the levels in the loss; they sum to 1.
func (c Config) levelWeights() []float64 {
	n := len(c.levels())
	w := make([]float64, n)
	sum := 0.0
	for i := range w {
		w[i] = 1
		if c.LevelWeights == "reverse" {
			w[i] = float64(n - i)
		}
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// ladder is a code cut at several levels.
type ladder struct {
	sae.Code         // all of it, ascending latents
	level    []uint8 // of each latent: the first level whose code holds it
	order    []int32 // scratch
}

// split finds the level of each latent of the code where levels are numbers of latents, the first of all.
func (c *ladder) split(prefixes []int) {
	c.level = c.level[:0]
	at := 0
	for _, l := range c.Latents { // ascending
		for int(l) >= prefixes[at] {
			at++
		}
		c.level = append(c.level, uint8(at))
	}
}

// climb finds the level of each latent of the code: by falling activation, of equal ones the lower latent first, as TopK chooses.
func (c *ladder) climb(levels []int) {
	n := c.Len()
	c.level = slices.Grow(c.level[:0], n)[:n]
	if len(levels) == 1 {
		clear(c.level)
		return
	}
	c.order = slices.Grow(c.order[:0], n)[:n]
	for i := range c.order {
		c.order[i] = int32(i)
	}
	slices.SortFunc(c.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.Acts[b], c.Acts[a]), cmp.Compare(a, b))
	})
	at := 0
	for rank, i := range c.order {
		for rank >= levels[at] {
			at++
		}
		c.level[i] = uint8(at)
	}
}

// rung is the part of the code that a level adds to the one before, appended to dst.
func (c *ladder) rung(dst sae.Code, level int) sae.Code {
	for i, l := range c.level {
		if int(l) == level {
			dst.Latents, dst.Acts = append(dst.Latents, c.Latents[i]), append(dst.Acts, c.Acts[i])
		}
	}
	return dst
}
