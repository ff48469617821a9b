package query

import (
	"context"
	"fmt"
	"iter"
)

// distinctRows yields the rows of a ranking but for those whose vector is as near to that of a row before as t.distinct says; without
// t.distinct all of them. n is how many the caller expects to need.
func (t *tails) distinctRows(ctx context.Context, r *run, rank ranking, n int) iter.Seq2[ranked, error] {
	rows := rank.walk(ctx, n)
	if t.distinct == 0 {
		return rows
	}
	return func(yield func(ranked, error) bool) {
		var kept [][]float32
		left := 0
		for row, err := range rows {
			var v []float32
			if err == nil {
				v, err = r.Vector(ctx, row.ord)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(ranked{}, err)
				return
			}
			if t.likeOneOf(kept, v) {
				left++
				continue
			}
			kept = append(kept, v)
			if !yield(row, nil) {
				break
			}
		}
		if left > 0 {
			r.note(fmt.Sprintf("left out: %s of rows before (cosine at least %g)", counted(left, "near-duplicate"), t.distinct))
		}
	}
}

// likeOneOf reports whether a vector is a near-duplicate of one of some others.
func (t *tails) likeOneOf(kept [][]float32, v []float32) bool {
	for _, w := range kept {
		if dot(v, w) >= t.distinct {
			return true
		}
	}
	return false
}

// dot is summed in float64 and in order: the same on every machine.
func dot(v, w []float32) float64 {
	sum := 0.0
	for i, x := range v[:min(len(v), len(w))] {
		sum += float64(float64(x) * float64(w[i])) // the conversion keeps compilers from fusing
	}
	return sum
}

// counted writes "1 thing", "2 things".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
