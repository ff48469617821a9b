package db

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/saedb/saedb/internal/kv"
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
type ConceptShare struct {
	Word  string  `json:"word"`
	Share float64 `json:"share"`
}

// SetClusters stores the description of a grouping in place of the one before; nil removes it. The items' field is Annotate's.
func (d *DB) SetClusters(ctx context.Context, c *Clusters) error {
	return d.update(ctx, func(w *writer) error {
		if c == nil {
			w.b.Delete(kv.KeyClusters())
			return nil
		}
		v, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("clusters: %w", err)
		}
		w.b.Set(kv.KeyClusters(), v)
		return nil
	})
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
