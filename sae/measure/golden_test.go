package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/saedb/saedb/sae"
)

// golden is testdata/golden.json: a model, rows, and what testdata/golden.py found about them.
type golden struct {
	D, M, K, Neighbours int
	Scale               float32
	Mean, X             []float32
	Wenc                []float32 `json:"w_enc"`
	Wdec                []float32 `json:"w_dec"`
	Benc                []float32 `json:"b_enc"`
	Bdec                []float32 `json:"b_dec"`
	Other               []float32

	Metrics    sae.Metrics
	CKNNACode  float64 `json:"cknna_code"`
	CKNNARecon float64 `json:"cknna_recon"`
	Geometry   Geometry
	Density    struct {
		Silent, Always int
		Median         float64
		Bins           []int
	}
	Match struct {
		Agreement
		Partner []int
	}
	Levels     []int
	Sweep      []sae.Metrics
	Components []int
	PCA        []float64
}

func readGolden(t *testing.T) (g golden, m *sae.Model) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	m = &sae.Model{D: g.D, M: g.M, K: g.K, Scale: g.Scale, Mean: g.Mean, Wenc: g.Wenc, Wdec: g.Wdec, Benc: g.Benc, Bdec: g.Bdec}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return g, m
}

// agrees compares two structs or numbers by their JSON, number by number, to 1e-6.
func agrees(t *testing.T, what string, got, want any) {
	t.Helper()
	flat := func(v any) map[string]any {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var m map[string]any
		if json.Unmarshal(text, &m) != nil {
			var one any
			if err := json.Unmarshal(text, &one); err != nil {
				t.Fatal(err)
			}
			m = map[string]any{"": one}
		}
		return m
	}
	have := flat(got)
	for name, w := range flat(want) {
		a, ok := have[name].(float64)
		b, isNumber := w.(float64)
		if !isNumber {
			t.Fatalf("%s %s: %v is no number", what, name, w)
		}
		if !ok || math.Abs(a-b) > 1e-6*max(1, math.Abs(b)) {
			t.Errorf("%s %s is %v, by golden.py %v", what, name, have[name], b)
		}
	}
}

func TestFiguresAgreeWithTheScript(t *testing.T) {
	g, m := readGolden(t)
	ctx := context.Background()
	for threads := 1; threads <= 3; threads++ {
		meter := sae.NewMeter(m.M)
		meter.Measure(m, g.X, threads)
		agrees(t, "metrics", meter.Metrics(), g.Metrics)

		codes := Codes(m, g.X, threads)
		recon := Decoded(m, codes, threads)
		byCode, byRecon, err := CodeCKNNA(ctx, g.X, g.D, codes, g.M, recon, g.Neighbours, threads)
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, "CKNNA of codes", byCode, g.CKNNACode)
		agrees(t, "CKNNA of reconstructions", byRecon, g.CKNNARecon)
		again, err := CKNNA(ctx, g.X, recon, g.D, g.D, g.Neighbours, threads)
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, "CKNNA", again, g.CKNNARecon)

		agrees(t, "geometry", MeasureGeometry(m, threads), g.Geometry)

		d := MeasureDensity(codes, m.M)
		agrees(t, "density, silent", d.Silent, g.Density.Silent)
		agrees(t, "density, always", d.Always, g.Density.Always)
		agrees(t, "density, median", d.Median, g.Density.Median)
		var bins []int
		for _, b := range d.Bins {
			bins = append(bins, b.Latents)
		}
		if !slices.Equal(bins, g.Density.Bins) {
			t.Errorf("density %v, by golden.py %v", bins, g.Density.Bins)
		}

		points, err := Sweep(ctx, m, g.X, g.Levels, threads)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range g.Sweep {
			agrees(t, fmt.Sprintf("sweep at %d:", points[i].K), points[i].Metrics, want)
		}

		points, err = NewPCA(g.X, g.D, threads).Sweep(ctx, g.X, g.Components, threads)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range g.PCA {
			agrees(t, fmt.Sprintf("PCA of %d:", points[i].K), points[i].FVUBatch, want)
		}

		other := &sae.Model{D: g.D, M: len(g.Other) / g.D, Wdec: g.Other}
		agreement, partner, err := Match(ctx, m, other, threads)
		if err != nil {
			t.Fatal(err)
		}
		want := g.Match.Agreement
		want.Pairs = g.M
		agrees(t, "match", agreement, want)
		if !slices.Equal(partner, g.Match.Partner) {
			t.Errorf("partners %v, by golden.py %v", partner, g.Match.Partner)
		}
		back, of, err := Match(ctx, other, m, threads)
		if err != nil || back != agreement {
			t.Errorf("the other way round %+v (%v), want %+v", back, err, agreement)
		}
		for a, b := range partner {
			if of[b] != a {
				t.Errorf("latent %d goes with %d, and that with %d", a, b, of[b])
			}
		}
	}
}
