package db

import (
	"sync"

	"github.com/saedb/saedb/internal/kv"
)

// A query remembers the records of the first items that it asks for, up to maxScreenful: those of a screenful and of what ties with it. It asks for an id to rank
// an item, and for the rest of the record to show it. Queries of one commit share what they remember, up to maxShown records: the page
// that is asked for again, and the pictures that many answers have in common. Whoever walks through all items gains nothing by more.
const (
	maxScreenful = 64
	maxShown     = 1024
)

// shown holds records of items of one commit. It may be used by many goroutines at once.
type shown struct {
	mu    sync.Mutex
	items map[uint32]kv.Item
}

func (r *shown) get(ord uint32) (kv.Item, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.items[ord]
	return rec, ok
}

// put forgets any other record where there are too many.
func (r *shown) put(ord uint32, rec kv.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) >= maxShown {
		for other := range r.items {
			delete(r.items, other)
			break
		}
	}
	r.items[ord] = rec
}
