package sae

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"

	"github.com/saedb/saedb/internal/safetensors"
)

// The files of a sparsify folder.
const (
	sparsifyConfig  = "cfg.json"
	sparsifyWeights = "sae.safetensors"
)

// sparsifyHeader is what we write into, and need of, a sparsify folder's cfg.json.
type sparsifyHeader struct {
	Activation       string `json:"activation"`
	ExpansionFactor  int    `json:"expansion_factor"`
	NormalizeDecoder bool   `json:"normalize_decoder"`
	NumLatents       int    `json:"num_latents"`
	K                int    `json:"k"`
	MultiTopK        bool   `json:"multi_topk"`
	SkipConnection   bool   `json:"skip_connection"`
	Transcode        bool   `json:"transcode"`
	DIn              int    `json:"d_in"`
}

// WriteSparsify writes m as a sparsify folder, cfg.json and sae.safetensors, each into what create returns for its name. The
// standardisation is folded in: for a vector x, h = encoder.weight (x - b_dec) + encoder.bias and the reconstruction is
// z W_dec + b_dec. Decoder rows keep the lengths they have, so normalize_decoder is written as false.
func WriteSparsify(m *Model, create func(name string) (io.WriteCloser, error)) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("sae: write sparsify folder: %w", err)
	}
	if m.Threshold > 0 {
		return fmt.Errorf("sae: write sparsify folder: %w: it fires what exceeds a threshold, and sparsify knows topk alone; write a SAELens folder", ErrModel)
	}
	f := m.Fold()
	cfg, err := json.MarshalIndent(sparsifyHeader{
		Activation: "topk", ExpansionFactor: max(1, f.M/f.D), NumLatents: f.M, K: f.K, DIn: f.D,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("sae: write sparsify folder: %w", err)
	}
	var t safetensors.File
	t.PutF32("encoder.weight", f.Wenc, f.M, f.D)
	t.PutF32("encoder.bias", f.Benc, f.M)
	t.PutF32("W_dec", f.Wdec, f.M, f.D)
	t.PutF32("b_dec", f.Bdec, f.D)
	if err := writeFolder(create, sparsifyConfig, cfg, sparsifyWeights, &t); err != nil {
		return fmt.Errorf("sae: write sparsify folder: %w", err)
	}
	return nil
}

// ReadSparsify reads a TopK model from a sparsify folder.
func ReadSparsify(dir fs.FS) (*Model, error) {
	m, err := readSparsify(dir)
	if err != nil {
		return nil, fmt.Errorf("sae: read sparsify folder: %w", err)
	}
	return m, nil
}

func readSparsify(dir fs.FS) (*Model, error) {
	cfg := sparsifyHeader{Activation: "topk", ExpansionFactor: 32, K: 32} // what an older cfg.json leaves out means
	if err := readConfig(dir, sparsifyConfig, &cfg); err != nil {
		return nil, err
	}
	switch {
	case cfg.Activation != "topk":
		return nil, fmt.Errorf("%w: activation %q; only topk is read", ErrModel, cfg.Activation)
	case cfg.Transcode:
		return nil, fmt.Errorf("%w: it is a transcoder, which predicts other vectors than those it is given", ErrModel)
	case cfg.SkipConnection:
		return nil, fmt.Errorf("%w: it has a skip connection past the latents; only models without one are read", ErrModel)
	case cfg.DIn < 1 || cfg.DIn > maxWidth:
		return nil, fmt.Errorf("%w: d_in %d out of range", ErrModel, cfg.DIn)
	}
	m := &Model{D: cfg.DIn, M: cfg.NumLatents, K: cfg.K, Scale: 1, Info: Info{Name: "sparsify"}}
	if m.M == 0 && cfg.ExpansionFactor <= maxLatents {
		m.M = cfg.DIn * cfg.ExpansionFactor
	}
	if m.M < 1 || m.M > maxLatents {
		return nil, fmt.Errorf("%w: num_latents %d, expansion_factor %d out of range", ErrModel, cfg.NumLatents, cfg.ExpansionFactor)
	}
	t, err := readWeights(dir, sparsifyWeights)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name  string
		to    *[]float32
		shape []int
	}{{"encoder.weight", &m.Wenc, []int{m.M, m.D}}, {"encoder.bias", &m.Benc, []int{m.M}}, {"W_dec", &m.Wdec, []int{m.M, m.D}}, {"b_dec", &m.Bdec, []int{m.D}}} {
		if *f.to, err = t.F32(f.name, f.shape...); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrModel, sparsifyWeights, err)
		}
	}
	return m, m.Validate()
}
