package query

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query/syntax"
)

// A Plan is a query with its names resolved, ready to run. It is immutable.
type Plan struct {
	text     string
	planOnly bool // the query asks for the plan, not for the answer
	stmt     statement
	opts     options
	notes    []string // for the person who asks, about the names in the query
}

// A statement is one resolved query. It reads nothing until rows is called.
type statement interface {
	// plan writes what rows will do.
	plan(t *tree)
	// rows computes the answer and hands it on row by row, until yield returns
	// false or the rows end. It returns an error only while yield returns true.
	rows(ctx context.Context, r *run, yield func(Row) bool) error
}

// A run is one execution of a plan on one snapshot. It serves one goroutine.
type run struct {
	Source
	p *Plan

	// sets are the items that the metadata index found.
	sets map[*has]*roaring.Bitmap
	// limits are what thresholds compare activations with.
	limits map[*fires]float32
	// vectors are those of operands outside the database, of unit norm.
	vectors map[*syntax.Operand][]float32

	acc sparse.Accumulator
}

// Held is that of a source that holds postings.
func (r *run) Held(ctx context.Context, latent uint32) ([]index.Block, bool) {
	if src, ok := r.Source.(sparse.Holder); ok {
		return src.Held(ctx, latent)
	}
	return nil, false
}

// fail is an error at a place of the query's text.
func (r *run) fail(at syntax.Span, kind error, msg, hint string) error {
	return newError(r.p.text, at.Start, kind, msg, hint)
}

// wrap places an error that src returned about something in the query.
func (r *run) wrap(at syntax.Span, err error) error {
	return newError(r.p.text, at.Start, err, err.Error(), "")
}

// note tells the person who asked something about the answer.
func (r *run) note(s string) {
	if r.p.opts.onNote != nil && s != "" {
		r.p.opts.onNote(s)
	}
}

// Run answers the query from src. Rows come in order, and an error, if there is
// one, comes last and alone. The rows are computed while the sequence is
// consumed; breaking off is free. Each use of the sequence runs the query again.
// src may be another snapshot than the one that Compile saw, as long as the same
// autoencoder is active and has the same names.
func (p *Plan) Run(ctx context.Context, src Source) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if p.planOnly {
			p.yieldPlan(yield)
			return
		}
		r := &run{Source: src, p: p, sets: map[*has]*roaring.Bitmap{}, limits: map[*fires]float32{}, vectors: map[*syntax.Operand][]float32{}}
		for _, note := range p.notes {
			r.note(note)
		}
		if err := p.stmt.rows(ctx, r, func(row Row) bool { return yield(row, nil) }); err != nil {
			yield(Row{}, err)
		}
	}
}

// yieldPlan answers "plan …": a row for each line.
func (p *Plan) yieldPlan(yield func(Row, error) bool) {
	rank := 0
	for line := range strings.Lines(p.String()) {
		rank++
		if !yield(Row{Kind: KindPlan, Rank: rank, Text: strings.TrimSuffix(line, "\n")}, nil) {
			return
		}
	}
}

// String returns the plan as an indented tree, one line for each step, ending in
// a newline. Where the query begins with "plan", estimates of the work are in it.
func (p *Plan) String() string {
	t := &tree{}
	p.stmt.plan(t)
	return t.b.String()
}

// A tree collects the lines of a plan.
type tree struct {
	b     strings.Builder
	depth int
}

// line adds a line at the present depth.
func (t *tree) line(format string, args ...any) {
	t.b.WriteString(strings.Repeat("  ", t.depth))
	fmt.Fprintf(&t.b, format, args...)
	t.b.WriteByte('\n')
}

// below runs f one level deeper.
func (t *tree) below(f func()) {
	t.depth++
	f()
	t.depth--
}
