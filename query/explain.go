package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// explain yields the latents that make up one thing, or that two have in common.
type explain struct {
	what    *operand
	against *operand // nil: one thing
	tails   tails
}

func (e *explain) plan(t *tree) {
	text := "explain " + e.what.node.String() + ": latents by share of the activation"
	if e.against != nil {
		text = fmt.Sprintf("explain %s vs %s: common latents by share of the dot product", e.what.node, e.against.node)
	}
	t.line("top %d offset %d", cmp.Or(e.tails.top, defaultTop), e.tails.offset)
	t.below(func() { t.line("%s", text) })
}

func (e *explain) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	code, err := e.what.code(ctx, r)
	if err != nil {
		return err
	}
	rows := explainCode(r, code)
	if e.against != nil {
		other, err := e.against.code(ctx, r)
		if err != nil {
			return err
		}
		rows = explainPair(r, code, other)
	}
	rows = joinTwins(r, rows)
	if !e.tails.with.common {
		rows = leaveCommon(r, rows)
	}
	yieldRows(rows, e.tails, cmp.Or(e.tails.top, defaultTop), yield)
	return nil
}

// yieldRows hands on at most top rows (all, where top is 0) from the offset on,
// ranked from 1.
func yieldRows(rows []Row, t tails, top int, yield func(Row) bool) {
	if top == 0 {
		top = len(rows)
	}
	for i := t.offset; i < min(len(rows), t.offset+top); i++ {
		rows[i].Rank = i + 1
		if !yield(rows[i]) {
			return
		}
	}
}

// explainCode returns a row for each latent of a code, by descending share of
// its sum and then by latent.
func explainCode(src Source, code sae.Code) []Row {
	total := 0.0
	for _, a := range code.Acts {
		total += float64(a)
	}
	rows := make([]Row, len(code.Latents))
	for i, latent := range code.Latents {
		rows[i] = latentRow(src, KindExplain, latent)
		rows[i].Activation = float64(code.Acts[i])
		rows[i].Share = rows[i].Activation / total
	}
	sortByShare(rows)
	return rows
}

// explainPair returns a row for each common latent of two codes, by descending
// share of their dot product and then by latent.
func explainPair(src Source, a, b sae.Code) []Row {
	sum := products(a, b)
	total := 0.0
	for i, latent := range a.Latents {
		if _, common := slices.BinarySearch(b.Latents, latent); common {
			total += sum[a.Latents[i]]
		}
	}
	var rows []Row
	for i, latent := range a.Latents {
		j, common := slices.BinarySearch(b.Latents, latent)
		if !common {
			continue
		}
		row := latentRow(src, KindPair, latent)
		row.Activation, row.Other = float64(a.Acts[i]), float64(b.Acts[j])
		row.Share = sum[latent] / total
		rows = append(rows, row)
	}
	sortByShare(rows)
	return rows
}

// latentRow is a row with the name of a latent.
func latentRow(src Catalog, kind Kind, latent uint32) Row {
	name := src.LatentName(latent)
	return Row{
		Kind:       kind,
		Latent:     latent,
		Concept:    name.Word,
		Confidence: float64(name.Confidence),
		Reason:     name.Reason,
		Cos:        float64(name.Score),
		Margin:     float64(name.Margin),
		RunnersUp:  slices.Clone(name.RunnersUp),
		Common:     name.Common,
		Latents:    twinsOf(kind, name),
	}
}

// twinsOf lists the twins in the row of a latent; in an explanation only those that the picture fires.
func twinsOf(kind Kind, name LatentName) []uint32 {
	if kind != KindLatent {
		return nil
	}
	return slices.Clone(name.Twins)
}

// joinTwins makes one row of those of latents that say the same: the strongest of them stands for all. The rows come, and
// stay, by descending share.
func joinTwins(src Catalog, rows []Row) []Row {
	joined := make([]Row, 0, len(rows))
	first := map[uint32]int{} // by the lowest of a group of twins: its row
	for _, row := range rows {
		twins := src.LatentName(row.Latent).Twins
		if len(twins) == 0 {
			joined = append(joined, row)
			continue
		}
		at, met := first[twins[0]]
		if !met {
			first[twins[0]] = len(joined)
			joined = append(joined, row)
			continue
		}
		one := &joined[at]
		if one.Latents == nil {
			one.Latents = []uint32{one.Latent}
		}
		one.Latents = append(one.Latents, row.Latent)
		one.Activation += row.Activation
		one.Other += row.Other
		one.Share += row.Share
	}
	sortByShare(joined)
	return joined
}

// leaveCommon leaves out the latents that fire for nearly everything, and says so. Where there is nothing else they stay.
func leaveCommon(r *run, rows []Row) []Row {
	kept := slices.DeleteFunc(slices.Clone(rows), func(row Row) bool { return row.Common })
	if len(kept) == len(rows) || len(kept) == 0 {
		return rows
	}
	share := 0.0
	for _, row := range rows {
		if row.Common {
			share += row.Share
		}
	}
	n, what := len(rows)-len(kept), "latents that fire"
	if n == 1 {
		what = "latent that fires"
	}
	r.note(fmt.Sprintf("left out: %d %s for a great part of all pictures, with %.0f%% of the activation; \"with common\" shows them", n, what, 100*share))
	return kept
}

func sortByShare(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Latent, b.Latent))
	})
}

// compileExplain resolves an explain.
func (c *compiler) compileExplain(x *syntax.Explain) (statement, error) {
	err := c.refuse(x.Tails, "explain", "leave it out", syntax.TailOrder, syntax.TailScore, syntax.TailMinScore, syntax.TailSelf,
		syntax.TailAfter, syntax.TailGroup, syntax.TailDistinct, syntax.TailSigned)
	if err != nil {
		return nil, err
	}
	if _, err := c.model(x.Span); err != nil {
		return nil, err
	}
	if err := c.checkParts(x.Tails, "explain", `it takes "with common": also the latents that fire for a great part of all pictures`, "common"); err != nil {
		return nil, err
	}
	e := &explain{}
	if e.tails, err = c.tails(x.Tails); err != nil {
		return nil, err
	}
	if e.what, err = c.operand(x.What, false); err != nil {
		return nil, err
	}
	if x.Against != nil {
		if e.against, err = c.operand(x.Against, false); err != nil {
			return nil, err
		}
	}
	return e, nil
}
