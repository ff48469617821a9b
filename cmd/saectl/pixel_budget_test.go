package main

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/cmd/saectl/internal/folder"
)

// Many goroutines, whatever they ask for: together they never hold more than there is, and in the end all of it is back.
func TestPixelBudgetIsKept(t *testing.T) {
	const size, seed = 100, 20261125
	b := newPixelBudget(size)
	var held, most atomic.Int64
	var wg sync.WaitGroup
	for g := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, g))
		wg.Go(func() {
			for range 500 {
				n := rng.IntN(2 * size) // half of them more than there is
				give, err := b.take(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				now := held.Add(int64(min(n, size)))
				for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
				}
				runtime.Gosched()
				held.Add(-int64(min(n, size)))
				give()
			}
		})
	}
	wg.Wait()
	if most.Load() > size || b.free != size {
		t.Errorf("%d of %d held at once, %d left at the end; seed %d", most.Load(), size, b.free, seed)
	}
}

// A large picture that waits is not passed by small ones that came later.
func TestPixelBudgetServesInTurn(t *testing.T) {
	b := newPixelBudget(10)
	give, err := b.take(t.Context(), 5)
	must(t, err)
	order := make(chan int, 2)
	ask := func(n int) {
		give, err := b.take(t.Context(), n)
		if err != nil {
			t.Error(err)
			return
		}
		order <- n
		give()
	}
	var wg sync.WaitGroup
	wg.Go(func() { ask(10) })
	for len(b.turn) == 0 { // until it is the next
		runtime.Gosched()
	}
	wg.Go(func() { ask(1) })
	for range 100 {
		runtime.Gosched()
	}
	if len(order) > 0 {
		t.Errorf("%d pixels were given while the larger picture waits", <-order)
	}
	give()
	wg.Wait()
	if first := <-order; first != 10 {
		t.Errorf("the first to be served asked for %d", first)
	}
}

func TestPixelBudgetStopsWaiting(t *testing.T) {
	b := newPixelBudget(10)
	give, err := b.take(t.Context(), 10)
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan error, 2)
	for range 2 { // one has its turn, the other waits for it
		go func() {
			_, err := b.take(ctx, 1)
			failed <- err
		}()
	}
	stop()
	for range 2 {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
	}
	give()
	if give, err = b.take(t.Context(), 10); err != nil || b.free != 0 {
		t.Errorf("after those who gave up: %v, %d pixels free", err, b.free)
	}
	give()
}

// countingEncoder notes how many pixels are decoded at once, and not how many pictures it gets.
type countingEncoder struct {
	meanEncoder
	held, most *atomic.Int64
}

func (countingEncoder) Pictures(_ context.Context, tensors []float32) ([]float32, error) {
	return tensors, nil
}

func (e countingEncoder) Tensor(dst []float32, p *picture.Picture) []float32 {
	now := e.held.Add(int64(p.W * p.H))
	for was := e.most.Load(); now > was && !e.most.CompareAndSwap(was, now); was = e.most.Load() {
	}
	for range 1000 { // time for others to come
		runtime.Gosched()
	}
	e.held.Add(-int64(p.W * p.H))
	return e.meanEncoder.Tensor(dst, p)
}

// Many threads decode within the budget, and a picture that is larger than it comes through alone.
func TestIndexDecodesWithinTheBudget(t *testing.T) {
	x := newIndexer(t)
	var work []indexWork
	for i := range 8 * pictureBatch {
		name := fmt.Sprintf("%03d.png", i)
		x.paint(name, color.Gray{uint8(i)}) // 12 pixels
		work = append(work, indexWork{file: folder.File{ID: name, Path: filepath.Join(x.root, name)}})
	}
	for _, c := range []struct{ budget, most int }{{1, 12}, {12, 12}, {30, 24}} {
		e := countingEncoder{held: new(atomic.Int64), most: new(atomic.Int64)}
		done := 0
		for slot := range processAhead(t.Context(), e, work, 8, newPixelBudget(c.budget)) {
			batch := <-slot
			must(t, batch.err)
			for _, w := range batch.works {
				must(t, w.err)
				done++
			}
		}
		if done != len(work) || e.most.Load() > int64(c.most) {
			t.Errorf("budget %d: %d of %d pictures, %d pixels at once", c.budget, done, len(work), e.most.Load())
		}
	}
}
