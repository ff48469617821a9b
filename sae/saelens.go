package sae

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/saedb/saedb/internal/safetensors"
	"github.com/saedb/saedb/internal/vec"
)

// The files of a SAELens folder.
const (
	saelensConfig  = "cfg.json"
	saelensWeights = "sae_weights.safetensors"
)

// saelensHeader is what we write into, and need of, cfg.json (SAELens version 6).
type saelensHeader struct {
	Architecture         string          `json:"architecture"`
	K                    int             `json:"k,omitempty"` // of topk alone
	DIn                  int             `json:"d_in"`
	DSae                 int             `json:"d_sae"`
	DType                string          `json:"dtype"`
	Device               string          `json:"device"`
	ApplyBDecToInput     bool            `json:"apply_b_dec_to_input"`
	NormalizeActivations string          `json:"normalize_activations"`
	ReshapeActivations   string          `json:"reshape_activations"`
	RescaleByDecoderNorm bool            `json:"rescale_acts_by_decoder_norm"`
	Metadata             json.RawMessage `json:"metadata"`
}

// WriteSAELens writes m as a SAELens folder of version 6, cfg.json and
// sae_weights.safetensors, each into what create returns for its name. The
// standardisation is folded in: for a vector x, h = (x - b_dec) W_enc + b_enc and the
// reconstruction is z W_dec + b_dec.
func WriteSAELens(m *Model, create func(name string) (io.WriteCloser, error)) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("sae: write SAELens folder: %w", err)
	}
	f := m.Fold()
	architecture, k, meta := "topk", f.K, `{"sae_lens_version": "6.0.0"}`
	if f.Threshold > 0 {
		architecture, k, meta = "jumprelu", 0, fmt.Sprintf(`{"sae_lens_version": "6.0.0", "saedb_most_active": %d}`, f.K)
	}
	cfg, err := json.MarshalIndent(saelensHeader{
		Architecture: architecture, K: k, DIn: f.D, DSae: f.M, DType: "float32", Device: "cpu", ApplyBDecToInput: true,
		NormalizeActivations: "none", ReshapeActivations: "none",
		Metadata: json.RawMessage(meta),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("sae: write SAELens folder: %w", err)
	}
	var t safetensors.File
	t.PutF32("W_enc", transpose(f.Wenc, f.M, f.D), f.D, f.M)
	t.PutF32("W_dec", f.Wdec, f.M, f.D)
	t.PutF32("b_enc", f.Benc, f.M)
	t.PutF32("b_dec", f.Bdec, f.D)
	if f.Threshold > 0 {
		t.PutF32("threshold", slices.Repeat([]float32{f.Threshold}, f.M), f.M)
	}
	if err := writeFolder(create, saelensConfig, cfg, saelensWeights, &t); err != nil {
		return fmt.Errorf("sae: write SAELens folder: %w", err)
	}
	return nil
}

// ReadSAELens reads a model from a SAELens folder of version 6: of the architecture topk, of jumprelu with one threshold for
// all latents, or standard, which becomes a model whose k is all latents. Other files of the folder, such as sparsity.safetensors, are not looked at.
func ReadSAELens(dir fs.FS) (*Model, error) {
	m, err := readSAELens(dir)
	if err != nil {
		return nil, fmt.Errorf("sae: read SAELens folder: %w", err)
	}
	return m, nil
}

func readSAELens(dir fs.FS) (*Model, error) {
	cfg := saelensHeader{ApplyBDecToInput: true, NormalizeActivations: "none"}
	if err := readConfig(dir, saelensConfig, &cfg); err != nil {
		return nil, err
	}
	switch {
	case cfg.Architecture == "batchtopk":
		return nil, fmt.Errorf("%w: architecture %q, in training; SAELens saves it for inference as jumprelu", ErrModel, cfg.Architecture)
	case cfg.Architecture != "topk" && cfg.Architecture != "standard" && cfg.Architecture != "jumprelu":
		return nil, fmt.Errorf("%w: architecture %q; only topk, jumprelu and standard are read", ErrModel, cfg.Architecture)
	case cfg.NormalizeActivations != "none" && cfg.NormalizeActivations != "":
		return nil, fmt.Errorf("%w: normalize_activations %q; fold it into the weights first", ErrModel, cfg.NormalizeActivations)
	case cfg.ReshapeActivations != "none" && cfg.ReshapeActivations != "":
		return nil, fmt.Errorf("%w: reshape_activations %q; only vectors are encoded", ErrModel, cfg.ReshapeActivations)
	case cfg.DIn < 1 || cfg.DIn > maxWidth || cfg.DSae < 1 || cfg.DSae > maxLatents:
		return nil, fmt.Errorf("%w: d_in %d or d_sae %d out of range", ErrModel, cfg.DIn, cfg.DSae)
	}
	t, err := readWeights(dir, saelensWeights)
	if err != nil {
		return nil, err
	}
	if cfg.Architecture != "topk" { // as many latents may fire as there are, unless our own metadata bound them
		cfg.K = cfg.DSae
		var own struct {
			Most int `json:"saedb_most_active"`
		}
		if json.Unmarshal(cfg.Metadata, &own) == nil && own.Most > 0 {
			cfg.K = own.Most
		}
	}
	m := &Model{D: cfg.DIn, M: cfg.DSae, K: cfg.K, Scale: 1, Info: Info{Name: "saelens"}}
	for _, f := range []struct {
		name  string
		to    *[]float32
		shape []int
	}{{"W_enc", &m.Wenc, []int{m.D, m.M}}, {"W_dec", &m.Wdec, []int{m.M, m.D}}, {"b_enc", &m.Benc, []int{m.M}}, {"b_dec", &m.Bdec, []int{m.D}}} {
		if *f.to, err = t.F32(f.name, f.shape...); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrModel, saelensWeights, err)
		}
	}
	if cfg.Architecture == "jumprelu" {
		if m.Threshold, err = oneThreshold(t, m.M); err != nil {
			return nil, err
		}
	}
	m.Wenc = transpose(m.Wenc, m.D, m.M)
	if !cfg.ApplyBDecToInput { // our encoder subtracts b_dec: give back what it takes away
		for l := range m.M {
			m.Benc[l] += dot64(m.Wenc[l*m.D:(l+1)*m.D], m.Bdec)
		}
	}
	if cfg.RescaleByDecoderNorm && cfg.Architecture == "topk" {
		m.unitDecoder()
	}
	return m, m.Validate()
}

// oneThreshold reads the threshold that all latents have.
func oneThreshold(t *safetensors.File, latents int) (float32, error) {
	all, err := t.F32("threshold", latents)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrModel, saelensWeights, err)
	}
	for l, v := range all {
		if v != all[0] {
			return 0, fmt.Errorf("%w: latent 0 has the threshold %v and latent %d has %v; only one for all is read, as BatchTopK leaves it", ErrModel, all[0], l, v)
		}
	}
	return all[0], nil
}

// unitDecoder brings decoder rows to norm 1 and multiplies activations by what their norm was: the same reconstruction, with
// the k latents chosen by how far each moves it. A row of norm 0 never fires.
func (m *Model) unitDecoder() {
	for l := range m.M {
		in, out := m.Wenc[l*m.D:(l+1)*m.D], m.Wdec[l*m.D:(l+1)*m.D]
		norm := vec.Norm(out)
		vec.Scale(in, float32(norm))
		m.Benc[l] = float32(float64(m.Benc[l]) * norm)
		if norm > 0 {
			vec.Scale(out, float32(1/norm))
		}
	}
}

// dot64 is a dot product summed in float64.
func dot64(a, b []float32) float32 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return float32(s)
}

// transpose turns a (rows,cols) matrix into a new (cols,rows) one.
func transpose(x []float32, rows, cols int) []float32 {
	t := make([]float32, len(x))
	for i := range rows {
		for j := range cols {
			t[j*rows+i] = x[i*cols+j]
		}
	}
	return t
}
