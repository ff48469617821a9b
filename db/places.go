package db

import (
	"slices"
	"sync"

	"github.com/saedb/saedb/internal/kv"
)

// place is an item's record and where its vector and thumbnail are.
type place struct {
	ord uint32
	rec kv.Item   // whole, also of a row of format 1
	vec []float32 // where it is kept too, else nil
}

// Bytes that each half of what is kept takes before it is given up: some ten thousand records, and two thousand vectors of 512 numbers.
const (
	placesRoom  = 4 << 20
	vectorsRoom = 4 << 20
)

// places keeps the records of items that were got lately, and the vectors of those that were got twice, as they are at one turn of the
// database: a commit empties it. May be used by many goroutines at once.
type places struct {
	mu      sync.Mutex
	turn    uint64
	records recent[place]
	vectors recent[[]float32]
}

// get returns the place of an item as it is at a turn, and whether it is known. Nobody changes its vector.
func (c *places) get(turn uint64, id string) (p place, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn != turn {
		return place{}, false
	}
	if p, known = c.records.get(id); known {
		p.vec, _ = c.vectors.get(id)
	}
	return p, known
}

// put keeps what was read at a turn: the record of an item that was not known, a copy of the vector of one that was.
func (c *places) put(turn uint64, id string, p place, known bool, vec []float32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn != turn {
		c.turn, c.records, c.vectors = turn, recent[place]{most: placesRoom}, recent[[]float32]{most: vectorsRoom}
	}
	if !known {
		c.records.put(id, p, len(id)+len(p.rec.ID)+len(p.rec.Meta))
	} else if p.vec == nil {
		c.vectors.put(id, slices.Clone(vec), len(id)+4*len(vec))
	}
}

// recent keeps what was put or got last, in two halves: when the young one is full it becomes the old one, and what was not got since is
// forgotten with that.
type recent[V any] struct {
	most       int // bytes of a half
	room       int // bytes left in young
	young, old map[string]sized[V]
}

type sized[V any] struct {
	value V
	size  int
}

func (r *recent[V]) get(id string) (v V, known bool) {
	s, known := r.young[id]
	if !known {
		if s, known = r.old[id]; known {
			r.add(id, s)
		}
	}
	return s.value, known
}

// put keeps a value of so many bytes, unless it is one of few that would push out all others.
func (r *recent[V]) put(id string, v V, size int) {
	const entry = 200 // of a map, with what is in the value itself
	if size += entry; size <= r.most/64 {
		r.add(id, sized[V]{v, size})
	}
}

func (r *recent[V]) add(id string, s sized[V]) {
	if s.size > r.room {
		r.young, r.old, r.room = make(map[string]sized[V], len(r.young)), r.young, r.most
	}
	r.young[id] = s
	r.room -= s.size
}
