package db

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// TestFormatPage compares the hex dump at the end of FORMAT.md with a database made here. SAEDB_REWRITE=1 accepts what the
// code does.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), "```hex\n")
	want, tail, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("FORMAT.md has no ```hex block")
	}
	got := dump(t, tinyDB(t))
	if got == want {
		return
	}
	if os.Getenv("SAEDB_REWRITE") != "" {
		if err := os.WriteFile("FORMAT.md", []byte(head+"```hex\n"+got+"```"+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("FORMAT.md shows another database than the code makes; this is its dump:\n%s", got)
}

// tinyDB makes the database of FORMAT.md: two pictures, a model of two latents, names, an edit and a vocabulary.
func tinyDB(t *testing.T) *DB {
	t.Helper()
	ctx := context.Background()
	d, err := Open(ctx, "db", &Options{
		Create: true, Threads: 1,
		Space: Space{Encoder: "eye"},
		Now:   func() time.Time { return time.UnixMilli(0x0102030405) },
		Tune:  func(o *pebble.Options) { o.FS = vfs.NewMem() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = d.Put(ctx,
		Item{ID: "cat", Vec: []float32{3, 4}, Thumb: []byte("jpg"), Meta: map[string]any{
			"year": int64(1999), "tags": []string{"a", "b"}, "size": 1.5, "ok": true, "when": time.Unix(1, 2), "path": "c.jpg"}},
		Item{ID: "dog", Vec: []float32{0, 2}},
	)
	must(err)
	identity := []float32{1, 0, 0, 1}
	m := &sae.Model{
		D: 2, M: 2, K: 2, Wenc: identity, Wdec: identity, Benc: []float32{0, 0}, Bdec: []float32{0, 0}, Scale: 1,
		Info: sae.Info{Name: "tiny"},
	}
	must(d.AddModel(ctx, "tiny", m))
	must(d.SetNames(ctx, "tiny", &concept.Names{Latents: []concept.Name{{Word: "fur"}, {}}}))
	must(d.SetEdits(ctx, "tiny", concept.Edits{Set: map[uint32]string{1: "tail"}}))
	must(d.SetVocab(ctx, &concept.Vocab{Words: []string{"fur", "tail"}, Vectors: identity, D: 2}))
	must(d.EncodeAll(ctx, "tiny", 1, nil))
	_, err = d.Put(ctx, Item{ID: "dog", Vec: []float32{2, 0}}) // its code becomes stale
	must(err)
	return d
}

// dump writes every key and value as one line each of hexadecimal digits; of long values it writes the start.
func dump(t *testing.T, d *DB) string {
	t.Helper()
	s, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const long = 100 // bytes: the metadata are shown, the files of model and names are not
	var b strings.Builder
	for p, err := range s.r.Range(nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s  %s\n", p.Key[:1], hex.EncodeToString(p.Key[1:]))
		switch {
		case len(p.Value) == 0:
			b.WriteString("   =\n")
		case len(p.Value) > long:
			fmt.Fprintf(&b, "   = %x… (%d bytes)\n", p.Value[:16], len(p.Value))
		default:
			fmt.Fprintf(&b, "   = %x\n", p.Value)
		}
	}
	return b.String()
}
