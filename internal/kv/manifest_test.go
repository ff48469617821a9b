package kv

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestDamagedManifestIsRefused: any flipped bit in the middle of the MANIFEST is an error, and with the bit flipped back everything
// is there. What stops in the middle of its last record, as after a power cut, opens.
func TestDamagedManifestIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	for i := range 5 { // each flush is a record
		b := s.Batch()
		b.Set([]byte{byte(i)}, []byte("value"))
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		b.Close()
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	desc, err := pebble.Peek("db", fs)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Open(desc.ManifestFilename)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	write := func(data []byte) {
		f, err := fs.Create(desc.ManifestFilename, vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = f.Write(bytes.Clone(data)) // which may change what it is given
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	last := 0 // where the last record begins
	for at := 0; at < len(whole); {
		size, _ := logPiece(whole, at)
		if size == 0 {
			t.Fatalf("byte %d of a whole MANIFEST is no record", at)
		}
		last, at = at, at+size
	}
	for at := range last {
		data := append([]byte{}, whole...)
		data[at] ^= 1 << (at % 8)
		write(data)
		if err := checkManifest(fs, "db"); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d of %d is flipped: %v", at, len(whole), err)
		}
	}
	for end := last; end <= len(whole); end++ {
		write(whole[:end])
		if err := checkManifest(fs, "db"); err != nil {
			t.Fatalf("cut at byte %d of %d: %v", end, len(whole), err)
		}
	}
	if _, err := mustOpen(t, fs).Snapshot(); err != nil {
		t.Fatal(err)
	}
}
