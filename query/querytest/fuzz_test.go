package querytest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/saedb/saedb/query"
)

// FuzzCompile: whatever a text says, it compiles against a small source and is answered, or is an error with a place in the text. Nothing
// panics, the ranks of rows rise, and what is answered is answered the same again.
func FuzzCompile(f *testing.F) {
	g := newGambler(1)
	for range 300 {
		f.Add(g.query())
	}
	for _, text := range []string{"concept = dgo", "near image nobody", "concept = $missing", "meta.year = soon", "latent = 6", "all after \"x\"", "concept = sea ^1e9", "near image 42 - 9*sea"} {
		f.Add(text)
	}
	src := NewMemory(g.d)
	f.Fuzz(func(t *testing.T, text string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		plan, err := query.Compile(ctx, text, src, g.params, texts(src))
		if err != nil {
			checkError(t, text, err)
			return
		}
		if again := run(t, ctx, plan, src, text); again != run(t, ctx, plan, src, text) {
			t.Errorf("%q is answered in two ways", text)
		}
	})
}

// run answers a plan.
func run(t *testing.T, ctx context.Context, plan *query.Plan, src query.Source, text string) string {
	var rows []query.Row
	for row, err := range plan.Run(ctx, src) {
		if err != nil {
			checkError(t, text, err)
			return lines(rows) + err.Error()
		}
		if len(rows) > 0 && row.Rank <= rows[len(rows)-1].Rank {
			t.Errorf("%q: rank %d after rank %d", text, row.Rank, rows[len(rows)-1].Rank)
		}
		rows = append(rows, row)
	}
	return lines(rows)
}

// checkError demands an error with a place in the text, and something to show for it.
func checkError(t *testing.T, text string, err error) {
	t.Helper()
	var bad *query.Error
	if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(text) || bad.Msg == "" || bad.Render() == "" {
		t.Errorf("%q: a bad error: %#v", text, err)
	}
}
