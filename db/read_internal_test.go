package db

import (
	"errors"
	"testing"
)

// bad is a viewer that can read no key but "good", and counts.
type bad struct{ reads int }

func (b *bad) View(key []byte, f func([]byte) error) (bool, error) {
	b.reads++
	if string(key) == "good" {
		return true, f(nil)
	}
	return false, errBad
}

var errBad = errors.New("bad")

// TestWary: what could not be read is not read again, what was read and not understood is.
func TestWary(t *testing.T) {
	b := &bad{}
	w := &wary{viewer: b}
	fine := func([]byte) error { return nil }
	for i, c := range []struct {
		key   string
		f     func([]byte) error
		err   error
		reads int
	}{
		{"one", fine, errBad, 1}, {"one", fine, errBad, 1}, {"good", fine, nil, 2}, {"one", fine, errBad, 2}, {"two", fine, errBad, 3}, {"two", fine, errBad, 3},
		{"good", func([]byte) error { return errBad }, errBad, 4}, {"good", fine, nil, 5}, {"two", fine, errBad, 5},
	} {
		if ok, err := w.View([]byte(c.key), c.f); err != c.err || b.reads != c.reads || ok != (c.key == "good") {
			t.Errorf("%d: %s: %v, %v after %d reads, want %v after %d", i, c.key, ok, err, b.reads, c.err, c.reads)
		}
	}
}
