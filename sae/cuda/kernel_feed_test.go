//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/sae/train"
)

// TestKernelNext begins the steps of an epoch one after the other, with rows that are listed and with rows that lie in order, and after a loss that is none.
func TestKernelNext(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const n, epoch = 300, 4
		table := make([]stepValues, epoch)
		for i := range table {
			table[i] = stepValues{rate: float32(i + 1), k: int32(10 + i), tooLong: 7}
		}
		order := make([]uint32, n*epoch)
		for i := range order {
			order[i] = uint32(5*i + 1)
		}
		for _, listed := range []uint32{0, 1} {
			place := []placeValues{{at: 1, fresh: 1, listed: listed, base: 900, first: 1, begun: 8}}
			told := make([]statValues, epoch)
			stats := []statValues{{loss: 3, okay: 0}} // of another run
			begin := func() (stepValues, []uint32) {
				step, rows := []stepValues{{rate: -1}}, make([]uint32, n)
				r.run("next", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, place, table, order, told, step, stats, rows, n)
				return step[0], rows
			}
			for at := 1; at < 3; at++ {
				step, rows := begin()
				if step != table[at] || stats[0] != (statValues{}) || place[0].at != uint32(at+1) || place[0].fresh != 0 {
					t.Fatalf("step %d: %+v, %+v, %+v", at, step, stats, place)
				}
				for i, row := range rows {
					want := uint32(900 + (at-1)*n + i)
					if listed == 1 {
						want = order[at*n+i]
					}
					if row != want {
						t.Fatalf("step %d: row %d is %d, it should be %d", at, i, row, want)
					}
				}
				stats[0] = statValues{loss: float64(at), okay: uint32(2 - at)} // the second has a loss that is none
			}
			for range 2 {
				if step, _ := begin(); step.rate != -1 || stats[0] != (statValues{halt: 1}) || place[0].at != 3 {
					t.Fatalf("after a loss that is none: %+v, %+v, %+v", step, stats, place)
				}
			}
			if want := []statValues{{}, {loss: 1, okay: 1}, {loss: 2}, {}}; !slices.Equal(told, want) {
				t.Fatalf("told is %+v, it should be %+v", told, want)
			}
		}
	})
}

// TestKernelChoose compares with what the CPU chooses, equals among them.
func TestKernelChoose(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{m: 1, n: 4}, {m: 700, n: 300}, {m: 40, n: 13}, {m: 300, n: 3}} {
			for _, limit := range []int64{2, 5, 100} {
				random := rand.New(rand.NewPCG(11, uint64(s.m)))
				idle, loss := make([]int64, s.m), make([]float64, s.n)
				late := uint32(0)
				for l := range idle {
					if idle[l] = random.Int64N(9); idle[l] > limit {
						late++
					}
				}
				for i := range loss {
					loss[i] = float64(random.IntN(5)) / 3
				}
				latents, rows := train.NewStarts(idle, loss, limit)
				stats, starts := []statValues{{late: late}}, make([]uint32, 17)
				r.run("choose", cudadrv.Grid{BlocksX: 1, ThreadsX: 256}, idle, loss, stats, starts, s.m, s.n)
				count := int(starts[0])
				if count != len(latents) || int(stats[0].revived) != count || !slices.Equal(starts[1:][:count], narrow(latents)) || !slices.Equal(starts[9:][:count], narrow(rows)) {
					t.Fatalf("%+v, limit %d: %v, the CPU chooses %v and %v", s, limit, starts, latents, rows)
				}
			}
		}
	})
}

// TestKernelNoise compares numbers with those of the CPU, to the bit: so many that some are drawn from every strip of the bell, and from its tail.
func TestKernelNoise(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		const steps, n, d = 3, 25, 1500
		cfg := train.Config{Noise: 0.7, Seed: 1<<63 + 12345}
		place := []placeValues{{at: 4, begun: 90}}
		got := make([]float32, steps*n*d)
		seed := cfg.NoiseSeed()
		r.run("noise", cudadrv.Grid{BlocksX: ceil(steps*n, 32), ThreadsX: 32}, place, zigguratTables(), got, uint32(seed>>32), uint32(seed), float32(cfg.Noise), steps*n, n, d)
		for s := range steps {
			for row := range n {
				want := make([]float32, d)
				cfg.AddNoise(want, 94+s, row)
				equal(t, "noise", got[(s*n+row)*d:][:d], want)
			}
		}
		if beyond := slices.ContainsFunc(got, func(v float32) bool { return math.Abs(float64(v)) > 3.45*0.7 }); !beyond {
			t.Error("no number lies in the tail")
		}
	})
}
