package db

import (
	"context"
	"fmt"
	"iter"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/syntax"
)

// Query answers a text of the query language; params are the values of its $names. The rows come in order, one
// snapshot throughout; an error comes last, once. What is wrong with the text is a *query.Error, which shows the place.
// Options: query.WithLoader lets the text name files, query.OnNote is told what the asker should know.
func (d *DB) Query(ctx context.Context, text string, params query.Params, opts ...query.Option) iter.Seq2[query.Row, error] {
	return viewSeq(d, func(s *Snapshot) iter.Seq2[query.Row, error] { return s.Query(ctx, text, params, opts...) })
}

// Query answers a text of the query language from the snapshot.
func (s *Snapshot) Query(ctx context.Context, text string, params query.Params, opts ...query.Option) iter.Seq2[query.Row, error] {
	return func(yield func(query.Row, error) bool) {
		src, err := s.source(ctx)
		if err != nil {
			yield(query.Row{}, fmt.Errorf("query: %w", err))
			return
		}
		plan, err := query.Compile(ctx, text, src, params, opts...)
		if err != nil {
			yield(query.Row{}, err)
			return
		}
		plan.Run(ctx, src)(yield)
	}
}

// QueryTree is Query for a tree: one that package build made, or that was JSON. What is wrong with it is a *query.Error as well.
func (d *DB) QueryTree(ctx context.Context, q *syntax.Query, params query.Params, opts ...query.Option) iter.Seq2[query.Row, error] {
	return viewSeq(d, func(s *Snapshot) iter.Seq2[query.Row, error] { return s.QueryTree(ctx, q, params, opts...) })
}

// QueryTree is Query for a tree.
func (s *Snapshot) QueryTree(ctx context.Context, q *syntax.Query, params query.Params, opts ...query.Option) iter.Seq2[query.Row, error] {
	text, err := query.TreeText(q)
	if err != nil {
		return func(yield func(query.Row, error) bool) { yield(query.Row{}, err) }
	}
	return s.Query(ctx, text, params, opts...)
}

// Explain returns the plan of a query and runs nothing.
func (d *DB) Explain(ctx context.Context, text string, params query.Params, opts ...query.Option) (plan *query.Plan, err error) {
	err = d.view(func(s *Snapshot) error {
		plan, err = s.Explain(ctx, text, params, opts...)
		return err
	})
	return plan, err
}

// Explain returns the plan of a query and runs nothing.
func (s *Snapshot) Explain(ctx context.Context, text string, params query.Params, opts ...query.Option) (*query.Plan, error) {
	src, err := s.source(ctx)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return query.Compile(ctx, text, src, params, opts...)
}
