package db

import (
	"bytes"
	"testing"

	"github.com/saedb/saedb/internal/kv"
)

// FuzzReadRows reads any bytes as a derived file: no panic, and what is taken for one can be read to its end.
func FuzzReadRows(f *testing.F) {
	h := rowsHeader{Dim: 2, Stamp: 3, Next: 4, Rows: 1, Space: 5}
	whole := make([]byte, rowsHead)
	copy(whole, h.append(nil))
	f.Add(whole)
	f.Add(append(whole, make([]byte, 4096+8+24)...))
	f.Add([]byte(rowsMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		aligned := make([]byte, len(data)+8)[:len(data)]
		copy(aligned, data)
		r, err := readRows(&kv.Side{Data: aligned}, 1)
		if err != nil {
			return
		}
		for i := range r.ords {
			if r.check(i, i+1) != nil {
				return
			}
		}
		if head := r.rowsHeader.append(nil); !bytes.Equal(head, data[:len(head)]) {
			t.Errorf("header %x comes back as %x", data[:len(head)], head)
		}
	})
}
