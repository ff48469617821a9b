package hnsw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
)

// FORMAT.md shows the bytes of a file; the names of its fields and sections are those of this file.

const (
	magic     = "saedbnsw"
	version   = 1
	headSize  = 96      // of the header: its fields and their checksum
	alignment = 4096    // sections begin at multiples of it: pages of memory
	pageSize  = 1 << 16 // bytes of a section that share a checksum
	maxDim    = 1 << 16
	maxM      = 1 << 10
)

// ErrFile is returned for a file that is not one of this package's, or not as it was written. Nothing is lost with it that could not be
// made again from the rows.
var ErrFile = errors.New("unusable file of an index")

// Stamp tells what a file stands for: the caller says what the numbers mean.
type Stamp struct {
	Commit uint64 // state of the rows
	Space  uint64 // what the rows are vectors of
}

// header is the fixed part of a file.
type header struct {
	dim, m, nodes, rows, entry uint32
	upper, bridges             uint32 // words of those sections
	graph, vectors             bool   // whether there is a graph, and whether the file holds the rows themselves
	scale, outside             float32
	trained                    uint32
	seed                       uint64
	stamp                      Stamp
}

func (h *header) flags() (f uint32) {
	if h.graph {
		f |= 1
	}
	if h.vectors {
		f |= 2
	}
	return f
}

func (h *header) encode() []byte {
	b := make([]byte, 0, alignment)
	b = append(b, magic...)
	for _, v := range []uint32{
		version, h.dim, h.m, h.nodes, h.rows, h.entry, h.upper, h.bridges, h.flags(), math.Float32bits(h.scale), math.Float32bits(h.outside),
		h.trained,
	} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []uint64{h.seed, h.stamp.Commit, h.stamp.Space, uint64(h.size())} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
	return b[:alignment]
}

// decodeHeader reads a header and holds it against the size of its file: nothing is believed that the file has no room for.
func decodeHeader(b []byte) (*header, error) {
	if len(b) < alignment || string(b[:len(magic)]) != magic {
		return nil, errors.New("it does not begin like one")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return nil, fmt.Errorf("it has version %d, this program reads %d", v, version)
	}
	if xxhash.Sum64(b[:headSize-8]) != binary.LittleEndian.Uint64(b[headSize-8:]) {
		return nil, errors.New("its header is damaged")
	}
	u32 := func(i int) uint32 { return binary.LittleEndian.Uint32(b[8+4*i:]) }
	u64 := func(i int) uint64 { return binary.LittleEndian.Uint64(b[56+8*i:]) }
	flags := u32(8)
	h := &header{
		dim: u32(1), m: u32(2), nodes: u32(3), rows: u32(4), entry: u32(5), upper: u32(6), bridges: u32(7),
		graph: flags&1 != 0, vectors: flags&2 != 0,
		scale: math.Float32frombits(u32(9)), outside: math.Float32frombits(u32(10)), trained: u32(11),
		seed: u64(0), stamp: Stamp{u64(1), u64(2)},
	}
	if err := h.validate(); err != nil {
		return nil, err
	}
	if size := h.size(); flags > 3 || u64(3) != uint64(size) || int64(len(b)) != size {
		return nil, fmt.Errorf("it has %d bytes, and %d rows of %d numbers take %d", len(b), h.nodes, h.dim, size)
	}
	return h, nil
}

func (h *header) validate() error {
	switch {
	case h.dim == 0 || h.dim > maxDim || h.m < 2 || h.m > maxM || h.nodes > 1<<31-1 || h.rows > h.nodes:
	case h.graph && (h.nodes == 0 || h.entry >= h.nodes || !(h.scale > 0) || math.IsInf(float64(h.scale), 0)):
	case h.graph && (h.outside != h.outside || h.upper%h.m != 0 || h.upper < h.m || h.bridges%bridges != 0):
	case !h.graph && (h.upper != 0 || h.bridges != 0):
	default:
		return nil
	}
	return errors.New("its header makes no sense")
}

// The sections, in their order.
const (
	secMean = iota
	secCodes
	secLinks
	secOrds
	secOrder
	secDead
	secLevel
	secAbove
	secUpper
	secBridgeAt
	secBridges
	secVectors
	sections
)

var sectionNames = [sections]string{
	"mean", "codes", "links", "ords", "order", "dead", "level", "above", "upper", "bridgeAt", "bridges", "vectors",
}

// lengths returns the bytes of each section.
func (h *header) lengths() (n [sections]int64) {
	nodes, dim := int64(h.nodes), int64(h.dim)
	n[secOrds], n[secOrder], n[secDead] = 4*nodes, 4*int64(h.rows), nodes
	if h.graph {
		n[secMean], n[secCodes], n[secLinks] = 4*dim, nodes*dim, 4*nodes*2*int64(h.m)
		n[secLevel], n[secAbove], n[secUpper] = nodes, 4*nodes, 4*int64(h.upper)
	}
	if h.bridges > 0 {
		n[secBridgeAt], n[secBridges] = 4*nodes, 4*int64(h.bridges)
	}
	if h.vectors {
		n[secVectors] = 4 * nodes * dim
	}
	return n
}

// layout returns where each section begins, where its checksums begin, and where all checksums do. An empty section takes no room.
func (h *header) layout() (at, sums [sections]int64, allSums int64) {
	end := int64(alignment)
	pages := [sections]int64{}
	for s, n := range h.lengths() {
		at[s] = end
		end += (n + alignment - 1) / alignment * alignment
		pages[s] = (n + pageSize - 1) / pageSize
	}
	allSums = end
	for s, n := range pages {
		sums[s] = end
		end += 8 * n
	}
	return at, sums, allSums
}

// size is that of the file: checksums are followed by a checksum of them.
func (h *header) size() int64 {
	_, sums, _ := h.layout()
	n := h.lengths()[sections-1]
	return sums[sections-1] + 8*((n+pageSize-1)/pageSize) + 8
}
