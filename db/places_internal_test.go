package db

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/saedb/saedb/internal/kv"
)

// TestPlaces: a place is known at its turn and at no other, and has its vector from the second time on.
func TestPlaces(t *testing.T) {
	var c places
	vec := []float32{1, 2}
	c.put(2, "a", place{ord: 7}, false, vec)
	p, known := c.get(2, "a")
	if !known || p.ord != 7 || p.vec != nil {
		t.Errorf("%+v, %v", p, known)
	}
	c.put(2, "a", p, true, vec)
	vec[0] = 9 // its owner may change it
	if p, known = c.get(2, "a"); !known || p.ord != 7 || len(p.vec) != 2 || p.vec[0] != 1 {
		t.Errorf("%+v, %v", p, known)
	}
	for turn, id := range map[uint64]string{4: "a", 0: "a", 2: "b"} {
		if _, known := c.get(turn, id); known {
			t.Errorf("%s is known at turn %d", id, turn)
		}
	}
	c.put(4, "b", place{ord: 8}, false, vec)
	if _, known := c.get(4, "a"); known {
		t.Error("a is known after a commit")
	}
	if p, known := c.get(4, "b"); !known || p.ord != 8 || p.vec != nil {
		t.Errorf("after a commit: %+v, %v", p, known)
	}
}

// TestRecent: what is asked for stays, and the whole stays small.
func TestRecent(t *testing.T) {
	r := recent[place]{most: 1 << 20}
	put := func(id string, meta int) {
		p := place{rec: kv.Item{Meta: bytes.Repeat([]byte{1}, meta)}}
		r.put(id, p, len(p.rec.Meta))
	}
	put("a", 1000)
	for i := range 20000 {
		put(fmt.Sprint("x", i), 1000)
		if _, known := r.get("a"); !known {
			t.Fatalf("after %d others a is forgotten though it is asked for", i)
		}
	}
	if _, known := r.get("x0"); known {
		t.Error("x0 is still known")
	}
	if n := len(r.young) + len(r.old); n > 2*r.most/1200+1 || n < r.most/1200 {
		t.Errorf("%d are kept", n)
	}
	put("large", 1<<19)
	if _, known := r.get("large"); known {
		t.Error("one that would fill half of it is kept")
	}
}
