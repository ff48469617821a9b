package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/flat"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// source answers a query's questions from a snapshot.
type source struct {
	*Snapshot
	model *modelRecord   // nil: none is active
	names *concept.Names // edited; nil: none
	words []string

	weighed bool // all postings are weights, and latents have statistics
	shown   *shown
	added   atomic.Int32 // to shown, by this query
}

var _ query.Source = (*source)(nil)

func (s *Snapshot) source(ctx context.Context) (*source, error) {
	src := &source{Snapshot: s}
	var err error
	src.shown, err = derive(ctx, s.data, "shown", func() (*shown, error) { return &shown{items: map[uint32]kv.Item{}}, nil })
	if err != nil {
		return nil, err
	}
	rec, err := s.active(ctx)
	if errors.Is(err, ErrNoModel) {
		return src, nil
	}
	if err != nil {
		return nil, err
	}
	src.model = &rec
	src.weighed, err = derive(ctx, s.data, "weighed", func() (bool, error) {
		_, is, err := s.r.Get(kv.KeyWeighed())
		return is, err
	})
	if err != nil {
		return nil, err
	}
	_, src.names, err = s.namesOf(ctx, rec)
	if errors.Is(err, ErrNoNames) {
		return src, nil
	}
	if err != nil {
		return nil, err
	}
	src.words, err = derive(ctx, s.naming, "words", func() ([]string, error) {
		words := make([]string, len(src.names.Concepts))
		for i, c := range src.names.Concepts {
			words[i] = c.Word
		}
		return words, nil
	})
	return src, err
}

// live returns the ordinals of the items. The bitmap is shared.
func (s *Snapshot) live(ctx context.Context) (*roaring.Bitmap, error) {
	return derive(ctx, s.data, "live", func() (*roaring.Bitmap, error) {
		live := roaring.New()
		span := kv.SpanItems()
		for p, err := range s.r.Range(span.Lower, span.Upper) {
			if err != nil {
				return nil, err
			}
			ord, err := kv.Last(p.Key)
			if err != nil {
				return nil, err
			}
			live.Add(ord)
			if live.GetCardinality()%4096 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		return live, nil
	})
}

func (s *source) All(ctx context.Context) (*roaring.Bitmap, error) { return s.live(ctx) }

// active returns the record of the active autoencoder, read once for each revision that is queried.
func (s *Snapshot) active(ctx context.Context) (modelRecord, error) {
	return derive(ctx, s.naming, "active", func() (modelRecord, error) { return findModel(s.r, s.state, "") })
}

func (s *source) ID(_ context.Context, ord uint32) (string, error) {
	if rec, ok := s.shown.get(ord); ok {
		return rec.ID, nil
	}
	if s.added.Load() >= maxScreenful {
		return s.id(ord)
	}
	rec, err := s.item(ord)
	return rec.ID, err
}

// item returns an item's record, and remembers it if it is one of the first of this query.
func (s *source) item(ord uint32) (kv.Item, error) {
	if rec, ok := s.shown.get(ord); ok {
		return rec, nil
	}
	rec, ok, err := readItem(s.r, ord)
	if err == nil && !ok {
		err = fmt.Errorf("ordinal %d: %w", ord, ErrNotFound)
	}
	if err == nil && s.added.Add(1) <= maxScreenful {
		s.shown.put(ord, rec)
	}
	return rec, err
}

func (s *Snapshot) id(ord uint32) (string, error) {
	v, ok, err := s.r.Get(kv.KeyItem(ord))
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("ordinal %d: %w", ord, ErrNotFound)
	}
	rec, err := kv.DecodeItem(v)
	return rec.ID, err
}

func (s *source) Ord(_ context.Context, id string) (uint32, bool, error) { return s.ord(id) }

// Path returns an item's path, which is its id where it has none.
func (s *source) Path(_ context.Context, ord uint32) (string, error) {
	rec, err := s.item(ord)
	if err != nil {
		return "", err
	}
	path, ok, err := kv.MetaText(rec.Meta, "path")
	if err != nil {
		return "", fmt.Errorf("metadata of ordinal %d: %w", ord, err)
	}
	if !ok {
		path = rec.ID
	}
	return path, nil
}

// Meta returns an item's metadata by the language's names; every item has a path.
func (s *source) Meta(_ context.Context, ord uint32) (map[string]any, error) {
	rec, err := s.item(ord)
	if err != nil {
		return nil, err
	}
	meta, err := kv.DecodeMeta(rec.Meta, nil)
	if err != nil {
		return nil, fmt.Errorf("metadata of ordinal %d: %w", ord, err)
	}
	if meta == nil {
		meta = map[string]any{}
	}
	if _, ok := meta["path"]; !ok {
		meta["path"] = rec.ID
	}
	return meta, nil
}

func (s *source) Model() (query.ModelInfo, bool) {
	if s.model == nil {
		return query.ModelInfo{}, false
	}
	return query.ModelInfo{Name: s.model.Name, Latents: s.model.M, K: s.model.K}, true
}

func (s *source) Concept(word string) (query.Concept, bool) {
	if s.names == nil {
		return query.Concept{}, false
	}
	c, ok := s.names.Concept(word)
	if !ok {
		return query.Concept{}, false
	}
	group := make([]query.Weight, len(c.Group))
	for i, w := range c.Group {
		group[i] = query.Weight(w)
	}
	return query.Concept{Word: c.Word, Group: group}, true
}

func (s *source) Words() []string { return s.words }

// Clusters describes the grouping; none is no error here.
func (s *source) Clusters(ctx context.Context) ([]query.Cluster, error) {
	c, err := s.Snapshot.Clusters(ctx)
	if errors.Is(err, ErrNoClusters) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]query.Cluster, len(c.List))
	for i, one := range c.List {
		list[i] = query.Cluster{ID: one.ID, Name: one.Name, Concepts: one.Concepts, Within: one.Within}
	}
	return list, nil
}

func (s *source) LatentName(latent uint32) query.LatentName {
	if s.names == nil || int(latent) >= len(s.names.Latents) {
		return query.LatentName{}
	}
	n := s.names.Latents[latent]
	name := query.LatentName{
		Word: n.Word, Score: n.Score, Margin: n.Margin,
		Confidence: n.Confidence(), Reason: n.Reason(), Common: n.Common, Twins: s.names.Twin(latent),
	}
	for _, c := range n.RunnersUp {
		name.RunnersUp = append(name.RunnersUp, c.Word)
	}
	return name
}

func (s *source) Code(_ context.Context, ord uint32) (sae.Code, error) {
	if s.model == nil {
		return sae.Code{}, ErrNoModel
	}
	c, ok, err := readCode(s.r, s.model.number, ord)
	if err == nil && !ok {
		err = kv.Corruptf("ordinal %d has no code", ord)
	}
	return c, err
}

func (s *source) Vector(_ context.Context, ord uint32) ([]float32, error) { return s.vector(ord) }

func (s *source) Encode(x []float32) (sae.Code, error) {
	if s.model == nil {
		return sae.Code{}, ErrNoModel
	}
	if len(x) != s.model.D {
		return sae.Code{}, fmt.Errorf("encode: %w: the vector has %d numbers, the database's have %d", ErrDim, len(x), s.model.D)
	}
	m, err := loadModel(context.Background(), s.naming, s.r, *s.model)
	if err != nil {
		return sae.Code{}, err
	}
	return m.Encode(sae.Code{}, x), nil
}

// NearDense looks along the graph or at all vectors, whichever DenseWay says: in the derived files where they lie; without those all vectors
// are read into memory, once for each commit that is queried.
func (s *source) NearDense(ctx context.Context, q []float32, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	if s.Len() == 0 {
		return nil, nil
	}
	hits, err := s.nearRows(ctx, q, k, f, e)
	if !errors.Is(err, errRows) {
		return hits, err
	}
	x, err := derive(ctx, s.data, "flat", func() (*flat.Index, error) { return s.load(ctx) })
	if err != nil {
		return nil, err
	}
	return x.Search(ctx, q, k, f)
}

func (s *source) load(ctx context.Context) (*flat.Index, error) {
	x := flat.New(s.Dim(), s.d.opts.Threads)
	return x, s.putRows(ctx, x, 0)
}

// NearLatent walks the postings of c's latents, or of some of them where they are many and the effort lets it; the norms of all codes are computed once for each commit that is queried.
func (s *source) NearLatent(ctx context.Context, c sae.Code, k int, f index.Filter, e index.Effort) ([]index.Hit, error) {
	if s.model == nil {
		return nil, ErrNoModel
	}
	terms := make([]index.Term, len(c.Latents))
	for i, l := range c.Latents {
		terms[i] = index.Term{Latent: l, W: c.Acts[i]}
	}
	norms, err := derive(ctx, s.data, "norms", func() ([]float32, error) {
		return sparse.Norms(ctx, s)
	})
	if err != nil {
		return nil, err
	}
	norm := func(ord uint32) (float32, error) {
		if int(ord) >= len(norms) {
			return 0, kv.Corruptf("ordinal %d has postings and no norm", ord)
		}
		return norms[ord], nil
	}
	return sparse.CosineWith(ctx, s, s.Len(), norm, terms, k, f, e)
}

// TextVector asks the caller's text encoder, and without one, or where it answers ErrNoEmbedder, the stored vocabulary.
func (s *source) TextVector(ctx context.Context, text string) ([]float32, string, error) {
	if embed := s.d.opts.Embed; embed != nil {
		v, err := embed(ctx, text)
		if errors.Is(err, ErrNoEmbedder) {
			return s.wordVector(ctx, text, err)
		}
		if err != nil {
			return nil, "", fmt.Errorf("encode the text %q: %w", text, err)
		}
		if s.Dim() != 0 && len(v) != s.Dim() {
			return nil, "", fmt.Errorf("encode the text %q: %w: the encoder gave %d numbers, the database's vectors have %d", text, ErrDim, len(v), s.Dim())
		}
		u, _, err := unit(v, 0)
		return u, "", err
	}
	return s.wordVector(ctx, text, ErrNoEmbedder)
}

// wordVector returns the stored vector of a word, or the error that says why there is no encoder.
func (s *source) wordVector(ctx context.Context, text string, missing error) ([]float32, string, error) {
	b, err := s.vocab(ctx)
	if err != nil {
		return nil, "", err
	}
	i, ok := b.place[text]
	if !ok || b.vocab.Vectors == nil {
		return nil, "", fmt.Errorf("%q: %w, and the text is no word of the vocabulary", text, missing)
	}
	return slices.Clone(b.vocab.Vector(i)), "the vector of the stored word", nil
}
