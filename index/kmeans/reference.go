package kmeans

import "math"

// assignReference is assign as the formula says it: dense rows and centres in float64. It returns each row's cluster and its
// scores with all centres.
func assignReference(rows, centres [][]float64) (labels []int, scores [][]float64) {
	for _, x := range rows {
		s := make([]float64, len(centres))
		at := 0
		for c, w := range centres {
			for j := range x {
				s[c] += x[j] * w[j]
			}
			if s[c] > s[at] {
				at = c
			}
		}
		labels, scores = append(labels, at), append(scores, s)
	}
	return labels, scores
}

// centreReference is centre as the formula says it; a cluster without rows keeps its old centre.
func centreReference(rows [][]float64, labels []int, old [][]float64) [][]float64 {
	centres := make([][]float64, len(old))
	for c := range old {
		sum := make([]float64, len(old[c]))
		for i, x := range rows {
			if labels[i] == c {
				for j := range x {
					sum[j] += x[j]
				}
			}
		}
		n := 0.0
		for _, f := range sum {
			n += f * f
		}
		if n == 0 {
			copy(sum, old[c])
			n = 1
		}
		for j := range sum {
			sum[j] /= math.Sqrt(n)
		}
		centres[c] = sum
	}
	return centres
}

// agreeReference is Agree by looking at all pairs of rows (ARI) and by the sums of the textbook (NMI, purity).
func agreeReference(clusters, labels []int) Agreement {
	n := len(clusters)
	a := Agreement{Rows: n}
	var together, inCluster, inLabel, all float64
	for i := range n {
		for j := range i {
			c, l := clusters[i] == clusters[j], labels[i] == labels[j]
			all++
			if c {
				inCluster++
			}
			if l {
				inLabel++
			}
			if c && l {
				together++
			}
		}
	}
	chance := inCluster * inLabel / all
	a.ARI = (together - chance) / ((inCluster+inLabel)/2 - chance)

	count := func(c, l int) (m float64) { // -1: any
		for i := range n {
			if (c < 0 || clusters[i] == c) && (l < 0 || labels[i] == l) {
				m++
			}
		}
		return m
	}
	most := func(of []int) (m int) {
		for _, v := range of {
			m = max(m, v)
		}
		return m
	}
	var mutual, hc, hl float64
	for c := 0; c <= most(clusters); c++ {
		if m := count(c, -1); m > 0 {
			hc -= m / float64(n) * math.Log(m/float64(n))
		}
		purest := 0.0
		for l := 0; l <= most(labels); l++ {
			m := count(c, l)
			purest = max(purest, m)
			if m > 0 {
				mutual += m / float64(n) * math.Log(m*float64(n)/(count(c, -1)*count(-1, l)))
			}
		}
		a.Purity += purest / float64(n)
	}
	for l := 0; l <= most(labels); l++ {
		if m := count(-1, l); m > 0 {
			hl -= m / float64(n) * math.Log(m/float64(n))
		}
	}
	a.NMI = 2 * mutual / (hc + hl)
	return a
}
