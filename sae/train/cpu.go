package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// How the work of a step is cut up. The cuts are fixed, so sums have the same order
// for any number of threads.
const (
	rowRun    = 16 // rows of the batch that one goroutine encodes at a time
	latentRun = 64 // latents whose gradient and update one goroutine does at a time
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
		pull:    make([]float32, (m.M+latentRun-1)/latentRun*m.D),
		epoch:   max(1, cfg.stepsPerEpoch(init.Info.Rows)),
		levels:  cfg.levels(),
		weights: cfg.levelWeights(),
	}
	b.own = len(b.levels) - 1
	if len(cfg.Levels) > 0 {
		b.own = slices.Index(b.levels, cfg.K)
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

	workers []worker
	c       []float32 // (B,D): x - b_dec
	e       []float32 // (B,levels,D): 2w(x̂-x)/(B·D), the gradient of the loss by x̂, summed over a level and those above it
	in      []float32 // (B,D): what the encoder sees: c with noise; the same slice as c without
	loss    []float64 // (B): ‖x̂-x‖², over the levels by their weights
	ownLoss []float64 // (B): the same at the model's K
	codes   []ladder  // (B)
	list    lists
	pull    []float32 // per run of latents, (D): their share of the gradient of b_dec
	gBdec   []float32
	flat    []float32 // activations of a whole batch, for BatchTopK
	kept    []uint32  // which of them fire

	// Of the silent latents, where there are any and AuxK is asked for.
	dead    []uint32
	rest    []float32 // (B,D): what the code leaves of a row
	aux     []ladder  // (B)
	auxE    []float32 // (B,D): gradient of the auxiliary loss by their reconstruction
	auxRow  []float64 // (B)
	auxList lists
}

// moments is the first and second moment of AdamW for one tensor.
type moments struct{ m, v []float32 }

func newMoments(n int) moments { return moments{make([]float32, n), make([]float32, n)} }

// worker is the scratch space of one goroutine.
type worker struct {
	h, sum     []float32
	rung       sae.Code
	sel        vec.Selector
	dv         []float32 // gradient by the activations of one latent
	gEnc, gDec []float32 // gradient rows of one latent
	quiet      []float32 // pre-activations of the silent latents
	chosen     []uint32
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
	if b.cfg.Variant == batchTopK {
		vec.Parallel(b.cfg.Threads, n, rowRun, func(w, lo, hi int) { b.encode(&b.workers[w], batch, lo, hi, max(k, b.model.K)) })
		least = b.share(k)
		vec.Parallel(b.cfg.Threads, n, rowRun, func(w, lo, hi int) { b.decode(&b.workers[w], lo, hi) })
	} else {
		vec.Parallel(b.cfg.Threads, n, rowRun, func(w, lo, hi int) {
			b.encode(&b.workers[w], batch, lo, hi, k)
			b.decode(&b.workers[w], lo, hi)
		})
	}
	res := b.measure(batch)
	res.Loss += b.auxLoss()
	if math.IsNaN(res.Loss) || math.IsInf(res.Loss, 0) {
		return res, fmt.Errorf("train: step %d: %w; a smaller learning rate than %g may help", b.steps+1, ErrLoss, lr)
	}
	b.list.build(b.codes, b.model.M, len(b.levels))
	clip := b.clipping(n)
	b.steps++
	b.follow(least)
	opt := newAdamW(b.cfg, lr, b.cfg.WeightDecay, b.steps)
	encOpt := newAdamW(b.cfg, lr, b.cfg.WeightDecay+b.cfg.EncoderDecay, b.steps)
	vec.Parallel(b.cfg.Threads, b.model.M, latentRun, func(w, lo, hi int) { b.update(&b.workers[w], &opt, &encOpt, clip, lo, hi) })
	b.biasGradient(n)
	vec.Scale(b.gBdec, clip)
	opt.step(b.model.Bdec, b.bdec.m, b.bdec.v, b.gBdec)
	b.spread(lr)
	b.countIdle(&res)
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
	b.codes = make([]ladder, n)
	if b.cfg.AuxK > 0 {
		b.rest, b.aux, b.auxE, b.auxRow = make([]float32, n*d), make([]ladder, n), make([]float32, n*d), make([]float64, n)
	}
	for w := range b.workers {
		b.workers[w] = worker{
			h: make([]float32, rowRun*b.model.M), sum: make([]float32, d), dv: make([]float32, n),
			gEnc: make([]float32, d), gDec: make([]float32, d),
		}
	}
}

// encode finds the codes of rows lo to hi of the batch, of at most k latents each.
func (b *cpu) encode(w *worker, batch []float32, lo, hi, k int) {
	m, d, latents := b.model, b.model.D, b.model.M
	c := b.c[lo*d : hi*d]
	for i, x := range batch[lo*d : hi*d] {
		c[i] = x - m.Bdec[i%d]
	}
	in := b.in[lo*d : hi*d]
	if b.cfg.Noise > 0 {
		copy(in, c)
		for i := lo; i < hi; i++ {
			addNoise(b.in[i*d:(i+1)*d], b.cfg, b.steps, i)
		}
	}
	h := w.h[:(hi-lo)*latents]
	vec.Product(h, in, m.Wenc, d)
	for i := lo; i < hi; i++ {
		pre := h[(i-lo)*latents : (i-lo+1)*latents]
		for l, v := range m.Benc {
			pre[l] += v
		}
		code := &b.codes[i]
		code.Latents = w.sel.TopPositive(code.Latents[:0], pre, k)
		code.Acts = code.Acts[:0]
		for _, l := range code.Latents {
			code.Acts = append(code.Acts, pre[l])
		}
		if len(b.dead) > 0 {
			b.auxCode(w, i, pre)
		}
	}
}

// decode reconstructs rows lo to hi of the batch: loss and E = ∂L/∂x̂.
func (b *cpu) decode(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		if len(b.cfg.Prefixes) > 0 {
			b.codes[i].split(b.levels)
		} else {
			b.codes[i].climb(b.levels)
		}
		b.decodeRow(w, i)
	}
}

// decodeRow reconstructs a row at every level, each beginning with what the one below has: loss and E = ∂L/∂x̂. A latent is in the codes of its
// own level and of all above it, so that what it is to hear is the sum over those.
func (b *cpu) decodeRow(w *worker, i int) {
	d, n := b.model.D, len(b.levels)
	c, at := b.c[i*d:(i+1)*d], func(level int) []float32 { return b.e[(i*n+level)*d:][:d] }
	clear(w.sum)
	b.loss[i] = 0
	for level, weight := range b.weights {
		w.rung = b.codes[i].rung(sae.Code{Latents: w.rung.Latents[:0], Acts: w.rung.Acts[:0]}, level)
		sae.Accumulate(w.sum, b.model.Wdec, w.rung)
		// x̂ - x = W_decᵀ z + b_dec - x = W_decᵀ z - c
		e, toGradient, sum := at(level), float32(weight)*(2/float32(len(b.codes)*d)), 0.0
		for j, v := range w.sum {
			r := v - c[j]
			sum += float64(r) * float64(r)
			e[j] = r * toGradient
		}
		b.loss[i] += weight * sum
		if level == b.own {
			b.ownLoss[i] = sum
			if len(b.dead) > 0 {
				rest := b.rest[i*d : (i+1)*d]
				for j, v := range w.sum {
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
func (b *cpu) measure(batch []float32) StepResult {
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
	spread := 0.0
	mean := make([]float64, d)
	for i, x := range batch {
		mean[i%d] += float64(x) / float64(n)
		spread += float64(x) * float64(x)
	}
	for _, v := range mean {
		spread -= float64(n) * v * v
	}
	res.FVU = own / max(spread, math.SmallestNonzeroFloat64)
	return res
}

// lists is the batch's codes turned around: for each latent, the rows in which it
// fired, ascending, how strongly, and at which level.
type lists struct {
	start []int32 // (M+1): where a latent's list begins
	rows  []int32
	heard []int32 // row · levels + level: the row of e that the latent hears
	acts  []float32
}

// build turns the codes of a batch around.
func (s *lists) build(codes []ladder, latents, levels int) {
	total := 0
	s.start = slices.Grow(s.start[:0], latents+2)[:latents+2]
	clear(s.start)
	for _, c := range codes {
		total += c.Len()
		for _, l := range c.Latents {
			s.start[l+2]++
		}
	}
	for l := 2; l < len(s.start); l++ {
		s.start[l] += s.start[l-1]
	}
	s.rows = slices.Grow(s.rows[:0], total)[:total]
	s.heard = slices.Grow(s.heard[:0], total)[:total]
	s.acts = slices.Grow(s.acts[:0], total)[:total]
	for i, c := range codes {
		for t, l := range c.Latents {
			at := s.start[l+1] // one past what is filled; ends as the start of the next list
			s.rows[at], s.acts[at] = int32(i), c.Acts[t]
			s.heard[at] = int32(i*levels + int(c.level[t]))
			s.start[l+1]++
		}
	}
}

// of returns the list of one latent.
func (s *lists) of(l int) (rows, heard []int32, acts []float32) {
	from, to := s.start[l], s.start[l+1]
	return s.rows[from:to], s.heard[from:to], s.acts[from:to]
}

// gradients builds the gradients of a latent's rows in w, adds to pull what its input takes back from the gradient of b_dec, and
// returns the gradient of its bias.
//
//	∂L/∂W_dec[l] = Σ z_il E_i     ∂L/∂z_il = E_i·W_dec[l] = δ_il
//	∂L/∂W_enc[l] = Σ δ_il in_i    ∂L/∂b_enc[l] = Σ δ_il
//
// with L1/B more in δ where there is a penalty. Where decoder rows keep norm 1, what would change it is taken out of theirs.
func (b *cpu) gradients(w *worker, l int, pull []float32) (gB float32) {
	m, d := b.model, b.model.D
	enc, dec := m.Wenc[l*d:(l+1)*d], m.Wdec[l*d:(l+1)*d]
	clear(w.gEnc)
	clear(w.gDec)
	hear := func(list *lists, e []float32, penalty float32) {
		rows, heard, acts := list.of(l)
		if len(rows) == 0 {
			return
		}
		dv := w.dv[:len(rows)]
		products(dv, dec, e, heard)
		combine(w.gDec, acts, e, heard)
		if penalty > 0 {
			for i := range dv {
				dv[i] += penalty
			}
		}
		combine(w.gEnc, dv, b.in, rows)
		for _, v := range dv {
			gB += v
		}
	}
	hear(&b.list, b.e, float32(b.cfg.L1/float64(len(b.codes))))
	if len(b.dead) > 0 {
		hear(&b.auxList, b.auxE, 0)
	}
	if gB != 0 {
		vec.Axpy(pull, gB, enc)
	}
	if b.cfg.UnitDecoder {
		vec.Axpy(w.gDec, -vec.Dot(w.gDec, dec), dec)
	}
	return gB
}

// pullOf is where the run of latents that begins at lo leaves Σ_l b_enc gradient · W_enc[l].
func (b *cpu) pullOf(lo int) []float32 {
	d := b.model.D
	return b.pull[lo/latentRun*d:][:d]
}

// update moves the weights of the latents lo to hi along their gradients, each multiplied by clip.
func (b *cpu) update(w *worker, opt, encOpt *adamw, clip float32, lo, hi int) {
	m, d := b.model, b.model.D
	pull := b.pullOf(lo)
	clear(pull)
	for l := lo; l < hi; l++ {
		enc, dec := m.Wenc[l*d:(l+1)*d], m.Wdec[l*d:(l+1)*d]
		gB := [1]float32{b.gradients(w, l, pull)}
		if clip < 1 {
			vec.Scale(w.gEnc, clip)
			vec.Scale(w.gDec, clip)
			gB[0] *= clip
		}
		encOpt.step(enc, b.enc.m[l*d:], b.enc.v[l*d:], w.gEnc)
		opt.step(dec, b.dec.m[l*d:], b.dec.v[l*d:], w.gDec)
		opt.step(m.Benc[l:l+1], b.benc.m[l:], b.benc.v[l:], gB[:])
		if b.cfg.UnitDecoder {
			vec.Scale(dec, float32(1/vec.Norm(dec)))
		}
	}
}

// products writes dst[t] = w · x[rows[t]].
func products(dst, w, x []float32, rows []int32) {
	d := len(w)
	row := func(t int) []float32 { i := int(rows[t]); return x[i*d : (i+1)*d] }
	t := 0
	for ; t+6 <= len(rows); t += 6 {
		o := (*[6]float32)(dst[t:])
		o[0], o[1], o[2], o[3], o[4], o[5] = vec.Dot6(w, row(t), row(t+1), row(t+2), row(t+3), row(t+4), row(t+5))
	}
	for ; t < len(rows); t++ {
		dst[t] = vec.Dot(w, row(t))
	}
}

// combine adds Σ a[t]·x[rows[t]] to y.
func combine(y, a, x []float32, rows []int32) {
	d := len(y)
	row := func(t int) []float32 { i := int(rows[t]); return x[i*d : (i+1)*d] }
	t := 0
	for ; t+4 <= len(rows); t += 4 {
		vec.Axpy4(y, a[t], a[t+1], a[t+2], a[t+3], row(t), row(t+1), row(t+2), row(t+3))
	}
	for ; t < len(rows); t++ {
		vec.Axpy(y, a[t], row(t))
	}
}

// biasGradient computes the gradient of b_dec, which is both added to the output and taken from the input:
// Σ E_i - Σ_l (∂L/∂b_enc[l]) W_enc[l].
func (b *cpu) biasGradient(n int) {
	d := b.model.D
	clear(b.gBdec)
	for i := range n {
		vec.Axpy(b.gBdec, 1, b.e[i*len(b.levels)*d:][:d]) // the sum over all levels
	}
	for at := 0; at < len(b.pull); at += d {
		vec.Axpy(b.gBdec, -1, b.pull[at:at+d])
	}
}

// countIdle brings the counters of silence up to date.
func (b *cpu) countIdle(res *StepResult) {
	for l := range b.idle {
		_, heard, _ := b.list.of(l)
		if slices.ContainsFunc(heard, func(at int32) bool { return int(at)%len(b.levels) <= b.own }) {
			b.idle[l] = 0
		} else {
			b.idle[l]++
		}
		if b.idle[l] >= int64(b.epoch) {
			res.Dead++
		}
	}
}

// Model returns a copy of the model as it is now.
func (b *cpu) Model() *sae.Model {
	m := b.model.Clone()
	b.finish(m)
	return m
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
