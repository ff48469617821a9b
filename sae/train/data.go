package train

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
)

// Dataset is what a run reads: rows of equal width, in any order, again and again.
// Row's result is read before the next call and never kept or written to.
type Dataset interface {
	Len() int
	Dim() int
	Row(i int) []float32
}

// Rows is a Dataset in memory: X is row-major, a multiple of D long.
type Rows struct {
	D int
	X []float32
}

// Len returns the number of rows.
func (r Rows) Len() int { return len(r.X) / r.D }

// Dim returns the width of a row.
func (r Rows) Dim() int { return r.D }

// Row returns a view of row i.
func (r Rows) Row(i int) []float32 { return r.X[i*r.D : (i+1)*r.D] }

// Subset shows only the named rows of data, in that order. It keeps rows.
func Subset(data Dataset, rows []int) Dataset { return subset{data, rows} }

type subset struct {
	Dataset
	rows []int
}

func (s subset) Len() int            { return len(s.rows) }
func (s subset) Row(i int) []float32 { return s.Dataset.Row(s.rows[i]) }

// Streams of random numbers that one seed gives: each use has its own, so that none
// shifts another.
const (
	streamInit   = 1 << 32
	streamSplit  = 2 << 32
	streamEpoch  = 3 << 32 // plus the epoch
	streamNoise  = 4 << 32
	streamSpread = 5 << 32
)

// Split divides the rows 0..n-1 at random into those to train on and those kept back
// for measuring, about holdout·n of them, each list ascending. It depends on nothing
// but its arguments. Rows that resemble each other (frames of one video) should be
// split by what they share; SplitBy does that.
func Split(n int, holdout float64, seed uint64) (trained, held []int) {
	return SplitBy(n, holdout, seed, func(row int) int { return row })
}

// SplitBy is Split for rows in groups that must not be torn apart: group tells the
// group of a row, any number. Whole groups are kept back until holdout·n rows are.
func SplitBy(n int, holdout float64, seed uint64, group func(row int) int) (trained, held []int) {
	var groups []int // in order of appearance
	members := map[int][]int{}
	for row := range n {
		g := group(row)
		if members[g] == nil {
			groups = append(groups, g)
		}
		members[g] = append(members[g], row)
	}
	r := rand.New(rand.NewPCG(seed, streamSplit))
	r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	want := int(math.Round(holdout * float64(n)))
	for _, g := range groups {
		if len(held)+len(members[g]) <= want {
			held = append(held, members[g]...)
		} else {
			trained = append(trained, members[g]...)
		}
	}
	slices.Sort(trained)
	slices.Sort(held)
	return trained, held
}

// order is the sequence in which an epoch visits the rows. It depends on seed, epoch
// and n alone, so a resumed run continues with the same batches.
func order(seed uint64, epoch, n int) []int {
	return rand.New(rand.NewPCG(seed, streamEpoch+uint64(epoch))).Perm(n)
}

// digest is the SHA-256 of the rows: a checkpoint continues only on the data it comes from.
func digest(data Dataset) [32]byte {
	h := sha256.New()
	var b []byte
	for i := range data.Len() {
		b = b[:0]
		for _, v := range data.Row(i) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(b)
	}
	return [32]byte(h.Sum(nil))
}
