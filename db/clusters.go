package db

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
)

// Clusters describes a grouping of the items as it was made. Which item is in which cluster is the items' field cluster.
type Clusters struct {
	Over   string    `json:"over"`          // what was compared: "codes" or "vectors"
	SAE    string    `json:"sae,omitempty"` // the autoencoder that made the codes and bears the names; empty: none
	K      int       `json:"k"`
	Seed   uint64    `json:"seed"`
	Starts int       `json:"starts"`
	List   []Cluster `json:"clusters"` // by ID, the largest first
}

// Cluster is one group of items.
type Cluster struct {
	ID       int            `json:"cluster"` // value of the field
	Size     int            `json:"size"`
	Name     string         `json:"name,omitempty"`
	Concepts []ConceptShare `json:"concepts,omitempty"` // that set it apart, the strongest first
	Within   float64        `json:"mean_cosine"`        // between its items and its centre
}

// ConceptShare is a concept and its share of the activation of a cluster's items.
type ConceptShare = query.ConceptShare

// ClusterField is the metadata field that says in which cluster an item is.
const ClusterField = query.ClusterField

// SetClusters replaces the grouping, the description and the items' field cluster, in one atomic commit: whoever reads, also
// after a power cut, sees the old grouping or the new one. of yields ids with the ID of their cluster in c.List, each id once; an
// item it does not yield is in no cluster, and whatever its field said is removed. A nil c removes the grouping; of is then
// nil too, as it may be wherever nothing is in a cluster. of is read to its end before the writing begins. On an error
// nothing is stored. Errors: ErrNotFound for an id that is not there, ErrItem for a cluster that c does not describe.
func (d *DB) SetClusters(ctx context.Context, c *Clusters, of iter.Seq2[string, int]) error {
	described := map[int]bool{}
	if c != nil {
		for _, one := range c.List {
			described[one.ID] = true
		}
	}
	in := map[string]int{}
	if of != nil {
		for id, cluster := range of {
			if !described[cluster] {
				return fmt.Errorf("clusters: %q: %w: there is no cluster %d in the description", id, ErrItem, cluster)
			}
			in[id] = cluster
		}
	}
	err := d.update(ctx, func(w *writer) error {
		if err := w.setClusterFields(ctx, in); err != nil {
			return err
		}
		if c == nil {
			w.b.Delete(kv.KeyClusters())
			return nil
		}
		v, err := json.Marshal(c)
		if err != nil {
			return err
		}
		w.b.Set(kv.KeyClusters(), v)
		return nil
	})
	if err != nil {
		return fmt.Errorf("clusters: %w", err)
	}
	return nil
}

// setClusterFields gives each item of in its cluster, and takes the field from all others.
func (w *writer) setClusterFields(ctx context.Context, in map[string]int) error {
	met, n := 0, 0
	span := kv.SpanItems()
	for p, err := range w.r.Range(span.Lower, span.Upper) {
		if err == nil && n%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		rec, err := kv.DecodeItem(p.Value)
		if err != nil {
			return err
		}
		var v any
		if cluster, ok := in[rec.ID]; ok {
			v, met = int64(cluster), met+1
		}
		if _, err := w.annotate(rec.ID, ClusterField, v); err != nil {
			return fmt.Errorf("%q: %w", rec.ID, err)
		}
	}
	if met == len(in) {
		return nil
	}
	for id := range in { // one of them is not there
		if _, ok, err := w.r.Get(kv.KeyID(id)); err != nil || !ok {
			return cmp.Or(err, fmt.Errorf("%q: %w", id, ErrNotFound))
		}
	}
	return nil
}

// Clusters returns what SetClusters stored. Error: ErrNoClusters.
func (d *DB) Clusters(ctx context.Context) (c *Clusters, err error) {
	err = d.view(func(s *Snapshot) error {
		c, err = s.Clusters(ctx)
		return err
	})
	return c, err
}

// Clusters returns what SetClusters stored. Error: ErrNoClusters.
func (s *Snapshot) Clusters(ctx context.Context) (*Clusters, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v, ok, err := s.r.Get(kv.KeyClusters())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: saectl cluster groups the items", ErrNoClusters)
	}
	c := &Clusters{}
	if err := json.Unmarshal(v, c); err != nil {
		return nil, kv.Corruptf("clusters: %w", err)
	}
	return c, nil
}
