package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/clip/picture"
	"github.com/saedb/saedb/cmd/saectl/internal/demo"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae/concept"
)

// demoSpace is where the vectors of the demo come from.
func demoSpace() db.Space { return db.Space{Encoder: "saedb demo stand-in", Dim: demo.Dim} }

// demoNote is said on the terminal and on the page where the vectors are those that ship, clipNote where an encoder makes them.
const demoNote = "The vectors come from a small stand-in encoder that ships with nothing but its output. They show how saedb works, not how well CLIP sees: names and answers are as good as the encoder, so import CLIP vectors for your own pictures, or run the demo with --clip."

const clipNote = "The vectors come from %s, and from thumbnails of at most 128 pixels a side: it sees less of these pictures than it will of yours."

// demoWords are the concepts the demo asks for, demoPage those on its page: words
// of things that the pictures hold some of and not mostly.
func demoWords() []string { return []string{"insect", "musical instrument", "vehicle"} }

func demoPage() []string {
	return append(demoWords(), "hat", "building", "flower", "car", "tree", "fruit", "ball", "drink", "house")
}

// demoOptions are the flags of demo.
type demoOptions struct {
	out     string
	clip    bool
	encoder encoderFlags
}

func newDemoCmd(a *app) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The main job on the pictures that ship with saectl, in under a minute",
		Long: `Store the pictures that are built into this program, train an autoencoder on their
vectors, name its latents, ask a few questions, and write gallery.html. Nothing is
downloaded. Run again, it goes on with what is there: the same pictures and settings
give the same autoencoder.

The vectors that ship come from a small stand-in encoder. With --clip the encoder
that saectl setup brought makes new ones, of pictures and words.`,
		Example: `  saectl demo --out /tmp/demo
  saectl setup && saectl demo --clip`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.format = formatTable // a tour is for eyes
			return runDemo(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.out, "out", "", "folder for the database and the page (default saedb-demo, with --clip saedb-demo-clip)")
	cmd.Flags().BoolVar(&o.clip, "clip", false, "make the vectors with the installed encoder")
	o.encoder.add(cmd.Flags())
	return cmd
}

// tour is the demo on its way: it tells what it does as it goes.
type tour struct {
	a     *app
	d     *db.DB
	e     clip.Encoder // nil: the vectors are those that ship
	out   string
	note  string
	start time.Time
}

func runDemo(ctx context.Context, a *app, o demoOptions) (err error) {
	t := &tour{a: a, out: cmp.Or(o.out, "saedb-demo"), note: demoNote, start: a.now()}
	space := demoSpace()
	switch {
	case o.clip:
		if t.e, err = a.openEncoder(o.encoder, 0); err != nil {
			return err
		}
		defer t.e.Close()
		space = spaceOf(t.e.Identity())
		t.out, t.note = cmp.Or(o.out, "saedb-demo-clip"), fmt.Sprintf(clipNote, space.Encoder)
	case o.encoder != encoderFlags{}:
		return hint(errors.New("--model and --ort-lib choose an encoder, and the demo uses the vectors that ship"), "say --clip to have the encoder make new ones")
	}
	dir := filepath.Join(t.out, dbFolder)
	if _, err := os.Stat(dir); err == nil {
		a.note("%s is there already: it is used again; remove the folder to start from nothing", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(t.out, 0o777); err != nil {
		return err
	}
	d, err := db.Create(ctx, dir, &db.Options{Space: space})
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
	items := make([]db.Item, len(pictures))
	for i, p := range pictures {
		items[i] = db.Item{ID: p.ID, Vec: p.Vec, Thumb: p.Thumb, Meta: map[string]any{
			"title": p.Title, "category": p.Category, "keywords": p.Keywords, "author": p.Author, "licence": p.Licence,
		}}
	}
	if t.e != nil {
		if err := t.encode(ctx, items); err != nil {
			return err
		}
	}
	bar := t.a.progress("pictures", len(items))
	defer bar.end()
	res, err := t.d.Ingest(ctx, func(yield func(db.Item, error) bool) {
		for i, it := range items {
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
	words, err := t.vocabulary(ctx)
	if err != nil {
		return err
	}
	t.say("   %s pictures with thumbnails and metadata (%s new), a vocabulary of %s words\n", thousands(len(pictures)), thousands(res.Added), thousands(words))
	t.say("   %s\n", wrap(t.note, 86, "   "))
	return nil
}

// encode replaces the vectors of the items with those that the encoder makes of their thumbnails. What is stored already is not encoded again.
func (t *tour) encode(ctx context.Context, items []db.Item) error {
	bar := t.a.progress("pictures encoded", len(items))
	defer bar.end()
	const batch = 16
	done := 0
	for part := range slices.Chunk(items, batch) {
		var tensors []float32
		var fresh []int
		for i := range part {
			old, err := t.d.Get(ctx, part[i].ID)
			if err == nil {
				part[i].Vec, part[i].Norm = old.Vec, old.Norm
				continue
			}
			if !errors.Is(err, db.ErrNotFound) {
				return err
			}
			p, err := picture.Decode(part[i].Thumb, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", part[i].ID, err)
			}
			tensors, fresh = t.e.Tensor(tensors, p), append(fresh, i)
		}
		vectors, err := t.e.Pictures(ctx, tensors)
		if err != nil {
			return err
		}
		dim := t.e.Identity().Dim
		for row, i := range fresh {
			part[i].Vec = vectors[row*dim : (row+1)*dim]
		}
		done += len(part)
		bar.update(done, "")
	}
	return nil
}

// vocabulary stores the words that ship, and returns how many.
func (t *tour) vocabulary(ctx context.Context) (int, error) {
	words, vectors, err := demo.Vocabulary()
	if err != nil {
		return 0, err
	}
	text := strings.Join(words, "\n") + "\n"
	rows := &npy.Matrix{Rows: len(words), Cols: demo.Dim, Data: vectors}
	if t.e != nil {
		if v, err := t.d.Vocab(ctx); err == nil {
			return len(v.Words), nil
		}
		if rows, err = encodeWords(ctx, t.a, t.e, words, defaultPrompts); err != nil {
			return 0, err
		}
	}
	v, _, err := concept.ReadVocab(strings.NewReader(text), rows)
	if err != nil {
		return 0, err
	}
	return len(v.Words), t.d.SetVocab(ctx, v)
}

func (t *tour) train(ctx context.Context) error {
	o := trainOptions{checkpoint: 20 * time.Second}
	o.preset, o.variant, o.backend, o.seed, o.set = "demo", "topk", backendCPU, 1, func(string) bool { return false }
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
		out: filepath.Join(t.out, "gallery.html"), note: t.note, concepts: demoPage(), per: 12, maxSize: defaultMaxSize,
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
