package naive

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/saedb/saedb/query/syntax"
)

func (n *Twin) count(c *syntax.Count) []Row {
	counts := map[any]int{}
	total := 0
	for _, item := range n.d.Items {
		if c.Where != nil && !n.judge(c.Where, item, "sum").match {
			continue
		}
		total++
		switch {
		case c.By == nil:
		case c.By.Name == "concept":
			for w, concept := range n.d.Concepts {
				if n.Activation(concept, item.ID) > 0 {
					counts[w]++
				}
			}
		case c.By.Name == "latent":
			for _, latent := range n.codes[item.ID].Latents {
				counts[int64(latent)]++
			}
		default:
			for _, v := range n.values(item.ID, c.By.Name) {
				counts[v]++
			}
		}
	}
	if c.By == nil {
		return []Row{{Kind: "count", Rank: 1, Count: total}}
	}
	var rows []Row
	for v, k := range counts {
		rows = append(rows, Row{Kind: "count", By: c.By.Name, Value: v, Count: k})
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareLiteral(a.Value, fmt.Sprint(b.Value)))
	})
	return cut(rows, c.Tails, false)
}

func (n *Twin) explain(e *syntax.Explain) []Row {
	var rows []Row
	total := 0.0
	code := n.code(e.What, false)
	for latent, act := range code {
		other := 1.0
		if e.Against != nil {
			other = n.code(e.Against, false)[latent]
		}
		if act == 0 || other == 0 {
			continue
		}
		name := n.d.Names[uint32(latent)]
		row := Row{Kind: "explain", Latent: uint32(latent), Concept: name.Word, RunnersUp: name.RunnersUp, Activation: act, Share: act * other}
		if e.Against != nil {
			row.Kind, row.Other = "pair", other
		}
		total += row.Share
		rows = append(rows, row)
	}
	for i := range rows {
		rows[i].Share /= total
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.Share, a.Share) })
	return cut(rows, e.Tails, true)
}

func (n *Twin) list(l *syntax.List) []Row {
	switch {
	case l.What == syntax.ListImages && l.LikeText:
		what := &syntax.Operand{Kind: syntax.OperandText, Arg: *l.Like}
		return n.find(&syntax.Find{Near: &syntax.Near{What: what}, Where: l.Where, Tails: l.Tails})
	case l.What == syntax.ListImages:
		return n.imageList(l)
	case l.LikeText:
		return n.likeText(l)
	}
	rows := n.all(l)
	if l.Like != nil {
		rows = slices.DeleteFunc(rows, func(r Row) bool { return !glob(l.Like.Text, r.Concept) })
	}
	if t := tail(l.Tails, syntax.TailOrder); t != nil { // by count, descending
		slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.Count, a.Count) })
	}
	return cut(rows, l.Tails, false)
}

// imageList lists images by id, without scores.
func (n *Twin) imageList(l *syntax.List) []Row {
	f := &syntax.Find{All: true, Tails: l.Tails}
	if l.Where != nil {
		f.Where = &syntax.Not{X: &syntax.Not{X: l.Where}}
	}
	if l.Like != nil {
		id := &syntax.Meta{Field: syntax.Field{Name: "id"}, Op: syntax.Glob, Values: []syntax.Value{{Text: l.Like.Text}}}
		f.Where = &syntax.And{Terms: append([]syntax.Expr{id}, some(f.Where)...)}
	}
	return n.find(f)
}

func some(x syntax.Expr) []syntax.Expr {
	if x == nil {
		return nil
	}
	return []syntax.Expr{x}
}

// likeText lists concepts or latents by the cosine of their decoder rows with the direction of a text: from the mean of all texts.
func (n *Twin) likeText(l *syntax.List) []Row {
	text := make([]float32, n.d.Latents)
	for i, x := range n.d.Texts[l.Like.Text] {
		mean := 0.0
		for _, w := range n.d.Texts {
			mean += float64(w[i]) / float64(len(n.d.Texts))
		}
		text[i] = x - float32(mean)
	}
	var rows []Row
	for _, row := range n.all(l) {
		if row.Kind == "latent" {
			row.Score = n.cosOf(row.Latent, text)
		} else {
			for _, w := range n.d.Concepts[row.Concept] {
				row.Score += float64(w.W) * n.cosOf(w.Latent, text)
			}
		}
		if t := tail(l.Tails, syntax.TailMinScore); row.Score > 0 && (t == nil || row.Score >= *t.X) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.Score, a.Score) })
	return cut(rows, l.Tails, true)
}

// cosOf is the cosine of a latent's decoder row.
func (n *Twin) cosOf(latent uint32, v []float32) float64 {
	row := n.direction(latent)
	dot := dotOf(v, row)
	if dot == 0 {
		return 0
	}
	return float64(float32(dot / math.Sqrt(dotOf(v, v)*dotOf(row, row))))
}

// all lists every concept or latent with its statistics.
func (n *Twin) all(l *syntax.List) []Row {
	var rows []Row
	if l.What == syntax.ListLatents {
		for latent := range uint32(n.d.Latents) {
			name := n.d.Names[latent]
			row := Row{Kind: "latent", Latent: latent, Concept: name.Word, RunnersUp: name.RunnersUp}
			rows = append(rows, n.stats(row, []Weight{{Latent: latent, W: 1}}))
		}
		return rows
	}
	for _, w := range n.words() {
		row := Row{Kind: "concept", Concept: w}
		for _, weight := range n.d.Concepts[w] {
			row.Latents = append(row.Latents, weight.Latent)
		}
		rows = append(rows, n.stats(row, n.d.Concepts[w]))
	}
	return rows
}

// stats adds what the activations of a group are like.
func (n *Twin) stats(row Row, group []Weight) Row {
	sum := 0.0
	for _, item := range n.d.Items {
		if act := float64(n.Activation(group, item.ID)); act > 0 {
			row.Count++
			row.Max = max(row.Max, act)
			sum += act
		}
	}
	if row.Count > 0 {
		row.Mean = sum / float64(row.Count)
	}
	row.Density = float64(row.Count) / float64(len(n.d.Items))
	return row
}
