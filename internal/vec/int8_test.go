package vec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// dotInt8Reference is the product as the formula says it.
func dotInt8Reference(q []int16, row []int8) int32 {
	s := int64(0)
	for j := range q {
		s += int64(q[j]) * int64(row[j])
	}
	return int32(s)
}

// bytesAndQuery returns n rows of d bytes and a query; one row and, now and then, the query are as large as they can be.
func bytesAndQuery(r *rand.Rand, n, d int) (rows []int8, q []int16) {
	rows, q = make([]int8, n*d), make([]int16, d)
	for i := range rows {
		rows[i] = int8(r.Uint32())
		if i < d {
			rows[i] = -128
		}
	}
	extreme := r.IntN(3) == 0
	for j := range q {
		q[j] = int16(r.Uint32())
		if extreme {
			q[j] = -32768
		}
	}
	return rows, q
}

// TestEveryPathOfDotInt8AgreesWithTheFormula compares all bits, for each width up to some hundred and some around those in use.
func TestEveryPathOfDotInt8AgreesWithTheFormula(t *testing.T) {
	const seed = 7
	widths := []int{127, 128, 129, 255, 257, 384, 511, 512, 513, 640, 767, 768, 769, 1023, 1024, 1025}
	for d := 1; d < 100; d++ {
		widths = append(widths, d)
	}
	for _, k := range available() {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, d := range widths {
			n, off := 1+r.IntN(9), r.IntN(4)
			rows, q := bytesAndQuery(r, n, d)
			rows = append(make([]int8, off, off+len(rows)), rows...)[off:] // an odd address
			want := make([]int32, n)
			for i := range want {
				want[i] = dotInt8Reference(q, rows[i*d:(i+1)*d])
			}
			got := make([]int32, n+1)
			k.dotInt8(got[:n], q, rows)
			if !slices.Equal(got[:n], want) || got[n] != 0 {
				t.Fatalf("%s, seed %d: %d rows of %d: %v, want %v", k.path, seed, n, d, got, want)
			}
			ids := make([]uint32, 1+r.IntN(12))
			listed := make([]int32, len(ids))
			for i := range ids {
				ids[i] = uint32(r.IntN(n))
				listed[i] = want[ids[i]]
			}
			got = make([]int32, len(ids)+1)
			k.dotInt8At(got[:len(ids)], q, rows, ids)
			if !slices.Equal(got[:len(ids)], listed) || got[len(ids)] != 0 {
				t.Fatalf("%s, seed %d: rows %v of %d by %d: %v, want %v", k.path, seed, ids, n, d, got, listed)
			}
		}
	}
}

func TestDotInt8OfNothing(t *testing.T) {
	DotInt8(nil, []int16{1}, nil)
	DotInt8At(nil, []int16{1}, nil, nil)
	dst := []int32{5, 5}
	DotInt8(dst, nil, nil)
	if dst[0] != 0 || dst[1] != 0 {
		t.Errorf("rows without columns have the products %v", dst)
	}
}

func TestDotInt8AtRefusesARowThatIsNotThere(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("row 2 of two was read")
		}
	}()
	DotInt8At(make([]int32, 2), make([]int16, 32), make([]int8, 64), []uint32{0, 2})
}

// BenchmarkDotInt8 scans what fits the second-level cache, the third and none, in order and by a list in random order.
func BenchmarkDotInt8(b *testing.B) {
	const d = 512
	r := rand.New(rand.NewPCG(1, 1))
	for _, k := range available() {
		for _, n := range []int{500, 20_000, 100_000} {
			rows, q := bytesAndQuery(r, n, d)
			ids, dst := make([]uint32, n), make([]int32, n)
			for i, p := range r.Perm(n) {
				ids[i] = uint32(p)
			}
			measure := func(name string, f func()) {
				b.Run(fmt.Sprintf("path=%s/rows=%d/order=%s", k.path, n, name), func(b *testing.B) {
					b.SetBytes(int64(n * d))
					for b.Loop() {
						f()
					}
				})
			}
			measure("memory", func() { k.dotInt8(dst, q, rows) })
			measure("list", func() { k.dotInt8At(dst, q, rows, ids) })
		}
	}
}
