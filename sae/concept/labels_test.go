package concept

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/npy"
	"github.com/saedb/saedb/internal/vec"
)

// judgeReference says the definitions again: for every row that was found, the precision of the ranking down to it.
func judgeReference(ranked []bool, positives int) (ap, p10, recall float64) {
	for i := range ranked {
		if !ranked[i] {
			continue
		}
		found := 0.0
		for _, relevant := range ranked[:i+1] {
			if relevant {
				found++
			}
		}
		ap += found / float64(i+1) / float64(positives)
		recall += 1 / float64(positives)
		if i < 10 {
			p10 += 0.1
		}
	}
	return ap, p10, recall
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		ranked          string // x: carries the label
		positives       int
		ap, p10, recall float64
	}{
		{"xx", 2, 1, 0.2, 1},
		{"x.", 2, 0.5, 0.1, 0.5},
		{".x", 1, 0.5, 0.1, 1},
		{"", 3, 0, 0, 0},
		{"...", 0, 0, 0, 0},
		{"..........x", 1, 1. / 11, 0, 1},
	} {
		var ranked []bool
		for _, r := range c.ranked {
			ranked = append(ranked, r == 'x')
		}
		j := Judge(ranked, c.positives)
		if math.Abs(j.AP-c.ap) > 1e-12 || math.Abs(j.P10-c.p10) > 1e-12 || math.Abs(j.Recall-c.recall) > 1e-12 || j.Answered != len(ranked) {
			t.Errorf("%q of %d: %+v, want %g, %g, %g", c.ranked, c.positives, j, c.ap, c.p10, c.recall)
		}
	}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		ranked := make([]bool, r.IntN(50))
		positives := 1 + r.IntN(5)
		for i := range ranked {
			if ranked[i] = r.IntN(3) == 0; ranked[i] {
				positives++
			}
		}
		j := Judge(ranked, positives)
		ap, p10, recall := judgeReference(ranked, positives)
		if math.Abs(j.AP-ap) > 1e-12 || math.Abs(j.P10-p10) > 1e-12 || math.Abs(j.Recall-recall) > 1e-12 {
			t.Errorf("seed %d: %+v, want %g, %g, %g", seed, j, ap, p10, recall)
		}
	}
}

func TestRank(t *testing.T) {
	scores := []float32{0, 2, 1, 2, -1}
	relevant := []bool{true, false, true, true, true}
	for fired, want := range map[bool][]bool{
		true:  {false, true, true},             // rows 1, 3, 2
		false: {false, true, true, true, true}, // rows 1, 3, 2, 0, 4
	} {
		if got := Rank(scores, relevant, fired); !slices.Equal(got, want) {
			t.Errorf("fired %v: %v, want %v", fired, got, want)
		}
	}
}

func TestEvaluate(t *testing.T) {
	labels := [][]string{{"dog", "dog"}, {"cat"}, {"dog", "snow"}, nil, {"cat", "axolotl"}}
	found := map[string][]int{"dog": {0, 1, 2}, "cat": {3}, "snow": {2}}
	search := func(label string) ([]int, bool, error) { rows, ok := found[label]; return rows, ok, nil }
	all, err := Evaluate(labels, 2, search)
	if err != nil {
		t.Fatal(err)
	}
	want := []Judgement{
		{Label: "cat", Positives: 2, Answered: 1},
		{Label: "dog", Positives: 2, Answered: 3, AP: (1 + 2./3) / 2, P10: 0.2, Recall: 1},
	}
	same := func(a, b Judgement) bool {
		near := math.Abs(a.AP-b.AP) < 1e-12
		a.AP = b.AP
		return near && a == b
	}
	if !slices.EqualFunc(all, want, same) {
		t.Errorf("%+v, want %+v", all, want)
	}
	if m := Mean(all); m.Positives != 4 || m.Answered != 4 || math.Abs(m.AP-5./12) > 1e-12 || m.P10 != 0.1 || m.Recall != 0.5 {
		t.Errorf("mean %+v", m)
	}
	found["cat"] = []int{1, 1}
	if _, err := Evaluate(labels, 2, search); err == nil || !strings.Contains(err.Error(), "row 1 of 5 is out of range or found twice") {
		t.Errorf("a row found twice: %v", err)
	}
	fault := errors.New("the disk is gone")
	if _, err := Evaluate(labels, 2, func(string) ([]int, bool, error) { return nil, false, fault }); !errors.Is(err, fault) {
		t.Errorf("a search that fails: %v", err)
	}
}

// TestTextSearchOnPhotographs repeats a figure that another program computed on the same vectors: text search finds the
// 26 labels of 1,000 photographs that are words of the vocabulary with a mean average precision of 0.496.
func TestTextSearchOnPhotographs(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "clip-b32")
	pictures, err := npy.ReadFile(filepath.Join(dir, "flickr8k.f16.npy"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("skipped: ../shared/data/clip-b32 is not beside the checkout")
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range pictures.Rows {
		normalise(pictures.Row(i))
	}
	v, labels := photographs(t, dir)
	all, err := Evaluate(labels, 5, func(label string) ([]int, bool, error) {
		w := slices.Index(v.Words, label)
		if w < 0 {
			return nil, false, nil
		}
		scores := make([]float32, pictures.Rows)
		vec.Product(scores, v.Vector(w), pictures.Data, pictures.Cols)
		rows := make([]int, len(scores))
		for i := range rows {
			rows[i] = i
		}
		slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
		return rows, true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if m := Mean(all); len(all) != 26 || math.Abs(m.AP-0.496) > 0.001 || math.Abs(m.P10-0.512) > 0.002 {
		t.Errorf("%d labels, %+v; want 26, average precision 0.496, precision at ten 0.512", len(all), m)
	}
}

// photographs reads the vocabulary and the labels of dir.
func photographs(t *testing.T, dir string) (*Vocab, [][]string) {
	t.Helper()
	vectors, err := npy.ReadFile(filepath.Join(dir, "names.f16.npy"))
	if err != nil {
		t.Fatal(err)
	}
	words, err := os.Open(filepath.Join(dir, "names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer words.Close()
	v, report, err := ReadVocab(words, vectors)
	if err != nil {
		t.Fatal(err)
	}
	if report.Kept != 2110 {
		t.Errorf("vocabulary: %s; want 2110 words", report)
	}
	meta, err := os.Open(filepath.Join(dir, "flickr8k.meta.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer meta.Close()
	var labels [][]string
	for lines := bufio.NewScanner(meta); lines.Scan(); {
		var row struct{ Labels []string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		labels = append(labels, row.Labels)
	}
	return v, labels
}
