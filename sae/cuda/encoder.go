package cuda

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae"
)

// Encoder encodes many vectors with one model on the device. The codes are those of sae.Model.Encode: the latents the same, but for ones whose pre-activations, or
// threshold, lie nearer to each other than float32 rounds; activations within 1e-5 of the largest. Where the processor computes fused products, as AVX2 and the
// device do, they are the same to the bit. Products are always those of float32, whatever Options say. An Encoder serves one goroutine at a time.
type Encoder struct {
	model   *sae.Model
	options Options
	context *cudadrv.Context
	program program
	memory  memory
	shape   shape
	rows    []float32 // standardised
	index   []uint32
	act     []float32
	count   []uint32
	broken  error
}

// mostEncoded is how many rows are encoded at once, at most: as many as a database hands over.
const mostEncoded = 1024

// What encoding needs of a step's buffers, and which kernels.
var (
	encodeSlots   = []slot{enc, benc, bdec, step, x, centred, squares, h, peak, index, act, count}
	encodeKernels = []string{"center", "encode", "topk"}
)

// NewEncoder brings a model onto the device, which must not change meanwhile. What does not fit there (ErrMemory), and what there is not (ErrAbsent, ErrOld),
// is an error here. The caller must Close it.
func NewEncoder(m *sae.Model, o Options) (*Encoder, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	_, c, err := attach(o)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	e := &Encoder{model: m, options: o, context: c}
	if err := c.Do(e.begin); err != nil {
		return nil, fmt.Errorf("cuda: %w", errors.Join(err, c.Close()))
	}
	return e, nil
}

// encodedAt is the shape of n rows that are encoded.
func encodedAt(m *sae.Model, n int) shape {
	return shape{n: n, m: m.M, d: m.D, k: m.K, room: n, precision: F32}
}

// bytesOfEncoding is what buffers of a shape need to encode.
func (s shape) bytesOfEncoding() int64 {
	sum := int64(0)
	for _, b := range encodeSlots {
		sum += s.bytesOf(b, b+1)
	}
	return sum
}

// fitEncoding finds the largest number of rows at once for which so much memory is enough.
func fitEncoding(m *sae.Model, free int64) (shape, error) {
	for n := mostEncoded; n > 0; n /= 2 {
		if s := encodedAt(m, n); s.bytesOfEncoding() <= free-free/16 {
			return s, nil
		}
	}
	return shape{}, fmt.Errorf("%w: encoding with %d latents of width %d needs %.2f GiB, and %.2f GiB are free", ErrMemory, m.M, m.D, gib(encodedAt(m, 1).bytesOfEncoding()), gib(free))
}

// begin brings kernels and model onto the device. What fails leaves nothing behind there.
func (e *Encoder) begin(t *cudadrv.Thread) error {
	free, _, err := t.Memory()
	if err != nil {
		return err
	}
	if e.shape, err = fitEncoding(e.model, e.options.limit(free)); err != nil {
		return err
	}
	if err := e.bring(t); err != nil {
		return errors.Join(err, e.end(t))
	}
	return nil
}

func (e *Encoder) bring(t *cudadrv.Thread) error {
	if err := e.program.load(t, encodeKernels); err != nil {
		return err
	}
	for _, b := range encodeSlots {
		if err := e.memory.alloc(t, e.shape, b, b+1); err != nil {
			return err
		}
	}
	values := stepValues{k: int32(e.model.K)}
	m := e.model
	return errors.Join(cudadrv.Upload(t, e.memory[step], []stepValues{values}), e.memory.upload(t, map[slot][]float32{enc: m.Wenc, benc: m.Benc, bdec: m.Bdec}))
}

func (e *Encoder) end(t *cudadrv.Thread) error {
	return errors.Join(e.memory.free(t, 0, slots), e.program.unload(t))
}

// EncodeBatch encodes the rows of x and returns one code per row. It reuses dst and the slices of its codes; threads means nothing to it. After an error that
// is the driver's every later call is one.
func (e *Encoder) EncodeBatch(dst []sae.Code, x []float32, _ int) ([]sae.Code, error) {
	if e.broken != nil {
		return nil, e.broken
	}
	d := e.model.D
	if len(x)%d != 0 {
		return nil, fmt.Errorf("cuda: %d numbers are not rows of width %d", len(x), d)
	}
	n := len(x) / d
	for cap(dst) < n {
		dst = append(dst[:cap(dst)], sae.Code{})
	}
	dst = dst[:n]
	for from := 0; from < n; from += e.shape.n {
		to := min(n, from+e.shape.n)
		if err := e.context.Do(func(t *cudadrv.Thread) error { return e.some(t, dst[from:to], x[from*d:to*d]) }); err != nil {
			e.broken = fmt.Errorf("cuda: encode: %w", err)
			return nil, e.broken
		}
	}
	return dst, nil
}

// some encodes as many rows as fit.
func (e *Encoder) some(t *cudadrv.Thread, dst []sae.Code, vectors []float32) error {
	s := e.shape
	s.n = len(dst)
	e.rows = e.model.Standardise(e.rows[:0], vectors)
	if err := cudadrv.Upload(t, e.memory[x], e.rows); err != nil {
		return err
	}
	if err := e.program.start(t, e.memory.encoding(s)); err != nil {
		return err
	}
	e.index, e.act, e.count = sized(e.index, s.n*s.k), sized(e.act, s.n*s.k), sized(e.count, s.n)
	if err := errors.Join(cudadrv.Download(t, e.count, e.memory[count]), cudadrv.Download(t, e.index, e.memory[index]), cudadrv.Download(t, e.act, e.memory[act])); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = e.code(dst[i], i)
	}
	return nil
}

// sized returns n numbers, in the place of v where that is large enough.
func sized[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// code is that of the i-th row, in the slices of dst: of the latents that topk found, those above the threshold.
func (e *Encoder) code(dst sae.Code, i int) sae.Code {
	dst.Latents, dst.Acts = dst.Latents[:0], dst.Acts[:0]
	at := i * e.shape.k
	for j := at; j < at+int(e.count[i]); j++ {
		if e.act[j] > e.model.Threshold {
			dst.Latents, dst.Acts = append(dst.Latents, e.index[j]), append(dst.Acts, e.act[j])
		}
	}
	return dst
}

// Close gives the device back. It may be called again.
func (e *Encoder) Close() error {
	if e.context == nil {
		return nil
	}
	err := errors.Join(e.context.Do(e.end), e.context.Close())
	e.context, e.broken = nil, errors.New("cuda: the encoder is closed")
	if err != nil {
		return fmt.Errorf("cuda: close: %w", err)
	}
	return nil
}

// encoding lists the kernels that make codes of rows that lie one after the other.
func (m *memory) encoding(s shape) []launch {
	return []launch{
		m.bind("center", s.rows(), x, nil, nil, bdec, centred, nil, squares, s.d),
		m.encode(s),
		m.bind("topk", cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}, h, peak, step, index, act, count, nil, s.m, s.groups(), s.words(), s.k),
	}
}
