package hnsw

import (
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// Write writes the index to w. Rows that Options.Rows serves stay where they are; copies that the index keeps are written too. Searches go
// on meanwhile, changes wait.
func (x *Index) Write(w io.Writer, stamp Stamp) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if err := x.file.verifyAll(); err != nil { // what is damaged would get checksums that are right
		return err
	}
	h := x.header(stamp)
	f := sectionWriter{w: w}
	f.write(h.encode())
	if h.graph {
		f.section(encode32(x.coder.mean, math.Float32bits))
		f.section(func(yield func([]byte)) {
			yield(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x.graph.codes))), len(x.graph.codes)))
		})
		f.section(encode32(x.graph.links, same))
	}
	f.section(encode32(x.ords, same))
	f.section(encode32(x.order(), same))
	f.section(func(yield func([]byte)) { yield(x.dead()) })
	if h.graph {
		f.section(func(yield func([]byte)) { yield(x.graph.level) })
		f.section(encode32(x.graph.above, same))
		f.section(encode32(x.graph.upper, same))
	}
	if h.bridges > 0 {
		at := make([]uint32, len(x.ords))
		copy(at, x.graph.bridgeAt)
		f.section(encode32(at, same))
		f.section(encode32(x.graph.bridges, same))
	}
	if h.vectors {
		f.section(encode32(x.rows, math.Float32bits))
	}
	f.write(f.sums)
	f.write(binary.LittleEndian.AppendUint64(nil, xxhash.Sum64(f.sums)))
	return f.err
}

func (x *Index) header(stamp Stamp) *header {
	g := &x.graph
	h := &header{
		dim: uint32(x.dim), m: uint32(g.m), nodes: uint32(len(x.ords)), rows: uint32(x.live), entry: g.entry, vectors: x.opts.Rows == nil && len(x.ords) > 0,
		seed: x.opts.Seed, stamp: stamp,
	}
	if x.coder != nil {
		h.graph, h.upper, h.bridges = true, uint32(len(g.upper)), uint32(len(g.bridges))
		h.scale, h.outside, h.trained = x.coder.scale, x.coder.outside, uint32(x.coder.rows)
	}
	return h
}

// order returns the nodes that answer by ascending ordinal.
func (x *Index) order() []uint32 {
	nodes := x.liveNodes()
	slices.SortFunc(nodes, func(a, b uint32) int { return cmp.Compare(x.ords[a], x.ords[b]) })
	return nodes
}

// dead returns what a file says of each node: a sweep begins anew when it is opened.
func (x *Index) dead() []uint8 {
	dead := slices.Clone(x.graph.dead)
	for i, d := range dead {
		if d == doomed {
			dead[i] = deleted
		}
	}
	return dead
}

func same(v uint32) uint32 { return v }

// encode32 yields the bytes of numbers, some at a time.
func encode32[T any](values []T, bits func(T) uint32) func(yield func([]byte)) {
	return func(yield func([]byte)) {
		buf := make([]byte, 0, pageSize)
		for _, v := range values {
			if buf = binary.LittleEndian.AppendUint32(buf, bits(v)); len(buf) == pageSize {
				yield(buf)
				buf = buf[:0]
			}
		}
		yield(buf)
	}
}

// sectionWriter writes sections and takes their checksums. After an error it does nothing.
type sectionWriter struct {
	w    io.Writer
	sums []byte
	err  error
}

func (f *sectionWriter) write(b []byte) {
	if f.err == nil {
		_, f.err = f.w.Write(b)
	}
}

// section writes what parts yields, in pages, and fills up to where the next section begins. Every part but the last is of whole pages.
func (f *sectionWriter) section(parts func(yield func([]byte))) {
	size := 0
	parts(func(b []byte) {
		size += len(b)
		f.write(b)
		for len(b) > 0 {
			n := min(len(b), pageSize)
			f.sums = binary.LittleEndian.AppendUint64(f.sums, xxhash.Sum64(b[:n]))
			b = b[n:]
		}
	})
	if over := size % alignment; over > 0 {
		f.write(make([]byte, alignment-over))
	}
}
