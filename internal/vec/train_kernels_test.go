package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// lengths are all up to two turns of the widest loop and a tail, and some that are long.
func lengths() []int {
	n := []int{127, 128, 130, 512, 1001}
	for i := range 68 {
		n = append(n, i)
	}
	return n
}

// unaligned returns n numbers that begin off numbers into their array.
func unaligned(r *rand.Rand, n, off int) []float32 { return numbers(r, n+off)[off:] }

// eachPath calls f for each path of this processor, with lengths and odd beginnings.
func eachPath(t *testing.T, f func(k kernels, r *rand.Rand, n, off int) error) {
	t.Helper()
	const seed = 8
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, n := range lengths() {
			for off := range 4 {
				if err := f(k, r, n, off); err != nil {
					t.Fatalf("%s, seed %d, length %d, offset %d: %v", k.path, seed, n, off, err)
				}
			}
		}
	}
}

// allNear compares with float64 sums of n terms.
func allNear(what string, got []float32, want []float64, n int) error {
	for i, w := range want {
		if !near(got[i], w, 1e-6*float64(n+2)) {
			return fmt.Errorf("%s[%d] is %v, want %v", what, i, got[i], w)
		}
	}
	return nil
}

func TestEveryPathOfRowsAgreesWithTheFormula(t *testing.T) {
	eachPath(t, func(k kernels, r *rand.Rand, n, off int) error {
		a, b := unaligned(r, n, off), unaligned(r, n+3, off+1)
		if got, want := k.dot(a, b), dotReference(a, b[:n]); !near(got, want, 1e-6*float64(n+1)) {
			return fmt.Errorf("dot is %v, want %v", got, want)
		}
		squares, residual := 0.0, 0.0
		sum, scaled, gap := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, v := range a {
			squares += float64(v) * float64(v)
			sum[i], scaled[i] = float64(v)-1.5*float64(b[i]), 0.3*float64(v)
			d := float64(v - b[i])
			residual += d * d
			gap[i] = -2 * d
		}
		if got := k.squares(a); math.Abs(got-squares) > 1e-13*squares {
			return fmt.Errorf("squares is %v, want %v", got, squares)
		}
		e := unaligned(r, n, 3-off)
		if got := k.residual(e, a, b[:n], -2); math.Abs(got-residual) > 1e-13*residual {
			return fmt.Errorf("residual is %v, want %v", got, residual)
		}
		y, x := slices.Clone(a), slices.Clone(a)
		k.axpy(y, -1.5, b)
		k.scale(x, 0.3)
		for _, c := range []struct {
			what string
			got  []float32
			want []float64
		}{{"residual", e, gap}, {"axpy", y, sum}, {"scale", x, scaled}} {
			if err := allNear(c.what, c.got, c.want, 4); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestEveryPathOfListsIsThatOfRowsOneByOne: a list of rows has the bits of its rows one after the other, whatever its length.
func TestEveryPathOfListsIsThatOfRowsOneByOne(t *testing.T) {
	const rows = 9
	eachPath(t, func(k kernels, r *rand.Rand, n, off int) error {
		if n == 0 {
			return nil // the callers see to it
		}
		x, y, w := unaligned(r, rows*n, off), unaligned(r, n+5, off+2), unaligned(r, n, off+1)
		for _, count := range []int{1, 2, 3, 4, 5, 7, 12, 25} {
			list, a := make([]uint32, count), unaligned(r, count, off)
			for i := range list {
				list[i] = uint32(r.IntN(rows))
			}
			want, dots := slices.Clone(y[:n]), make([]float64, count)
			for i, row := range list {
				k.axpy(want, a[i], x[int(row)*n:])
				dots[i] = dotReference(w, x[int(row)*n:][:n])
			}
			one, both, got := slices.Clone(y), slices.Clone(y), make([]float32, count)
			k.axpyRows(one[:n], x, list, a)
			k.dotAxpyRows(got, both[:n], w, x, list, a, numbers(r, 8*count))
			if !slices.Equal(one[:n], want) {
				return fmt.Errorf("axpyRows of %v is %v, one by one %v", list, one[:n], want)
			}
			if !slices.Equal(both[:n], want) {
				return fmt.Errorf("dotAxpyRows of %v leaves y %v, one by one %v", list, both[:n], want)
			}
			if !slices.Equal(one[n:], y[n:]) || !slices.Equal(both[n:], y[n:]) {
				return fmt.Errorf("a list of %d wrote beyond the end", count)
			}
			if err := allNear("dots", got, dots, n); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestEveryPathOfAdamWHasTheBitsOfItsTwin(t *testing.T) {
	by := AdamW{Keep: 0.99, B1: 0.9, C1: 0.1, B2: 0.999, C2: 0.001, Rate: 3e-3, Correct: 1.7, Eps: 1e-8}
	eachPath(t, func(k kernels, r *rand.Rand, n, off int) error {
		state := [4][]float32{unaligned(r, n+1, off), unaligned(r, n+1, off+1), unaligned(r, n+1, off), unaligned(r, n+1, off+3)}
		for i, v := range state[2] {
			state[2][i] = v * v
			switch r.IntN(8) {
			case 0:
				state[2][i], state[1][i] = 0, 0
			case 1:
				state[3][i] = 0
			case 2:
				state[2][i], state[3][i] = 1e-40, 1e-30 // what is left of latents long silent
			}
		}
		var twin [4][]float32
		for i := range twin {
			twin[i] = slices.Clone(state[i])
		}
		k.adamW(&by, state[0][:n], state[1], state[2], state[3])
		adamWGo(&by, twin[0][:n], twin[1], twin[2], twin[3])
		for i := range twin {
			for j := range twin[i] {
				got, want := math.Float32bits(state[i][j]), math.Float32bits(twin[i][j])
				if got != want {
					return fmt.Errorf("of p, m, v and g number %d has at %d %v, its twin %v", i, j, state[i][j], twin[i][j])
				}
			}
		}
		return nil
	})
}

// TestEveryPathCarriesNaN: a NaN at any place is in every result that has to do with it, and in no other.
func TestEveryPathCarriesNaN(t *testing.T) {
	nan := float32(math.NaN())
	isNaN := func(x float32) bool { return x != x }
	by := AdamW{Keep: 1, B1: 0.9, C1: 0.1, B2: 0.999, C2: 0.001, Rate: 1, Correct: 1, Eps: 1}
	eachPath(t, func(k kernels, r *rand.Rand, n, off int) error {
		if n == 0 {
			return nil
		}
		at := r.IntN(n)
		x, other, y := unaligned(r, 2*n, off), numbers(r, 2*n), make([]float32, n)
		x[at] = nan
		if !isNaN(k.dot(x[:n], other)) || !isNaN(k.dot(other[:n], x)) {
			return fmt.Errorf("dot lost the NaN at %d", at)
		}
		if s := k.squares(x[:n]); s == s {
			return fmt.Errorf("squares lost the NaN at %d", at)
		}
		if s := k.residual(y, x[:n], other, 1); s == s {
			return fmt.Errorf("residual lost the NaN at %d", at)
		}
		clear(y)
		k.axpy(y, 1, x)
		list := make([]float32, n)
		k.axpyRows(list, x, []uint32{1, 0}, []float32{1, 1})
		dots, sum := make([]float32, 2), make([]float32, n)
		k.dotAxpyRows(dots, sum, other[:n], x, []uint32{1, 0}, []float32{1, 1}, make([]float32, 16))
		if isNaN(dots[0]) || !isNaN(dots[1]) {
			return fmt.Errorf("of the products %v the second is to be NaN", dots)
		}
		p, m, v := make([]float32, n), make([]float32, n), make([]float32, n)
		k.adamW(&by, p, m, v, x[:n])
		for name, got := range map[string][]float32{"axpy": y, "axpyRows": list, "dotAxpyRows": sum, "adamW p": p, "adamW m": m, "adamW v": v} {
			for i, v := range got {
				if isNaN(v) != (i == at) {
					return fmt.Errorf("%s: %d is %v, the NaN is at %d", name, i, v, at)
				}
			}
		}
		return nil
	})
}

// TestListsRefuseRowsThatAreNotThere: assembly must not read beyond x.
func TestListsRefuseRowsThatAreNotThere(t *testing.T) {
	refuses := func(what string, f func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s reads a row that x does not have", what)
			}
		}()
		f()
	}
	y, x := make([]float32, 4), make([]float32, 11)
	refuses("AxpyRows", func() { AxpyRows(y, x, []uint32{0, 2}, []float32{1, 1}) })
	refuses("DotAxpyRows", func() { DotAxpyRows(make([]float32, 2), y, y, x, []uint32{2, 0}, []float32{1, 1}, nil) })
	refuses("AxpyRows without numbers", func() { AxpyRows(y, x, []uint32{0, 1}, []float32{1}) })
	AxpyRows(y, x, nil, nil)
	AxpyRows(nil, nil, []uint32{5}, []float32{1})
}

func BenchmarkTrainKernels(b *testing.B) {
	const d, rows, count = 512, 128, 16
	r := rand.New(rand.NewPCG(1, 0))
	list := make([]uint32, count)
	for i := range list {
		list[i] = uint32(r.IntN(rows))
	}
	x, a, w, y, dots, spare := numbers(r, rows*d), make([]float32, count), numbers(r, d), numbers(r, d), make([]float32, count), make([]float32, 8*count)
	const latents = 4096
	p, m, v := numbers(r, latents*d), make([]float32, latents*d), make([]float32, latents*d)
	by := AdamW{Keep: 1, B1: 0.9, C1: 0.1, B2: 0.999, C2: 0.001, Rate: 1e-9, Correct: 1, Eps: 1}
	for _, k := range available() {
		b.Run(k.path+"/dot", func(b *testing.B) {
			for b.Loop() {
				k.dot(w, y)
			}
		})
		b.Run(k.path+"/axpyRows of 16", func(b *testing.B) {
			for b.Loop() {
				k.axpyRows(y, x, list, a)
			}
		})
		b.Run(k.path+"/dotAxpyRows of 16", func(b *testing.B) {
			for b.Loop() {
				k.dotAxpyRows(dots, y, w, x, list, a, spare)
			}
		})
		b.Run(k.path+"/adamW in cache", func(b *testing.B) {
			for b.Loop() {
				k.adamW(&by, p[:d], m[:d], v[:d], w)
			}
		})
		b.Run(k.path+"/adamW from memory", func(b *testing.B) {
			l := 0
			for b.Loop() {
				k.adamW(&by, p[l*d:(l+1)*d], m[l*d:(l+1)*d], v[l*d:(l+1)*d], w)
				l = (l + 1) % latents
			}
		})
		b.Run(k.path+"/residual", func(b *testing.B) {
			for b.Loop() {
				k.residual(y, x[:d], w, 1)
			}
		})
	}
}
