package db

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/saedb/saedb/internal/kv"
)

// Space is the identity of the vectors in a database: vectors of two spaces must not be compared.
// Empty strings say that the origin is not known.
type Space struct {
	Encoder       string `json:"encoder,omitempty"`        // name, such as "clip-vit-base-patch32"
	WeightsSHA256 string `json:"weights_sha256,omitempty"` // of the encoder's weights, hexadecimal
	Preprocess    string `json:"preprocess,omitempty"`     // variant of the picture preprocessing
	Dim           int    `json:"dim"`
}

// String names the space in one line.
func (s Space) String() string {
	if s.Encoder == "" && s.WeightsSHA256 == "" && s.Preprocess == "" {
		return fmt.Sprintf("vectors of unknown origin, %d dimensions", s.Dim)
	}
	parts := []string{fmt.Sprintf("encoder %q", s.Encoder)}
	if s.WeightsSHA256 != "" {
		parts = append(parts, fmt.Sprintf("weights %.12s…", s.WeightsSHA256))
	}
	if s.Preprocess != "" {
		parts = append(parts, fmt.Sprintf("preprocessing %q", s.Preprocess))
	}
	return strings.Join(append(parts, fmt.Sprintf("%d dimensions", s.Dim)), ", ")
}

// check returns nil if vectors of the claimed space may stand beside vectors of s.
func (s Space) check(claimed Space) error {
	origin, claim := s, claimed
	origin.Dim, claim.Dim = 0, 0
	if claim != (Space{}) && claim != origin {
		if claimed.Dim == 0 {
			claimed.Dim = s.Dim
		}
		return fmt.Errorf("%w: the database holds %s; these are %s: use the encoder that made the database, or another database", ErrSpace, s, claimed)
	}
	if claimed.Dim != 0 && claimed.Dim != s.Dim {
		return fmt.Errorf("%w: the database holds %s; these have %d", ErrDim, s, claimed.Dim)
	}
	return nil
}

// readSpace returns the stored space; ok is false before the first item.
func readSpace(r *kv.Snapshot) (s Space, ok bool, err error) {
	v, ok, err := r.Get(kv.KeySpace())
	if err != nil || !ok {
		return Space{}, false, err
	}
	if err := json.Unmarshal(v, &s); err != nil {
		return Space{}, false, kv.Corruptf("space identity: %w", err)
	}
	return s, true, nil
}
