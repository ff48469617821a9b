package query

import (
	"encoding/json"
	"strings"

	"github.com/saedb/saedb/sae"
)

// A Kind says which of its fields a Row has filled in.
type Kind string

// The kinds of rows, and the statements that yield them.
const (
	KindImage   Kind = "image"   // find, images, describe image
	KindExplain Kind = "explain" // explain: one latent of a picture
	KindPair    Kind = "pair"    // explain … vs …: one latent that two pictures share
	KindConcept Kind = "concept" // concepts, describe concept
	KindLatent  Kind = "latent"  // latents, describe latent
	KindField   Kind = "field"   // fields
	KindCluster Kind = "cluster" // clusters
	KindCount   Kind = "count"   // count
	KindPlan    Kind = "plan"    // plan: one line of the plan
)

// A Row is one row of an answer. Its slices and maps belong to the caller.
type Row struct {
	Kind Kind
	Rank int // 1-based, the offset counted

	// Of an image. Meta, Why, Code and Vector only where the query asks "with" them.
	ID     string
	Score  float64 // 0 where the query ranks by nothing
	Path   string
	Meta   map[string]any // keyed as the language names the fields
	Why    []Why          // by descending share
	Code   *sae.Code
	Vector []float32
	Was    int    // its rank before steering, -1: it was not among as many rows; 0: nobody asked
	Cursor string // what "after" takes to go on; of the last row of a page that is not the last page

	// Of an explanation, and of a latent.
	Latent     uint32
	Concept    string   // the latent's name, or the concept's word
	Activation float64  // in the picture, or in the first of two
	Other      float64  // the activation in the second of two pictures
	Share      float64  // of the sum of activations, or of the dot product of two codes
	RunnersUp  []string // the words that fit next best

	// Of a concept or a latent: the statistics of its activation.
	Latents    []uint32 // the concept's group, by descending weight; of an explanation, twins that the row stands for; of a latent, its twins
	Count      int      // pictures where it fires, or that are in the cluster; also the number that count gives
	Density    float64  // Count as a part of all pictures
	Max, Mean  float64  // over the pictures where it fires
	Confidence float64  // how far pictures bear the name out, from 0 to 1
	Reason     string   // for that
	Cos        float64  // between the name and the latent
	Common     bool     // it fires for nearly everything
	Margin     float64  // by how much it leads the next

	// Of the concept, latent or image that is described: what lies around it, the nearest or strongest first.
	Aliases    []string    // of a concept: words that became part of it
	Neighbours []Neighbour // latents by direction
	Together   []Together  // latents that fire in its strongest pictures, and seldom elsewhere
	Pictures   []Picture   // the strongest; of an image the nearest by vector

	// Of a cluster, besides its Name, Count and Density.
	Cluster  int
	Concepts []ConceptShare // that set it apart, the strongest first
	Cosine   float64        // mean cosine between its pictures and its centre, when it was made

	// Of a count by something, and of an image in a group: that something. Of a field: its name and types.
	By    string // the field; "concept" or "latent"
	Value any    // its value: string, int64, float64, time.Time or bool
	Name  string // of a count by cluster: the cluster's name
	Types []string

	Text string // of a plan: the line
}

// Why tells what one latent gave to a row: its share of the row's score.
type Why struct {
	Latent     uint32  `json:"latent"`
	Concept    string  `json:"concept"`
	Activation float64 `json:"activation"`
	Share      float64 `json:"share"`
}

// MarshalJSON writes the row as the fields of its kind, in a fixed order. User
// metadata loses its "meta." there, unless that would make two names the same.
func (r Row) MarshalJSON() ([]byte, error) {
	switch r.Kind {
	case KindExplain:
		return json.Marshal(struct {
			Rank       int      `json:"rank"`
			Latent     uint32   `json:"latent"`
			Concept    string   `json:"concept"`
			Activation float64  `json:"activation"`
			Share      float64  `json:"share"`
			Confidence float64  `json:"confidence"`
			RunnersUp  []string `json:"runners_up"`
			Latents    []uint32 `json:"latents,omitempty"`
			Common     bool     `json:"common,omitempty"`
		}{r.Rank, r.Latent, r.Concept, r.Activation, r.Share, r.Confidence, notNil(r.RunnersUp), r.Latents, r.Common})
	case KindPair:
		return json.Marshal(struct {
			Rank       int      `json:"rank"`
			Latent     uint32   `json:"latent"`
			Concept    string   `json:"concept"`
			Activation float64  `json:"activation"`
			Other      float64  `json:"other"`
			Share      float64  `json:"share"`
			Confidence float64  `json:"confidence"`
			RunnersUp  []string `json:"runners_up"`
			Latents    []uint32 `json:"latents,omitempty"`
			Common     bool     `json:"common,omitempty"`
		}{r.Rank, r.Latent, r.Concept, r.Activation, r.Other, r.Share, r.Confidence, notNil(r.RunnersUp), r.Latents, r.Common})
	case KindConcept:
		return json.Marshal(struct {
			Rank    int      `json:"rank"`
			Concept string   `json:"concept"`
			Latents []uint32 `json:"latents"`
			Count   int      `json:"count"`
			Density float64  `json:"density"`
			Max     float64  `json:"max"`
			Mean    float64  `json:"mean"`
			Score   float64  `json:"score,omitempty"`
			Aliases []string `json:"aliases,omitempty"`
			surroundings
		}{r.Rank, r.Concept, notNil(r.Latents), r.Count, r.Density, r.Max, r.Mean, r.Score, r.Aliases, r.around()})
	case KindLatent:
		return json.Marshal(struct {
			Rank       int      `json:"rank"`
			Latent     uint32   `json:"latent"`
			Concept    string   `json:"concept"`
			Count      int      `json:"count"`
			Density    float64  `json:"density"`
			Max        float64  `json:"max"`
			Mean       float64  `json:"mean"`
			Dead       bool     `json:"dead"`
			Confidence float64  `json:"confidence"`
			Reason     string   `json:"reason"`
			Cosine     float64  `json:"cosine"`
			Margin     float64  `json:"margin"`
			RunnersUp  []string `json:"runners_up"`
			Twins      []uint32 `json:"twins,omitempty"`
			Common     bool     `json:"common,omitempty"`
			Score      float64  `json:"score,omitempty"`
			surroundings
		}{r.Rank, r.Latent, r.Concept, r.Count, r.Density, r.Max, r.Mean, r.Count == 0,
			r.Confidence, r.Reason, r.Cos, r.Margin, notNil(r.RunnersUp), r.Latents, r.Common, r.Score, r.around()})
	case KindField:
		return json.Marshal(struct {
			Rank  int      `json:"rank"`
			Field string   `json:"field"`
			Types []string `json:"types"`
			Count int      `json:"count"`
		}{r.Rank, r.Name, notNil(r.Types), r.Count})
	case KindCluster:
		return json.Marshal(struct {
			Rank     int            `json:"rank"`
			Cluster  int            `json:"cluster"`
			Name     string         `json:"name"`
			Count    int            `json:"count"`
			Density  float64        `json:"density"`
			Cosine   float64        `json:"mean_cosine"`
			Concepts []ConceptShare `json:"concepts"`
		}{r.Rank, r.Cluster, r.Name, r.Count, r.Density, r.Cosine, notNil(r.Concepts)})
	case KindCount:
		return json.Marshal(struct {
			Rank  int    `json:"rank"`
			By    string `json:"by,omitempty"`
			Value any    `json:"value,omitempty"`
			Name  string `json:"name,omitempty"`
			Count int    `json:"count"`
		}{r.Rank, r.By, r.Value, r.Name, r.Count})
	case KindPlan:
		return json.Marshal(struct {
			Rank int    `json:"rank"`
			Plan string `json:"plan"`
		}{r.Rank, r.Text})
	}
	image := struct {
		Rank   int            `json:"rank"`
		ID     string         `json:"id"`
		Score  float64        `json:"score"`
		Path   string         `json:"path"`
		Meta   map[string]any `json:"meta,omitzero"`
		Why    []Why          `json:"why,omitzero"`
		Code   *code          `json:"codes,omitempty"`
		Vector []float32      `json:"vector,omitempty"`
		By     string         `json:"by,omitempty"`
		Value  any            `json:"value,omitempty"`
		Was    int            `json:"was,omitempty"`
		surroundings
		Cursor string `json:"cursor,omitempty"`
	}{Rank: r.Rank, ID: r.ID, Score: r.Score, Path: r.Path, Meta: shortKeys(r.Meta), Why: r.Why, Vector: r.Vector,
		By: r.By, Value: r.Value, Was: r.Was, surroundings: r.around(), Cursor: r.Cursor}
	if r.Code != nil {
		image.Code = &code{notNil(r.Code.Latents), notNil(r.Code.Acts)}
	}
	return json.Marshal(image)
}

// surroundings is what a description says beside the row itself.
type surroundings struct {
	Neighbours []Neighbour `json:"neighbours,omitempty"`
	Together   []Together  `json:"together,omitempty"`
	Pictures   []Picture   `json:"pictures,omitempty"`
}

func (r Row) around() surroundings { return surroundings{r.Neighbours, r.Together, r.Pictures} }

// code is a sae.Code as JSON.
type code struct {
	Latents []uint32  `json:"latents"`
	Acts    []float32 `json:"activations"`
}

// notNil makes a nil slice an empty one, which JSON writes as [] rather than null.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// metaPrefix begins the name of every field that users define.
const metaPrefix = "meta."

// shortKeys drops "meta." from the keys, where the short key is still free.
func shortKeys(meta map[string]any) map[string]any {
	if meta == nil {
		return nil
	}
	short := make(map[string]any, len(meta))
	for key, v := range meta {
		bare, isUser := strings.CutPrefix(key, metaPrefix)
		if _, taken := meta[bare]; isUser && !taken {
			key = bare
		}
		short[key] = v
	}
	return short
}
