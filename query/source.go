package query

import (
	"context"
	"iter"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/sae"
)

// A Catalog is what Compile asks: which names exist and what they stand for.
// It reads no item. All its methods are safe for concurrent use.
type Catalog interface {
	// Len returns the number of live items.
	Len() int

	// Fields lists the metadata fields that at least one live item has, in any order.
	// Compile calls it once for each query that names a field.
	Fields(ctx context.Context) ([]Field, error)

	// Model describes the active autoencoder; false means that there is none yet.
	Model() (ModelInfo, bool)

	// Concept returns the concept called word, spelled exactly so.
	Concept(word string) (Concept, bool)

	// Words returns every concept's word in byte order. The slice is shared: read only.
	Words() []string

	// Aliases returns, for the words of concepts, the words that became part of them, in byte order. The map is shared:
	// read only.
	Aliases() map[string][]string

	// LatentName returns the name given to a latent; its Word is empty where it has none.
	LatentName(latent uint32) LatentName

	// LatentStats returns the statistics of one latent over the live items.
	LatentStats(ctx context.Context, latent uint32) (LatentStats, error)

	// Clusters describes the groups that the items were put into, by number; none where they were not grouped. Which
	// item is in which is the items' field ClusterField. The slice is shared: read only.
	Clusters(ctx context.Context) ([]Cluster, error)

	// TextDirection returns the vector of a text in the way in which decoder rows compare with it: where there is a
	// vocabulary with vectors, as seen from the mean of its words, which closes most of the gap between texts and
	// pictures. The error wraps ErrNoEncoder where nobody knows the text's vector.
	TextDirection(ctx context.Context, text string) (v []float32, note string, err error)

	// NearLatents returns the k latents, or all there are, whose decoder rows have the largest cosine with v, best
	// first and equal ones by ascending latent. The Ord of a hit is the number of the latent.
	NearLatents(ctx context.Context, v []float32, k int) ([]index.Hit, error)

	// DenseWay says, for the plan of a query, how NearDense would look for k items, and why: "a scan of 6 vectors, exact, as always below 32768". text says that a
	// text is looked for, narrowed that a filter leaves some items only.
	DenseWay(k int, text, narrowed bool, e index.Effort) string
}

// A Source answers what a running query asks about one unchanging state of a
// database: a snapshot. Items are named by ordinals, uint32 numbers that one
// snapshot never gives to two items. All methods are safe for concurrent use,
// and every slice or bitmap returned is shared: the caller reads it and never
// changes it.
type Source interface {
	Catalog

	// State names the state of the database: it is another one after every change that may change an answer, and
	// the same in every process that opens the same state.
	State() string

	// All returns the ordinals of the live items.
	All(ctx context.Context) (*roaring.Bitmap, error)

	// ID returns the id of a live ordinal.
	ID(ctx context.Context, ord uint32) (string, error)

	// Ord returns the ordinal of a live item; ok is false where no item has that id.
	Ord(ctx context.Context, id string) (ord uint32, ok bool, err error)

	// Meta returns an item's metadata, keyed as the language names it: "path",
	// "width", "meta.year". Values are string, int64, float64, time.Time, bool or []string.
	Meta(ctx context.Context, ord uint32) (map[string]any, error)

	// Path returns what Meta has as "path", which is a string, and the id where it has none.
	Path(ctx context.Context, ord uint32) (string, error)

	// Match returns the live items whose metadata satisfies p, which is the items
	// for which Pred.Match holds of the value of the field p.Field. It answers
	// every field of Fields and also "id" and "path"; a field nobody has matches nothing.
	Match(ctx context.Context, p Pred) (*roaring.Bitmap, error)

	// Blocks yields the live items in whose code a latent is active, by ascending
	// ordinal, each once and in one block, and at most one block for each First: it says of the activations between
	// which bounds they lie. A block is valid until the next step.
	Blocks(ctx context.Context, latent uint32) iter.Seq2[index.Block, error]

	// Codes yields the items' codes under the active autoencoder, which say the
	// activations: those of the items of f, all where it is nil, by ascending
	// ordinal. A code is valid until the next step.
	Codes(ctx context.Context, f index.Filter) iter.Seq2[index.Coded, error]

	// Code returns an item's code under the active autoencoder.
	Code(ctx context.Context, ord uint32) (sae.Code, error)

	// Vector returns an item's vector, of unit norm.
	Vector(ctx context.Context, ord uint32) ([]float32, error)

	// Encode returns the code of a vector of unit norm under the active autoencoder.
	Encode(x []float32) (sae.Code, error)

	// Decode returns the vector that a code stands for under the active autoencoder, not of unit norm. Its
	// activations may be below zero.
	Decode(c sae.Code) ([]float32, error)

	// Direction returns a latent's decoder row.
	Direction(ctx context.Context, latent uint32) ([]float32, error)

	// NearDense returns the k items of f (all, where f is nil) whose vectors have
	// the largest cosine with q, best first, and every further item that ties
	// with the k-th. The answer is exact where the effort is index.Exact; otherwise the source may choose to miss
	// some of them, and never returns fewer than k where there are k. Scores are exact either way.
	NearDense(ctx context.Context, q []float32, k int, f index.Filter, e index.Effort) ([]index.Hit, error)

	// NearLatent is NearDense for codes: the cosine of c and the items' codes. A code of few latents is always looked for exactly; see sparse.Breadth.
	NearLatent(ctx context.Context, c sae.Code, k int, f index.Filter, e index.Effort) ([]index.Hit, error)

	// TextVector returns the vector of a text. The note, where not empty, is for
	// the person who asked: where the vector comes from, and what it may be worth.
	TextVector(ctx context.Context, text string) (v []float32, note string, err error)
}

// A Field is one metadata field and what it holds.
type Field struct {
	Name  string   // as the language names it: "width", "meta.year"
	Types []string // of TypeString ... TypeBool, those that occur; a list of strings counts as TypeString
	Count int      // live items that have the field
}

// The names of the types of metadata, as Field.Types gives them.
const (
	TypeString = "string"
	TypeInt    = "int"
	TypeFloat  = "float"
	TypeTime   = "time"
	TypeBool   = "bool"
)

// ModelInfo describes an autoencoder: its name, its number of latents, and how
// many of them are active in one code.
type ModelInfo struct {
	Name    string
	Latents int
	K       int
}

// A Concept is a word of the vocabulary bound to a group of latents. The group
// is in order of descending weight, and the weights sum to 1.
type Concept struct {
	Word  string
	Group []Weight
}

// A Weight is a latent's part in a concept.
type Weight struct {
	Latent uint32
	W      float32
}

// LatentName is the word a latent was given, how well it fits (Score), by how
// much it leads the next word (Margin), and those next words, best first.
type LatentName struct {
	Word      string
	Score     float32
	Margin    float32
	RunnersUp []string

	Confidence float32  // from 0 to 1: how far pictures bear the name out
	Reason     string   // for that, a sentence
	Common     bool     // the latent fires for so many pictures that it tells little of any
	Twins      []uint32 // the latents that say the same, itself among them, ascending; none: it is alone. Shared: read only
}

// LatentStats describes one latent over all live items: in how many codes it is
// active, its largest activation, and the sum of its activations.
type LatentStats struct {
	Count int
	Max   float64
	Sum   float64
}

// ClusterField is the field whose value is the number of an item's cluster.
const ClusterField = "cluster"

// A Cluster is one group of items as it was made. How many are in it now is a question for Match.
type Cluster struct {
	ID       int
	Name     string         // from its concepts; may be empty
	Concepts []ConceptShare // that set it apart, the strongest first
	Within   float64        // mean cosine between its items and its centre
}

// ConceptShare is a concept and its share of the activation of a cluster's items.
type ConceptShare struct {
	Word  string  `json:"word"`
	Share float64 `json:"share"`
}

// Mean returns the typical activation: the mean over the codes where the latent is active.
func (s LatentStats) Mean() float64 {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / float64(s.Count)
}
