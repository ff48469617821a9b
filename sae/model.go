// Package sae holds the TopK sparse autoencoder and its relatives: a model, the sparse code it makes of
// a vector, and what the code decodes to. It is small and pure: no training, no
// files, no goroutines beyond EncodeBatch.
//
//	s = (x - mean)·scale                        standardised input
//	h = W_enc (s - b_dec) + b_enc               pre-activations, one per latent
//	z = relu(topk(h, k))                        the code; with a threshold only what exceeds it
//	x̂ = (W_decᵀ z + b_dec)/scale + mean         reconstruction
//
// A Model is read-only once made: any number of goroutines may encode with it. A Code
// belongs to the caller, whose slices are reused where they are long enough.
package sae

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Model is a trained autoencoder. A latent is one row of Wenc and one of Wdec.
type Model struct {
	D, M, K    int       // width of x, number of latents, most active latents of a code
	Threshold  float32   // what an activation must exceed to count; 0: being positive is enough. See below
	Wenc, Wdec []float32 // (M,D) row-major
	Benc       []float32 // (M)
	Bdec       []float32 // (D), in the standardised space
	Mean       []float32 // (D), or nil for zero
	Scale      float32
	Info       Info
}

// The kinds of autoencoders are told apart by K and Threshold. TopK has k and no threshold. One trained by BatchTopK
// (arXiv:2412.06410) has a threshold, which gives every picture as many latents as it needs, and a K that only bounds the
// code. A ReLU autoencoder has neither: K is M.

// Info says where a model comes from. It is kept with the model and is not part of
// its Digest.
type Info struct {
	Name    string `json:"name,omitempty"`
	Space   string `json:"space,omitempty"` // identity of the vectors the model was trained on
	Preset  string `json:"preset,omitempty"`
	Seed    uint64 `json:"seed,omitempty"`
	Rows    int    `json:"rows,omitempty"`   // rows trained on
	Epochs  int    `json:"epochs,omitempty"` // passes over them
	Steps   int    `json:"steps,omitempty"`
	Levels  []int  `json:"levels,omitempty"`  // the numbers of active latents it was trained for, where they are several; see AtK
	Config  string `json:"config,omitempty"`  // the training configuration, as JSON
	Created string `json:"created,omitempty"` // RFC 3339, set by whoever ran the training

	Training Metrics `json:"training,omitzero"` // over the rows trained on
	Holdout  Metrics `json:"holdout,omitzero"`  // over rows kept back
}

// ErrModel marks every error about a model that is not well formed.
var ErrModel = errors.New("not a valid model")

// Limits of a model that Validate accepts: far beyond any that is useful, and small
// enough that no product of them overflows.
const (
	maxWidth   = 1 << 20
	maxLatents = 1 << 24
)

// Validate returns every fault of m at once: shapes, k, scale, numbers that are not finite.
func (m *Model) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: %s", ErrModel, fmt.Sprintf(format, args...)))
	}
	if m.D < 1 || m.D > maxWidth || m.M < 1 || m.M > maxLatents {
		fault("width %d or %d latents out of range", m.D, m.M)
		return errors.Join(faults...)
	}
	if m.K < 1 || m.K > m.M {
		fault("k is %d with %d latents", m.K, m.M)
	}
	if t := float64(m.Threshold); !(t >= 0) || math.IsInf(t, 0) {
		fault("threshold is %v, it must not be negative", m.Threshold)
	}
	if s := float64(m.Scale); !(s > 0) || math.IsInf(s, 0) {
		fault("scale is %v, it must be a positive number", m.Scale)
	}
	for _, t := range m.tensors() {
		if len(t.data) != t.rows*t.cols {
			fault("%s has %d numbers, (%d,%d) needs %d", t.name, len(t.data), t.rows, t.cols, t.rows*t.cols)
		} else if i := slices.IndexFunc(t.data, notFinite); i >= 0 {
			fault("%s row %d column %d is %v", t.name, i/t.cols, i%t.cols, t.data[i])
		}
	}
	return errors.Join(faults...)
}

func notFinite(v float32) bool { return v-v != 0 }

// tensor is one array of a model under the name and shape it has in files.
type tensor struct {
	name       string
	rows, cols int
	data       []float32
}

// tensors lists the arrays of m in the order in which files and digests have them.
func (m *Model) tensors() []tensor {
	t := []tensor{
		{"b_dec", 1, m.D, m.Bdec}, {"b_enc", 1, m.M, m.Benc},
		{"W_enc", m.M, m.D, m.Wenc}, {"W_dec", m.M, m.D, m.Wdec},
	}
	if m.Mean != nil {
		t = append([]tensor{{"mean", 1, m.D, m.Mean}}, t...)
	}
	return t
}

// Clone returns a deep copy.
func (m *Model) Clone() *Model {
	c := *m
	c.Wenc, c.Wdec = slices.Clone(m.Wenc), slices.Clone(m.Wdec)
	c.Benc, c.Bdec, c.Mean = slices.Clone(m.Benc), slices.Clone(m.Bdec), slices.Clone(m.Mean)
	return &c
}

// Digest is the SHA-256 of the tensors and hyper-parameters: two models that encode
// alike by construction have the same digest, whatever their Info says.
func (m *Model) Digest() [32]byte {
	h := sha256.New()
	var b []byte
	for _, v := range []uint64{uint64(m.D), uint64(m.M), uint64(m.K), uint64(math.Float32bits(m.Scale)), uint64(len(m.Mean))} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	if m.Threshold > 0 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(m.Threshold))
	}
	h.Write(b)
	for _, t := range m.tensors() {
		writeFloats(h, t.data) // a hash never fails to write
	}
	return [32]byte(h.Sum(nil))
}

// AtK returns the model with another k, which shares the tensors of m. What was trained for several k (Info.Levels) is good at
// each of them; other TopK models lose much away from their own. A model with a threshold has no k to choose.
func (m *Model) AtK(k int) (*Model, error) {
	switch {
	case m.Threshold > 0:
		return nil, fmt.Errorf("sae: k %d: the autoencoder fires what exceeds its threshold, %g, and has no k to choose", k, m.Threshold)
	case k < 1 || k > m.M:
		return nil, fmt.Errorf("sae: k %d: it must be from 1 to the %d latents", k, m.M)
	}
	at := *m
	at.K = k
	return &at, nil
}

// Fold returns the same autoencoder with the standardisation folded into its tensors,
// so that Mean is nil and Scale 1: W_enc' = s·W_enc, b_dec' = mean + b_dec/s,
// W_dec' = W_dec/s. Codes stay the same up to rounding. Decoder rows have norm 1/s
// afterwards if they had norm 1.
func (m *Model) Fold() *Model {
	f := m.Clone()
	s := float64(m.Scale)
	for i := range f.Wenc {
		f.Wenc[i] = float32(s * float64(m.Wenc[i]))
		f.Wdec[i] = float32(float64(m.Wdec[i]) / s)
	}
	for i := range f.Bdec {
		b := float64(m.Bdec[i]) / s
		if m.Mean != nil {
			b += float64(m.Mean[i])
		}
		f.Bdec[i] = float32(b)
	}
	f.Mean, f.Scale = nil, 1
	return f
}
