package kv

import "bytes"

// chunkSize is the size of the pieces in which a large value (a model, the names, the vocabulary) is stored: small
// beside a memtable, large beside a key.
const chunkSize = 256 << 10

// SetBlob replaces all of span by the pieces of data.
func (b *Batch) SetBlob(s Span, data []byte) {
	b.DeleteRange(s.Lower, s.Upper)
	for i := uint32(0); len(data) > 0; i++ {
		n := min(len(data), chunkSize)
		b.Set(s.From(i).Lower, data[:n])
		data = data[n:]
	}
}

// Blob returns what SetBlob stored, nil if nothing.
func (r *Snapshot) Blob(s Span) ([]byte, error) {
	var out []byte
	want := uint32(0)
	for p, err := range r.Range(s.Lower, s.Upper) {
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(p.Key, s.From(want).Lower) {
			return nil, Corruptf("piece %d of %q is missing", want, s.Lower[:1])
		}
		out = append(out, p.Value...)
		want++
	}
	return out, nil
}
