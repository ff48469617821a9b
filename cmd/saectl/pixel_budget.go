package main

import (
	"context"
	"sync"
)

// decodedAtOnce is how many pixels may lie decoded in memory at once, in all goroutines together: those of the largest picture that
// is read at all, which takes about 2 GB while it is decoded. Ordinary pictures, 12 to 50 million pixels each, leave room for
// several at a time.
const decodedAtOnce = 200_000_000

// pixelBudget hands out pixels to those who decode. Who asks first is served first, so that a large picture does not wait for
// as long as there are small ones. It may be used by many goroutines at once.
type pixelBudget struct {
	size  int
	turn  chan struct{} // held by the one who is served next
	freed chan struct{} // tells that one to look again

	mu   sync.Mutex
	free int
}

func newPixelBudget(size int) *pixelBudget {
	return &pixelBudget{size: size, free: size, turn: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// take waits until n pixels are free, or all of them where n is more than there are: then the asker is alone. The pixels are
// given back by the function it returns, called once. Error: ctx's, and then nothing was taken.
func (b *pixelBudget) take(ctx context.Context, n int) (give func(), err error) {
	n = min(n, b.size)
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for !b.subtract(n) {
		select {
		case <-b.freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() { b.add(n) }, nil
}

// subtract takes n pixels if they are free.
func (b *pixelBudget) subtract(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free < n {
		return false
	}
	b.free -= n
	return true
}

func (b *pixelBudget) add(n int) {
	b.mu.Lock()
	b.free += n
	b.mu.Unlock()
	select {
	case b.freed <- struct{}{}:
	default: // it is told already
	}
}
