package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// How the work of a step is cut up. Where sums are taken the cuts are fixed, so that they have the same order for any number of threads.
const (
	rowRun      = 16      // rows of the batch that are added up together
	forwardRun  = 64      // rows that one goroutine encodes and decodes at a time, at most
	forwardSize = 1 << 20 // and at most so many pre-activations
	screenRun   = 128     // the same where the encoder is screened: the integers come from memory for each run
	decodeRun   = 128     // decoder rows that are added to all of these rows before the next, where codes are long: they stay in L2
	latentRun   = 128     // latents whose gradient and update one goroutine does at a time
)

// CPU returns the reference backend: plain Go over cfg.Threads goroutines. It copies init.
//
// The step does one dense product, the encoder's; after the TopK only what is active
// is touched. The gradient of a latent's two rows is built from the list of batch
// rows in which it fired and used at once, so no gradient matrix exists. AdamW is
// dense: the moments and the decay of idle latents move too.
//
// With cfg.Revive, a latent that has not fired for that many epochs is given a new
// start: the residual of one of the rows that the batch reconstructs worst becomes
// its direction, in encoder and decoder. It happens in the first four fifths of a run, so
// that what is revived can still settle.
func CPU(cfg Config, init *sae.Model) (Backend, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if _, err := vec.Path(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if err := init.Validate(); err != nil {
		return nil, fmt.Errorf("train: initial model: %w", err)
	}
	if init.M != cfg.Latents || init.K != cfg.mostActive() {
		return nil, fmt.Errorf("train: the initial model has %d latents and k %d, the configuration %d and %d", init.M, init.K, cfg.Latents, cfg.mostActive())
	}
	m := init.Clone()
	b := &cpu{
		cfg: cfg, model: m,
		enc: newMoments(len(m.Wenc)), dec: newMoments(len(m.Wdec)), benc: newMoments(m.M), bdec: newMoments(m.D),
		idle:    make([]int64, m.M),
		workers: make([]worker, max(cfg.Threads, 1)),
		latents: make([]latentSums, (m.M+latentRun-1)/latentRun),
		nothing: make([]float32, m.D),
		epoch:   max(1, cfg.stepsPerEpoch(init.Info.Rows)),
	}
	b.levels, b.weights, b.own = cfg.Rungs()
	for i := range b.latents {
		b.latents[i].pull = make([]float32, m.D)
	}
	b.total = cfg.Steps(init.Info.Rows)
	if cfg.Revive > 0 {
		b.reviveUntil = b.total * 4 / 5
	}
	return b, nil
}

// cpu is the state of a run, first, and the working space of a step.
type cpu struct {
	cfg                  Config
	model                *sae.Model
	enc, dec, benc, bdec moments
	idle                 []int64 // per latent: steps since it last fired
	steps                int     // done
	threshold            float64 // of BatchTopK

	epoch       int // steps of an epoch
	total       int // steps of the run
	reviveUntil int // the step from which on nothing is revived

	levels  []int     // numbers of active latents that are trained for
	weights []float64 // of the levels in the loss
	own     int       // the level of the model's K, with prefixes of all latents

	screen  screening
	workers []worker
	rows    []rowSums    // per run of rows of the batch
	latents []latentSums // per run of latents
	c       []float32    // (B,D): x - b_dec
	e       []float32    // (B,levels,D): 2w(x̂-x)/(B·D), the gradient of the loss by x̂, summed over a level and those above it
	in      []float32    // (B,D): what the encoder sees: c with noise; the same slice as c without
	loss    []float64    // (B): ‖x̂-x‖², over the levels by their weights
	ownLoss []float64    // (B): the same at the model's K
	codes   []ladder     // (B)
	cuts    cuts
	gBdec   []float32
	nothing []float32 // (D): the gradient of what is idle
	flat    []float32 // activations of a whole batch, for BatchTopK
	kept    []uint32  // which of them fire

	// Of the silent latents, where there are any and AuxK is asked for.
	dead   []uint32
	rest   []float32 // (B,D): what the code leaves of a row
	aux    []ladder  // (B)
	auxCut cuts
	auxE   []float32 // (B,D): gradient of the auxiliary loss by their reconstruction
	auxRow []float64 // (B)
}

// rowSums is what a run of rows adds up to.
type rowSums struct {
	c, e    []float32 // (D) each
	squares float64   // Σ‖c‖²
}

// latentSums is what a run of latents adds up to.
type latentSums struct {
	pull    []float32 // (D): their share of the gradient of b_dec, Σ_l (∂L/∂b_enc[l]) W_enc[l]
	squares float64   // of their gradients, where the norm of all is asked for
	dead    int

	screened bool // the screen knows them
}

// moments is the first and second moment of AdamW for one tensor.
type moments struct{ m, v []float32 }

func newMoments(n int) moments { return moments{make([]float32, n), make([]float32, n)} }

// worker is the scratch space of one goroutine.
type worker struct {
	h, sum        []float32
	rung          sae.Code
	sel           vec.Selector
	screen        vec.Screening
	missed        int   // rows that could not be screened
	at            []int // per row of a run: what of its code is decoded
	list, auxList lists
	g             []float32 // gradient row of one latent
	gB            []float32 // gradients of the biases of a run of latents
	spare         []float32
	quiet         []float32 // pre-activations of the silent latents
	chosen        []uint32
}

// Step does one step of training; see Backend.
func (b *cpu) Step(batch []float32, lr float64) (StepResult, error) {
	d := b.model.D
	n := len(batch) / d
	if n == 0 || len(batch)%d != 0 {
		return StepResult{}, fmt.Errorf("train: a batch of %d numbers is not rows of width %d", len(batch), d)
	}
	b.fit(n)
	b.listDead()
	k := b.cfg.active(b.steps, b.total)
	least := float32(0)
	most := k
	if b.cfg.Variant == batchTopK {
		most = max(k, b.model.K)
	}
	for w := range b.workers {
		b.workers[w].missed = 0
	}
	screened := b.pays(n, most) && b.makeScreen()
	b.screen.current = screened // else the update leaves it behind
	run := b.forwardRun(n, screened)
	if b.cfg.Variant == batchTopK {
		vec.Parallel(b.cfg.Threads, n, run, func(w, lo, hi int) { b.encode(&b.workers[w], batch, lo, hi, most) })
		least = b.share(k)
		vec.Parallel(b.cfg.Threads, n, run, func(w, lo, hi int) { b.decode(&b.workers[w], lo, hi) })
	} else {
		vec.Parallel(b.cfg.Threads, n, run, func(w, lo, hi int) {
			b.encode(&b.workers[w], batch, lo, hi, most)
			b.decode(&b.workers[w], lo, hi)
		})
	}
	res := b.measure()
	res.Loss += b.auxLoss()
	if math.IsNaN(res.Loss) || math.IsInf(res.Loss, 0) {
		return res, fmt.Errorf("train: step %d: %w", b.steps+1, lossError(batch, d, lr))
	}
	b.countMissed(n)
	clip := b.clipping()
	b.steps++
	b.follow(least)
	opt := newAdamW(b.cfg, lr, b.cfg.WeightDecay, b.steps)
	encOpt := newAdamW(b.cfg, lr, b.cfg.WeightDecay+b.cfg.EncoderDecay, b.steps)
	vec.Parallel(b.cfg.Threads, len(b.latents), 1, func(w, run, _ int) {
		if b.steps%2 == 0 { // to and fro: what the last step touched last is still in the cache, a good part of all
			run = len(b.latents) - 1 - run
		}
		b.update(&b.workers[w], opt, encOpt, clip, run*latentRun, min((run+1)*latentRun, b.model.M))
	})
	if screened {
		b.endRenewal()
	}
	b.biasGradient()
	vec.Scale(b.gBdec, clip)
	opt.Step(b.model.Bdec, b.bdec.m, b.bdec.v, b.gBdec)
	b.spread(lr)
	for _, s := range b.latents {
		res.Dead += s.dead
	}
	if b.steps < b.reviveUntil {
		res.Revived = b.revive()
	}
	return res, nil
}

// fit makes the working space fit a batch of n rows.
func (b *cpu) fit(n int) {
	d := b.model.D
	if len(b.codes) == n {
		return
	}
	b.c, b.e, b.gBdec = make([]float32, n*d), make([]float32, n*len(b.levels)*d), make([]float32, d)
	b.loss, b.ownLoss = make([]float64, n), make([]float64, n)
	b.in = b.c
	if b.cfg.Noise > 0 {
		b.in = make([]float32, n*d)
	}
	b.codes, b.cuts = make([]ladder, n), newCuts(n, len(b.latents))
	b.rows = make([]rowSums, (n+rowRun-1)/rowRun)
	for i := range b.rows {
		b.rows[i].c, b.rows[i].e = make([]float32, d), make([]float32, d)
	}
	if b.cfg.AuxK > 0 {
		b.rest, b.auxE, b.auxRow = make([]float32, n*d), make([]float32, n*d), make([]float64, n)
		b.aux, b.auxCut = make([]ladder, n), newCuts(n, len(b.latents))
	}
	pre, run := min(b.forwardRun(n, false), n), min(b.forwardRun(n, true), n)
	for w := range b.workers {
		b.workers[w] = worker{h: make([]float32, pre*b.model.M), sum: make([]float32, run*d), at: make([]int, run), g: make([]float32, d), gB: make([]float32, latentRun)}
	}
}

// forwardRun is how many of n rows a goroutine takes at a time: each has some, and none more than its caches are good for. A row's code does
// not depend on it.
func (b *cpu) forwardRun(n int, screened bool) int {
	each := (n + len(b.workers) - 1) / len(b.workers)
	run := min(each, forwardRun, forwardSize/b.model.M)
	if screened {
		run = min(each, screenRun)
	}
	return max(1, (run+rowRun-1)/rowRun) * rowRun
}

// eachRun calls f for the runs of rows in lo to hi, of which lo begins one.
func eachRun(lo, hi int, f func(run, lo, hi int)) {
	for ; lo < hi; lo += rowRun {
		f(lo/rowRun, lo, min(lo+rowRun, hi))
	}
}

// encode finds the codes of rows lo to hi of the batch, of at most k latents each.
func (b *cpu) encode(w *worker, batch []float32, lo, hi, k int) {
	m, d, latents := b.model, b.model.D, b.model.M
	eachRun(lo, hi, func(run, lo, hi int) {
		sums := &b.rows[run]
		sums.squares = 0
		clear(sums.c)
		for i := lo; i < hi; i++ {
			c := b.c[i*d : (i+1)*d]
			copy(c, batch[i*d:])
			vec.Axpy(c, -1, m.Bdec)
			vec.Axpy(sums.c, 1, c)
			sums.squares += vec.Squares(c)
		}
	})
	in := b.in[lo*d : hi*d]
	if b.cfg.Noise > 0 {
		copy(in, b.c[lo*d:hi*d])
		for i := lo; i < hi; i++ {
			addNoise(b.in[i*d:(i+1)*d], b.cfg, b.steps, i)
		}
	}
	if b.screen.current {
		b.encodeScreened(w, in, lo, k)
		return
	}
	h := w.h[:(hi-lo)*latents]
	vec.ProductBias(h, in, m.Wenc, m.Benc, d)
	for i := lo; i < hi; i++ {
		pre := h[(i-lo)*latents : (i-lo+1)*latents]
		b.choose(w, i, pre, k)
		if len(b.dead) > 0 {
			b.auxCode(w, i, pre)
		}
	}
}

// choose makes the code of row i, of at most k latents, from its pre-activations.
func (b *cpu) choose(w *worker, i int, pre []float32, k int) {
	code := &b.codes[i]
	code.Latents = w.sel.TopPositive(code.Latents[:0], pre, k)
	code.Acts = code.Acts[:0]
	for _, l := range code.Latents {
		code.Acts = append(code.Acts, pre[l])
	}
}

// decode reconstructs rows lo to hi of the batch: loss and E = ∂L/∂x̂.
func (b *cpu) decode(w *worker, lo, hi int) {
	d, n := b.model.D, len(b.levels)
	for i := lo; i < hi; i++ {
		if len(b.cfg.Prefixes) > 0 {
			b.codes[i].split(b.levels)
		} else {
			b.codes[i].climb(b.levels)
		}
		b.cuts.cut(i, len(b.codes), b.codes[i].Latents)
	}
	if n == 1 {
		b.reconstruct(w, lo, hi)
	}
	eachRun(lo, hi, func(run, from, to int) {
		sum := b.rows[run].e
		clear(sum)
		for i := from; i < to; i++ {
			b.decodeRow(w, i, w.sum[(i-lo)*d:][:d])
			vec.Axpy(sum, 1, b.e[i*n*d:][:d]) // over all levels
		}
	})
}

// reconstruct leaves W_decᵀ z of the rows lo to hi in w.sum. Where many latents fire, a run of decoder rows is added to all of them before the
// next: the sums have the same order.
func (b *cpu) reconstruct(w *worker, lo, hi int) {
	m, d := b.model, b.model.D
	clear(w.sum[:(hi-lo)*d])
	clear(w.at)
	run := m.M
	if b.codes[lo].Len()*decodeRun >= 4*m.M {
		run = decodeRun
	}
	for end := run; end < m.M+run; end += run {
		for i := lo; i < hi; i++ {
			code, from := &b.codes[i], w.at[i-lo]
			to := from
			for to < len(code.Latents) && int(code.Latents[to]) < end {
				to++
			}
			vec.AxpyRows(w.sum[(i-lo)*d:][:d], m.Wdec, code.Latents[from:to], code.Acts[from:to])
			w.at[i-lo] = to
		}
	}
}

// decodeRow takes y, W_decᵀ z of row i where there is one level; else it reconstructs the row in y at every level, each beginning with what the
// one below has: loss and E = ∂L/∂x̂. A latent is in the codes of its own level and of all above it, so that what it is to hear is the
// sum over those.
func (b *cpu) decodeRow(w *worker, i int, y []float32) {
	d, n := b.model.D, len(b.levels)
	c, at := b.c[i*d:(i+1)*d], func(level int) []float32 { return b.e[(i*n+level)*d:][:d] }
	b.loss[i] = 0
	if n > 1 {
		clear(y)
	}
	for level, weight := range b.weights {
		if n > 1 {
			w.rung = b.codes[i].rung(sae.Code{Latents: w.rung.Latents[:0], Acts: w.rung.Acts[:0]}, level)
			sae.Accumulate(y, b.model.Wdec, w.rung)
		}
		// x̂ - x = W_decᵀ z + b_dec - x = W_decᵀ z - c
		sum := vec.Residual(at(level), y, c, float32(weight)*(2/float32(len(b.codes)*d)))
		b.loss[i] += weight * sum
		if level == b.own {
			b.ownLoss[i] = sum
			if len(b.dead) > 0 {
				rest := b.rest[i*d : (i+1)*d]
				for j, v := range y {
					rest[j] = c[j] - v
				}
			}
		}
	}
	if b.cfg.L1 > 0 {
		for _, a := range b.codes[i].Acts {
			b.loss[i] += b.cfg.L1 * float64(d) * float64(a) // measure divides by B·D
		}
	}
	for level := n - 2; level >= 0; level-- {
		vec.Axpy(at(level), 1, at(level+1))
	}
}

// measure sums up the forward pass.
func (b *cpu) measure() StepResult {
	var res StepResult
	n, d := len(b.codes), b.model.D
	sum, own := 0.0, 0.0
	for i, l := range b.loss {
		sum += l
		own += b.ownLoss[i]
		active := b.codes[i].Len()
		if len(b.cfg.Levels) > 0 {
			active = min(active, b.cfg.K)
		}
		res.Active += active
	}
	res.Loss = sum / float64(n*d)
	// Σ‖x - x̄‖² is that of c, which is x less the same for all rows.
	spread := 0.0
	for _, s := range b.rows {
		spread += s.squares
	}
	for j := range d {
		column := 0.0
		for _, s := range b.rows {
			column += float64(s.c[j])
		}
		spread -= column * column / float64(n)
	}
	res.FVU = own / max(spread, math.SmallestNonzeroFloat64)
	return res
}

// gradients builds the gradients of the latents lo to hi, first of their decoder rows and then of their encoder rows, so that of E and of the
// encoder's input each stays in L2 for a while, and hands each to its function, which may change it; those of an idle latent are nil:
//
//	∂L/∂W_dec[l] = Σ z_il E_i     ∂L/∂z_il = E_i·W_dec[l] = δ_il
//	∂L/∂W_enc[l] = Σ δ_il in_i    ∂L/∂b_enc[l] = Σ δ_il
//
// with L1/B more in δ where there is a penalty. Where decoder rows keep norm 1, what would change it is taken out of theirs. What the input takes
// back from the gradient of b_dec is added up in pull. A function may move its latent's row, of decoder or encoder.
func (b *cpu) gradients(w *worker, lo, hi int, decoder func(l int, g []float32), encoder func(l int, g []float32, gB float32)) {
	m, d := b.model, b.model.D
	w.list.build(b.codes, b.cuts, lo, hi, len(b.levels))
	if len(b.dead) > 0 {
		w.auxList.build(b.aux, b.auxCut, lo, hi, 1)
	}
	penalty := float32(b.cfg.L1 / float64(len(b.codes)))
	for l := lo; l < hi; l++ {
		decoder(l, b.decoderGradient(w, l, lo, m.Wdec[l*d:(l+1)*d], penalty))
	}
	pull := b.latents[lo/latentRun].pull
	clear(pull)
	for l := lo; l < hi; l++ {
		g, gB := b.encoderGradient(w, l, lo)
		if gB != 0 {
			vec.Axpy(pull, gB, m.Wenc[l*d:(l+1)*d])
		}
		encoder(l, g, gB)
	}
}

// decoderGradient returns the gradient of a decoder row, dec, nil where it is idle, and leaves the δ of its latent in the lists.
func (b *cpu) decoderGradient(w *worker, l, lo int, dec []float32, penalty float32) []float32 {
	var g []float32
	hear := func(list *lists, e []float32, penalty float32) {
		at, to := list.of(l - lo)
		if at == to {
			return
		}
		if g == nil {
			g = w.g
			clear(g)
		}
		w.spare = vec.DotAxpyRows(list.deltas[at:to], g, dec, e, list.heard[at:to], list.acts[at:to], w.spare)
		if penalty > 0 {
			for i := range list.deltas[at:to] {
				list.deltas[at+i] += penalty
			}
		}
	}
	hear(&w.list, b.e, penalty)
	if len(b.dead) > 0 {
		hear(&w.auxList, b.auxE, 0)
	}
	if b.cfg.UnitDecoder && g != nil {
		vec.Axpy(g, -vec.Dot(g, dec), dec)
	}
	return g
}

// encoderGradient returns the gradients of a latent's encoder row, nil where it is idle, and bias.
func (b *cpu) encoderGradient(w *worker, l, lo int) (g []float32, gB float32) {
	hear := func(list *lists) {
		at, to := list.of(l - lo)
		if at == to {
			return
		}
		if g == nil {
			g = w.g
			clear(g)
		}
		vec.AxpyRows(g, b.in, list.rows[at:to], list.deltas[at:to])
		for _, v := range list.deltas[at:to] {
			gB += v
		}
	}
	hear(&w.list)
	if len(b.dead) > 0 {
		hear(&w.auxList)
	}
	return g, gB
}

// update moves the weights of the latents lo to hi along their gradients, each multiplied by clip, and counts how long they are silent.
func (b *cpu) update(w *worker, opt, encOpt *vec.AdamW, clip float32, lo, hi int) {
	m, d := b.model, b.model.D
	gB := w.gB[:hi-lo]
	b.gradients(w, lo, hi, func(l int, g []float32) {
		dec := m.Wdec[l*d : (l+1)*d]
		opt.Step(dec, b.dec.m[l*d:], b.dec.v[l*d:], b.clipped(g, clip))
		if b.cfg.UnitDecoder {
			vec.Scale(dec, float32(1/vec.Norm(dec)))
		}
	}, func(l int, g []float32, own float32) {
		gB[l-lo] = own * clip
		encOpt.Step(m.Wenc[l*d:(l+1)*d], b.enc.m[l*d:], b.enc.v[l*d:], b.clipped(g, clip))
	})
	opt.Step(m.Benc[lo:hi], b.benc.m[lo:], b.benc.v[lo:], gB)
	if b.screen.current {
		b.latents[lo/latentRun].screened = b.screen.Renew(lo, hi)
	}
	b.countIdle(w, lo, hi)
}

// clipped returns the gradient g of a row multiplied by clip, and zeros for the row of an idle latent.
func (b *cpu) clipped(g []float32, clip float32) []float32 {
	if g == nil {
		return b.nothing
	}
	if clip < 1 {
		vec.Scale(g, clip)
	}
	return g
}

// biasGradient computes the gradient of b_dec, which is both added to the output and taken from the input:
// Σ E_i - Σ_l (∂L/∂b_enc[l]) W_enc[l].
func (b *cpu) biasGradient() {
	clear(b.gBdec)
	for _, s := range b.rows {
		vec.Axpy(b.gBdec, 1, s.e)
	}
	for _, s := range b.latents {
		vec.Axpy(b.gBdec, -1, s.pull)
	}
}

// countIdle brings the counters of silence of the latents lo to hi up to date, whose lists w has.
func (b *cpu) countIdle(w *worker, lo, hi int) {
	dead := 0
	for l := lo; l < hi; l++ {
		at, to := w.list.of(l - lo)
		if slices.ContainsFunc(w.list.heard[at:to], func(at uint32) bool { return int(at)%len(b.levels) <= b.own }) {
			b.idle[l] = 0
		} else {
			b.idle[l]++
		}
		if b.idle[l] >= int64(b.epoch) {
			dead++
		}
	}
	b.latents[lo/latentRun].dead = dead
}

// Model returns a copy of the model as it is now.
func (b *cpu) Model() (*sae.Model, error) {
	m := b.model.Clone()
	b.finish(m)
	return m, nil
}

// Close has nothing to free.
func (b *cpu) Close() error { return nil }

// State returns parameters, moments and counters.
func (b *cpu) State() (*safetensors.File, error) {
	f := &safetensors.File{Metadata: map[string]string{"backend": "cpu"}}
	for name, t := range b.tensors() {
		f.PutF32(name, t)
	}
	f.PutI64("idle", b.idle)
	f.PutI64("steps", []int64{int64(b.steps)})
	if b.cfg.Variant == batchTopK {
		f.PutI64("threshold", []int64{int64(math.Float64bits(b.threshold))})
	}
	return f, nil
}

// Restore sets the state.
func (b *cpu) Restore(f *safetensors.File) error {
	idle, err := f.I64("idle", b.model.M)
	if err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	steps, err := f.I64("steps", 1)
	if err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	threshold := []int64{0}
	if b.cfg.Variant == batchTopK {
		if threshold, err = f.I64("threshold", 1); err != nil {
			return fmt.Errorf("train: restore: %w", err)
		}
	}
	read := map[string][]float32{}
	for name, t := range b.tensors() {
		if read[name], err = f.F32(name, len(t)); err != nil {
			return fmt.Errorf("train: restore: %w", err)
		}
	}
	for name, t := range b.tensors() {
		copy(t, read[name])
	}
	b.screen = screening{}
	copy(b.idle, idle)
	b.steps = int(steps[0])
	b.threshold = math.Float64frombits(uint64(threshold[0]))
	return nil
}

// tensors lists the state's float arrays by the names they have in a checkpoint.
func (b *cpu) tensors() map[string][]float32 {
	m := b.model
	return map[string][]float32{
		"W_enc": m.Wenc, "W_dec": m.Wdec, "b_enc": m.Benc, "b_dec": m.Bdec,
		"W_enc.m": b.enc.m, "W_dec.m": b.dec.m, "b_enc.m": b.benc.m, "b_dec.m": b.bdec.m,
		"W_enc.v": b.enc.v, "W_dec.v": b.dec.v, "b_enc.v": b.benc.v, "b_dec.v": b.bdec.v,
	}
}
