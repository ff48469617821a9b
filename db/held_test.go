package db

import (
	"fmt"
	"testing"

	"github.com/saedb/saedb/index"
)

// TestHeldGivesWay: what is held never takes more than its room, what came last is there, and one latent that would take all of it is not held.
func TestHeldGivesWay(t *testing.T) {
	block := func(rows int) []index.Block {
		return []index.Block{{Rows: make([]uint16, rows), Weights: make([]byte, rows)}}
	}
	const room = 1 << 16
	h := newHeld(room)
	for latent := range uint32(500) {
		list := block(1 + int(latent*37%1000))
		h.put(latent, list)
		if got, ok := h.get(latent); !ok || &got[0] != &list[0] {
			t.Fatalf("latent %d is not held", latent)
		}
		used := 0
		for _, list := range h.lists {
			used += sizeOf(list)
		}
		if used+h.room != room || h.room < 0 {
			t.Fatalf("after latent %d: %d bytes are held and %d left, of %d", latent, used, h.room, room)
		}
	}
	if len(h.lists) < 10 {
		t.Errorf("%d latents are held", len(h.lists))
	}
	h.put(1000, block(room))
	if _, ok := h.get(1000); ok {
		t.Error("a latent is held that takes more than the room")
	}
}

// TestGatheringCopies: a source uses its blocks again; what is held is not changed by that.
func TestGatheringCopies(t *testing.T) {
	b := index.Block{Rows: []uint16{1, 2}, Weights: []byte{3, 4}}
	g := gathering{room: 8}
	g.add(b)
	b.Rows[0], b.Weights[0] = 9, 9
	if got := fmt.Sprint(g.list[0].Rows, g.list[0].Weights); got != "[1 2] [3 4]" {
		t.Errorf("%s, want what it was", got)
	}
	if g.add(b); g.room >= 0 || g.list != nil {
		t.Error("more is gathered than there is room for")
	}
}
