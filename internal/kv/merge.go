package kv

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// mergerName is stored by Pebble with the data: a database made with another merge rule does not open.
const mergerName = "saedb.merge.1"

// merger returns the rule by which Batch.Merge adds an operand to a value, chosen by the key's first byte:
// posting blocks take the union, the last operand winning per row (a weight of 0 removes the row);
// counters, range sums and the statistics of latents take the sum, and a counter of 0 is empty.
func merger() *pebble.Merger {
	return &pebble.Merger{
		Name: mergerName,
		Merge: func(key, value []byte) (pebble.ValueMerger, error) {
			m := &valueMerger{prefix: key[0]}
			return m, m.MergeNewer(value)
		},
	}
}

// valueMerger collects the operands of one key and folds them in Finish.
type valueMerger struct {
	prefix byte     // of the key
	newer  [][]byte // oldest first
	older  [][]byte // newest first, all before newer: Pebble reads operands in that order
}

func (m *valueMerger) check(v []byte) error {
	if m.prefix == prefixPosting && len(v)%postingSize != 0 {
		return Corruptf("posting block of %d bytes: not a multiple of %d", len(v), postingSize)
	}
	if m.prefix == prefixWeights && len(v) > 0 && (len(v) < weightsHead+weightsEntry || (len(v)-weightsHead)%weightsEntry != 0) {
		return Corruptf("posting block of %d bytes", len(v))
	}
	return nil
}

func (m *valueMerger) MergeNewer(v []byte) error {
	m.newer = append(m.newer, slices.Clone(v))
	return m.check(v)
}

func (m *valueMerger) MergeOlder(v []byte) error {
	m.older = append(m.older, slices.Clone(v))
	return m.check(v)
}

// Finish folds the operands. Without the base value a removal must stay: there may be something older to remove.
//
// What folds to nothing stays as an empty value. Pebble offers to drop it (DeletableValueMerger), but v2.1.7 panics in
// a compaction that does so below an open snapshot.
func (m *valueMerger) Finish(includesBase bool) (value []byte, _ io.Closer, err error) {
	slices.Reverse(m.older)
	operands := append(m.older, m.newer...)
	switch m.prefix {
	case prefixPosting:
		value = foldPostings(slices.Concat(operands...), includesBase)
	case prefixWeights:
		value, err = foldWeights(operands, includesBase)
	case prefixStats:
		value, err = foldStats(operands, includesBase)
	case prefixRange:
		value, err = foldRange(operands)
	default:
		value, err = foldCounter(operands, includesBase)
	}
	return value, nil, err
}

// foldPostings sorts concatenated posting records by row, keeps the last of each row, and drops removals if final.
// It works in place and returns a part of v.
func foldPostings(v []byte, final bool) []byte {
	if ascending(v) {
		if final {
			return dropRemovals(v)
		}
		return v
	}
	// A block has 2^15 rows: a table of the last record of each row sorts in one pass.
	last := make([]int32, BlockRows)
	for i := 0; i+postingSize <= len(v); i += postingSize {
		if local := int(binary.LittleEndian.Uint16(v[i:])); local < BlockRows {
			last[local] = int32(i) + 1
		}
	}
	out := make([]byte, 0, len(v))
	for _, at := range last {
		if at > 0 {
			out = append(out, v[at-1:at-1+postingSize]...)
		}
	}
	if final {
		return dropRemovals(out)
	}
	return out
}

// ascending reports whether the records stand in strictly ascending row order.
func ascending(v []byte) bool {
	for i := postingSize; i+postingSize <= len(v); i += postingSize {
		if binary.LittleEndian.Uint16(v[i:]) <= binary.LittleEndian.Uint16(v[i-postingSize:]) {
			return false
		}
	}
	return true
}

func dropRemovals(v []byte) []byte {
	out := v[:0]
	for i := 0; i+postingSize <= len(v); i += postingSize {
		if binary.LittleEndian.Uint32(v[i+2:]) != 0 {
			out = append(out, v[i:i+postingSize]...)
		}
	}
	return out
}

func foldRange(operands [][]byte) ([]byte, error) {
	var sum RangeSum
	for _, v := range operands {
		s, err := DecodeRangeSum(v)
		if err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		sum.Add(s)
	}
	return AppendRangeSum(nil, sum), nil
}

func foldCounter(operands [][]byte, final bool) ([]byte, error) {
	var sum int64
	for _, v := range operands {
		n, err := DecodeCounter(v)
		if err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		sum += n
	}
	if final && sum == 0 {
		return nil, nil
	}
	return AppendCounter(nil, sum), nil
}
