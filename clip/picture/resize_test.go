package picture

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// noise returns a picture of random samples, half of them at the ends of the range, where a filter overshoots.
func noise(r *rand.Rand, w, h int) *Picture {
	p := &Picture{W: w, H: h, Pix: make([]byte, 3*w*h)}
	for i := range p.Pix {
		p.Pix[i] = byte(r.IntN(256))
		if r.IntN(2) == 0 {
			p.Pix[i] = byte(255 * r.IntN(2))
		}
	}
	return p
}

func TestResizeEqualsItsSlowTwin(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		p := noise(r, 1+r.IntN(90), 1+r.IntN(90))
		w, h := 1+r.IntN(60), 1+r.IntN(60)
		if !bytes.Equal(Resize(p, w, h).Pix, resizeSlow(p, w, h)) {
			t.Fatalf("seed %d: %dx%d to %dx%d differs from the slow twin", seed, p.W, p.H, w, h)
		}
	}
}

func TestAWindowIsCutFromTheWhole(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 80 {
		p := noise(r, 1+r.IntN(90), 1+r.IntN(90))
		w, h := 1+r.IntN(60), 1+r.IntN(60)
		if r.IntN(4) == 0 {
			w = p.W
		}
		if r.IntN(4) == 0 {
			h = p.H
		}
		x, y := r.IntN(w), r.IntN(h)
		cw, ch := 1+r.IntN(w-x), 1+r.IntN(h-y)
		whole := resizeSlow(p, w, h)
		got := resizeWindow(p, w, h, x, y, cw, ch)
		for row := range ch {
			want := whole[3*((y+row)*w+x):][:3*cw]
			if !bytes.Equal(got[3*row*cw:][:3*cw], want) {
				t.Fatalf("seed %d: %dx%d to %dx%d: row %d of the window %dx%d at %d,%d differs", seed, p.W, p.H, w, h, row, cw, ch, x, y)
			}
		}
	}
}

func TestResizeToTheSameSizeChangesNothing(t *testing.T) {
	p := noise(rand.New(rand.NewPCG(1, 2)), 37, 23)
	if !bytes.Equal(Resize(p, 37, 23).Pix, p.Pix) {
		t.Error("the picture changed")
	}
}

func BenchmarkCrop(b *testing.B) {
	for _, size := range []struct {
		name string
		w, h int
	}{{"500x375", 500, 375}, {"12MP", 4000, 3000}} {
		p := noise(rand.New(rand.NewPCG(1, 2)), size.w, size.h)
		b.Run("size="+size.name, func(b *testing.B) {
			for b.Loop() {
				CLIP().Crop(p)
			}
		})
	}
}
