package db

import (
	"sync"

	"github.com/saedb/saedb/internal/kv"
)

// maxRecent is how many records one query remembers: those of a screenful and of what ties with it. Whoever walks through all items gains nothing by more.
const maxRecent = 64

// recent remembers the records of the first items that a query asks for. It asks for an id to rank an item, and for the rest of the record to show it.
// It may be used by many goroutines at once.
type recent struct {
	mu    sync.Mutex
	items map[uint32]kv.Item
}

func (r *recent) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.items) >= maxRecent
}

func (r *recent) get(ord uint32) (kv.Item, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.items[ord]
	return rec, ok
}

func (r *recent) put(ord uint32, rec kv.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items == nil {
		r.items = map[uint32]kv.Item{}
	}
	if len(r.items) < maxRecent {
		r.items[ord] = rec
	}
}
