package db

import (
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
)

// held are the postings of latents that were asked for, as they are in one commit: to read and decode those of a concept of many latents takes several times as long
// as to add them up. Where room is short any others give way. It is safe for concurrent use.
type held struct {
	mu    sync.Mutex
	room  int // bytes that are left
	most  int // that one latent may take
	lists map[uint32][]index.Block
}

// heldBytes is how much memory postings may take: three bytes each, so about those of 1.3 million codes of 32 latents.
const heldBytes = 128 << 20

func newHeld(room int) *held {
	return &held{room: room, most: room / 8, lists: map[uint32][]index.Block{}}
}

// get returns the blocks of a latent, which nobody changes, and whether they are held.
func (h *held) get(latent uint32) ([]index.Block, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, ok := h.lists[latent]
	return list, ok
}

// put holds all blocks of a latent.
func (h *held) put(latent uint32, list []index.Block) {
	size := sizeOf(list)
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.lists[latent]; ok || size > h.most {
		return
	}
	for other, list := range h.lists {
		if h.room >= size {
			break
		}
		h.room += sizeOf(list)
		delete(h.lists, other)
	}
	h.lists[latent] = list
	h.room -= size
}

func sizeOf(list []index.Block) int {
	n := 64
	for _, b := range list {
		n += 64 + 2*cap(b.Rows) + cap(b.Weights)
	}
	return n
}

// gathering are copies of the blocks of a latent, as long as they may be held.
type gathering struct {
	list []index.Block
	room int
}

func (g *gathering) add(b index.Block) {
	if g.room -= 3 * len(b.Rows); g.room < 0 {
		g.list = nil
		return
	}
	b.Rows, b.Weights = slices.Clone(b.Rows), slices.Clone(b.Weights)
	g.list = append(g.list, b)
}
