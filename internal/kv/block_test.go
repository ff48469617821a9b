package kv

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// TestBlocks writes blocks with every kind of gaps and finds each row at its place.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		dim := 1 + rng.IntN(40)
		mask := rng.Uint32()>>16 | 1<<rng.IntN(mostRows)
		if rng.IntN(4) == 0 {
			mask = 1 << rng.IntN(mostRows)
		}
		v := AppendBlock(nil, mask)
		var rows [mostRows][]byte
		for place := range rows {
			if mask>>place&1 == 1 {
				x := make([]float32, dim)
				for i := range x {
					x[i] = rng.Float32()
				}
				rows[place] = AppendVector(nil, x)
				v = append(v, rows[place]...)
			}
		}
		b, err := DecodeBlock(v, dim)
		if err != nil || b.Mask() != mask {
			t.Fatalf("block of %016b: %016b, %v", mask, b.Mask(), err)
		}
		for place, want := range rows {
			if got := b.Row(uint32(place)); !bytes.Equal(got, want) {
				t.Fatalf("block of %016b: row %d is %x, want %x", mask, place, got, want)
			}
		}
		if b.Row(mostRows) != nil || b.Row(1<<32-1) != nil {
			t.Errorf("block of %016b has rows that no block has", mask)
		}
		for _, bad := range [][]byte{v[:len(v)-1], append(v, 0), v[:4], nil, make([]byte, len(v))} {
			if _, err := DecodeBlock(bad, dim); !errors.Is(err, ErrCorrupt) {
				t.Errorf("block of %016b, spoilt to %d bytes: %v", mask, len(bad), err)
			}
		}
	}
}

// TestVectorRows: blocks stay near their size, and each belongs to one range of ordinals.
func TestVectorRows(t *testing.T) {
	for _, c := range []struct {
		dim  int
		rows uint32
	}{{1, 16}, {512, 16}, {513, 8}, {1024, 8}, {1152, 4}, {4096, 2}, {1 << 13, 1}, {1 << 16, 1}} {
		if got := VectorRows(c.dim); got != c.rows || BlockRows%got != 0 {
			t.Errorf("%d numbers: %d rows, want %d", c.dim, got, c.rows)
		}
	}
	if _, err := DecodeBlock(AppendVector(AppendBlock(nil, 1<<8), make([]float32, 513)), 513); !errors.Is(err, ErrCorrupt) {
		t.Errorf("row 8 of a block of 8 rows: %v", err)
	}
}
