package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saedb/saedb/clip"
	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/query/syntax"
)

// TestReferencePage runs every example of the page on the pictures that its last block describes, and compares what saectl prints: rows, then
// notes or the error. -rewrite accepts what comes.
// In a block "query" what follows > is a query, in a block "sh" what follows $ is a command line.
func TestReferencePage(t *testing.T) {
	referencePage, err := filepath.Abs("../../docs/query.md")
	must(t, err)
	page, err := os.ReadFile(referencePage)
	must(t, err)
	parsed, err := querytest.ParsePage(string(page))
	must(t, err)
	blocks := strings.Split(string(page), "```")
	a := newTypist(t, parsed.Pictures)
	examples := 0
	for i := 1; i < len(blocks); i += 2 {
		head, body, _ := strings.Cut(blocks[i], "\n")
		mark := map[string]string{"query": "> ", "sh": "$ "}[head]
		if mark == "" {
			continue
		}
		var b strings.Builder
		for _, c := range a.examples(body, mark) {
			examples++
			got := a.answer(c.command)
			if got != c.answer && !rewrites() {
				t.Errorf("%s\n got\n%swant\n%s", c.lines, got, c.answer)
			}
			b.WriteString(c.lines + got)
		}
		blocks[i] = head + "\n" + b.String()
	}
	if examples < 60 {
		t.Errorf("only %d examples were found", examples)
	}
	if rewrites() {
		must(t, os.WriteFile(referencePage, []byte(strings.Join(blocks, "```")), 0o666))
	}
}

// TestReferencePageHasEveryForm: nothing of the grammar is missing on the page.
func TestReferencePageHasEveryForm(t *testing.T) {
	text, err := os.ReadFile("../../docs/query.md")
	must(t, err)
	grammar, err := os.ReadFile("../../query/syntax/grammar.txt")
	must(t, err)
	missing := map[string]bool{}
	for _, form := range querytest.GrammarForms(string(grammar)) {
		missing[form] = true
	}
	have := func(text string) {
		if q, err := syntax.Parse(text); err == nil {
			querytest.Forms(text, q, func(form string) { delete(missing, form) })
		}
	}
	page, err := querytest.ParsePage(string(text))
	must(t, err)
	for _, text := range page.Queries {
		have(text)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if command, isCommand := strings.CutPrefix(line, "$ saectl query "); isCommand && strings.Count(command, "'") >= 2 {
			have(strings.Split(command, "'")[1])
		}
	}
	for form := range missing {
		t.Errorf("no example on the page has %q", form)
	}
}

// rewrites reports whether -rewrite was given, a flag of the package that runs the scripts of package querytest.
func rewrites() bool {
	f := flag.Lookup("rewrite")
	return f != nil && f.Value.String() == "true"
}

// typist is somebody who types what the page says.
type typist struct {
	t   *testing.T
	dir string
}

func newTypist(t *testing.T, pictures *querytest.Data) *typist {
	r := &typist{t, t.TempDir()}
	d, err := db.Open(t.Context(), filepath.Join(r.dir, "pics"), &db.Options{Create: true})
	must(t, err)
	dbtest.Load(t, d, pictures)
	must(t, d.Close())
	t.Chdir(r.dir)
	var barn bytes.Buffer
	must(t, png.Encode(&barn, image.NewRGBA(image.Rect(0, 0, 4, 4))))
	must(t, os.WriteFile("elsewhere.png", barn.Bytes(), 0o666))
	f, err := os.Create("q.npy")
	must(t, err)
	must(t, npy.Write(f, 1, 6, []float32{0, 0, 1, 0, 0, 0}))
	must(t, f.Close())
	must(t, os.WriteFile("tree.json", []byte(`{"find":{"where":{"concept":{"=":"dog"}},"top":2}}`), 0o666))
	return r
}

// example is what is typed, and what comes.
type example struct {
	lines   string
	command []string
	answer  string
}

func (r *typist) examples(body, mark string) (all []example) {
	for line := range strings.Lines(body) {
		typed, isExample := strings.CutPrefix(line, mark)
		switch {
		case isExample && mark == "> ":
			all = append(all, example{lines: line, command: []string{"query", strings.TrimSuffix(typed, "\n")}})
		case isExample:
			words := shellWords(strings.TrimSuffix(typed, "\n"))
			if words[0] != "saectl" {
				r.t.Fatalf("%s: want a command line of saectl", line)
			}
			all = append(all, example{lines: line, command: words[1:]})
		case len(all) == 0:
			r.t.Fatalf("%q stands before the first example", line)
		default:
			all[len(all)-1].answer += line
		}
	}
	return all
}

// shellWords splits a command line as a shell does that knows only single quotes.
func shellWords(s string) (words []string) {
	for i, piece := range strings.Split(s, "'") {
		if i%2 == 0 {
			words = append(words, strings.Fields(piece)...)
		} else {
			words = append(words, piece)
		}
	}
	return words
}

// aCursor is one that continues an answer. It differs from one format of databases to the next.
var aCursor = regexp.MustCompile(`after "[A-Za-z0-9_-]{40,}"`)

// answer is what saectl prints on a terminal: rows, then notes or the error. Finding nothing is said in words.
func (r *typist) answer(command []string) string {
	var out, notes bytes.Buffer
	a := testApp(&out)
	a.stderr, a.terminal = &notes, true
	a.getenv = func(name string) string { return map[string]string{"SAEDB_DIR": "pics"}[name] }
	a.encoder = func(encoderFlags) (clip.Encoder, error) { return barnEncoder{}, nil }
	status := run(context.Background(), a, command)
	text := aCursor.ReplaceAllString(out.String()+notes.String(), `after "…"`)
	if status == statusNothing && out.Len() == 0 {
		text += "(nothing found: exit status 1)\n"
	}
	return text
}

// barnEncoder takes every picture for a barn, and knows no text.
type barnEncoder struct{ meanEncoder }

func (barnEncoder) Identity() clip.Identity { return clip.Identity{Dim: 6, Side: 1} }

func (barnEncoder) Pictures(context.Context, []float32) ([]float32, error) {
	return []float32{0, 0, 0, 0.1, 0, 1}, nil
}

func (barnEncoder) Texts(_ context.Context, texts []string) ([]float32, error) {
	return nil, fmt.Errorf("%w: it knows no text %q", db.ErrNoEmbedder, texts)
}
