package kv

import (
	"encoding/binary"
	"math"
)

// Numbers in values are little-endian; "uvarint" and "varint" are those of encoding/binary.

// Format is the version of everything in this room and in db/FORMAT.md.
const Format = 3

const formatMagic = "saedb"

// AppendFormat appends the format value: the magic word, then the version as u32.
func AppendFormat(dst []byte, version uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, formatMagic...), version)
}

// DecodeFormat reads the version.
func DecodeFormat(v []byte) (uint32, error) {
	if len(v) != len(formatMagic)+4 || string(v[:len(formatMagic)]) != formatMagic {
		return 0, Corruptf("format value %x", v)
	}
	return binary.LittleEndian.Uint32(v[len(formatMagic):]), nil
}

// State is the small record that every commit writes anew; a snapshot reads its own.
type State struct {
	Seq       uint64 // commits so far
	Rev       uint64 // commits so far that changed models, names or vocabulary
	Next      uint32 // next item's ordinal
	Live      uint32 // items
	Dim       uint32 // numbers in a vector; 0 before the first
	Active    uint32 // model in use; 0: none
	NextModel uint32 // next model's number, from 1
}

const stateSize = 8 + 8 + 5*4

// AppendState appends the fields in their order.
func AppendState(dst []byte, s State) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, s.Seq)
	dst = binary.LittleEndian.AppendUint64(dst, s.Rev)
	for _, n := range []uint32{s.Next, s.Live, s.Dim, s.Active, s.NextModel} {
		dst = binary.LittleEndian.AppendUint32(dst, n)
	}
	return dst
}

// DecodeState reads what AppendState wrote.
func DecodeState(v []byte) (State, error) {
	if len(v) != stateSize {
		return State{}, Corruptf("state of %d bytes, want %d", len(v), stateSize)
	}
	u32 := func(i int) uint32 { return binary.LittleEndian.Uint32(v[16+4*i:]) }
	return State{
		Seq: binary.LittleEndian.Uint64(v), Rev: binary.LittleEndian.Uint64(v[8:]),
		Next: u32(0), Live: u32(1), Dim: u32(2), Active: u32(3), NextModel: u32(4),
	}, nil
}

// AppendOrd appends an ordinal as a value.
func AppendOrd(dst []byte, ord uint32) []byte { return binary.LittleEndian.AppendUint32(dst, ord) }

// DecodeOrd reads an ordinal.
func DecodeOrd(v []byte) (uint32, error) {
	if len(v) != 4 {
		return 0, Corruptf("ordinal of %d bytes", len(v))
	}
	return binary.LittleEndian.Uint32(v), nil
}

// AppendSeq appends the number of a commit.
func AppendSeq(dst []byte, seq uint64) []byte { return binary.LittleEndian.AppendUint64(dst, seq) }

// DecodeSeq reads the number of a commit.
func DecodeSeq(v []byte) (uint64, error) {
	if len(v) != 8 {
		return 0, Corruptf("commit number of %d bytes", len(v))
	}
	return binary.LittleEndian.Uint64(v), nil
}

// Item is what is kept of an item beside its vector and thumbnail.
type Item struct {
	ID    string
	Norm  float32 // of the vector as it came
	Added int64   // Unix milliseconds of the first put
	Thumb bool    // there is a thumbnail
	Block bool    // the vector lies in a block
	Meta  []byte  // encoded metadata, nil for none

	// Old: the record is one of format 1. Thumb and Meta are not in it: look under KeyThumb and KeyMeta.
	Old bool
}

// newRecord is set in an item record's time from format 2 on; times before the year 292 million leave it clear.
const newRecord = 1 << 63

// Flags of an item record.
const (
	flagThumb = 1 << iota
	flagBlock // from format 3 on
)

// AppendItem appends norm, time with newRecord, id (length, bytes), flags, and the metadata.
// An old item is written as format 1 did: norm, time, id.
func AppendItem(dst []byte, it Item) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(it.Norm))
	if it.Old {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(it.Added))
		return append(dst, it.ID...)
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(it.Added)|newRecord)
	dst = append(appendText(dst, it.ID), boolByte(it.Thumb)*flagThumb|boolByte(it.Block)*flagBlock)
	return append(dst, it.Meta...)
}

// DecodeItem reads what AppendItem wrote. Meta is a part of v.
func DecodeItem(v []byte) (Item, error) {
	if len(v) < 13 {
		return Item{}, Corruptf("item record of %d bytes", len(v))
	}
	it := Item{Norm: math.Float32frombits(binary.LittleEndian.Uint32(v))}
	added := binary.LittleEndian.Uint64(v[4:])
	it.Added = int64(added &^ newRecord)
	if added&newRecord == 0 {
		it.Old, it.ID = true, string(v[12:])
	} else {
		r := reader{v: v[12:]}
		it.ID = r.text()
		flags := r.bytes(1)
		if r.bad || it.ID == "" || flags[0] > flagThumb|flagBlock {
			return Item{}, Corruptf("item record %.40x of %d bytes", v, len(v))
		}
		it.Thumb, it.Block = flags[0]&flagThumb != 0, flags[0]&flagBlock != 0
		if len(r.v) > 0 {
			it.Meta = r.v
		}
	}
	if !(it.Norm > 0) || math.IsInf(float64(it.Norm), 0) {
		return Item{}, Corruptf("item %q: norm %v", it.ID, it.Norm)
	}
	return it, nil
}

// AppendCode appends a code: the number of latents (uvarint), the first latent and then the steps from one to the
// next (uvarint), then the activations (f32). latents ascend, acts are positive, both are equally long.
func AppendCode(dst []byte, latents []uint32, acts []float32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(latents)))
	before := uint32(0)
	for _, l := range latents {
		dst = binary.AppendUvarint(dst, uint64(l-before))
		before = l
	}
	return AppendVector(dst, acts)
}

// DecodeCode appends to latents and acts what AppendCode wrote.
func DecodeCode(latents []uint32, acts []float32, v []byte) ([]uint32, []float32, error) {
	r := reader{v: v}
	n := r.count(5) // a latent takes at least one byte, an activation four
	before := uint64(0)
	for i := range n {
		step := r.uvarint()
		before += step
		if r.bad || before > math.MaxUint32 || i > 0 && step == 0 {
			return latents, acts, Corruptf("code: latent %d of %d", i, n)
		}
		latents = append(latents, uint32(before))
	}
	if r.bad || len(r.v) != 4*n {
		return latents, acts, Corruptf("code of %d latents: %d bytes of activations", n, len(r.v))
	}
	acts, err := DecodeVector(acts, r.v, n)
	if err != nil {
		return latents, acts, err
	}
	for _, a := range acts[len(acts)-n:] {
		if a <= 0 {
			return latents, acts, Corruptf("code: activation %v", a)
		}
	}
	return latents, acts, nil
}

// BlockRows is the number of consecutive ordinals that share one posting block.
const BlockRows = 1 << 15

// postingSize is the size of one posting: u16 row within the block, f32 activation.
const postingSize = 6

// AppendPosting appends one posting to a block or to a merge operand; act 0 removes the row.
func AppendPosting(dst []byte, ord uint32, act float32) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(ord%BlockRows))
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(act))
}

// EachPosting calls f for the postings of a block in ascending order of ordinals until f returns false.
func EachPosting(block uint32, v []byte, f func(ord uint32, act float32) bool) error {
	if len(v)%postingSize != 0 || block >= 1<<17 {
		return Corruptf("posting block %d of %d bytes", block, len(v))
	}
	before := -1
	for ; len(v) > 0; v = v[postingSize:] {
		local := int(binary.LittleEndian.Uint16(v))
		act := math.Float32frombits(binary.LittleEndian.Uint32(v[2:]))
		if local <= before || local >= BlockRows || !(act > 0) || math.IsInf(float64(act), 0) {
			return Corruptf("posting block %d: row %d after %d, activation %v", block, local, before, act)
		}
		before = local
		if !f(block*BlockRows+uint32(local), act) {
			return nil
		}
	}
	return nil
}

// AppendCounter appends a counter or a change of one, a varint.
func AppendCounter(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

// DecodeCounter reads a counter.
func DecodeCounter(v []byte) (int64, error) {
	if len(v) == 0 {
		return 0, nil
	}
	n, size := binary.Varint(v)
	if size != len(v) {
		return 0, Corruptf("counter %x", v)
	}
	return n, nil
}

// RangeSum is what some keys of one range of BlockRows ordinals add up to: how many, and the sum, modulo 2⁶⁴, of a digest
// of each with its value. It is merged: a change adds what it adds, and takes away what it takes.
type RangeSum struct {
	Keys   int64
	Digest uint64
}

// Add adds another sum.
func (s *RangeSum) Add(o RangeSum) {
	s.Keys += o.Keys
	s.Digest += o.Digest
}

// AppendRangeSum appends keys (varint) and digest (u64).
func AppendRangeSum(dst []byte, s RangeSum) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendVarint(dst, s.Keys), s.Digest)
}

// DecodeRangeSum reads what AppendRangeSum wrote; nothing is the sum of no keys.
func DecodeRangeSum(v []byte) (s RangeSum, err error) {
	if len(v) == 0 {
		return s, nil
	}
	keys, size := binary.Varint(v)
	if size <= 0 || len(v) != size+8 {
		return s, Corruptf("sum of a range: %x", v)
	}
	return RangeSum{Keys: keys, Digest: binary.LittleEndian.Uint64(v[size:])}, nil
}

// reader takes values off the front of v; after the first thing it cannot read, bad is set and all reads are zero.
type reader struct {
	v   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.v)
	if size <= 0 || r.bad {
		r.bad = true
		return 0
	}
	r.v = r.v[size:]
	return n
}

// count reads a number of things that take at least size bytes each, so that no lie makes us allocate.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.v)/size) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if r.bad || n > len(r.v) {
		r.bad = true
		return nil
	}
	b := r.v[:n]
	r.v = r.v[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes(r.count(1))) }

func (r *reader) u64() uint64 {
	b := r.bytes(8)
	if r.bad {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}
