package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/cmd/saectl/internal/demo"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae/concept"
)

// demoSpace is where the vectors of the demo come from.
func demoSpace() db.Space { return db.Space{Encoder: "saedb demo stand-in", Dim: demo.Dim} }

// demoNote is said on the terminal and on the page.
const demoNote = "The vectors come from a small stand-in encoder that ships with nothing but its output. They show how saedb works, not how well CLIP sees: names and answers are as good as the encoder, so import CLIP vectors for your own pictures."

// demoWords are the concepts the demo asks for, demoPage those on its page: words
// of things that the pictures hold some of and not mostly.
func demoWords() []string { return []string{"insect", "musical instrument", "vehicle"} }

func demoPage() []string {
	return append(demoWords(), "hat", "building", "flower", "car", "tree", "fruit", "ball", "drink", "house")
}

func newDemoCmd(a *app) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The main job on the pictures that ship with saectl, in under a minute",
		Long: `Store the pictures that are built into this program, train an autoencoder on their
vectors, name its latents, ask a few questions, and write gallery.html. Nothing is
downloaded. Run again, it goes on with what is there: the same pictures and settings
give the same autoencoder.`,
		Example: "  saectl demo --out /tmp/demo",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.format = formatTable // a tour is for eyes
			return runDemo(cmd.Context(), a, out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "saedb-demo", "folder for the database and the page")
	return cmd
}

// tour is the demo on its way: it tells what it does as it goes.
type tour struct {
	a     *app
	d     *db.DB
	out   string
	start time.Time
}

func runDemo(ctx context.Context, a *app, out string) error {
	t := &tour{a: a, out: out, start: a.now()}
	dir := filepath.Join(out, dbFolder)
	if _, err := os.Stat(dir); err == nil {
		a.note("%s is there already: it is used again; remove the folder to start from nothing", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	d, err := db.Create(ctx, dir, &db.Options{Space: demoSpace()})
	if err != nil {
		return hint(err, "give another folder with --out")
	}
	t.d = d
	err = t.run(ctx)
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// run is the main job, step by step.
func (t *tour) run(ctx context.Context) error {
	steps := []struct {
		title string
		do    func(context.Context) error
	}{
		{"Store the pictures that ship with this program", t.store},
		{"Train a sparse autoencoder on their vectors and name its latents", t.train},
		{"Ask for concepts", t.concepts},
		{"Find pictures with the same concepts", t.near},
		{"Take a picture apart", t.explain},
		{"Write a page", t.page},
	}
	for i, s := range steps {
		t.say("\n%d. %s\n", i+1, s.title)
		if err := s.do(ctx); err != nil {
			return err
		}
	}
	t.say("\nDone in %.0f seconds. Next:\n", t.a.now().Sub(t.start).Seconds())
	t.say("   saectl --db %s query 'concept = tree and meta.category = plants top 20'\n", filepath.Join(t.out, dbFolder))
	t.say("   saectl --db %s concepts\n", filepath.Join(t.out, dbFolder))
	t.say("   saectl import --vectors clip.npy --ids ids.txt      your own pictures, as CLIP vectors\n")
	t.say("   saectl train && saectl name --vocab words.txt --vocab-vectors words.npy\n")
	return nil
}

// say writes to stdout. What cannot be written there shows when the work's own
// rows are.
func (t *tour) say(text string, args ...any) {
	_ = t.a.write([]byte(fmt.Sprintf(text, args...)))
}

func (t *tour) store(ctx context.Context) error {
	pictures, err := demo.Pictures()
	if err != nil {
		return err
	}
	bar := t.a.progress("pictures", len(pictures))
	defer bar.end()
	res, err := t.d.Ingest(ctx, func(yield func(db.Item, error) bool) {
		for i, p := range pictures {
			it := db.Item{ID: p.ID, Vec: p.Vec, Thumb: p.Thumb, Meta: map[string]any{
				"title": p.Title, "category": p.Category, "keywords": p.Keywords, "author": p.Author, "licence": p.Licence,
			}}
			if !yield(it, nil) {
				return
			}
			bar.update(i+1, "")
		}
	})
	if err != nil {
		return err
	}
	bar.end()
	words, vectors, err := demo.Vocabulary()
	if err != nil {
		return err
	}
	v, _, err := concept.ReadVocab(strings.NewReader(strings.Join(words, "\n")+"\n"), &npy.Matrix{Rows: len(words), Cols: demo.Dim, Data: vectors})
	if err != nil {
		return err
	}
	if err := t.d.SetVocab(ctx, v); err != nil {
		return err
	}
	t.say("   %s pictures with thumbnails and metadata (%s new), a vocabulary of %s words\n", thousands(len(pictures)), thousands(res.Added), thousands(len(words)))
	t.say("   %s\n", wrap(demoNote, 86, "   "))
	return nil
}

func (t *tour) train(ctx context.Context) error {
	o := trainOptions{checkpoint: 20 * time.Second}
	o.preset, o.variant, o.backend, o.seed, o.set = "demo", "topk", "auto", 1, func(string) bool { return false }
	out, err := trainSAE(ctx, t.a, t.d, o)
	if err != nil {
		return err
	}
	t.say("%s", indent(out.text(), "   "))
	return nil
}

func (t *tour) concepts(ctx context.Context) error {
	for _, word := range demoWords() {
		if err := t.query(ctx, fmt.Sprintf("concept = %s top 5", quoteWord(word))); err != nil {
			return err
		}
	}
	return nil
}

// A picture whose neighbours show well, and one whose parts do.
const (
	demoNear    = "clipart/violin-colour-ganson"
	demoExplain = "clipart/road-runner-ganson"
)

func (t *tour) near(ctx context.Context) error {
	return t.query(ctx, fmt.Sprintf("near image %q in latent top 5", demoNear))
}

func (t *tour) explain(ctx context.Context) error {
	return t.query(ctx, fmt.Sprintf("explain image %q top 8", demoExplain))
}

// quoteWord writes a word as the language wants it: in quotes where it has spaces.
func quoteWord(word string) string {
	if strings.ContainsRune(word, ' ') {
		return strconv.Quote(word)
	}
	return word
}

// query shows a query as one would type it, and its rows.
func (t *tour) query(ctx context.Context, text string) error {
	t.say("   $ saectl query '%s'\n", text)
	cols := []column{{Name: "score", Right: true}, {Name: "picture"}, {Name: "title"}}
	var cells func(query.Row) ([]string, error)
	if strings.HasPrefix(text, "explain") {
		cols = []column{{Name: "share", Right: true}, {Name: "concept"}, {Name: "latent", Right: true}}
		cells = func(r query.Row) ([]string, error) {
			return []string{percent(r.Share), r.Concept, fmt.Sprint(r.Latent)}, nil
		}
	} else {
		cells = func(r query.Row) ([]string, error) {
			it, err := t.d.Get(ctx, r.ID)
			return []string{fmt.Sprintf("%.3f", r.Score), r.ID, caption(it.Meta)}, err
		}
	}
	var b bytes.Buffer
	tab := newTable(cols, 0)
	for row, err := range t.d.Query(ctx, text, nil) {
		if err != nil {
			return err
		}
		c, err := cells(row)
		if err != nil {
			return err
		}
		tab.add(&b, c)
	}
	tab.flush(&b)
	t.say("%s\n", indent(b.String(), "     "))
	return nil
}

func (t *tour) page(ctx context.Context) error {
	path, err := writeGallery(ctx, t.a, t.d, galleryOptions{
		out: filepath.Join(t.out, "gallery.html"), note: demoNote, concepts: demoPage(), per: 12, latents: 24,
	})
	if err != nil {
		return err
	}
	t.say("   %s\n", path)
	return nil
}

// indent puts prefix before every line that has text.
func indent(text, prefix string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		if strings.TrimSpace(l) != "" {
			lines[i] = prefix + l
		}
	}
	return strings.Join(lines, "")
}

// wrap breaks text at spaces into lines of at most width, later ones indented.
func wrap(text string, width int, prefix string) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		if i > 0 && at+1+len(word) > width {
			b.WriteString("\n" + prefix)
			at = 0
		} else if i > 0 {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String()
}
