package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/saedb/saedb/cmd/saectl/internal/runs"
	"github.com/saedb/saedb/db"
)

// rowFile is the vectors of a database side by side in a file, from which a training reads them in any order: in memory there is one at a
// time. It is a train.Dataset by ascending id. A row that cannot be read is all NaN, which no step takes, and err says why.
type rowFile struct {
	file   *os.File
	dim    int
	places []uint32 // of the rows in the file
	raw    []byte
	row    []float32
	err    error
}

// spillRows writes the vectors of all items to a file, and returns their ids, ascending. The file is gone once it is closed.
func spillRows(ctx context.Context, d *db.DB, root runs.Root) (ids idList, r *rowFile, err error) {
	r = &rowFile{}
	if r.file, err = root.Scratch(); err != nil {
		return nil, nil, fmt.Errorf("a place for the vectors: %w", err)
	}
	if ids, err = r.fill(ctx, d); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read the vectors: %w", err), r.Close())
	}
	return ids, r, nil
}

func (r *rowFile) fill(ctx context.Context, d *db.DB) (idList, error) {
	var ids idList
	w := bufio.NewWriterSize(r.file, 1<<20)
	for it, err := range d.All(ctx) {
		if err != nil {
			return nil, err
		}
		ids, r.dim = append(ids, it.ID), len(it.Vec)
		r.raw = r.raw[:0]
		for _, v := range it.Vec {
			r.raw = binary.LittleEndian.AppendUint32(r.raw, math.Float32bits(v))
		}
		if _, err := w.Write(r.raw); err != nil {
			return nil, err
		}
	}
	r.places = make([]uint32, len(ids))
	for i := range r.places {
		r.places[i] = uint32(i)
	}
	slices.SortFunc(r.places, func(a, b uint32) int { return strings.Compare(ids[a], ids[b]) })
	sorted := make(idList, len(ids))
	for row, place := range r.places {
		sorted[row] = ids[place]
	}
	r.row = make([]float32, r.dim)
	return sorted, w.Flush()
}

// Len returns the number of rows.
func (r *rowFile) Len() int { return len(r.places) }

// Dim returns the width of a row.
func (r *rowFile) Dim() int { return r.dim }

// Row returns row i, until the next call.
func (r *rowFile) Row(i int) []float32 {
	if _, err := r.file.ReadAt(r.raw, int64(r.places[i])*int64(len(r.raw))); err != nil {
		r.err = cmp.Or(r.err, fmt.Errorf("read the vectors back: %w", err))
		for j := range r.row {
			r.row[j] = float32(math.NaN())
		}
		return r.row
	}
	for j := range r.row {
		r.row[j] = math.Float32frombits(binary.LittleEndian.Uint32(r.raw[4*j:]))
	}
	return r.row
}

// Close removes the file.
func (r *rowFile) Close() error { return runs.Discard(r.file) }
