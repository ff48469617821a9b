package query_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/query/syntax"
)

// FuzzCompile: whatever a text says, it compiles against the pictures of docs/query.md and is answered, or is an error with a place in the
// text. Nothing panics, ranks rise, and what is answered is answered the same again.
func FuzzCompile(f *testing.F) {
	text, err := os.ReadFile("../docs/query.md")
	if err != nil {
		f.Fatal(err)
	}
	page, err := querytest.ParsePage(string(text))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range page.Queries {
		f.Add(text)
	}
	for _, text := range []string{"concept = $word", "near vector $v in dense", "id in ($list)", "meta.year = $n", "concept = sea ^1e9", "near image 2021/ski.jpg - 9*snow - 9*people"} {
		f.Add(text)
	}
	src := querytest.NewMemory(page.Pictures)
	params := query.Params{"word": "sea", "list": []string{"a", "2021/ski.jpg"}, "n": 2020, "v": []float32{1, 0, 2, 0, 0, 0}}
	load := query.WithLoader(func(ctx context.Context, _ syntax.OperandKind, name string) ([]float32, error) {
		v, _, err := src.TextVector(ctx, name)
		return v, err
	})
	f.Fuzz(func(t *testing.T, text string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		plan, err := query.Compile(ctx, text, src, params, load)
		if err != nil {
			checkError(t, text, err)
			return
		}
		if first := runAll(t, ctx, plan, src, text); first != runAll(t, ctx, plan, src, text) {
			t.Errorf("%q is answered in two ways", text)
		}
	})
}

// runAll runs a plan and prints its rows, and its error.
func runAll(t *testing.T, ctx context.Context, plan *query.Plan, src query.Source, text string) string {
	var b strings.Builder
	rank := 0
	for row, err := range plan.Run(ctx, src) {
		if err != nil {
			checkError(t, text, err)
			fmt.Fprintln(&b, err)
			break
		}
		if row.Rank <= rank {
			t.Errorf("%q: rank %d after rank %d", text, row.Rank, rank)
		}
		rank = row.Rank
		fmt.Fprintln(&b, querytest.FormatRow(row), row.Score)
	}
	return b.String()
}

// checkError demands an error with a place in the text, and something to show for it.
func checkError(t *testing.T, text string, err error) {
	t.Helper()
	var bad *query.Error
	if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(text) || bad.Msg == "" || bad.Render() == "" {
		t.Errorf("%q: a bad error: %#v", text, err)
	}
}
