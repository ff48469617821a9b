package concept

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Judgement is how well one ranking finds the rows that carry a label.
type Judgement struct {
	Label     string  `json:"label,omitempty"`
	Positives int     `json:"positives"` // rows that carry the label
	Answered  int     `json:"answered"`  // rows in the ranking
	AP        float64 `json:"average_precision"`
	P10       float64 `json:"precision_at_10"`
	Recall    float64 `json:"recall"`
}

// Judge measures a ranking, best first: ranked[i] says whether the i-th answer carries the label, which positives rows
// do. Rows that are not in the ranking were not found and count as misses:
//
//	AP     = Σ over the found ones of (found so far)/(rank), divided by positives
//	P10    = found ones among the first ten answers, divided by ten, however few answers there are
//	Recall = found ones divided by positives
//
// All three are 0 where no row carries the label.
func Judge(ranked []bool, positives int) Judgement {
	j := Judgement{Positives: positives, Answered: len(ranked)}
	if positives == 0 {
		return j
	}
	found, early := 0, 0
	for i, relevant := range ranked {
		if !relevant {
			continue
		}
		found++
		j.AP += float64(found) / float64(i+1)
		if i < 10 {
			early++
		}
	}
	j.AP /= float64(positives)
	j.P10 = float64(early) / 10
	j.Recall = float64(found) / float64(positives)
	return j
}

// Rank orders rows by descending score, then by row, and says of each whether it is relevant. With fired, rows whose score
// is not above zero are left out, as a concept query leaves them out.
func Rank(scores []float32, relevant []bool, fired bool) []bool {
	var order []int
	for i, s := range scores {
		if !fired || s > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	ranked := make([]bool, len(order))
	for i, row := range order {
		ranked[i] = relevant[row]
	}
	return ranked
}

// Evaluate judges a search by labels. labels lists those of each row; every label that at least least rows carry is
// searched for, in byte order. search returns the rows it finds, best first, each at most once, and false for a label
// that it has no word for, which is then left out. A row out of range or found twice is an error.
func Evaluate(labels [][]string, least int, search func(label string) (rows []int, ok bool, err error)) ([]Judgement, error) {
	carriers := map[string][]bool{}
	counts := map[string]int{}
	for row, list := range labels {
		for _, label := range list {
			if carriers[label] == nil {
				carriers[label] = make([]bool, len(labels))
			}
			if !carriers[label][row] {
				carriers[label][row] = true
				counts[label]++
			}
		}
	}
	var all []Judgement
	for _, label := range slices.Sorted(maps.Keys(carriers)) {
		if counts[label] < least {
			continue
		}
		rows, ok, err := search(label)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		ranked, err := relevance(rows, carriers[label])
		if err != nil {
			return nil, fmt.Errorf("concept: searching for %q: %w", label, err)
		}
		j := Judge(ranked, counts[label])
		j.Label = label
		all = append(all, j)
	}
	return all, nil
}

// relevance says of each row that was found whether it is among the carriers.
func relevance(rows []int, carriers []bool) ([]bool, error) {
	ranked := make([]bool, len(rows))
	seen := make([]bool, len(carriers))
	for i, row := range rows {
		if row < 0 || row >= len(carriers) || seen[row] {
			return nil, fmt.Errorf("row %d of %d is out of range or found twice", row, len(carriers))
		}
		seen[row] = true
		ranked[i] = carriers[row]
	}
	return ranked, nil
}

// Mean returns the means over labels, each of which counts alike; Positives and Answered are sums.
func Mean(all []Judgement) Judgement {
	var m Judgement
	for _, j := range all {
		m.Positives += j.Positives
		m.Answered += j.Answered
		m.AP += j.AP / float64(len(all))
		m.P10 += j.P10 / float64(len(all))
		m.Recall += j.Recall / float64(len(all))
	}
	return m
}
