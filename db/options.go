package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Options say how Open opens. A nil *Options and every zero field mean the default.
type Options struct {
	ReadOnly bool
	Create   bool // make the database if the folder is missing or empty

	// Dim is the number of dimensions the caller's vectors have. 0: what the database says, and in a new one what the
	// first vector has.
	Dim int

	// Space is where the caller's vectors come from. Its zero value claims the database's own space, whatever that is;
	// any other is written with the first item and must equal what is stored afterwards.
	Space Space

	// Embed turns a text into a vector of the database's space. nil, or an error that is ErrNoEmbedder: only words of the
	// stored vocabulary have one.
	Embed func(ctx context.Context, text string) ([]float32, error)

	// GraphFrom is the number of items from which on nearest vectors are looked for along a graph, which finds nearly all of them in a
	// fraction of the time. 0: 32,768, below which all rows are looked at within a millisecond or two; negative: never.
	GraphFrom int

	Threads int                   // for encoding; 0: GOMAXPROCS. Results do not depend on it
	Logger  *slog.Logger          // nil: silent
	Now     func() time.Time      // the clock of Item.Added; nil: time.Now
	Tune    func(*pebble.Options) // the hatch: file system for tests, cache size
}

// EnsureDefaults returns a copy with every default filled in; o may be nil.
func (o *Options) EnsureDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.GraphFrom == 0 {
		c.GraphFrom = graphFrom
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &c
}

// Validate returns every fault of the options at once, nil if there is none.
func (o *Options) Validate() error {
	var faults []error
	if o.Create && o.ReadOnly {
		faults = append(faults, errors.New("options: Create and ReadOnly exclude each other"))
	}
	if o.Dim < 0 || o.Dim > MaxDim {
		faults = append(faults, fmt.Errorf("options: Dim is %d, not 0 to %d", o.Dim, MaxDim))
	}
	if o.Space.Dim != 0 && o.Dim != 0 && o.Space.Dim != o.Dim {
		faults = append(faults, fmt.Errorf("options: Dim is %d, Space.Dim is %d", o.Dim, o.Space.Dim))
	}
	if o.Threads < 0 {
		faults = append(faults, fmt.Errorf("options: Threads is %d", o.Threads))
	}
	return errors.Join(faults...)
}

// Limits of what is stored.
const (
	MaxDim   = 1 << 16 // dimensions of a vector
	MaxID    = 512     // bytes of an id
	MaxThumb = 1 << 20 // bytes of a thumbnail
	MaxMeta  = 1 << 20 // bytes of an item's encoded metadata
)
