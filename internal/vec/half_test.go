package vec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// f16Reference reads a number from its definition: sign, then 2^(e-15)·1.m, or 2^-14·0.m where e is 0.
func f16Reference(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	exponent, mantissa := int(h>>10&31), float64(h&1023)
	switch {
	case exponent == 31 && mantissa != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return math.Copysign(math.Ldexp(mantissa/1024, -14), sign)
	}
	return sign * math.Ldexp(1+mantissa/1024, exponent-15)
}

// TestEveryHalfOnEveryPath reads all 65,536 numbers of both kinds and writes them back.
func TestEveryHalfOnEveryPath(t *testing.T) {
	src := make([]byte, 0, 2<<16)
	for h := range 1 << 16 {
		src = binary.LittleEndian.AppendUint16(src, uint16(h))
	}
	for _, k := range available() {
		x, back := make([]float32, 1<<16), make([]byte, 2<<16)
		k.fromF16(x, src)
		k.toF16(back, x)
		for h := range 1 << 16 {
			want, is := f16Reference(uint16(h)), math.Float32bits(x[h])
			quiet := h
			if want != want {
				quiet |= 0x200
				if is != uint32(h>>15)<<31|0x7fc00000|uint32(h&0x3ff)<<13 {
					t.Fatalf("%s: F16 %#04x is %#x, not a quiet NaN with its sign and payload", k.path, h, is)
				}
			} else if is != math.Float32bits(float32(want)) {
				t.Fatalf("%s: F16 %#04x is %g, want %g", k.path, h, x[h], want)
			}
			if got := binary.LittleEndian.Uint16(back[2*h:]); int(got) != quiet {
				t.Fatalf("%s: F16 %#04x comes back as %#04x, want %#04x", k.path, h, got, quiet)
			}
		}
		k.fromBF16(x, src)
		k.toBF16(back, x)
		for h := range 1 << 16 {
			if is := math.Float32bits(x[h]); is != uint32(h)<<16 {
				t.Fatalf("%s: BF16 %#04x is %#x", k.path, h, is)
			}
			quiet := h
			if x[h] != x[h] {
				quiet |= 0x40
			}
			if got := binary.LittleEndian.Uint16(back[2*h:]); int(got) != quiet {
				t.Fatalf("%s: BF16 %#04x comes back as %#04x, want %#04x", k.path, h, got, quiet)
			}
		}
	}
}

// TestHalvesRoundToTheNearest compares with a search for the nearest number, at and beside every number and the middle of every two.
func TestHalvesRoundToTheNearest(t *testing.T) {
	var x []float32
	for h := range uint16(0x7c00) {
		low, high := f16Reference(h), f16Reference(h+1)
		if h == 0x7bff {
			high = 65536 // from the middle on, infinity
		}
		for _, v := range []float64{low, (low + high) / 2} {
			for _, bits := range []uint32{math.Float32bits(float32(v)) - 1, math.Float32bits(float32(v)), math.Float32bits(float32(v)) + 1} {
				if v != 0 || bits < 2 {
					x = append(x, math.Float32frombits(bits))
				}
			}
		}
	}
	for range 10000 {
		x = append(x, math.Float32frombits(rand.Uint32()))
	}
	x = append(x, 65504, 65519.996, 65520, 1e30, math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), 0x1p-25, 0x1.000002p-25, 0x1p-149)
	for _, k := range available() {
		f16, bf16 := make([]byte, 2*len(x)), make([]byte, 2*len(x))
		k.toF16(f16, x)
		k.toBF16(bf16, x)
		for i, v := range x {
			if got := binary.LittleEndian.Uint16(f16[2*i:]); v == v && got != nearestF16(v) {
				t.Fatalf("%s: %v (%#x) becomes F16 %#04x, want %#04x", k.path, v, math.Float32bits(v), got, nearestF16(v))
			}
			got := math.Float32frombits(uint32(binary.LittleEndian.Uint16(bf16[2*i:])) << 16)
			for _, by := range []int32{-1, 1} { // neither neighbour is nearer, nor as near and even
				other := math.Float32frombits(math.Float32bits(got) + uint32(by)<<16)
				mine, theirs := math.Abs(finite(got)-finite(v)), math.Abs(finite(other)-finite(v))
				if theirs < mine || theirs == mine && math.Float32bits(got)>>16&1 == 1 {
					t.Fatalf("%s: %v (%#x) becomes BF16 %v, %v is nearer or even", k.path, v, math.Float32bits(v), got, other)
				}
			}
		}
	}
}

// finite is v, or, for an infinity, the number that would come after the largest.
func finite(v float32) float64 {
	if math.IsInf(float64(v), 0) {
		return math.Copysign(0x1p128, float64(v))
	}
	return float64(v)
}

// nearestF16 finds the nearest number, of two that are as near the even one; 65536 stands for infinity.
func nearestF16(v float32) uint16 {
	sign, a := uint16(math.Float32bits(v)>>31<<15), math.Abs(float64(v))
	value := func(h int) float64 {
		if h == 0x7c00 {
			return 65536
		}
		return f16Reference(uint16(h))
	}
	if a >= 65536 {
		return sign | 0x7c00
	}
	lo, hi := 0, 0x7c00
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; value(mid) <= a {
			lo = mid
		} else {
			hi = mid
		}
	}
	down, up := a-value(lo), value(hi)-a
	if down < up || down == up && lo%2 == 0 {
		return sign | uint16(lo)
	}
	return sign | uint16(hi)
}

// TestHalvesOfAllLengths compares the kernels with their twins, at odd addresses, and looks for writes out of bounds.
func TestHalvesOfAllLengths(t *testing.T) {
	const seed = 15
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for n := range 68 {
			src, x := make([]byte, 2*n+1)[1:], make([]float32, n)
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			for i := range x {
				x[i] = math.Float32frombits(r.Uint32())
			}
			for name, f := range map[string]struct{ from, fromTwin func([]float32, []byte) }{"F16": {k.fromF16, fromF16Go}, "BF16": {k.fromBF16, fromBF16Go}} {
				got, want := make([]float32, n+1), make([]float32, n+1)
				got[n], want[n] = 77, 77
				f.from(got[:n], src)
				f.fromTwin(want[:n], src)
				if !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
					t.Fatalf("%s, seed %d: %d from %s: %v, want %v", k.path, seed, n, name, got, want)
				}
			}
			for name, f := range map[string]struct{ to, toTwin func([]byte, []float32) }{"F16": {k.toF16, toF16Go}, "BF16": {k.toBF16, toBF16Go}} {
				got, want := make([]byte, 2*n+2)[1:], make([]byte, 2*n+2)[1:]
				got[2*n], want[2*n] = 77, 77
				f.to(got[:2*n], x)
				f.toTwin(want[:2*n], x)
				if !slices.Equal(got, want) {
					t.Fatalf("%s, seed %d: %d to %s: %v, want %v", k.path, seed, n, name, got, want)
				}
			}
		}
	}
}

func BenchmarkFromF16(b *testing.B) {
	src, x := make([]byte, 1<<16), make([]float32, 1<<15)
	b.SetBytes(1 << 16)
	for b.Loop() {
		FromF16(x, src)
	}
}
