package sae

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saedb/saedb/internal/safetensors"
)

// folder is a directory in memory that WriteSAELens can write into.
type folder struct{ fstest.MapFS }

type file struct {
	bytes.Buffer
	close func([]byte)
}

func (f *file) Close() error { f.close(f.Bytes()); return nil }

func (d folder) create(name string) (io.WriteCloser, error) {
	return &file{close: func(b []byte) { d.MapFS[name] = &fstest.MapFile{Data: b} }}, nil
}

func TestSAELensFolderRoundTrip(t *testing.T) {
	m := tiny(12, 9, 21, 4)
	dir := folder{fstest.MapFS{}}
	if err := WriteSAELens(m, dir.create); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSAELens(dir.MapFS)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != m.Fold().Digest() {
		t.Error("what was read is not the folded model")
	}

	// The folder by its own equations: h = (x - b_dec) W_enc + b_enc, W_enc of (d_in, d_sae).
	raw := dir.MapFS[saelensWeights].Data
	f, err := safetensors.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	wenc, err := f.F32("W_enc", m.D, m.M)
	if err != nil {
		t.Fatal(err)
	}
	benc, _ := f.F32("b_enc", m.M)
	bdec, _ := f.F32("b_dec", m.D)
	x := rows(12, 1, m.D)
	h := m.Activations(nil, x)
	for l := range h {
		want := float64(benc[l])
		for j := range x {
			want += float64(x[j]-bdec[j]) * float64(wenc[j*m.M+l])
		}
		if math.Abs(float64(h[l])-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("latent %d: the model says %v, the folder %v", l, h[l], want)
		}
	}
	cfg := string(dir.MapFS[saelensConfig].Data)
	for _, want := range []string{`"architecture": "topk"`, `"k": 4`, `"d_in": 9`, `"d_sae": 21`, `"sae_lens_version": "6`, `"apply_b_dec_to_input": true`} {
		if !strings.Contains(cfg, want) {
			t.Errorf("cfg.json lacks %s:\n%s", want, cfg)
		}
	}
}

func TestReadSAELensWithoutBDecOnTheInput(t *testing.T) {
	m := tiny(13, 6, 10, 3).Fold()
	dir := folder{fstest.MapFS{}}
	if err := WriteSAELens(m, dir.create); err != nil {
		t.Fatal(err)
	}
	cfg := dir.MapFS[saelensConfig]
	cfg.Data = bytes.Replace(cfg.Data, []byte(`"apply_b_dec_to_input": true`), []byte(`"apply_b_dec_to_input": false`), 1)
	got, err := ReadSAELens(dir.MapFS)
	if err != nil {
		t.Fatal(err)
	}
	x := rows(13, 1, m.D)
	h := got.Activations(nil, x) // must be x W_enc + b_enc
	for l := range h {
		want := float64(m.Benc[l])
		for j := range x {
			want += float64(x[j]) * float64(m.Wenc[l*m.D+j])
		}
		if math.Abs(float64(h[l])-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("latent %d is %v, want %v", l, h[l], want)
		}
	}
}

func TestReadSAELensRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, says string }{
		{"another architecture", `"topk"`, `"gated"`, "only topk, jumprelu and standard"},
		{"an architecture of thresholds without any", `"topk"`, `"jumprelu"`, "threshold"},
		{"batches cut as a whole", `"topk"`, `"batchtopk"`, "saves it for inference as jumprelu"},
		{"normalised activations", `"normalize_activations": "none"`, `"normalize_activations": "layer_norm"`, "fold it"},
		{"another width", `"d_in": 9`, `"d_in": 8`, "has shape [9 21], not [8 21]"},
		{"no latents", `"d_sae": 21`, `"d_sae": 0`, "out of range"},
		{"k too large", `"k": 4`, `"k": 400`, "k is 400"},
		{"broken JSON", `{`, `[`, "cfg.json"},
	} {
		dir := folder{fstest.MapFS{}}
		if err := WriteSAELens(tiny(12, 9, 21, 4), dir.create); err != nil {
			t.Fatal(err)
		}
		cfg := dir.MapFS[saelensConfig]
		cfg.Data = []byte(strings.Replace(string(cfg.Data), c.old, c.new, 1))
		if _, err := ReadSAELens(dir.MapFS); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	if _, err := ReadSAELens(fstest.MapFS{}); err == nil {
		t.Error("an empty folder was read")
	}
}

// TestSAELensKeepsAThreshold: what BatchTopK trained is jumprelu there, with the same threshold for all latents.
func TestSAELensKeepsAThreshold(t *testing.T) {
	m := tiny(12, 9, 21, 6)
	m.Threshold = 0.4
	dir := folder{fstest.MapFS{}}
	if err := WriteSAELens(m, dir.create); err != nil {
		t.Fatal(err)
	}
	cfg := string(dir.MapFS[saelensConfig].Data)
	if !strings.Contains(cfg, `"architecture": "jumprelu"`) || strings.Contains(cfg, `"k"`) {
		t.Errorf("cfg.json of a model with a threshold:\n%s", cfg)
	}
	got, err := ReadSAELens(dir.MapFS)
	if err != nil || got.Digest() != m.Fold().Digest() {
		t.Errorf("read another model, or %v", err)
	}
	if err := WriteSparsify(m, folder{fstest.MapFS{}}.create); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), "threshold") {
		t.Errorf("sparsify took a threshold: %v", err)
	}
}

func TestWriteSAELensTellsWhatFailed(t *testing.T) {
	full := errors.New("disk full")
	var asked []string
	err := WriteSAELens(tiny(12, 9, 21, 4), func(name string) (io.WriteCloser, error) {
		asked = append(asked, name)
		return nil, full
	})
	if !errors.Is(err, full) || !slices.Equal(asked, []string{saelensConfig}) {
		t.Errorf("%v after %v", err, asked)
	}
}
