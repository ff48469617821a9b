//go:build zz

package sparse

import (
	"fmt"
	"os"
	"testing"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/npy"
)

func TestZCut(t *testing.T) {
	k := os.Getenv("K")
	c, q := loadz("/tmp/sp/data/codes"+k+".npz"), loadz("/tmp/sp/q"+k+".npz")
	truth, err := npy.ReadIntsFile("/tmp/sp/t" + k + ".npy")
	if err != nil { t.Fatal(err) }
	x := New()
	var codes []index.Coded
	for i := range c.Rows {
		cols, v := c.Row(i)
		l := make([]uint32, len(cols))
		for j := range cols { l[j] = uint32(cols[j]) }
		codes = append(codes, index.Coded{Ord: uint32(i)})
		codes[i].Code.Latents, codes[i].Code.Acts = l, v
	}
	x.old = pack(codes)
	codes = nil
	var qs [][]index.Term
	for i := range q.Rows {
		cols, v := q.Row(i)
		var t []index.Term
		for j := range cols { t = append(t, index.Term{uint32(cols[j]), v[j]}) }
		qs = append(qs, t)
	}
	for _, ab := range [][2]float64{{2, 0}, {2, .5}, {2, 1}, {3, 1}} {
		for _, part := range []float64{.2, .3, .4} {
			for _, effort := range []int{100, 200, 400} {
				cutA, cutB, cutPart = ab[0], ab[1], part
				hit := 0
				st = stats{}
				for i, terms := range qs {
					hits, _ := x.search(t.Context(), question{terms: terms, k: 10, effort: index.Effort(effort)})
					for _, h := range hits[:10] {
						for _, r := range truth[i][:10] { if int64(h.Ord) == r { hit++ } }
					}
				}
				fmt.Printf("a %g b %g part %g effort %d: recall %.4f postings %d rows %d\n", ab[0], ab[1], part, effort, float64(hit)/float64(10*len(qs)), st.posts/len(qs), st.cand/len(qs))
			}
		}
	}
}
