package measure

import (
	"context"
	"math"
)

// free is a row or column without a partner.
const free = -1

// assign returns for each row of cost, (rows,cols) row-major with rows at most cols, a column of its own, so that the sum of
// the chosen entries is as small as any choice makes it: the method of Jonker and Volgenant. Each row and column has a
// price; an entry's price is the sum of both, and no entry costs less than its price, while the chosen ones cost exactly
// that, which proves them best. First rows bid for columns and drive each other out; the rows that this leaves free are
// placed one by one along the cheapest chain of moves. The only error is the context's.
func assign(ctx context.Context, cost []float32, rows, cols int) ([]int, error) {
	a := newAssignment(cost, rows, cols)
	return a.columnOf, a.solve(ctx)
}

// assignment is the state of assign. Prices of rows are implied: that of a placed row is the cost of its entry less the
// price of its column.
type assignment struct {
	cost       []float32
	rows, cols int
	columnOf   []int     // of each row
	rowOf      []int     // of each column
	price      []float64 // of each column, never above zero; that of a free column is zero

	far   []float64 // of each column: the cost of the cheapest chain that ends in it
	from  []int     // the row before it in that chain
	order []int     // columns: those whose chain is final, those that are next, the others
}

func newAssignment(cost []float32, rows, cols int) *assignment {
	return &assignment{
		cost: cost, rows: rows, cols: cols,
		columnOf: filled(rows, free), rowOf: filled(cols, free), price: make([]float64, cols),
		far: make([]float64, cols), from: make([]int, cols), order: make([]int, cols),
	}
}

func (a *assignment) solve(ctx context.Context) error {
	left := make([]int, a.rows)
	for i := range left {
		left[i] = i
	}
	for range 2 {
		left = a.bid(left)
	}
	for _, row := range left {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.augment(row)
	}
	return nil
}

func filled(n, v int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = v
	}
	return x
}

func (a *assignment) row(i int) []float32 { return a.cost[i*a.cols : (i+1)*a.cols] }

// bid lets each of the free rows take the column that is cheapest for it, whose price falls by what the second cheapest
// would cost more. The row that had it is free again and bids at once where that changed the price, else in the next round.
// It returns the rows that remain.
func (a *assignment) bid(waiting []int) (left []int) {
	bids := 0
	for len(waiting) > 0 {
		row := waiting[0]
		waiting = waiting[1:]
		for row != free {
			first, second := math.Inf(1), math.Inf(1)
			best, next := free, free
			for j, c := range a.row(row) {
				if v := float64(c) - a.price[j]; v < second {
					if v < first {
						second, next = first, best
						first, best = v, j
					} else {
						second, next = v, j
					}
				}
			}
			cheaper := first < second
			if !cheaper && a.rowOf[best] != free && next != free {
				best = next
			}
			driven := a.rowOf[best]
			if cheaper && !math.IsInf(second, 1) {
				a.price[best] -= second - first
			}
			a.columnOf[row], a.rowOf[best] = best, row
			if driven != free {
				a.columnOf[driven] = free
			}
			bids++
			if driven != free && (!cheaper || bids > 4*a.rows) {
				left = append(left, driven)
				break
			}
			row = driven
		}
	}
	return left
}

// augment places a free row: it finds the column without a partner that the cheapest chain reaches (take a column, send its
// row to another, and so on), moves the rows along it, and adjusts the prices of the columns on the way.
func (a *assignment) augment(start int) {
	for j, c := range a.row(start) {
		a.far[j], a.from[j], a.order[j] = float64(c)-a.price[j], start, j
	}
	final, next := 0, 0 // order[:final] have been left, order[final:next] are all at distance least
	settled := 0
	least, end := 0.0, free
search:
	for {
		if final == next { // look for the columns that are nearest now
			settled = final
			least = a.far[a.order[next]]
			next++
			for at := next; at < a.cols; at++ {
				j := a.order[at]
				if a.far[j] > least {
					continue
				}
				if a.far[j] < least {
					next, least = final, a.far[j]
				}
				a.order[at], a.order[next] = a.order[next], j
				next++
			}
			for _, j := range a.order[final:next] {
				if a.rowOf[j] == free {
					end = j
					break search
				}
			}
		}
		through := a.order[final]
		final++
		row := a.rowOf[through]
		costs := a.row(row)
		base := float64(costs[through]) - a.price[through] - least
		for at := next; at < a.cols; at++ {
			j := a.order[at]
			d := float64(costs[j]) - a.price[j] - base
			if d >= a.far[j] {
				continue
			}
			a.far[j], a.from[j] = d, row
			if d <= least { // as near as the nearest: rounding may make it a hair nearer
				a.far[j] = least
				if a.rowOf[j] == free {
					end = j
					break search
				}
				a.order[at], a.order[next] = a.order[next], j
				next++
			}
		}
	}
	for _, j := range a.order[:settled] {
		a.price[j] += a.far[j] - least
	}
	for row := free; row != start; {
		row = a.from[end]
		a.rowOf[end] = row
		end, a.columnOf[row] = a.columnOf[row], end
	}
}
