package db

import (
	"sync"

	"github.com/saedb/saedb/internal/kv"
)

// maxScreenful is how many records one query remembers: those of a screenful and of what ties with it. Whoever walks through all items gains nothing by more.
const maxScreenful = 64

// screenful remembers the records of the first items that a query asks for. It asks for an id to rank an item, and for the rest of the record to show it.
// It may be used by many goroutines at once.
type screenful struct {
	mu    sync.Mutex
	items map[uint32]kv.Item
}

func (r *screenful) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.items) >= maxScreenful
}

func (r *screenful) get(ord uint32) (kv.Item, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.items[ord]
	return rec, ok
}

func (r *screenful) put(ord uint32, rec kv.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items == nil {
		r.items = map[uint32]kv.Item{}
	}
	if len(r.items) < maxScreenful {
		r.items[ord] = rec
	}
}
