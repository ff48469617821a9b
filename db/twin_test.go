package db_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/concept"
)

// twin is what a database has to hold after the same calls: maps and slices, and no cleverness. Its methods are named as those of
// db.DB and say what they return.
type twin struct {
	dim      int      // 0 before the first item
	order    []string // ids in the order in which they were first put
	items    map[string]twinItem
	models   []*twinModel // in the order in which they were added
	active   string
	clusters *db.Clusters
	vocab    *concept.Vocab
}

type twinItem struct {
	given []float32 // the vector as it came
	vec   []float32 // of unit norm
	norm  float32
	meta  map[string]any // keyed as in db.Item
	thumb []byte
}

type twinModel struct {
	name  string
	sae   *sae.Model
	codes map[string]sae.Code
	stale map[string]bool // items whose vectors were replaced after their codes were made, or before they had any
	names *concept.Names
	edits concept.Edits
}

func newTwin() *twin { return &twin{items: map[string]twinItem{}} }

// clone returns a twin that later calls do not change. What calls replace as a whole is shared.
func (w *twin) clone() *twin {
	c := *w
	c.order, c.items, c.models = slices.Clone(w.order), maps.Clone(w.items), nil
	for _, m := range w.models {
		n := *m
		n.codes, n.stale = maps.Clone(m.codes), maps.Clone(m.stale)
		c.models = append(c.models, &n)
	}
	return &c
}

func (w *twin) model(name string) *twinModel {
	for _, m := range w.models {
		if m.name == name {
			return m
		}
	}
	return nil
}

// encoded says whether every item has a current code by the model.
func (w *twin) encoded(m *twinModel) bool { return len(m.stale) == 0 && len(m.codes) == len(w.items) }

func stored(it db.Item) twinItem {
	sum := 0.0
	for _, x := range it.Vec {
		sum += float64(x) * float64(x)
	}
	n := math.Sqrt(sum)
	s := twinItem{given: it.Vec, norm: float32(n), meta: maps.Clone(it.Meta), thumb: it.Thumb}
	for _, x := range it.Vec {
		s.vec = append(s.vec, float32(float64(x)/n))
	}
	return s
}

func (w *twin) put(items ...db.Item) (res db.Result) {
	for i, it := range items {
		if slices.ContainsFunc(items[i+1:], func(later db.Item) bool { return later.ID == it.ID }) {
			continue // the last counts
		}
		w.dim = len(it.Vec)
		now := stored(it)
		was, there := w.items[it.ID]
		w.items[it.ID] = now
		switch {
		case !there:
			res.Added++
			w.order = append(w.order, it.ID)
		case slices.Equal(was.vec, now.vec) && was.norm == now.norm && maps.EqualFunc(was.meta, now.meta, sameValue) && bytes.Equal(was.thumb, now.thumb):
			res.Unchanged++
		default:
			res.Replaced++
		}
		if slices.Equal(was.vec, now.vec) {
			continue
		}
		for _, m := range w.models {
			if m.name == w.active {
				m.codes[it.ID] = m.sae.Encode(sae.Code{}, now.vec)
			} else if there {
				m.stale[it.ID] = true
			}
		}
	}
	return res
}

func sameValue(a, b any) bool { return reflect.DeepEqual(a, b) }

func (w *twin) delete(ids ...string) (n int) {
	for _, id := range ids {
		if _, there := w.items[id]; !there {
			continue
		}
		n++
		delete(w.items, id)
		w.order = slices.DeleteFunc(w.order, func(other string) bool { return other == id })
		for _, m := range w.models {
			delete(m.codes, id)
			delete(m.stale, id)
		}
	}
	return n
}

// annotate is for ids that are there.
func (w *twin) annotate(key string, values map[string]any) (n int) {
	for id, v := range values {
		it := w.items[id]
		was, had := it.meta[key]
		if had == (v != nil) && sameValue(was, v) {
			continue
		}
		n++
		it.meta = maps.Clone(it.meta)
		if v == nil {
			delete(it.meta, key)
		} else {
			if it.meta == nil {
				it.meta = map[string]any{}
			}
			it.meta[key] = v
		}
		w.items[id] = it
	}
	return n
}

// setClusters is for ids that are there and clusters that c describes.
func (w *twin) setClusters(c *db.Clusters, of map[string]int) {
	values := map[string]any{}
	for _, id := range w.order {
		if n, in := of[id]; in {
			values[id] = int64(n)
		} else {
			values[id] = nil
		}
	}
	w.annotate(db.ClusterField, values)
	w.clusters = c
}

func (w *twin) addModel(name string, m *sae.Model) {
	if w.model(name) == nil {
		w.models = append(w.models, &twinModel{name: name, sae: m, codes: map[string]sae.Code{}, stale: map[string]bool{}})
	}
}

func (w *twin) encodeAll(m *twinModel) {
	for id, it := range w.items {
		m.codes[id] = m.sae.Encode(sae.Code{}, it.vec)
	}
	clear(m.stale)
}

func (w *twin) dropModel(name string) {
	w.models = slices.DeleteFunc(w.models, func(m *twinModel) bool { return m.name == name })
}

// memory returns a source of the same content for package query, which looks at every item. The autoencoders are identities.
func (w *twin) memory() *querytest.Memory {
	d := &querytest.Data{
		Names: map[uint32]query.LatentName{}, Concepts: map[string]query.Concept{}, Aliases: map[string][]string{}, Texts: map[string][]float32{},
	}
	for _, id := range w.order {
		it := w.items[id]
		meta := map[string]any{"path": id}
		for key, v := range it.meta {
			meta[db.FieldName(key)] = v
		}
		d.Items = append(d.Items, querytest.Item{ID: id, Vec: it.given, Meta: meta})
	}
	if w.clusters != nil {
		for _, c := range w.clusters.List {
			d.Clusters = append(d.Clusters, query.Cluster{ID: c.ID, Name: c.Name, Concepts: c.Concepts, Within: c.Within})
		}
	}
	if w.vocab != nil {
		for i, word := range w.vocab.Words {
			d.Texts[word] = w.vocab.Vector(i)
		}
	}
	m := w.model(w.active)
	if m == nil {
		return querytest.NewMemory(d)
	}
	d.Latents, d.K = m.sae.M, m.sae.K
	if m.names == nil {
		return querytest.NewMemory(d)
	}
	names, err := m.edits.Apply(m.names)
	if err != nil {
		panic(err) // only edits that can be applied are made
	}
	for l, n := range names.Latents {
		d.Names[uint32(l)] = query.LatentName{
			Word: n.Word, Score: n.Score, Margin: n.Margin, Confidence: n.Confidence(), Reason: n.Reason(), Common: n.Common, Twins: names.Twin(uint32(l)),
		}
	}
	for _, from := range slices.Sorted(maps.Keys(m.edits.Merge)) {
		into := m.edits.Merge[from]
		d.Aliases[into] = append(d.Aliases[into], from)
	}
	for _, c := range names.Concepts {
		mine := query.Concept{Word: c.Word}
		for _, g := range c.Group {
			mine.Group = append(mine.Group, query.Weight(g))
		}
		d.Concepts[c.Word] = mine
	}
	return querytest.NewMemory(d)
}

// differ returns what in a snapshot is not as in the twin, nil if everything is.
func (w *twin) differ(s *db.Snapshot) error {
	for fault := range s.Check(ctx) {
		return fmt.Errorf("check: %w", fault)
	}
	if s.Len() != len(w.items) || s.Dim() != w.dim {
		return fmt.Errorf("%d items of %d dimensions, want %d of %d", s.Len(), s.Dim(), len(w.items), w.dim)
	}
	var order []string
	for it, err := range s.All(ctx) {
		if err != nil {
			return err
		}
		order = append(order, it.ID)
		if err := w.items[it.ID].differ(it); err != nil {
			return err
		}
		alone, err := s.Get(ctx, it.ID)
		if err != nil || !reflect.DeepEqual(alone, it) {
			return fmt.Errorf("get %s: %+v, %w; among all it is %+v", it.ID, alone, err, it)
		}
	}
	if !slices.Equal(order, w.order) {
		return fmt.Errorf("all: %q, want %q", order, w.order)
	}
	return w.differModels(s)
}

func (it twinItem) differ(got db.Item) error {
	if !slices.Equal(got.Vec, it.vec) || got.Norm != it.norm || !maps.EqualFunc(got.Meta, it.meta, sameValue) || !bytes.Equal(got.Thumb, it.thumb) {
		return fmt.Errorf("item %s: %+v, want %+v", got.ID, got, it)
	}
	return nil
}

func (w *twin) differModels(s *db.Snapshot) error {
	list, err := s.Models(ctx)
	if err != nil {
		return err
	}
	if len(list) != len(w.models) {
		return fmt.Errorf("autoencoders %+v, want %d", list, len(w.models))
	}
	for i, m := range w.models {
		info := list[i]
		if info.Name != m.name || info.Active != (m.name == w.active) || info.Encoded != w.encoded(m) || info.Named != (m.names != nil) {
			return fmt.Errorf("autoencoder %+v, want %s, active %q, encoded %v, named %v", info, m.name, w.active, w.encoded(m), m.names != nil)
		}
		codes := map[string]sae.Code{}
		for c, err := range s.Codes(ctx, m.name) {
			if err != nil {
				return err
			}
			codes[c.ID] = c.Code
		}
		for _, id := range w.order {
			got, want := codes[id], m.codes[id]
			if !slices.Equal(got.Latents, want.Latents) || !slices.Equal(got.Acts, want.Acts) {
				return fmt.Errorf("code of %s by %s: %v, want %v", id, m.name, got, want)
			}
		}
		if len(codes) != len(m.codes) {
			return fmt.Errorf("%d codes by %s, want %d", len(codes), m.name, len(m.codes))
		}
	}
	return nil
}
