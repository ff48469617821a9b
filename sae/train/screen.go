package train

import "github.com/saedb/saedb/internal/vec"

// Where few latents of many fire, the encoder's product is screened (vec.Screen): integers tell which pre-activations may be among the k
// largest, and only these are computed. The codes are the same to the bit. The screen is renewed while the rows of W_enc that an update moved
// are at hand; it pays from some rows a step on, and not where dead latents need their pre-activations too.
const (
	screenBatch   = 128 // rows of a batch
	screenLatents = 512
	screenWidth   = 32
	screenDensity = 32 // latents for each that fires
)

// screening is the state of a screen between steps.
type screening struct {
	*vec.Screen
	current bool // it knows W_enc as it is
	useless bool // too few rows could be screened
}

// pays tells whether the codes of n rows, of at most k latents, are found faster through a screen.
func (b *cpu) pays(n, k int) bool {
	m := b.model
	return vec.Screens() && !b.screen.useless && len(b.dead) == 0 &&
		n >= screenBatch && m.M >= screenLatents && m.D >= screenWidth && k*screenDensity <= m.M
}

// makeScreen brings the screen up to date, if that was not done on the way, and reports whether there is one.
func (b *cpu) makeScreen() bool {
	s := &b.screen
	switch {
	case s.current:
	case s.Screen == nil:
		s.Screen = vec.NewScreen(b.model.Wenc, b.model.Benc, b.model.D, b.cfg.Threads)
		s.current = s.Screen != nil
	default:
		vec.Parallel(b.cfg.Threads, b.model.M, latentRun, func(_, lo, hi int) { b.latents[lo/latentRun].screened = s.Renew(lo, hi) })
		b.endRenewal()
	}
	return s.current
}

// endRenewal follows the renewal of all runs of latents.
func (b *cpu) endRenewal() {
	b.screen.current = true
	for _, l := range b.latents {
		b.screen.current = b.screen.current && l.screened
	}
	b.screen.Renewed()
}

// renewLatent tells the screen, if it is up to date, that a latent has changed.
func (b *cpu) renewLatent(l int) {
	if s := &b.screen; s.current {
		lo := l / latentRun * latentRun
		s.current = s.Renew(lo, min(lo+latentRun, b.model.M))
		s.Renewed()
	}
}

// encodeScreened finds the codes of the rows of in, of which the first is row lo of the batch, of at most k latents each.
func (b *cpu) encodeScreened(w *worker, in []float32, lo, k int) {
	m, d := b.model, b.model.D
	b.screen.Top(&w.screen, in, k, 0, func(row int, latents []uint32, values []float32, ok bool) {
		if !ok { // too many that may be: all of them, then
			w.missed++
			vec.ProductBias(w.h[:m.M], in[row*d:(row+1)*d], m.Wenc, m.Benc, d)
			b.choose(w, lo+row, w.h[:m.M], k)
			return
		}
		code := &b.codes[lo+row]
		code.Latents, code.Acts = code.Latents[:0], code.Acts[:0]
		w.chosen = w.sel.TopPositive(w.chosen[:0], values, k)
		for _, at := range w.chosen {
			code.Latents, code.Acts = append(code.Latents, latents[at]), append(code.Acts, values[at])
		}
	})
}

// countMissed gives the screen up if it does not work for most of n rows: many latents are alike, say.
func (b *cpu) countMissed(n int) {
	missed := 0
	for w := range b.workers {
		missed += b.workers[w].missed
	}
	b.screen.useless = missed > n/2
}
