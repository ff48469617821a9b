package db_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// TestFormatPage builds the small database that FORMAT.md describes and compares its keys and values with the page;
// with -rewrite it writes the page's dump anew. Every kind of key of the page's table is in the dump.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	dbtest.Must(t, err)
	const open, end = "```hex\n", "```\n"
	before, rest, ok := strings.Cut(string(page), open)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("FORMAT.md has no block of hex")
	}
	dump := dumpSmall(t)
	if flag.Lookup("rewrite").Value.String() == "true" {
		dbtest.Must(t, os.WriteFile("FORMAT.md", []byte(before+open+dump+end+after), 0o644))
		shown = dump
	}
	if shown != dump {
		t.Errorf("FORMAT.md shows\n%s\nthe database holds\n%s\n(go test -rewrite brings the page up to date)", shown, dump)
	}
	kinds := regexp.MustCompile("(?m)^\\| `([a-z])` .*\\|$").FindAllStringSubmatch(before[:strings.Index(before, "## Values")], -1)
	if len(kinds) < 18 {
		t.Fatalf("the page's table has %d kinds of keys", len(kinds))
	}
	for _, kind := range kinds {
		if !strings.Contains("\n"+dump, "\n"+kind[1]+" ") {
			t.Errorf("the dump has no key of the kind %s", kind[1])
		}
		if !kv.KnownPrefix(kind[1][0]) {
			t.Errorf("the code knows no key of the kind %s", kind[1])
		}
	}
}

// dumpSmall returns the keys and values of the page's database.
func dumpSmall(t *testing.T) string {
	fs := vfs.NewMem()
	o := dbtest.Options(fs)
	o.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	o.Space = db.Space{Encoder: "example"}
	d, err := db.Open(ctx, dbtest.Dir, o)
	dbtest.Must(t, err)
	taken := time.Date(2021, 5, 4, 3, 2, 1, 0, time.UTC)
	_, err = d.Put(ctx,
		db.Item{ID: "a.jpg", Vec: []float32{3, 4}, Thumb: []byte("GIF"), Meta: map[string]any{
			"year": int64(2021), "stars": 4.5, "flag": true, "taken": taken, "labels": []string{"sea", "sky"}, "label": "s"}},
		db.Item{ID: "b.jpg", Vec: []float32{0, 2}})
	dbtest.Must(t, err)
	_, _, err = d.Compact(ctx)
	dbtest.Must(t, err)
	dbtest.Must(t, d.AddModel(ctx, "first", compass(2)))
	dbtest.Must(t, d.Activate(ctx, "first"))
	names := &concept.Names{Latents: make([]concept.Name, 4)}
	names.Latents[1].Word = "sea"
	dbtest.Must(t, d.SetNames(ctx, "first", names))
	dbtest.Must(t, d.SetEdits(ctx, "first", concept.Edits{Set: map[uint32]string{2: "sky"}}))
	dbtest.Must(t, d.AddModel(ctx, "second", compass(1)))
	dbtest.Must(t, d.EncodeAll(ctx, "second", 1, nil))
	_, err = d.Put(ctx, db.Item{ID: "b.jpg", Vec: []float32{2, 0}})
	dbtest.Must(t, err)
	dbtest.Must(t, d.SetVocab(ctx, &concept.Vocab{Words: []string{"sea", "sky"}, Vectors: []float32{1, 0, 0, 1}, D: 2}))
	dbtest.Must(t, d.SetClusters(ctx, &db.Clusters{Over: "vectors", K: 1, Starts: 1, List: []db.Cluster{{Size: 2, Within: 0.8}}}, nil))
	dbtest.MustCheck(t, d)
	dbtest.Must(t, d.Close())

	s, _, err := kv.Open(dbtest.Dir, kv.Options{Tune: func(p *pebble.Options) { p.FS = fs }})
	dbtest.Must(t, err)
	defer s.Close()
	r, err := s.Snapshot()
	dbtest.Must(t, err)
	defer r.Close()
	var b strings.Builder
	for p, err := range r.Range(nil, nil) {
		dbtest.Must(t, err)
		b.WriteString(line(p.Key, p.Value))
	}
	return b.String()
}

// compass returns an autoencoder whose four latents are the directions of the plane: its activations are the vector's
// own numbers, the same on every machine.
func compass(k int) *sae.Model {
	rows := []float32{1, 0, 0, 1, -1, 0, 0, -1}
	return &sae.Model{D: 2, M: 4, K: k, Scale: 1, Wenc: rows, Wdec: rows, Benc: make([]float32, 4), Bdec: make([]float32, 2)}
}

// line writes the kind of a key, the rest of it, and the value.
func line(key, value []byte) string {
	text := fmt.Sprintf("%c %-32s  ", key[0], visible(key[1:]))
	if len(value) <= 32 {
		return strings.TrimRight(fmt.Sprintf("%s% x", text, value), " ") + "\n"
	}
	return fmt.Sprintf("%s% x … (%d bytes)\n", text, value[:32], len(value))
}

// visible writes printable bytes as they are and all others as \xNN.
func visible(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		if c > ' ' && c < 0x7f && c != '\\' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String()
}
