package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/saedb/saedb/sae"
)

// rowFields is every field that a row of any kind has as JSON. A pointer tells the fields by which kinds are told apart.
type rowFields struct {
	Rank       int            `json:"rank"`
	ID         *string        `json:"id"`
	Score      float64        `json:"score"`
	Path       string         `json:"path"`
	Meta       map[string]any `json:"meta"`
	Why        []Why          `json:"why"`
	Code       *code          `json:"codes"`
	Vector     []float32      `json:"vector"`
	Latent     uint32         `json:"latent"`
	Concept    string         `json:"concept"`
	Activation float64        `json:"activation"`
	Other      *float64       `json:"other"`
	Share      float64        `json:"share"`
	Confidence float64        `json:"confidence"`
	RunnersUp  []string       `json:"runners_up"`
	Latents    []uint32       `json:"latents"`
	Twins      []uint32       `json:"twins"`
	Common     bool           `json:"common"`
	Count      int            `json:"count"`
	Density    *float64       `json:"density"`
	Max        float64        `json:"max"`
	Mean       float64        `json:"mean"`
	Dead       *bool          `json:"dead"`
	Reason     string         `json:"reason"`
	Cosine     float64        `json:"cosine"`
	Margin     float64        `json:"margin"`
	Field      *string        `json:"field"`
	Types      []string       `json:"types"`
	Cluster    *int           `json:"cluster"`
	Name       string         `json:"name"`
	MeanCosine float64        `json:"mean_cosine"`
	Concepts   []ConceptShare `json:"concepts"`
	By         string         `json:"by"`
	Value      any            `json:"value"`
	Plan       *string        `json:"plan"`
	Was        int            `json:"was"`
	Cursor     string         `json:"cursor"`
	Aliases    []string       `json:"aliases"`
	surroundings
}

// kind is told by a field that rows of no other kind have.
func (f *rowFields) kind() Kind {
	switch {
	case f.ID != nil:
		return KindImage
	case f.Plan != nil:
		return KindPlan
	case f.Field != nil:
		return KindField
	case f.Cluster != nil:
		return KindCluster
	case f.Dead != nil:
		return KindLatent
	case f.Other != nil:
		return KindPair
	case f.RunnersUp != nil:
		return KindExplain
	case f.Density != nil:
		return KindConcept
	}
	return KindCount
}

// UnmarshalJSON reads what MarshalJSON wrote; writing the row again gives the same JSON. JSON does not say everything: a
// number without a fraction is an int64, a text that is a full RFC 3339 time is a time.Time, and a key of the metadata
// that is one of the language's own names is that.
func (r *Row) UnmarshalJSON(data []byte) error {
	var f rowFields
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&f); err != nil {
		return fmt.Errorf("a row: %w", err)
	}
	*r = Row{
		Kind: f.kind(), Rank: f.Rank, ID: deref(f.ID), Score: f.Score, Path: f.Path, Meta: longKeys(f.Meta), Why: f.Why, Vector: f.Vector,
		Latent: f.Latent, Concept: f.Concept, Activation: f.Activation, Other: deref(f.Other), Share: f.Share, RunnersUp: f.RunnersUp,
		Latents: f.Latents, Count: f.Count, Density: deref(f.Density), Max: f.Max, Mean: f.Mean, Confidence: f.Confidence, Reason: f.Reason,
		Cos: f.Cosine, Common: f.Common, Margin: f.Margin, Cluster: deref(f.Cluster), Concepts: f.Concepts, By: f.By, Value: jsonValue(f.Value),
		Name: f.Name, Types: f.Types, Text: deref(f.Plan), Was: f.Was, Cursor: f.Cursor, Aliases: f.Aliases,
		Neighbours: f.Neighbours, Together: f.Together, Pictures: f.Pictures,
	}
	switch r.Kind {
	case KindLatent:
		r.Latents = f.Twins
	case KindCluster:
		r.Cosine = f.MeanCosine
	case KindField:
		r.Name = *f.Field
	}
	if f.Code != nil {
		r.Code = &sae.Code{Latents: f.Code.Latents, Acts: f.Code.Acts}
	}
	return nil
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// ownFields are the names that stand for themselves in the language; every other field is called meta.NAME.
var ownFields = []string{"id", "path", "width", "height", "bytes", "mtime", "hash", "added", ClusterField, "label", "split"}

// longKeys is the inverse of shortKeys.
func longKeys(short map[string]any) map[string]any {
	if short == nil {
		return nil
	}
	meta := make(map[string]any, len(short))
	for key, v := range short {
		if !slices.Contains(ownFields, key) && !strings.HasPrefix(key, metaPrefix) {
			key = metaPrefix + key
		}
		meta[key] = jsonValue(v)
	}
	return meta
}

// jsonValue gives a decoded value the type that metadata has.
func jsonValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64() // of a JSON number only the range can be wrong, and then it is infinite
		return f
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t
		}
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = fmt.Sprint(e)
		}
		return list
	}
	return v
}
