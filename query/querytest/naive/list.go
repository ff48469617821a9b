package naive

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

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
		row := Row{Kind: "count", By: c.By.Name, Value: v, Count: k}
		for _, cluster := range n.d.Clusters {
			if c.By.Name == "cluster" && v == int64(cluster.ID) {
				row.Name = cluster.Name
			}
		}
		rows = append(rows, row)
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
		row := Row{Kind: "explain", Latent: uint32(latent), Concept: name.Word, Common: name.Common, RunnersUp: name.RunnersUp, Activation: act, Share: act * other}
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
	if tail(e.Tails, syntax.TailWith) == nil { // with common
		rare := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Common })
		if len(rare) > 0 {
			rows = rare
		}
	}
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
		rows = slices.DeleteFunc(rows, func(r Row) bool { return !glob(l.Like.Text, fieldOf(r, "name").(string)) })
	}
	if l.Where != nil {
		rows = slices.DeleteFunc(rows, func(r Row) bool { return !judgeRow(l.Where, r) })
	}
	if t := tail(l.Tails, syntax.TailOrder); t != nil {
		slices.SortStableFunc(rows, func(a, b Row) int {
			if t.Desc {
				a, b = b, a
			}
			return compareLiteral(fieldOf(a, t.Arg.Text), fmt.Sprint(fieldOf(b, t.Arg.Text)))
		})
	}
	return cut(rows, l.Tails, false)
}

// judgeRow applies a condition to a row of a listing.
func judgeRow(x syntax.Expr, row Row) bool {
	switch x := x.(type) {
	case *syntax.And:
		for _, t := range x.Terms {
			if !judgeRow(t, row) {
				return false
			}
		}
		return true
	case *syntax.Or:
		return slices.ContainsFunc(x.Terms, func(t syntax.Expr) bool { return judgeRow(t, row) })
	case *syntax.Not:
		return !judgeRow(x.X, row)
	}
	m := x.(*syntax.Meta)
	return judgeValue(m, fieldOf(row, m.Field.Name), true)
}

// fieldOf is the value of a field of a listing.
func fieldOf(row Row, field string) any {
	switch field {
	case "count":
		return int64(row.Count)
	case "max":
		return row.Max
	case "mean":
		return row.Mean
	case "density":
		return row.Density
	case "dead":
		return row.Count == 0
	case "latent":
		return int64(row.Latent)
	case "cluster":
		return int64(row.Cluster)
	}
	if row.Kind == "field" || row.Kind == "cluster" {
		return row.Name
	}
	return row.Concept
}

// clusters lists the clusters with how many items are in them.
func (n *Twin) clusters() (rows []Row) {
	for _, c := range n.d.Clusters {
		row := Row{Kind: "cluster", Cluster: c.ID, Name: c.Name, Cosine: c.Within}
		for _, item := range n.d.Items {
			if item.Meta["cluster"] == int64(c.ID) {
				row.Count++
			}
		}
		row.Density = float64(row.Count) / float64(len(n.d.Items))
		rows = append(rows, row)
	}
	return rows
}

// fields lists the fields that items have.
func (n *Twin) fields() (rows []Row) {
	for _, item := range n.d.Items {
		for name, v := range item.Meta {
			at := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
			if at < 0 {
				at, rows = len(rows), append(rows, Row{Kind: "field", Name: name})
			}
			rows[at].Count++
			if kind := typeOf(v); !slices.Contains(rows[at].Types, kind) {
				rows[at].Types = append(rows[at].Types, kind)
			}
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

func typeOf(v any) string {
	switch v.(type) {
	case int64:
		return "int"
	case bool:
		return "bool"
	case time.Time:
		return "time"
	}
	return "string"
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
	switch l.What {
	case syntax.ListClusters:
		return n.clusters()
	case syntax.ListFields:
		return n.fields()
	}
	if l.What == syntax.ListLatents {
		for latent := range uint32(n.d.Latents) {
			name := n.d.Names[latent]
			row := Row{Kind: "latent", Latent: latent, Concept: name.Word, Common: name.Common, RunnersUp: name.RunnersUp}
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
