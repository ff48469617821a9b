package hnsw

import (
	"cmp"
	"slices"

	"github.com/saedb/saedb/index"
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

// eachAtOnce is how many ordinals of a filter are read at once.
const eachAtOnce = 256

// each calls f for the node of every ordinal of a filter that has one, in their order, until f returns an error. It is faster than get for
// each of them: where the next one is is nearly known from where the last one was.
func (t *nodeTable) each(set index.Filter, f func(node uint32) error) error {
	ords, at := make([]uint32, eachAtOnce), 0
	for it := set.ManyIterator(); ; {
		n := it.NextMany(ords)
		if n == 0 {
			return nil
		}
		for _, ord := range ords[:n] {
			node, ok := uint32(0), false
			if t.sorted == nil {
				node, ok = t.get(ord)
			} else if at, ok = t.after(at, ord); ok {
				node = t.sorted[at]
			}
			if !ok {
				continue
			}
			if err := f(node); err != nil {
				return err
			}
		}
	}
}

// after returns the place in the sorted list of an ordinal, or where it would be, at or behind the place at. As ordinals ascend by at least
// one, it is at most as far behind as the ordinal is larger; it is just there where no row between is missing.
func (t *nodeTable) after(at int, ord uint32) (int, bool) {
	if at == len(t.sorted) {
		return at, false
	}
	first := t.ords[t.sorted[at]]
	if first >= ord {
		return at, first == ord
	}
	end := min(at+int(ord-first), len(t.sorted)-1)
	if t.ords[t.sorted[end]] == ord {
		return end, true
	}
	i, ok := slices.BinarySearchFunc(t.sorted[at:end+1], ord, func(node, ord uint32) int { return cmp.Compare(t.ords[node], ord) })
	return at + i, ok
}
