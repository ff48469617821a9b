package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// listener notes how a search by vectors was asked for.
type listener struct {
	query.Source
	efforts []index.Effort
}

func (l *listener) NearDense(ctx context.Context, q []float32, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	l.efforts = append(l.efforts, e)
	return l.Source.NearDense(ctx, q, k, f, e)
}

func (l *listener) DenseWay(k int, text, narrowed bool, e index.Effort) string {
	return fmt.Sprintf("a walk for %d of %d rows with effort %d, text %v, narrowed %v", k, l.Len(), e, text, narrowed)
}

// many is a source whose codes claim to be many, and to have many latents.
type many struct{ listener }

func (m *many) Len() int { return 100_000 }

func (m *many) Model() (query.ModelInfo, bool) {
	model, active := m.Source.Model()
	model.K = 512
	return model, active
}

func (l *listener) NearLatent(ctx context.Context, c sae.Code, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	l.efforts = append(l.efforts, e)
	return l.Source.NearLatent(ctx, c, k, f, e)
}

// TestEffort: what a query says of exact and effort reaches the index of vectors, and that of codes where they are of many latents, and the plan says what the index makes of it.
func TestEffort(t *testing.T) {
	for _, c := range []struct {
		tail string
		want index.Effort
		plan []string
	}{
		{"", index.Auto, []string{"top 10 by score, then id\n", "a walk for 10 of 3 rows with effort 0, text false, narrowed false"}},
		{"effort 64 top 2", 64, []string{"top 2 by score, then id; effort 64\n", "a walk for 2 of 3 rows with effort 64,"}},
		{"where meta.year > 2000 effort 64", 64, []string{"narrowed true"}},
		{"exact", index.Exact, []string{"; exact\n", "effort -1"}},
		{"min score 0.1", index.Exact, []string{"; exact\n", "effort -1"}},
		{"exact effort 64", index.Exact, []string{"; exact\n", "effort -1"}},
	} {
		src := &listener{Source: shore(t)}
		if _, err := answer(src, "near image a in dense "+c.tail, nil); err != nil {
			t.Fatal(err)
		}
		if len(src.efforts) != 1 || src.efforts[0] != c.want {
			t.Errorf("%q: asked for with %v, want %v", c.tail, src.efforts, c.want)
		}
		rows, err := answer(src, "plan near image a in dense "+c.tail, nil)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for _, r := range rows {
			plan += r.Text + "\n"
		}
		for _, line := range c.plan {
			if !strings.Contains(plan, line) {
				t.Errorf("%q: the plan\n%swithout %q", c.tail, plan, line)
			}
		}
	}
	for _, c := range []struct {
		tail string
		want index.Effort
		plan string
	}{
		{"", index.Auto, "cosine of codes, cut to the latents that weigh most, then 300 codes by all, as from 128 latents on\n"},
		{"effort 64", 64, "; effort 64\n  near image a in latent: cosine of codes, cut to the latents that weigh most, then 64 codes by all"},
		{"exact", index.Exact, "; exact\n  near image a in latent: cosine of codes, about "},
		{"min score 0.1 effort 64", index.Exact, "; exact\n"},
	} {
		src := &many{listener{Source: shore(t)}}
		if _, err := answer(src, "near image a in latent "+c.tail, nil); err != nil {
			t.Fatal(err)
		}
		if len(src.efforts) != 1 || src.efforts[0] != c.want {
			t.Errorf("%q among codes: asked for with %v, want %v", c.tail, src.efforts, c.want)
		}
		rows, err := answer(src, "plan near image a in latent "+c.tail, nil)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for _, r := range rows {
			plan += r.Text + "\n"
		}
		if !strings.Contains(plan, c.plan) {
			t.Errorf("%q: the plan\n%swithout %q", c.tail, plan, c.plan)
		}
	}
	for _, text := range []string{"concept = sea effort 64", "near image a in latent effort 64"} {
		rows, err := answer(shore(t), "plan "+text, nil)
		if err != nil || !strings.HasSuffix(rows[0].Text, "; exact, whatever the effort") {
			t.Errorf("%s: %v, %v", text, rows, err)
		}
	}
}
