// Package dbtest opens databases in memory for tests and makes small things to put into them.
package dbtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// Dir is the folder of every database that MustOpen opens, in its own file system.
const Dir = "db"

// Options returns options that create a database on fs.
func Options(fs vfs.FS) *db.Options {
	return &db.Options{Create: true, Threads: 1, Tune: func(o *pebble.Options) { o.FS = fs }}
}

// MustOpen opens a new database in memory and closes it at the end of the test.
func MustOpen(t testing.TB) *db.DB {
	t.Helper()
	return MustOpenOn(t, vfs.NewMem())
}

// MustOpenOn opens the database on fs, creating it where there is none, and closes it at the end of the test unless
// the test has closed it.
func MustOpenOn(t testing.TB, fs vfs.FS) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), Dir, Options(fs))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Items returns n items of dim dimensions with ids i0000, i0001, … and a little metadata, the same for every seed.
func Items(n, dim int, seed uint64) []db.Item {
	rng := rand.New(rand.NewPCG(seed, 0))
	items := make([]db.Item, n)
	for i := range items {
		vec := make([]float32, dim)
		for j := range vec {
			vec[j] = float32(rng.NormFloat64())
		}
		items[i] = db.Item{
			ID:   fmt.Sprintf("i%04d", i),
			Vec:  vec,
			Meta: map[string]any{"year": int64(2000 + i%25), "labels": []string{"all", fmt.Sprintf("l%d", i%3)}},
		}
	}
	return items
}

// MustCheck fails the test for every error that the database's own check finds.
func MustCheck(t testing.TB, d *db.DB) {
	t.Helper()
	for err := range d.Check(context.Background()) {
		t.Errorf("check: %v", err)
	}
}

// Model returns a small autoencoder of random rows, the same for the same arguments.
func Model(d, m, k int, seed uint64) *sae.Model {
	rng := rand.New(rand.NewPCG(seed, 1))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	return &sae.Model{
		D: d, M: m, K: k, Scale: 1,
		Wenc: fill(m * d), Wdec: fill(m * d), Benc: make([]float32, m), Bdec: make([]float32, d),
		Info: sae.Info{Name: "random", Seed: seed},
	}
}

// Names calls latent i wordi, and binds each word to its latent alone.
func Names(m int) *concept.Names {
	n := &concept.Names{Latents: make([]concept.Name, m)}
	for i := range n.Latents {
		word := fmt.Sprintf("word%04d", i)
		n.Latents[i] = concept.Name{Word: word, Score: 0.5, Margin: 0.1}
		n.Concepts = append(n.Concepts, concept.Concept{Word: word, Group: []concept.Weight{{Latent: uint32(i), W: 1}}})
	}
	return n
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
