package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae"
	"github.com/saedb/saedb/sae/train"
)

// idList is the ids of a database, ascending: an order that depends on nothing but the content. Rows are counted in it.
type idList []string

// rowSet is the vectors of a database in memory, by ascending id.
type rowSet struct {
	train.Rows
	ids idList
}

// loadRows reads ids and vectors of all items.
func loadRows(ctx context.Context, d *db.DB) (*rowSet, error) {
	type place struct {
		id  string
		row int
	}
	var places []place
	var x []float32
	dim := 0
	for it, err := range d.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read the vectors: %w", err)
		}
		places = append(places, place{it.ID, len(places)})
		x = append(x, it.Vec...)
		dim = len(it.Vec)
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.id, b.id) })
	r := &rowSet{Rows: train.Rows{D: max(dim, 1), X: make([]float32, 0, len(x))}}
	for _, p := range places {
		r.ids = append(r.ids, p.id)
		r.X = append(r.X, x[p.row*dim:(p.row+1)*dim]...)
	}
	return r, nil
}

// find returns the row of an id.
func (l idList) find(id string) (int, bool) {
	i := sort.SearchStrings(l, id)
	return i, i < len(l) && l[i] == id
}

// rows returns the rows of ids, ascending. An id that is not there is an error
// that says where the ids come from and how many are missing.
func (l idList) rows(ids []string, source string) ([]int, error) {
	var rows []int
	var missing []string
	for _, id := range ids {
		if row, ok := l.find(id); ok {
			rows = append(rows, row)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, hint(fmt.Errorf("%s: %d of %d ids are not in the database, first %q", source, len(missing), len(ids), missing[0]),
			"ids are those of saectl import, one a line")
	}
	slices.Sort(rows)
	return slices.Compact(rows), nil
}

// names returns the ids of rows.
func (l idList) names(rows []int) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = l[row]
	}
	return ids
}

// digest is the SHA-256 of the ids and vectors of rows of data, in hexadecimal.
func (l idList) digest(data train.Dataset, rows []int) string {
	h := sha256.New()
	var b []byte
	for _, row := range rows {
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(len(l[row])))
		b = append(b, l[row]...)
		for _, v := range data.Row(row) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// without returns the rows of all that are not in drop; both ascend.
func without(all, drop []int) []int {
	var left []int
	for _, row := range all {
		if _, found := slices.BinarySearch(drop, row); !found {
			left = append(left, row)
		}
	}
	return left
}

// errNoRows says that there is nothing to train on.
func errNoRows() error {
	return hint(errors.New("the database holds no vectors"), "saectl import FILE.npy stores some")
}

// idsOnly refuses rows of an answer that are not pictures.
func idsOnly(id, text string) (string, error) {
	if strings.TrimSpace(id) == "" {
		return "", hint(fmt.Errorf("the query %q does not answer with pictures", text), "use a condition, such as 'meta.year >= 2020'")
	}
	return id, nil
}

// eachCode encodes all rows and hands their codes to f, in order; a code is valid
// until the next.
func eachCode(m *sae.Model, rows *rowSet, f func(sae.Code)) {
	const window = 1024
	e := sae.NewEncoder(m)
	var codes []sae.Code
	for from := 0; from < rows.Len(); from += window {
		to := min(rows.Len(), from+window)
		codes = e.EncodeBatch(codes, rows.X[from*m.D:to*m.D], maxThreads())
		for _, c := range codes {
			f(c)
		}
	}
}
