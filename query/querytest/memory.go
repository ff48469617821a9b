package querytest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// Memory is a query.Source over Data, each method the shortest way to its
// contract: it looks at every item.
type Memory struct {
	d     *Data
	model *sae.Model
	words []string
	ords  map[string]uint32
	ids   map[uint32]string
	meta  map[uint32]map[string]any
	vecs  map[uint32][]float32
	codes map[uint32]sae.Code
	all   *roaring.Bitmap
}

var _ query.Source = (*Memory)(nil)

// NewMemory returns a source that holds what d says. Ordinals have gaps and run
// against the order of the lines, so that nobody takes them for ranks, and lie in several blocks.
func NewMemory(d *Data) *Memory {
	m := &Memory{
		d:     d,
		model: d.Model(),
		words: d.Words(),
		ords:  map[string]uint32{},
		ids:   map[uint32]string{},
		meta:  map[uint32]map[string]any{},
		vecs:  map[uint32][]float32{},
		codes: map[uint32]sae.Code{},
		all:   roaring.New(),
	}
	for i, item := range d.Items {
		ord := uint32(9973*(len(d.Items)-i) + 1)
		m.ords[item.ID], m.ids[ord] = ord, item.ID
		m.meta[ord] = item.Meta
		m.vecs[ord] = unit(item.Vec)
		if m.model != nil {
			m.codes[ord] = m.model.Encode(sae.Code{}, m.vecs[ord])
		}
		m.all.Add(ord)
	}
	return m
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

// Len implements query.Catalog.
func (m *Memory) Len() int { return len(m.ids) }

// Fields implements query.Catalog.
func (m *Memory) Fields(context.Context) ([]query.Field, error) {
	fields := map[string]query.Field{}
	for _, meta := range m.meta {
		for name, v := range meta {
			f := fields[name]
			f.Name = name
			f.Count++
			if t := typeOf(v); !slices.Contains(f.Types, t) {
				f.Types = append(f.Types, t)
				slices.Sort(f.Types)
			}
			fields[name] = f
		}
	}
	return slices.Collect(maps.Values(fields)), nil
}

func typeOf(v any) string {
	switch v.(type) {
	case int64:
		return query.TypeInt
	case float64:
		return query.TypeFloat
	case time.Time:
		return query.TypeTime
	case bool:
		return query.TypeBool
	}
	return query.TypeString
}

// Model implements query.Catalog.
func (m *Memory) Model() (query.ModelInfo, bool) {
	return query.ModelInfo{Name: "identity", Latents: m.d.Latents, K: m.d.K}, m.model != nil
}

// Concept implements query.Catalog.
func (m *Memory) Concept(word string) (query.Concept, bool) {
	c, ok := m.d.Concepts[word]
	return c, ok
}

// Words implements query.Catalog.
func (m *Memory) Words() []string { return m.words }

// LatentName implements query.Catalog.
func (m *Memory) LatentName(latent uint32) query.LatentName { return m.d.Names[latent] }

// LatentStats implements query.Catalog.
func (m *Memory) LatentStats(_ context.Context, latent uint32) (query.LatentStats, error) {
	var s query.LatentStats
	for it := m.all.Iterator(); it.HasNext(); {
		c := m.codes[it.Next()]
		if i, active := slices.BinarySearch(c.Latents, latent); active {
			s.Count++
			s.Sum += float64(c.Acts[i])
			s.Max = max(s.Max, float64(c.Acts[i]))
		}
	}
	return s, nil
}

// Clusters implements query.Catalog.
func (m *Memory) Clusters(context.Context) ([]query.Cluster, error) { return m.d.Clusters, nil }

// All implements query.Source.
func (m *Memory) All(context.Context) (*roaring.Bitmap, error) { return m.all, nil }

// ID implements query.Source.
func (m *Memory) ID(_ context.Context, ord uint32) (string, error) {
	id, ok := m.ids[ord]
	if !ok {
		return "", fmt.Errorf("no item has the ordinal %d", ord)
	}
	return id, nil
}

// Ord implements query.Source.
func (m *Memory) Ord(_ context.Context, id string) (uint32, bool, error) {
	ord, ok := m.ords[id]
	return ord, ok, nil
}

// Meta implements query.Source.
func (m *Memory) Meta(_ context.Context, ord uint32) (map[string]any, error) { return m.meta[ord], nil }

// Path implements query.Source.
func (m *Memory) Path(_ context.Context, ord uint32) (string, error) {
	if path, isText := m.meta[ord]["path"].(string); isText {
		return path, nil
	}
	return m.ids[ord], nil
}

// Match implements query.Source.
func (m *Memory) Match(_ context.Context, p query.Pred) (*roaring.Bitmap, error) {
	set := roaring.New()
	for ord, meta := range m.meta {
		v := meta[p.Field]
		if p.Field == "id" {
			v = m.ids[ord]
		}
		if p.Match(v) {
			set.Add(ord)
		}
	}
	return set, nil
}

// Blocks implements query.Source.
func (m *Memory) Blocks(ctx context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		rows, acts := map[uint32][]uint16{}, map[uint32][]float32{} // by the first ordinal of the block
		for it := m.all.Iterator(); it.HasNext(); {
			ord := it.Next()
			c := m.codes[ord]
			if i, active := slices.BinarySearch(c.Latents, latent); active {
				first := ord - ord%index.BlockRows
				rows[first], acts[first] = append(rows[first], uint16(ord-first)), append(acts[first], c.Acts[i])
			}
		}
		for _, first := range slices.Sorted(maps.Keys(rows)) {
			if !yield(index.Weigh(first, rows[first], acts[first]), nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(index.Block{}, err)
		}
	}
}

// Codes implements query.Source.
func (m *Memory) Codes(ctx context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	return func(yield func(index.Coded, error) bool) {
		if f == nil {
			f = m.all
		}
		for it := f.Iterator(); it.HasNext(); {
			ord := it.Next()
			if !yield(index.Coded{Ord: ord, Code: m.codes[ord]}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(index.Coded{}, err)
		}
	}
}

// Code implements query.Source.
func (m *Memory) Code(_ context.Context, ord uint32) (sae.Code, error) { return m.codes[ord], nil }

// State implements query.Source.
func (m *Memory) State() string { return m.d.State }

// Decode implements query.Source.
func (m *Memory) Decode(c sae.Code) ([]float32, error) { return m.model.Decode(nil, c), nil }

// Direction implements query.Source.
func (m *Memory) Direction(_ context.Context, latent uint32) ([]float32, error) {
	n := m.model.D
	return m.model.Wdec[int(latent)*n : (int(latent)+1)*n], nil
}

// NearLatents implements query.Catalog.
func (m *Memory) NearLatents(ctx context.Context, v []float32, k int) ([]index.Hit, error) {
	var hits []index.Hit
	for latent := range uint32(m.model.M) {
		row, _ := m.Direction(ctx, latent)
		hits = append(hits, index.Hit{Ord: latent, Score: float32(cosine(v, row))})
	}
	slices.SortFunc(hits, index.Compare)
	return hits[:min(k, len(hits))], nil
}

// cosine returns that of two vectors, 0 where one has no direction.
func cosine(v, w []float32) float64 {
	dot, a, b := 0.0, 0.0, 0.0
	for i, x := range v {
		dot += float64(x) * float64(w[i])
		a += float64(x) * float64(x)
		b += float64(w[i]) * float64(w[i])
	}
	if dot == 0 {
		return 0
	}
	return dot / math.Sqrt(a*b)
}

// Aliases implements query.Catalog.
func (m *Memory) Aliases() map[string][]string { return m.d.Aliases }

// TextDirection implements query.Catalog: the text as seen from the mean of all texts.
func (m *Memory) TextDirection(ctx context.Context, text string) ([]float32, string, error) {
	v, note, err := m.TextVector(ctx, text)
	if err != nil {
		return nil, "", err
	}
	v = slices.Clone(v)
	if len(m.d.Texts) == 1 {
		return v, note, nil
	}
	for i := range v {
		mean := 0.0
		for _, w := range m.d.Texts {
			mean += float64(w[i]) / float64(len(m.d.Texts))
		}
		v[i] -= float32(mean)
	}
	return v, note, nil
}

// Vector implements query.Source.
func (m *Memory) Vector(_ context.Context, ord uint32) ([]float32, error) { return m.vecs[ord], nil }

// Encode implements query.Source.
func (m *Memory) Encode(x []float32) (sae.Code, error) { return m.model.Encode(sae.Code{}, x), nil }

// NearDense implements query.Source.
func (m *Memory) NearDense(_ context.Context, q []float32, k int, f index.Filter, _ index.Effort) ([]index.Hit, error) {
	return m.nearest(k, f, func(ord uint32) float64 {
		dot := 0.0
		for i, x := range m.vecs[ord] {
			dot += float64(x) * float64(q[i])
		}
		return dot
	}), nil
}

// DenseWay implements query.Catalog. It says what a database of so few items does.
func (m *Memory) DenseWay(_ int, _, _ bool, e index.Effort) string {
	scan := fmt.Sprintf("a scan of %d vectors, exact, ", m.Len())
	if m.Len() == 1 {
		scan = "a scan of 1 vector, exact, "
	}
	if e == index.Exact {
		return scan + "as asked for"
	}
	return scan + "as always below 32768"
}

// NearLatent implements query.Source, exactly whatever the effort.
func (m *Memory) NearLatent(_ context.Context, c sae.Code, k int, f index.Filter, _ index.Effort) ([]index.Hit, error) {
	return m.nearest(k, f, func(ord uint32) float64 { return Cosine(c, m.codes[ord]) }), nil
}

// Cosine returns the cosine of two codes, 0 where one is empty.
func Cosine(a, b sae.Code) float64 {
	dot := 0.0
	for i, latent := range a.Latents {
		if j, common := slices.BinarySearch(b.Latents, latent); common {
			dot += float64(a.Acts[i]) * float64(b.Acts[j])
		}
	}
	if dot == 0 {
		return 0
	}
	return dot / (norm(a) * norm(b))
}

func norm(c sae.Code) float64 {
	sum := 0.0
	for _, a := range c.Acts {
		sum += float64(a) * float64(a)
	}
	return math.Sqrt(sum)
}

// nearest scores every item of f and keeps the k best and their ties.
func (m *Memory) nearest(k int, f index.Filter, score func(ord uint32) float64) []index.Hit {
	var hits []index.Hit
	for ord := range m.ids {
		if f == nil || f.Contains(ord) {
			hits = append(hits, index.Hit{Ord: ord, Score: float32(score(ord))})
		}
	}
	slices.SortFunc(hits, index.Compare)
	for k < len(hits) && hits[k].Score == hits[k-1].Score {
		k++
	}
	return hits[:min(k, len(hits))]
}

// ErrNoText is what TextVector returns for a text that Data does not hold.
var ErrNoText = fmt.Errorf("%w, and the text is no word of the vocabulary", query.ErrNoEncoder)

// TextVector implements query.Source.
func (m *Memory) TextVector(_ context.Context, text string) ([]float32, string, error) {
	v, known := m.d.Texts[text]
	if !known {
		return nil, "", fmt.Errorf("%q: %w", text, ErrNoText)
	}
	return v, "the vector of the stored word", nil
}
