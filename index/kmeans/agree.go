package kmeans

import (
	"math"
	"slices"
)

// Agreement says how well two groupings of the same rows agree. All three figures are 1 where every group of one is a group
// of the other.
type Agreement struct {
	Rows   int     `json:"rows"`
	NMI    float64 `json:"nmi"`    // mutual information over the mean of the two entropies; about 0 for unrelated groupings into few groups
	ARI    float64 `json:"ari"`    // adjusted Rand index: 0 on average for unrelated groupings
	Purity float64 `json:"purity"` // share of rows that bear the label most common in their cluster
}

// Agree compares clusters with labels, one number each for every row; the numbers themselves mean nothing. The slices are of
// equal length. NMI and ARI are 1 if neither divides the rows, and if there are none.
func Agree(clusters, labels []int) Agreement {
	if len(clusters) != len(labels) {
		panic("kmeans: clusters and labels of different lengths")
	}
	both := map[[2]int]int{}
	byCluster, byLabel, most := map[int]int{}, map[int]int{}, map[int]int{}
	for i, c := range clusters {
		pair := [2]int{c, labels[i]}
		both[pair]++
		byCluster[c]++
		byLabel[labels[i]]++
		most[c] = max(most[c], both[pair])
	}
	n := float64(len(clusters))
	a := Agreement{Rows: len(clusters), NMI: 1, ARI: 1, Purity: 1}
	if n == 0 {
		return a
	}
	pure := 0
	for _, m := range most {
		pure += m
	}
	a.Purity = float64(pure) / n

	hc, hl, h := entropy(byCluster, n), entropy(byLabel, n), entropy(both, n)
	if hc+hl > 0 {
		a.NMI = max(0, 2*(hc+hl-h)/(hc+hl))
	}
	// ARI: pairs that lie together in both, less what chance gives, over the most there could be, less the same.
	together, inCluster, inLabel := pairs(both), pairs(byCluster), pairs(byLabel)
	chance := 0.0
	if all := n * (n - 1) / 2; all > 0 {
		chance = inCluster * inLabel / all
	}
	if most := (inCluster + inLabel) / 2; most != chance {
		a.ARI = (together - chance) / (most - chance)
	}
	return a
}

// entropy is that of the shares counts/n, in nats.
func entropy[K comparable](counts map[K]int, n float64) float64 {
	terms := make([]float64, 0, len(counts))
	for _, c := range counts {
		p := float64(c) / n
		terms = append(terms, -p*math.Log(p))
	}
	slices.Sort(terms) // maps have no order, and sums have one
	h := 0.0
	for _, t := range terms {
		h += t
	}
	return h
}

// pairs counts the pairs of rows within the groups.
func pairs[K comparable](counts map[K]int) float64 {
	sum := 0.0 // exact up to 2^53
	for _, c := range counts {
		sum += float64(c) * float64(c-1) / 2
	}
	return sum
}
