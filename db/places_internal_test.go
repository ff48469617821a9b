package db

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/saedb/saedb/internal/kv"
)

// TestPlaces: a place is known at its turn and at no other, what is asked for stays, and the whole stays small.
func TestPlaces(t *testing.T) {
	var c places
	put := func(turn uint64, id string, ord uint32) {
		c.put(turn, id, place{ord: ord, rec: kv.Item{ID: id, Meta: bytes.Repeat([]byte{1}, 1000)}})
	}
	put(2, "a", 7)
	if p, known := c.get(2, "a"); !known || p.ord != 7 {
		t.Errorf("%+v, %v", p, known)
	}
	for turn, id := range map[uint64]string{4: "a", 0: "a", 2: "b"} {
		if _, known := c.get(turn, id); known {
			t.Errorf("%s is known at turn %d", id, turn)
		}
	}
	for i := range uint32(50000) {
		put(2, fmt.Sprint("x", i), i)
		if _, known := c.get(2, "a"); !known {
			t.Fatalf("after %d others a is forgotten though it is asked for", i)
		}
	}
	if _, known := c.get(2, "x0"); known {
		t.Error("x0 is still known")
	}
	if n := len(c.young) + len(c.old); n > 2*placesRoom/1200 {
		t.Errorf("%d places are kept", n)
	}
	c.put(2, "large", place{rec: kv.Item{Meta: make([]byte, placesRoom)}})
	if _, known := c.get(2, "large"); known {
		t.Error("one that would fill half of it is kept")
	}
	put(4, "a", 8)
	if p, known := c.get(4, "a"); !known || p.ord != 8 || len(c.young) != 1 || c.old != nil {
		t.Errorf("after a commit: %+v, %v, and %d others", p, known, len(c.young)+len(c.old)-1)
	}
}
