package db

import (
	"context"

	"github.com/saedb/saedb/query"
)

// Stats describes a database.
type Stats struct {
	Format int
	Space  Space // zero before the first item
	Items  int
	Dim    int
	Bytes  uint64 // on disk, without derived files
	// Derived is the bytes of derived files, which are made anew where they are missing.
	Derived uint64
	Models  []ModelInfo
	Active  string        // name of the active autoencoder, empty if there is none
	Fields  []query.Field // metadata fields by name
	Words   int           // words of the vocabulary
}

// Stats describes the database.
func (d *DB) Stats(ctx context.Context) (st Stats, err error) {
	err = d.view(func(s *Snapshot) error {
		st, err = s.Stats(ctx)
		return err
	})
	return st, err
}

// Stats describes the database; Bytes is of the moment of the call.
func (s *Snapshot) Stats(ctx context.Context) (Stats, error) {
	st := Stats{Items: s.Len(), Dim: s.Dim()}
	format, err := readFormat(s.r)
	if err != nil {
		return st, err
	}
	st.Format = int(format)
	if st.Space, _, err = readSpace(s.r); err != nil {
		return st, err
	}
	if st.Models, err = s.Models(ctx); err != nil {
		return st, err
	}
	for _, m := range st.Models {
		if m.Active {
			st.Active = m.Name
		}
	}
	if st.Fields, err = s.fields(); err != nil {
		return st, err
	}
	book, err := s.vocab(ctx)
	if err != nil {
		return st, err
	}
	if book.vocab != nil {
		st.Words = len(book.vocab.Words)
	}
	if st.Derived, err = s.d.store.SideSize(); err != nil {
		return st, err
	}
	st.Bytes, err = s.d.store.DiskSize()
	return st, err
}

// Space returns the space identity of the stored vectors, the zero Space before the first item.
func (d *DB) Space(ctx context.Context) (space Space, err error) {
	err = d.view(func(s *Snapshot) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		space, _, err = readSpace(s.r)
		return err
	})
	return space, err
}
