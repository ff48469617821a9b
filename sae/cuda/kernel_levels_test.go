//go:build linux && (amd64 || arm64) && !nogpu

package cuda

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saedb/saedb/internal/cudadrv"
	"github.com/saedb/saedb/internal/vec"
)

// coarse makes activations that are equal now and then.
func (c *codes) coarse() {
	for i, a := range c.act {
		c.act[i] = float32(math.Round(math.Abs(float64(a))*2)/2) + 0.5
	}
}

// levelsOf are the levels of a code: of its places, by falling activation, of equal ones the first; or by its latents.
func levelsOf(latents []uint32, acts []float32, rungs []uint32, prefix bool) []uint32 {
	places, level := make([]int, len(latents)), make([]uint32, len(latents))
	for t := range places {
		places[t] = t
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(acts[b], acts[a]) })
	for rank, t := range places {
		if prefix {
			rank = int(latents[t])
		}
		for rank >= int(rungs[level[t]]) {
			level[t]++
		}
	}
	return level
}

func TestKernelLadder(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 9, m: 40, k: 20}, {n: 3, m: 700, k: 300}, {n: 1, m: 1, k: 1}} {
			for _, prefix := range []bool{false, true} {
				random := rand.New(rand.NewPCG(1, uint64(s.m)))
				c := randomCodes(random, s)
				c.coarse()
				rungs := []uint32{1, uint32(s.k/3 + 1), uint32(s.k + 1)}
				if prefix {
					rungs = []uint32{1, uint32(s.m/3 + 1), uint32(s.m + 1)}
				}
				levels := len(rungs)
				level, order, ends := make([]uint32, s.n*s.k), make([]uint32, s.n*s.k), make([]uint32, s.n*levels)
				var nothing memory
				l := nothing.bind("ladder", s.rows())
				r.run(l.name, l.grid, c.index, c.act, c.count, rungs, level, order, ends, s.k, levels, prefix)
				for i := range s.n {
					latents, acts, _ := c.row(i)
					want := levelsOf(latents, acts, rungs, prefix)
					if !slices.Equal(level[i*s.k:][:len(want)], want) {
						t.Fatalf("row %d: the levels are %v, it should be %v", i, level[i*s.k:][:len(want)], want)
					}
					at := 0
					for v := range levels {
						for place, own := range want {
							if int(own) != v {
								continue
							}
							if int(order[i*s.k+at]) != place {
								t.Fatalf("row %d: the order is %v, of the levels %v", i, order[i*s.k:][:len(want)], want)
							}
							at++
						}
						if int(ends[i*levels+v]) != at {
							t.Fatalf("row %d: level %d ends at %d, it should be %d", i, v, ends[i*levels+v], at)
						}
					}
				}
			}
		}
	})
}

func TestKernelDecodeOfLevels(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		s := shape{n: 6, m: 40, d: 140, k: 12}
		const scale, own = float32(0.037), 1
		rungs, weights := []uint32{2, 5, 13}, []float64{0.5, 0.3, 0.2}
		levels := len(rungs)
		random := rand.New(rand.NewPCG(4, 4))
		c := randomCodes(random, s)
		c.coarse()
		w, x := normal(random, s.m*s.d), normal(random, s.n*s.d)
		level, order, ends := make([]uint32, s.n*s.k), make([]uint32, s.n*s.k), make([]uint32, s.n*levels)
		r.run("ladder", s.rows(), c.index, c.act, c.count, rungs, level, order, ends, s.k, levels, false)
		e, delta, place := make([]float32, s.n*levels*s.d), make([]float32, s.n*s.k), make([]uint32, s.n*s.m)
		loss, ownLoss, rest := make([]float64, s.n), make([]float64, s.n), make([]float32, s.n*s.d)
		r.run("decode", s.rows(), c.index, c.act, c.count, level, order, ends, weights, w, x, []stepValues{{scale: scale}}, e, delta, place, loss, ownLoss, rest, s.m, s.d, s.k, levels, own)
		wantE, wantLoss, wantOwn, wantRest := make([]float64, len(e)), make([]float64, s.n), make([]float64, s.n), make([]float64, len(rest))
		for i := range s.n {
			latents, acts, _ := c.row(i)
			for j := range s.d {
				for v := range levels {
					miss := -float64(x[i*s.d+j])
					for t, l := range latents {
						if int(level[i*s.k+t]) <= v {
							miss += float64(acts[t]) * float64(w[int(l)*s.d+j])
						}
					}
					wantLoss[i] += weights[v] * miss * miss
					for u := range v + 1 {
						wantE[(i*levels+u)*s.d+j] += float64(scale) * weights[v] * miss
					}
					if v == own {
						wantOwn[i] += miss * miss
						wantRest[i*s.d+j] = -miss
					}
				}
			}
			for t2, l := range latents {
				want, at := 0.0, (i*levels+int(level[i*s.k+t2]))*s.d
				for j := range s.d {
					want += float64(e[at+j]) * float64(w[int(l)*s.d+j])
				}
				if math.Abs(want-float64(delta[i*s.k+t2])) > 1e-5 || place[i*s.m+int(l)] != uint32(t2) {
					t.Fatalf("row %d, latent %d: delta %v, float64 says %v", i, l, delta[i*s.k+t2], want)
				}
			}
		}
		near(t, "e", e, wantE, 16)
		near(t, "rest", rest, wantRest, 16)
		near(t, "loss", loss, wantLoss, 16)
		near(t, "own loss", ownLoss, wantOwn, 16)
		// A new start at the model's own level takes what is missed there alone.
		dec, enc, bias, idle := newTensor(random, s.d), newTensor(random, s.d), newTensor(random, 1), make([]int64, 1)
		r.run("point", cudadrv.Grid{BlocksX: 1, ThreadsX: 128}, []uint32{1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, e, dec.w, dec.m, dec.v, enc.w, enc.m, enc.v, bias.w, bias.m, bias.v, idle, s.d, levels, own)
		row := wantRest[3*s.d:][:s.d]
		norm := 0.0
		for _, v := range row {
			norm += v * v
		}
		want := make([]float64, s.d)
		for j, v := range row {
			want[j] = v / math.Sqrt(norm)
		}
		near(t, "new start", dec.w, want, 40)
		sums := make([]float32, s.runs()*s.d)
		r.run("columns", cudadrv.Grid{BlocksX: ceil(s.d, 128), BlocksY: s.runs(), ThreadsX: 128}, x, e, make([]float32, len(sums)), sums, s.n, s.d, levels)
		wantSums := make([]float32, len(sums))
		for i := range s.n {
			vec.Axpy(wantSums, 1, e[i*levels*s.d:][:s.d])
		}
		equal(t, "sums of e", sums, wantSums)
	})
}

// TestKernelShareIsAStableSort leaves the strongest activations of a whole batch.
func TestKernelShareIsAStableSort(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{n: 1, m: 5, k: 4}, {n: 40, m: 60, k: 9}, {n: 7, m: 700, k: 300}} {
			for name, value := range map[string]func(r *rand.Rand) float32{
				"normal":     func(r *rand.Rand) float32 { return float32(math.Abs(r.NormFloat64())) + 1e-9 },
				"few values": func(r *rand.Rand) float32 { return float32(1 + r.IntN(3)) },
				"one value":  func(*rand.Rand) float32 { return 2 },
				"close":      func(r *rand.Rand) float32 { return math.Float32frombits(0x40000000 + uint32(r.IntN(300))) },
			} {
				random := rand.New(rand.NewPCG(8, uint64(s.m)))
				c := randomCodes(random, s)
				for i := range c.act {
					c.act[i] = value(random)
				}
				var flat []float32
				for i := range s.n {
					_, acts, _ := c.row(i)
					flat = append(flat, acts...)
				}
				for _, share := range []int{1, len(flat) / 2, len(flat), len(flat) + 5} {
					testShare(t, r, c, name, flat, max(share, 1))
				}
			}
		}
	})
}

func testShare(t *testing.T, r *rig, c codes, name string, flat []float32, share int) {
	t.Helper()
	s := c.shape
	grid := cudadrv.Grid{BlocksX: s.n, ThreadsX: 256}
	index, act, count := slices.Clone(c.index), slices.Clone(c.act), slices.Clone(c.count)
	tallies, ties, fired, step, stats := make([]uint32, 4*256), make([]uint32, s.n), make([]uint32, s.m*s.words()), []stepValues{{share: uint32(share)}}, []statValues{{}}
	for round := range 5 {
		r.run("tally", grid, act, count, step, tallies, ties, s.k, round)
	}
	r.run("share", grid, index, act, count, step, tallies, ties, fired, stats, s.words(), s.k)
	kept, bits := stable(flat, share), make([]uint32, len(fired))
	least, begin := float32(math.Inf(1)), 0
	for i := range s.n {
		latents, acts, _ := c.row(i)
		at := 0
		for t2, l := range latents {
			if !slices.Contains(kept, uint32(begin+t2)) {
				continue
			}
			if at >= int(count[i]) || index[i*s.k+at] != l || act[i*s.k+at] != acts[t2] {
				t.Fatalf("%s, share %d of %d, row %d: the code is %v, latent %d with %v is missing", name, share, len(flat), i, index[i*s.k:][:count[i]], l, acts[t2])
			}
			at++
			least = min(least, acts[t2])
			bits[int(l)*s.words()+i/32] |= 1 << (i % 32)
		}
		if at != int(count[i]) {
			t.Fatalf("%s, share %d of %d, row %d: %d latents fire, it should be %d", name, share, len(flat), i, count[i], at)
		}
		begin += len(latents)
	}
	if !slices.Equal(bits, fired) {
		t.Fatalf("%s, share %d of %d: the bitmap is not that of the codes", name, share, len(flat))
	}
	if got := stats[0].leastKept(); len(kept) > 0 && got != float64(least) || len(kept) == 0 && got != 0 {
		t.Fatalf("%s, share %d of %d: the least activation is %v, it should be %v", name, share, len(flat), got, least)
	}
}

func TestKernelSpread(t *testing.T) {
	r := newRig(t)
	r.orders(func(t *testing.T) {
		for _, s := range []shape{{m: 130, d: 70}, {m: 64, d: 300}, {m: 1, d: 5}} {
			const by = 0.3
			random := rand.New(rand.NewPCG(9, uint64(s.m)))
			w := normal(random, s.m*s.d)
			for l := range s.m {
				vec.Scale(w[l*s.d:][:s.d], float32(1/vec.Norm(w[l*s.d:][:s.d])))
			}
			order, got := narrow(random.Perm(s.m)), slices.Clone(w)
			grid := cudadrv.Grid{BlocksX: ceil(s.m, 64), ThreadsX: 256}
			r.run("spread", grid, order, got, []stepValues{{spread: by}}, []statValues{{}}, s.m, s.d)
			equal(t, "rows after a loss that is none", got, w)
			r.run("spread", grid, order, got, []stepValues{{spread: by}}, []statValues{{okay: 1}}, s.m, s.d)
			row := func(l uint32) []float32 { return w[int(l)*s.d:][:s.d] }
			want := widen(w)
			for run := range slices.Chunk(order, 64) {
				for _, l := range run {
					near, most := -1, 0.0
					for i, o := range run {
						cos := 0.0
						for j, v := range row(l) {
							cos += float64(v) * float64(row(o)[j])
						}
						if o != l && cos > most {
							near, most = i, cos
						}
					}
					if near < 0 {
						continue
					}
					to, norm := want[int(l)*s.d:][:s.d], 0.0
					for j, v := range row(run[near]) {
						to[j] -= by * most * float64(v)
						norm += to[j] * to[j]
					}
					for j := range to {
						to[j] /= math.Sqrt(norm)
					}
				}
			}
			near(t, "rows", got, want, 8)
		}
	})
}
