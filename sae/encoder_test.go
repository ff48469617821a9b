package sae

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/saedb/saedb/internal/vec"
)

// TestEncoderIsEncodeBitForBit encodes rows of every sort, good and bad, with models that a screen pays for and models that it cannot serve.
func TestEncoderIsEncodeBitForBit(t *testing.T) {
	plain := func() *Model { return tiny(20, 48, 1030, 11) }
	for name, m := range map[string]*Model{
		"plain":          plain(),
		"odd shape":      tiny(21, 131, 515, 1),
		"many active":    tiny(22, 40, 520, 300),
		"a threshold":    with(plain(), func(m *Model) { m.Threshold, m.K = 20, 16 }),
		"no latent wins": with(plain(), func(m *Model) { m.Threshold = 1e6 }),
		"a relu model":   with(plain(), func(m *Model) { m.K = m.M }),
		"like latents":   with(plain(), func(m *Model) { copy(m.Wenc, slices.Repeat(m.Wenc[:m.D], m.M)); clear(m.Benc) }),
		"dead latents":   with(plain(), func(m *Model) { clear(m.Wenc[100*m.D : 900*m.D]) }),
		"a wild bias":    with(plain(), func(m *Model) { m.Benc[7], m.Benc[8] = 3e4, -3e38 }),
		"not valid":      with(plain(), func(m *Model) { m.Wenc[5] = float32(math.Inf(1)) }),
	} {
		x := rows(20, 300, m.D)
		for i, v := range []float64{math.NaN(), math.Inf(1), 1e30, 3e38} {
			x[(17*i+3)*m.D+i] = float32(v)
		}
		for i := range m.D { // rows that are zero once centred, and nearly so
			x[30*m.D+i] = m.Mean[i] + m.Bdec[i]/m.Scale
			x[31*m.D+i] = 1e-30
		}
		e := NewEncoder(m)
		e.seen.Store(screenRows)
		if want := vec.Screens() && name != "many active" && name != "a relu model" && name != "a wild bias" && name != "not valid"; want {
			if e.EncodeBatch(nil, x, 1); e.screen == nil {
				t.Errorf("%s: there is no screen to try", name)
			}
		}
		var batch []Code
		for _, n := range []int{1, 2, 5, 31, 130, 300} {
			for _, threads := range []int{1, 2, 3} {
				batch = e.EncodeBatch(batch, x[:n*m.D], threads)
				for i, c := range batch {
					if want := m.Encode(Code{}, x[i*m.D:(i+1)*m.D]); !sameCode(c, want) {
						t.Fatalf("%s: row %d of %d on %d threads is %v, alone it is %v", name, i, n, threads, c, want)
					}
				}
			}
		}
	}
}

func with(m *Model, change func(m *Model)) *Model {
	change(m)
	return m
}

func TestEncodeBatchOfManyIsEncode(t *testing.T) {
	m := tiny(23, 32, 512, 8)
	x := rows(23, screenRows, m.D)
	for i, c := range m.EncodeBatch(nil, x, 2) {
		if want := m.Encode(Code{}, x[i*m.D:(i+1)*m.D]); !sameCode(c, want) {
			t.Fatalf("row %d is %v, alone it is %v", i, c, want)
		}
	}
}

// TestEncoderServesManyGoroutines is for the race detector: the first encoding makes the screen, and all use it.
func TestEncoderServesManyGoroutines(t *testing.T) {
	m := tiny(24, 32, 600, 5)
	x := rows(24, 40, m.D)
	want := m.EncodeBatch(nil, x, 1)
	e := NewEncoder(m)
	e.seen.Store(screenRows)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, c := range e.EncodeBatch(nil, x, 2) {
				if !sameCode(c, want[i]) {
					t.Errorf("row %d is %v, want %v", i, c, want[i])
				}
			}
		})
	}
	wg.Wait()
}
