package hnsw

import (
	"cmp"
	"slices"
)

// pageBits is how many of an ordinal's low bits number it in its page.
const pageBits = 10

// nodeTable tells the node of an ordinal. Ordinals are given out one after the other, so pages of them are nearly full: four bytes a row.
// In a file they are a sorted list instead.
type nodeTable struct {
	pages  map[uint32]*[1 << pageBits]uint32
	sorted []uint32 // nodes by ascending ordinal; nil once there are pages
	ords   []uint32
}

// get returns the node of an ordinal, and false if it has none.
func (t *nodeTable) get(ord uint32) (uint32, bool) {
	if t.sorted != nil {
		i, ok := slices.BinarySearchFunc(t.sorted, ord, func(node, ord uint32) int { return cmp.Compare(t.ords[node], ord) })
		if !ok {
			return 0, false
		}
		return t.sorted[i], true
	}
	page, ok := t.pages[ord>>pageBits]
	if !ok {
		return 0, false
	}
	node := page[ord&(1<<pageBits-1)]
	return node - 1, node > 0
}

func (t *nodeTable) set(ord, node uint32) { t.page(ord)[ord&(1<<pageBits-1)] = node + 1 }

func (t *nodeTable) remove(ord uint32) { t.page(ord)[ord&(1<<pageBits-1)] = 0 }

func (t *nodeTable) page(ord uint32) *[1 << pageBits]uint32 {
	page, ok := t.pages[ord>>pageBits]
	if !ok {
		if t.pages == nil {
			t.pages = map[uint32]*[1 << pageBits]uint32{}
		}
		page = new([1 << pageBits]uint32)
		t.pages[ord>>pageBits] = page
	}
	return page
}
