package kmeans

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// passRun is how many rows a goroutine takes at a time: their scores stay in its cache.
const passRun = 256

// grouping is rows, centres, and which row belongs to which.
type grouping struct {
	rows    Rows
	threads int
	k       int
	w       []float32 // centres (k, Dim)

	label     []int     // cluster of each row: the largest score, of equal ones the lowest
	own, next []float32 // score with its own centre and with the best other one
	sum       float64   // of own, in the order of the rows: the objective

	passes    int
	converged bool

	laid, scores []float32 // scratch
	was          []int
}

// newGrouping takes w over.
func newGrouping(rows Rows, w []float32, k, threads int) *grouping {
	n := rows.Len()
	g := &grouping{rows: rows, threads: threads, k: k, w: w,
		label: make([]int, n), own: make([]float32, n), next: make([]float32, n), was: make([]int, n)}
	for i := range g.label {
		g.label[i] = -1
	}
	g.scores = make([]float32, min(threads, (n+passRun-1)/passRun)*passRun*k)
	return g
}

// assign gives every row to its nearest centre.
func (g *grouping) assign(ctx context.Context) error {
	copy(g.was, g.label)
	g.laid = g.rows.lay(g.laid, g.w, g.k)
	vec.Parallel(g.threads, len(g.label), passRun, func(worker, lo, hi int) {
		if ctx.Err() != nil {
			return
		}
		s := g.scores[worker*passRun*g.k:][:(hi-lo)*g.k]
		g.rows.scores(s, lo, hi, g.laid, g.k)
		for i := lo; i < hi; i++ {
			g.label[i], g.own[i], g.next[i] = nearest(s[(i-lo)*g.k:][:g.k])
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	g.sum = 0
	for _, s := range g.own {
		g.sum += float64(s)
	}
	g.passes++
	return nil
}

// nearest returns the place of the largest score, that score, and the largest of the others, -1 where there is none.
func nearest(scores []float32) (at int, best, second float32) {
	best, second = scores[0], -1
	for c, s := range scores[1:] {
		switch {
		case s > best:
			at, best, second = c+1, s, best
		case s > second:
			second = s
		}
	}
	return at, best, second
}

// moved counts the rows that the last assign gave to another centre.
func (g *grouping) moved() int {
	n := 0
	for i, c := range g.label {
		if c != g.was[i] {
			n++
		}
	}
	return n
}

// settle moves centres and rows in turn, from assigned rows, until a pass no longer pays, and leaves the rows assigned.
func (g *grouping) settle(ctx context.Context, o Options, start int) error {
	n := float64(len(g.label))
	for !g.converged && g.passes < o.Passes {
		before := g.sum
		g.fill(g.members())
		g.centre()
		if err := g.assign(ctx); err != nil {
			return err
		}
		moved := g.moved()
		o.Progress(Progress{Start: start, Starts: o.Starts, Pass: g.passes, Mean: g.sum / n, Moved: moved})
		g.converged = moved == 0 || o.Tol >= 0 && g.sum-before <= o.Tol*n
	}
	return nil
}

// members lists the rows of each cluster, ascending.
func (g *grouping) members() [][]int {
	sizes := make([]int, g.k)
	for _, c := range g.label {
		sizes[c]++
	}
	all := make([]int, len(g.label))
	lists := make([][]int, g.k)
	for c, n := range sizes {
		lists[c], all = all[:0:n], all[n:]
	}
	for i, c := range g.label {
		lists[c] = append(lists[c], i)
	}
	return lists
}

// fill gives each empty cluster the row that fits its own centre worst, of equal ones the lowest, unless that row is alone
// in its cluster or lies on its centre. Its centre follows with the next call of centre.
func (g *grouping) fill(lists [][]int) {
	for c, list := range lists {
		if len(list) > 0 {
			continue
		}
		worst := -1
		for i, s := range g.own {
			if 1-s > sameDirection && len(lists[g.label[i]]) > 1 && (worst < 0 || s < g.own[worst]) {
				worst = i
			}
		}
		if worst < 0 {
			return // every row lies on a centre
		}
		from := g.label[worst]
		lists[from] = slices.DeleteFunc(lists[from], func(i int) bool { return i == worst })
		lists[c] = []int{worst}
		g.label[worst], g.own[worst] = c, 1
	}
}

// centre moves every centre to the mean direction of its rows; one without rows, or whose rows cancel out, stays. The rows of
// a cluster are added in their order, by one goroutine.
func (g *grouping) centre() {
	d := g.rows.Dim()
	lists := g.members()
	vec.Parallel(g.threads, g.k, 1, func(_, c, _ int) {
		sum := make([]float64, d)
		for _, i := range lists[c] {
			g.rows.add(sum, i)
		}
		point(g.w[c*d:(c+1)*d], sum)
	})
}

// point writes the direction of sum to w, unless it has none.
func point(w []float32, sum []float64) {
	n := 0.0
	for _, f := range sum {
		n += f * f
	}
	if n = math.Sqrt(n); n == 0 {
		return
	}
	for j, f := range sum {
		w[j] = float32(f / n)
	}
}

// result numbers the clusters that have rows by size.
func (g *grouping) result() *Result {
	d := g.rows.Dim()
	lists := g.members()
	var order []int
	for c, list := range lists {
		if len(list) > 0 {
			order = append(order, c)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(len(lists[b]), len(lists[a])), cmp.Compare(lists[a][0], lists[b][0]))
	})
	r := &Result{K: len(order), D: d, Labels: make([]int, len(g.label)), Mean: g.sum / float64(len(g.label)),
		Silhouette: g.silhouette(len(order)), Passes: g.passes, Converged: g.converged}
	for c, old := range order {
		r.Centres = append(r.Centres, g.w[old*d:(old+1)*d]...)
		r.Sizes = append(r.Sizes, len(lists[old]))
		within := 0.0
		for _, i := range lists[old] {
			r.Labels[i] = c
			within += float64(g.own[i])
		}
		r.Within = append(r.Within, within/float64(len(lists[old])))
	}
	return r
}

func (g *grouping) silhouette(k int) float64 {
	if k < 2 {
		return 0
	}
	total := 0.0
	for i, s := range g.own {
		a, b := max(0, 1-float64(s)), max(0, 1-float64(g.next[i]))
		if b > 0 {
			total += (b - a) / b // b is not below a
		}
	}
	return total / float64(len(g.own))
}
