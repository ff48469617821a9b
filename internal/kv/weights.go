package kv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/saedb/saedb/internal/vec"
)

// Weights is what one posting block holds: the rows of BlockRows consecutive ordinals in which a latent is active, each with its activation
// in one byte, as internal/vec says. The exact activations are in the codes. The bounds hold for all rows, and are reached unless rows were
// removed. The lower one tells without a code that a row of weight 1, which could be anything above zero, scores above zero.
type Weights struct {
	Max, Min float32  // no activation is above, or below; 0 in an operand that only removes
	Rows     []uint16 // ordinals within the block, ascending
	Bytes    []byte   // in steps of vec.Step(Max); 0, in a merge operand alone, removes the row
}

// weightsHead is the bytes before the columns, weightsEntry those of a row in all columns.
const (
	weightsHead  = 4 + 4
	weightsEntry = 2 + 1
)

// AppendWeights appends largest and smallest activation (f32), the rows (u16), then their weights (u8). No rows: nothing.
func AppendWeights(dst []byte, l Weights) []byte {
	if len(l.Rows) == 0 {
		return dst
	}
	dst = slices.Grow(dst, weightsHead+weightsEntry*len(l.Rows))
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(l.Max))
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(l.Min))
	for _, row := range l.Rows {
		dst = binary.LittleEndian.AppendUint16(dst, row)
	}
	return append(dst, l.Bytes...)
}

// DecodeWeights reads what AppendWeights wrote. rows is memory to use for Rows; Bytes is a part of v.
func DecodeWeights(v []byte, rows []uint16) (Weights, error) {
	l, err := decodeOperand(v, rows)
	if err != nil {
		return Weights{}, err
	}
	if i := bytes.IndexByte(l.Bytes, 0); i >= 0 {
		return Weights{}, Corruptf("posting block: row %d has the weight 0", l.Rows[i])
	}
	return l, nil
}

// decodeOperand is DecodeWeights of what may remove rows.
func decodeOperand(v []byte, rows []uint16) (l Weights, err error) {
	if len(v) == 0 {
		return l, nil
	}
	n := (len(v) - weightsHead) / weightsEntry
	if n < 1 || len(v) != weightsHead+n*weightsEntry || n > BlockRows {
		return l, Corruptf("posting block of %d bytes", len(v))
	}
	l.Max = math.Float32frombits(binary.LittleEndian.Uint32(v))
	l.Min = math.Float32frombits(binary.LittleEndian.Uint32(v[4:]))
	l.Bytes = v[weightsHead+2*n:]
	l.Rows = slices.Grow(rows[:0], n)[:n]
	before := -1
	for i := range l.Rows {
		row := binary.LittleEndian.Uint16(v[weightsHead+2*i:])
		if int(row) <= before || row >= BlockRows {
			return Weights{}, Corruptf("posting block: row %d after %d", row, before)
		}
		l.Rows[i], before = row, int(row)
	}
	return l, l.check()
}

// check returns what is wrong with the bounds, or with weights in the light of them.
func (l Weights) check() error {
	most := slices.Max(l.Bytes)
	switch {
	case most == 0 && l.Max == 0 && l.Min == 0:
		return nil // removals alone
	case !(l.Max > 0) || !(l.Min > 0) || l.Min > l.Max || math.IsInf(float64(l.Max), 0):
		return Corruptf("posting block: activations from %v to %v", l.Min, l.Max)
	case most > vec.Weight(l.Max, vec.Step(l.Max)):
		return Corruptf("posting block: weight %d, activations are up to %v", most, l.Max)
	}
	return nil
}

// Weigh returns the block of some rows, ascending, with exact activations; activation 0 stands for a row to remove.
func Weigh(rows []uint16, acts []float32) Weights {
	l := Weights{Rows: rows}
	l.Bytes, l.Max, l.Min = vec.Weigh(make([]byte, 0, len(rows)), acts)
	return l
}

// MergeWeights returns what the values of one block and operands after them come to, oldest first. It changes the values.
func MergeWeights(values ...[]byte) (Weights, error) {
	l, err := mergeWeights(values)
	if err != nil {
		return Weights{}, err
	}
	return l.dropRemovals(), nil
}

// mergeWeights takes the union: of each row the last operand counts, and the bounds cover those of all. Steps are those of the largest bound,
// to which finer weights are brought: the outcome does not depend on what was merged first. It changes the values.
func mergeWeights(values [][]byte) (out Weights, err error) {
	lists := make([]Weights, 0, len(values))
	n := 0
	for _, v := range values {
		l, err := decodeOperand(v, nil)
		if err != nil {
			return Weights{}, err
		}
		if len(l.Rows) == 0 {
			continue
		}
		lists, n = append(lists, l), n+len(l.Rows)
		out.Max = max(out.Max, l.Max)
		if l.Min > 0 && (out.Min == 0 || l.Min < out.Min) {
			out.Min = l.Min
		}
	}
	if len(lists) == 1 {
		return lists[0], nil
	}
	for _, l := range lists {
		if l.Max > 0 {
			vec.Coarsen(l.Bytes, vec.Step(l.Max), vec.Step(out.Max))
		}
	}
	out.Rows, out.Bytes = make([]uint16, 0, n), make([]byte, 0, n)
	if inTurn(lists) {
		for _, l := range lists {
			out.Rows, out.Bytes = append(out.Rows, l.Rows...), append(out.Bytes, l.Bytes...)
		}
		return out, nil
	}
	// A block has 2^15 rows: a table of the last weight of each sorts in one pass.
	const set = 1 << 8
	last := make([]uint16, BlockRows)
	for _, l := range lists {
		for i, row := range l.Rows {
			last[row] = set | uint16(l.Bytes[i])
		}
	}
	for row, w := range last {
		if w != 0 {
			out.Rows, out.Bytes = append(out.Rows, uint16(row)), append(out.Bytes, byte(w))
		}
	}
	return out, nil
}

// inTurn reports whether each list begins after the end of the one before.
func inTurn(lists []Weights) bool {
	for i := 1; i < len(lists); i++ {
		if before := lists[i-1].Rows; lists[i].Rows[0] <= before[len(before)-1] {
			return false
		}
	}
	return true
}

// dropRemovals leaves out rows of weight 0, in place.
func (l Weights) dropRemovals() Weights {
	if bytes.IndexByte(l.Bytes, 0) < 0 {
		return l
	}
	n := 0
	for i, w := range l.Bytes {
		if w != 0 {
			l.Rows[n], l.Bytes[n] = l.Rows[i], w
			n++
		}
	}
	if n == 0 {
		return Weights{}
	}
	l.Rows, l.Bytes = l.Rows[:n], l.Bytes[:n]
	return l
}

// Stats is what the activations of one latent add up to. It is merged: each commit adds what it adds and what it takes away, in any order.
//
// The sum is exact: a fixed point number of 64 bits before and 64 after the point. An activation between 2⁻⁴¹ and 2³⁰ is one of these numbers; the
// rest of a smaller one is cut off, and a larger one counts as 2³⁰, the same when it is added and when it is taken away. 2³² rows, all there
// can be, come to 2⁶² at most.
type Stats struct {
	Count     int64
	Whole     uint64  // of the sum, modulo 2⁶⁴
	Part      uint64  // of the sum, in 2⁻⁶⁴
	Top, Gone float32 // the largest activation that was ever added, and that was ever taken away; 0: none
}

// Exact reports whether Top is the largest activation: none as large was taken away.
func (s Stats) Exact() bool { return s.Gone < s.Top || s.Count == 0 }

// Sum returns the sum of the activations.
func (s Stats) Sum() float64 { return float64(int64(s.Whole)) + math.Ldexp(float64(s.Part), -64) }

// Change takes the activation that was away and adds the one that is; 0 is none.
func (s *Stats) Change(was, is float32) {
	if was > 0 {
		s.Count--
		s.Gone = max(s.Gone, was)
		whole, part := fixed(was)
		var borrow uint64
		s.Part, borrow = bits.Sub64(s.Part, part, 0)
		s.Whole, _ = bits.Sub64(s.Whole, whole, borrow)
	}
	if is > 0 {
		s.Count++
		s.Top = max(s.Top, is)
		whole, part := fixed(is)
		s.plus(whole, part)
	}
}

func (s *Stats) plus(whole, part uint64) {
	var carry uint64
	s.Part, carry = bits.Add64(s.Part, part, 0)
	s.Whole, _ = bits.Add64(s.Whole, whole, carry)
}

// fixed returns an activation above zero as a fixed point number.
func fixed(act float32) (whole, part uint64) {
	const most = 1 << 30
	if act >= most {
		return most, 0
	}
	b := math.Float32bits(act)
	mantissa, exp := uint64(b&(1<<23-1)), int(b>>23) // act is mantissa·2^(exp-150)
	if exp == 0 {
		exp = 1
	} else {
		mantissa |= 1 << 23
	}
	switch left := exp - 150 + 64; {
	case left >= 64:
		return mantissa << (left - 64), 0
	case left >= 0:
		return mantissa >> (64 - left), mantissa << left
	default:
		return 0, mantissa >> -left
	}
}

// statsSize is the size of the sum and the two activations.
const statsSize = 8 + 8 + 4 + 4

// AppendStats appends count (varint), part and whole (u64), top and gone (f32).
func AppendStats(dst []byte, s Stats) []byte {
	dst = binary.AppendVarint(dst, s.Count)
	dst = binary.LittleEndian.AppendUint64(dst, s.Part)
	dst = binary.LittleEndian.AppendUint64(dst, s.Whole)
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(s.Top))
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(s.Gone))
}

// DecodeStats reads what AppendStats wrote; nothing is a latent that was never active.
func DecodeStats(v []byte) (s Stats, err error) {
	if len(v) == 0 {
		return s, nil
	}
	n, size := binary.Varint(v)
	if size <= 0 || len(v) != size+statsSize {
		return s, Corruptf("statistics of a latent: %x", v)
	}
	v = v[size:]
	s.Count, s.Part, s.Whole = n, binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[8:])
	s.Top, s.Gone = math.Float32frombits(binary.LittleEndian.Uint32(v[16:])), math.Float32frombits(binary.LittleEndian.Uint32(v[20:]))
	for _, a := range []float32{s.Top, s.Gone} {
		if !(a >= 0) || math.IsInf(float64(a), 0) {
			return Stats{}, Corruptf("statistics of a latent: activation %v", a)
		}
	}
	return s, nil
}

// foldStats adds up. A latent from which all was taken away that was ever added is as one that was never active.
func foldStats(operands [][]byte, final bool) ([]byte, error) {
	var sum Stats
	for _, v := range operands {
		s, err := DecodeStats(v)
		if err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		sum.Count += s.Count
		sum.plus(s.Whole, s.Part)
		sum.Top, sum.Gone = max(sum.Top, s.Top), max(sum.Gone, s.Gone)
	}
	if final && sum.Count == 0 && sum.Whole == 0 && sum.Part == 0 {
		return nil, nil
	}
	return AppendStats(nil, sum), nil
}

// foldWeights merges the operands of a posting block.
func foldWeights(operands [][]byte, final bool) ([]byte, error) {
	l, err := mergeWeights(operands)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	if final {
		l = l.dropRemovals()
	}
	return AppendWeights(nil, l), nil
}
