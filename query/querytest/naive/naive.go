// Package naive is the slow twin of package query, written from the rules of the language alone: it takes the parsed text and looks at one
// item after the other, without plans, sets, bounds or indexes. It shares nothing with what it judges but the parser, and knows every form
// that has an answer.
//
// The autoencoder is the identity on vectors but for some decoder rows, as querytest.Data has it.
package naive

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/saedb/saedb/query/syntax"
)

// Data is what is asked.
type Data struct {
	Latents, K int
	Decoder    map[uint32][]float32 // of latents whose row is not that of the identity
	Names      map[uint32]Name
	Concepts   map[string][]Weight
	Texts      map[string][]float32
	Clusters   []Cluster
	Items      []Item
}

// Name is what is known of a latent's name.
type Name struct {
	Word      string
	RunnersUp []string
	Common    bool
}

// Weight is a latent's part in a concept.
type Weight struct {
	Latent uint32
	W      float32
}

// Cluster is one of the groups that items are in.
type Cluster struct {
	ID     int
	Name   string
	Within float64
}

// Item is an image. Its vector is not yet of unit norm.
type Item struct {
	ID   string
	Vec  []float32
	Meta map[string]any
}

// Code is the latents that are active, ascending, and how much.
type Code struct {
	Latents []uint32
	Acts    []float32
}

// Row is a row of an answer, of one of the kinds of query.Row and with the fields that such a row has there.
type Row struct {
	Kind   string
	Rank   int
	ID     string
	Score  float64
	Path   string
	Meta   map[string]any
	Why    []Why
	Code   *Code
	Vector []float32
	Was    int
	More   bool // there are rows behind this one, and a cursor was asked for

	Latent     uint32
	Concept    string
	Activation float64
	Other      float64
	Share      float64
	RunnersUp  []string
	Latents    []uint32
	Common     bool

	Count     int
	Density   float64
	Max, Mean float64

	Neighbours []Neighbour
	Together   []Together
	Pictures   []Picture

	Cluster int
	Cosine  float64
	By      string
	Value   any
	Name    string
	Types   []string
}

// Why is what one latent gave to a score.
type Why struct {
	Latent            uint32
	Concept           string
	Activation, Share float64
}

// Neighbour is a latent of a similar direction.
type Neighbour struct {
	Latent  uint32
	Concept string
	Cosine  float64
}

// Together is a latent that fires in the same pictures.
type Together struct {
	Latent        uint32
	Concept       string
	Count         int
	Share, Excess float64
}

// Picture is an image and its score.
type Picture struct {
	ID    string
	Score float64
}

// Twin answers queries.
type Twin struct {
	d     *Data
	codes map[string]Code // by id
	vecs  map[string][]float32
}

// New returns the twin of a source that holds d.
func New(d *Data) *Twin {
	n := &Twin{d: d, codes: map[string]Code{}, vecs: map[string][]float32{}}
	for _, item := range d.Items {
		n.vecs[item.ID] = unit(item.Vec)
		n.codes[item.ID] = n.encode(n.vecs[item.ID])
	}
	return n
}

// Answer returns the rows of a query without parameters.
func (n *Twin) Answer(q *syntax.Query) []Row {
	switch s := q.Stmt.(type) {
	case *syntax.Find:
		return n.find(s)
	case *syntax.Count:
		return n.count(s)
	case *syntax.Explain:
		return n.explain(s)
	case *syntax.List:
		return n.list(s)
	case *syntax.Describe:
		return n.describe(s)
	}
	panic(fmt.Sprintf("no answer to %T", q.Stmt))
}

// words are the concepts in order.
func (n *Twin) words() []string { return slices.Sorted(maps.Keys(n.d.Concepts)) }

// encode keeps the k largest numbers that are above zero, of equal ones the first.
func (n *Twin) encode(x []float32) (c Code) {
	for i, v := range x {
		larger := 0
		for j, w := range x {
			if w > v || w == v && j < i {
				larger++
			}
		}
		if v > 0 && larger < n.d.K {
			c.Latents, c.Acts = append(c.Latents, uint32(i)), append(c.Acts, v)
		}
	}
	return c
}

// direction is the decoder row of a latent.
func (n *Twin) direction(latent uint32) []float32 {
	if row, other := n.d.Decoder[latent]; other {
		return row
	}
	row := make([]float32, n.d.Latents)
	row[latent] = 1
	return row
}

// decode is the sum of decoder rows that a code stands for.
func (n *Twin) decode(code []float64) []float32 {
	out := make([]float32, n.d.Latents)
	for latent, x := range code {
		if x == 0 {
			continue
		}
		for i, w := range n.direction(uint32(latent)) {
			out[i] += float32(x) * w
		}
	}
	return out
}

// unit returns v divided by its norm.
func unit(v []float32) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out
}
