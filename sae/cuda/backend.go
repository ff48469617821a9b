package cuda

import (
	"errors"
	"fmt"
	"math"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// New returns a backend that trains a copy of init on the device. Everything that a step needs is on the device when it returns: what Supports refuses,
// and more latents than the memory holds (ErrMemory, with the largest number that fits), are errors here and not later. The caller must
// Close it.
func New(cfg train.Config, init *sae.Model, o Options) (train.Backend, error) {
	b, err := newBackend(cfg, init, o)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func newBackend(cfg train.Config, init *sae.Model, o Options) (*backend, error) {
	if err := errors.Join(cfg.Validate(), init.Validate()); err != nil {
		return nil, err
	}
	if init.M != cfg.Latents || init.K != cfg.MostActive() {
		return nil, fmt.Errorf("cuda: the initial model has %d latents and k %d, the configuration %d and %d", init.M, init.K, cfg.Latents, cfg.MostActive())
	}
	if err := Supports(cfg, init.D); err != nil {
		return nil, err
	}
	if err := o.Precision.Check(); err != nil {
		return nil, err
	}
	rows, n := init.Info.Rows, cfg.Batch
	if rows > 0 {
		n = cfg.BatchOf(rows)
	}
	b := &backend{
		cfg: cfg, options: o, like: init.Clone(), rows: rows, total: cfg.Steps(rows), epoch: cfg.StepsPerEpoch(rows), graphs: map[int]*cudadrv.Graph{},
		shape: shapeOf(cfg, init, n, o.Precision.of(n)),
	}
	b.overdue = math.MaxInt32
	if cfg.Revive > 0 {
		b.reviveUntil = b.total * 4 / 5
		b.overdue = int64(cfg.Revive * float64(b.epoch))
	}
	_, c, err := attach(o)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	b.context = c
	if err := c.Do(b.begin); err != nil {
		return nil, fmt.Errorf("cuda: %w", errors.Join(err, c.Close()))
	}
	return b, nil
}

// backend is a run on the device. What is there is the truth; like says only how rows are standardised and where the model comes from.
type backend struct {
	cfg         train.Config
	options     Options
	like        *sae.Model
	rows        int   // of the run; 0: not known
	total       int   // steps of the run
	epoch       int   // steps of an epoch
	reviveUntil int   // the step from which on nothing is revived
	overdue     int64 // steps of silence after which a latent is to start anew

	context *cudadrv.Context
	program program
	memory  memory
	shape   shape
	feed    feed
	stream  cudadrv.Stream         // of all kernels
	warm    bool                   // the kernels of a step have run
	graphs  map[int]*cudadrv.Graph // so many steps as one

	clock     *clock  // nil: nobody wants to know
	steps     int     // done
	threshold float64 // of BatchTopK
	broken    error   // what a step failed with: what is on the device is then in no known state
	closed    bool
}

// begin brings kernels and model onto the device. What fails leaves nothing behind there.
func (b *backend) begin(t *cudadrv.Thread) error {
	free, _, err := t.Memory()
	if err != nil {
		return err
	}
	if err := b.lay(b.options.limit(free), b.rows); err != nil {
		return err
	}
	if err := b.bring(t); err != nil {
		return errors.Join(err, b.end(t))
	}
	return nil
}

// bring makes everything that a step needs.
func (b *backend) bring(t *cudadrv.Thread) (err error) {
	if err := b.program.load(t, b.shape.needs()); err != nil {
		return err
	}
	if b.stream, err = t.NewStream(false); err != nil {
		return err
	}
	t.Use(b.stream)
	if err := b.memory.alloc(t, b.shape, 0, slots); err != nil {
		return err
	}
	if err := b.feed.open(t, b.shape.n*b.shape.d); err != nil {
		return err
	}
	if err := b.memory.zero(t, b.shape, decM, decV, encM, encV, bencM, bencV, bdecM, bdecV, idle); err != nil {
		return err
	}
	if b.shape.noise {
		if err := cudadrv.Upload(t, b.memory[ziggurat], zigguratTables()); err != nil {
			return err
		}
	}
	return errors.Join(b.memory.upload(t, weights(b.like)), b.uploadRungs(t))
}

// uploadRungs uploads the levels of codes, where there are several.
func (b *backend) uploadRungs(t *cudadrv.Thread) error {
	if b.shape.levels < 2 {
		return nil
	}
	levels, shares, _ := b.cfg.Rungs()
	return errors.Join(cudadrv.Upload(t, b.memory[rungs], narrow(levels)), cudadrv.Upload(t, b.memory[rungWeights], shares))
}

// end gives everything on the device back.
func (b *backend) end(t *cudadrv.Thread) error {
	err := errors.Join(b.clock.drop(t), b.forget(t), b.feed.close(t), b.memory.free(t, 0, slots), b.program.unload(t))
	t.Use(0)
	err = errors.Join(err, t.DropStream(b.stream))
	b.stream = 0
	return err
}

// forget drops the graphs.
func (b *backend) forget(t *cudadrv.Thread) error {
	var faults []error
	for _, g := range b.graphs {
		faults = append(faults, t.Drop(g))
	}
	clear(b.graphs)
	return errors.Join(faults...)
}

// fit makes the buffers of a batch fit n rows.
func (b *backend) fit(t *cudadrv.Thread, n int) error {
	if n == b.shape.n {
		return nil
	}
	if err := errors.Join(b.forget(t), b.memory.free(t, feedSlots, slots)); err != nil {
		return err
	}
	b.shape.n, b.shape.ahead, b.warm = n, 1, false
	if b.shape.room < n {
		if err := b.memory.free(t, x, x+1); err != nil {
			return err
		}
		b.shape.room = n
		if err := b.memory.alloc(t, b.shape, x, x+1); err != nil {
			return err
		}
	}
	return b.memory.alloc(t, b.shape, feedSlots, slots)
}

// weights are the tensors of a model, by their buffers.
func weights(m *sae.Model) map[slot][]float32 {
	return map[slot][]float32{enc: m.Wenc, dec: m.Wdec, benc: m.Benc, bdec: m.Bdec}
}

// Close gives the device back. It may be called again.
func (b *backend) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	b.broken = errors.New("cuda: the backend is closed")
	if err := errors.Join(b.context.Do(b.end), b.context.Close()); err != nil {
		return fmt.Errorf("cuda: close: %w", err)
	}
	return nil
}
