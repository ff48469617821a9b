package cuda

import (
	"errors"
	"fmt"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/train"
)

// feed is how steps come by their rows. Where the device has room for all rows of a run they are brought there once, and the order of an epoch beside
// them. Else they stream: x is two halves, each of which holds the rows of some steps in the order in which these want them, and while one is trained on,
// the other is filled. Which of the two it is makes no difference to any number.
type feed struct {
	data     train.Dataset // nil: Begin has not been called, or Step since
	resident bool          // all rows are on the device
	total    int           // steps of the run
	loaded   int           // the epoch whose table, and order, are on the device; -1: none
	half     int           // steps that a half of x holds
	halves   [2]ringHalf
	current  int // the half that was used last
	copying  cudadrv.Stream
	orders   [2]epochOrder // of the last even and the last odd epoch
	buffer   []float32
}

// ringHalf is half of x, and the host's memory from which it is filled.
type ringHalf struct {
	pinned       *cudadrv.Pinned
	there        cudadrv.Event // its rows are
	first, steps int           // of the run: those whose rows it holds
}

func (h *ringHalf) holds(step int) bool { return step >= h.first && step < h.first+h.steps }

// epochOrder is the order of an epoch's rows.
type epochOrder struct {
	epoch int
	rows  []int
}

// mostAhead is how many steps are recorded as one, at most; more saves nothing.
const mostAhead = 16

// What noise made ahead, and half of x, may take of the device's memory, and how many steps half of x holds, at most.
const (
	aheadBytes = 64 << 20
	halfBytes  = 64 << 20
	halfSteps  = 64
)

// lay divides the memory that is free among everything that a run over so many rows needs (0: it is not known how many), or says what does not fit.
func (b *backend) lay(free int64, rows int) error {
	s := &b.shape
	batch := 4 * int64(s.n) * int64(s.d)
	b.feed.half, b.feed.resident, b.feed.loaded, b.feed.total = 0, false, -1, 0
	s.epoch, s.listed, s.room, s.ahead = 1, 0, s.n, 1
	if rows > 0 {
		b.feed.half, b.feed.total, s.epoch, s.room = 1, b.cfg.Steps(rows), b.cfg.StepsPerEpoch(rows), 2*s.n
	}
	if err := s.fits(free); err != nil {
		return err
	}
	free -= free / 16 // of which the driver takes some for graphs
	ahead := *s
	if ahead.ahead = int(max(1, min(mostAhead, aheadBytes/batch))); !s.spread && ahead.bytes() <= free {
		*s = ahead
	}
	whole := *s
	whole.room, whole.listed = max(rows, s.n), rows
	switch {
	case whole.bytes() <= free:
		*s, b.feed.resident, b.feed.half = whole, rows > 0, 0
	case b.feed.half > 0:
		more := max(0, (free-s.bytes())/(2*batch)) // than one step
		b.feed.half = int(min(1+more, max(1, halfBytes/batch), halfSteps, int64(s.epoch)))
		s.room = 2 * b.feed.half * s.n
	}
	return nil
}

// open makes what streaming needs beside x.
func (f *feed) open(t *cudadrv.Thread, batch int) (err error) {
	if f.half == 0 {
		return nil
	}
	if f.copying, err = t.NewStream(true); err != nil {
		return err
	}
	for i := range f.halves {
		h := &f.halves[i]
		if h.there, err = t.NewEvent(false); err != nil {
			return err
		}
		if h.pinned, err = t.AllocPinned(4 * int64(f.half) * int64(batch)); err != nil {
			return err
		}
	}
	return nil
}

// close gives it back.
func (f *feed) close(t *cudadrv.Thread) error {
	var faults []error
	if f.copying != 0 {
		faults = append(faults, t.Wait()) // a copy may be under way
	}
	for _, h := range f.halves {
		faults = append(faults, t.DropEvent(h.there), t.FreePinned(h.pinned))
	}
	faults = append(faults, t.DropStream(f.copying))
	*f = feed{loaded: -1}
	return errors.Join(faults...)
}

// Begin has the backend take the rows of a run from data from now on; see train.Runner.
func (b *backend) Begin(data train.Dataset) error {
	if b.broken != nil {
		return b.broken
	}
	if data.Dim() != b.shape.d || data.Len() == 0 {
		return fmt.Errorf("cuda: %d rows of width %d for a model of width %d", data.Len(), data.Dim(), b.shape.d)
	}
	if err := b.context.Do(func(t *cudadrv.Thread) error { return b.take(t, data) }); err != nil {
		b.broken = fmt.Errorf("cuda: bring the rows to the device: %w", err)
		return b.broken
	}
	return nil
}

// take brings rows to the device, or makes ready to do so later.
func (b *backend) take(t *cudadrv.Thread, data train.Dataset) error {
	if data.Len() != b.rows || b.shape.n != b.cfg.BatchOf(data.Len()) {
		if err := b.settle(t, data.Len()); err != nil {
			return err
		}
	}
	b.feed.data, b.feed.loaded = data, -1
	b.feed.halves[0].steps, b.feed.halves[1].steps = 0, 0
	b.feed.orders = [2]epochOrder{{epoch: -1}, {epoch: -1}}
	if !b.feed.resident {
		return nil
	}
	const some = 1 << 20 // numbers at a time
	for from := 0; from < data.Len(); {
		to := min(data.Len(), from+max(1, some/b.shape.d))
		b.feed.buffer = b.feed.buffer[:0]
		for i := from; i < to; i++ {
			b.feed.buffer = b.like.Standardise(b.feed.buffer, data.Row(i))
		}
		if err := cudadrv.Upload(t, b.memory[x]+cudadrv.Ptr(4*from*b.shape.d), b.feed.buffer); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// settle makes the buffers fit another number of rows than was said.
func (b *backend) settle(t *cudadrv.Thread, rows int) error {
	if err := errors.Join(b.forget(t), b.feed.close(t), b.memory.free(t, modelSlots, slots)); err != nil {
		return err
	}
	free, _, err := t.Memory()
	if err != nil {
		return err
	}
	model := b.shape.bytesOf(0, modelSlots)
	b.rows, b.shape.n, b.warm = rows, b.cfg.BatchOf(rows), false
	if err := b.lay(b.options.limit(free+model), rows); err != nil {
		return err
	}
	if err := b.memory.alloc(t, b.shape, modelSlots, slots); err != nil {
		return err
	}
	return b.feed.open(t, b.shape.n*b.shape.d)
}

// orderOf is the order of the rows of an epoch.
func (b *backend) orderOf(epoch int) []int {
	o := &b.feed.orders[epoch%2]
	if o.epoch != epoch {
		*o = epochOrder{epoch, b.cfg.Order(epoch, b.feed.data.Len())}
	}
	return o.rows
}

// batchOf is the rows of a step of the run.
func (b *backend) batchOf(step int) []int {
	at := step % b.shape.epoch * b.shape.n
	return b.orderOf(step / b.shape.epoch)[at : at+b.shape.n]
}

// load brings to the device what the steps of an epoch have in common: what each of them needs, and where all rows are there, their order.
func (b *backend) load(t *cudadrv.Thread, epoch int) error {
	if b.feed.loaded == epoch {
		return nil
	}
	all := make([]stepValues, b.shape.epoch)
	for i := range all {
		s := epoch*b.shape.epoch + i
		all[i] = b.values(s, b.cfg.RateAt(s, b.feed.total))
	}
	if err := cudadrv.Upload(t, b.memory[table], all); err != nil {
		return err
	}
	if b.feed.resident {
		if err := cudadrv.Upload(t, b.memory[sequence], narrow(b.orderOf(epoch))); err != nil {
			return err
		}
	}
	b.feed.loaded = epoch
	return nil
}

// held finds the half that holds the rows of a step; -1: there is none.
func (f *feed) held(step int) int {
	for i := range f.halves {
		if f.halves[i].holds(step) {
			return i
		}
	}
	return -1
}

// fill has the other half than the one last used take the rows of a step and those after it, up to the end of its epoch. What was launched on that half has
// ended: its results have been read.
func (b *backend) fill(t *cudadrv.Thread, step int) error {
	i := 1 - b.feed.current
	h, s := &b.feed.halves[i], b.shape
	h.first, h.steps = step, 0
	count := min(b.feed.half, s.epoch-step%s.epoch, b.feed.total-step)
	to := h.pinned.F32()[:0]
	for at := step; at < step+count; at++ {
		for _, row := range b.batchOf(at) {
			to = b.like.Standardise(to, b.feed.data.Row(row))
		}
	}
	if err := t.Send(b.feed.copying, b.memory[x]+cudadrv.Ptr(4*i*b.feed.half*s.n*s.d), h.pinned, 4*int64(len(to))); err != nil {
		return err
	}
	h.steps = count
	return t.MarkIn(b.feed.copying, h.there)
}

// await has the steps that come wait for the rows of the first of them, and says how many there are rows for and where those begin.
func (b *backend) await(t *cudadrv.Thread, step int) (count, base int, err error) {
	i := b.feed.held(step)
	if i < 0 {
		if err := b.fill(t, step); err != nil {
			return 0, 0, err
		}
		i = 1 - b.feed.current
	}
	b.feed.current = i
	h := &b.feed.halves[i]
	return h.first + h.steps - step, (i*b.feed.half + step - h.first) * b.shape.n, t.Await(h.there)
}

// prepare begins to bring the rows that come after those of the half in use.
func (b *backend) prepare(t *cudadrv.Thread) error {
	h := &b.feed.halves[b.feed.current]
	next := h.first + h.steps
	if next >= b.feed.total || b.feed.held(next) >= 0 {
		return nil
	}
	return b.fill(t, next)
}
