package db

import (
	"sync"

	"github.com/saedb/saedb/internal/kv"
)

// place is an item's record and where its vector and thumbnail are.
type place struct {
	ord uint32
	rec kv.Item // whole, also of a row of format 1
}

// placesRoom is the bytes that each half of places takes before it is given up: some ten thousand records.
const placesRoom = 4 << 20

// places keeps the records of items that were got lately, as they are at one turn of the database: a commit empties it. It has two
// halves; when the young one is full, it becomes the old one, and what was not asked for since is forgotten with that. May be used by many
// goroutines at once.
type places struct {
	mu         sync.Mutex
	turn       uint64
	young, old map[string]place
	room       int // bytes left in young
}

// get returns the place of an item as it is at a turn, and whether it is known.
func (c *places) get(turn uint64, id string) (p place, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn != turn {
		return place{}, false
	}
	if p, known = c.young[id]; known {
		return p, true
	}
	if p, known = c.old[id]; known {
		c.add(id, p)
	}
	return p, known
}

// put keeps a place that was read at a turn. Nobody changes it.
func (c *places) put(turn uint64, id string, p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn != turn {
		c.turn, c.young, c.old, c.room = turn, map[string]place{}, nil, placesRoom
	}
	c.add(id, p)
}

func (c *places) add(id string, p place) {
	const entry = 200 // of a map, with the record
	size := entry + len(id) + len(p.rec.ID) + len(p.rec.Meta)
	if size > placesRoom/64 {
		return // one of few that would push out all others
	}
	if size > c.room {
		c.young, c.old, c.room = make(map[string]place, len(c.young)), c.young, placesRoom
	}
	c.young[id] = p
	c.room -= size
}
