package train

import "github.com/saedb/saedb/sae"

// share leaves, of the activations of a whole batch, the k·rows strongest, of equal ones those of the earlier row and then of the
// lower latent. It returns the least of them; 0 if there is none. Each row has at most mostActive to begin with.
func (b *cpu) share(k int) float32 {
	all := b.flat[:0]
	for _, c := range b.codes {
		all = append(all, c.Acts...)
	}
	b.flat = all
	b.kept = b.workers[0].sel.TopPositive(b.kept[:0], all, k*len(b.codes))
	least, at, begin := float32(0), 0, 0
	for i := range b.codes {
		c := &b.codes[i]
		n := 0
		end := begin + len(c.Acts)
		for ; at < len(b.kept) && int(b.kept[at]) < end; at++ {
			from := int(b.kept[at]) - begin
			if a := c.Acts[from]; least == 0 || a < least {
				least = a
			}
			c.Latents[n], c.Acts[n] = c.Latents[from], c.Acts[from]
			n++
		}
		c.Latents, c.Acts = c.Latents[:n], c.Acts[:n]
		begin = end
	}
	return least
}

// follow moves the threshold for later towards the least activation that a batch kept: a running mean over about an epoch.
func (b *cpu) follow(least float32) {
	b.threshold = Follow(b.threshold, float64(least), b.steps, b.epoch)
}

// finish gives a model what was learnt beside its tensors.
func (b *cpu) finish(m *sae.Model) { b.cfg.Finish(m, b.steps, b.threshold) }
