package hnsw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// file is what an index was opened from, as long as it reads it. Its methods may be called on nil.
type file struct {
	name  string
	data  []byte // kept from being collected
	codes pages
	links pages
	rows  pages
}

// pages is a section whose checksums are compared when a page is first read.
type pages struct {
	what  string
	data  []byte
	sums  []byte
	nodes uint32 // for links: what they may lead to; 0: the section holds something else
	seen  []atomic.Bool
}

// touch returns an error if one of the pages of the bytes from lo to hi is not as it was written.
func (p *pages) touch(lo, hi int) error {
	for page := lo / pageSize; page*pageSize < hi; page++ {
		if !p.seen[page].Load() {
			if err := p.verify(page); err != nil {
				return err
			}
			p.seen[page].Store(true)
		}
	}
	return nil
}

func (p *pages) verify(page int) error {
	b := p.data[page*pageSize : min((page+1)*pageSize, len(p.data))]
	if xxhash.Sum64(b) != binary.LittleEndian.Uint64(p.sums[8*page:]) {
		return fmt.Errorf("page %d of its %s is damaged", page, p.what)
	}
	if p.nodes > 0 {
		for i := 0; i+4 <= len(b); i += 4 {
			if to := binary.LittleEndian.Uint32(b[i:]); to >= p.nodes && to != none {
				return fmt.Errorf("page %d of its %s leads to node %d of %d", page, p.what, to, p.nodes)
			}
		}
	}
	return nil
}

// fault names the file in an error about it.
func (f *file) fault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w; it can be made again from the rows", f.name, ErrFile, err)
}

// verifyAll reads the whole file.
func (f *file) verifyAll() error {
	if f == nil {
		return nil
	}
	for _, p := range []*pages{&f.codes, &f.links, &f.rows} {
		if err := p.touch(0, len(p.data)); err != nil {
			return f.fault(err)
		}
	}
	return nil
}

// Verify reads all of the file that the index was opened from, and returns what is wrong with it. Once the index was changed it reads no file.
func (x *Index) Verify() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.file.verifyAll()
}

// Open returns the index that Write wrote, and its stamp. It reads data where it lies, so data must stay as it is, and mapped, as long as the
// index is used; name is for messages. Header and small sections are verified now, each page of the others when it is first read, by a
// search then. The first change copies the data into memory. Fields of opts that the file knows, M and Seed, are ignored; opts.Rows must be
// there if the file was written by an index with Rows.
func Open(name string, data []byte, opts Options) (*Index, Stamp, error) {
	x, stamp, err := open(name, data, opts)
	if err != nil {
		f := file{name: name}
		return nil, Stamp{}, f.fault(err)
	}
	return x, stamp, nil
}

// Read is Open for a file that cannot be mapped: it reads and verifies all of it.
func Read(name string, r io.ReaderAt, size int64, opts Options) (*Index, Stamp, error) {
	f := file{name: name}
	if size < alignment || int64(int(size)) != size {
		return nil, Stamp{}, f.fault(fmt.Errorf("it has %d bytes", size))
	}
	head := make([]byte, alignment)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, Stamp{}, fmt.Errorf("%s: %w", name, err)
	}
	if want := binary.LittleEndian.Uint64(head[80:]); want != uint64(size) { // before so much memory is taken
		return nil, Stamp{}, f.fault(fmt.Errorf("it has %d bytes, its header says %d", size, want))
	}
	data := make([]byte, size)
	if n, err := r.ReadAt(data, 0); int64(n) < size {
		return nil, Stamp{}, fmt.Errorf("%s: %w", name, err)
	}
	x, stamp, err := Open(name, data, opts)
	if err != nil {
		return nil, Stamp{}, err
	}
	if err := x.file.verifyAll(); err != nil {
		return nil, Stamp{}, err
	}
	return x, stamp, nil
}

func open(name string, data []byte, opts Options) (*Index, Stamp, error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, Stamp{}, errors.New("it is little-endian, this machine is not")
	}
	h, err := decodeHeader(data)
	if err != nil {
		return nil, Stamp{}, err
	}
	if opts.Rows == nil && !h.vectors && h.nodes > 0 {
		return nil, Stamp{}, errors.New("it holds no rows, and Options.Rows does not say where they are")
	}
	if uintptr(unsafe.Pointer(&data[0]))%8 != 0 {
		data = append(make([]byte, 0, len(data)), data...) // memory of this size is aligned
	}
	opts.M, opts.Seed = int(h.m), h.seed
	x := New(int(h.dim), opts)
	r := newSections(name, data, h)
	x.read(r, h)
	if r.err == nil {
		r.err = x.validate()
	}
	return x, h.stamp, r.err
}

// read takes the sections as what they are.
func (x *Index) read(r *sectionReader, h *header) {
	g := &x.graph
	x.file = r.file
	x.ords, g.dead = r.words(secOrds), r.eager(secDead)
	x.at = nodeTable{sorted: r.words(secOrder), ords: x.ords}
	x.live = int(h.rows)
	x.random = rand.NewPCG(h.seed, 0x5aedb+uint64(h.nodes))
	if h.vectors && x.opts.Rows == nil {
		x.rows = as[float32](r.file.rows.data)
	}
	if !h.graph {
		return
	}
	x.coder = &coder{mean: as[float32](r.eager(secMean)), scale: h.scale, outside: h.outside, rows: int(h.trained)}
	g.codes, g.links = as[int8](r.file.codes.data), as[uint32](r.file.links.data)
	g.level, g.above, g.upper, g.entry = r.eager(secLevel), r.words(secAbove), r.words(secUpper), h.entry
	if h.bridges > 0 {
		g.bridgeAt, g.bridges = r.words(secBridgeAt), r.words(secBridges)
	}
	g.file = r.file
}

// validate holds the small sections against each other, so that nothing that a search or a change follows leads out of them, and counts what
// is dead.
func (x *Index) validate() error {
	g, nodes := &x.graph, uint32(len(x.ords))
	for i, node := range x.at.sorted {
		if node >= nodes || g.dead[node] != alive || i > 0 && x.ords[x.at.sorted[i-1]] >= x.ords[node] {
			return fmt.Errorf("row %d of its order is wrong", i)
		}
	}
	live := 0
	for node, dead := range g.dead {
		switch dead {
		case alive:
			live++
		case deleted:
			x.sweep.dead++
		case unlinkedNode:
			x.free = append(x.free, uint32(node))
		default:
			return fmt.Errorf("node %d is in no state that there is", node)
		}
	}
	if live != x.live {
		return fmt.Errorf("%d nodes answer, and its order lists %d", live, x.live)
	}
	if x.coder == nil {
		return nil
	}
	for node, level := range g.level {
		if at := int64(g.above[node]); level > maxLevel || level > 0 && (at < int64(g.m) || at+int64(level)*int64(g.m) > int64(len(g.upper))) {
			return fmt.Errorf("the layers of node %d are not in its upper section", node)
		}
	}
	for node, level := range g.level {
		for layer := 1; layer <= int(level); layer++ {
			for _, to := range g.slot(uint32(node), layer) {
				if to != none && (to >= nodes || int(g.level[to]) < layer) {
					return fmt.Errorf("node %d is linked on layer %d with a node that is not there", node, layer)
				}
			}
		}
	}
	if g.dead[g.entry] == unlinkedNode {
		return errors.New("its entry is a node that is not linked")
	}
	return g.validateBridges(nodes)
}

func (g *graph) validateBridges(nodes uint32) error {
	for node, at := range g.bridgeAt {
		if at%bridges != 0 || int(at)+bridges > len(g.bridges) {
			return fmt.Errorf("the bridges of node %d are not in its bridges section", node)
		}
	}
	for _, to := range g.bridges {
		if to != none && to >= nodes {
			return fmt.Errorf("a bridge leads to node %d of %d", to, nodes)
		}
	}
	return nil
}

// sectionReader hands out the sections of a file and keeps the first error.
type sectionReader struct {
	*header
	file *file
	err  error

	data []byte
	at   [sections]int64
	sums [sections]int64
}

func newSections(name string, data []byte, h *header) *sectionReader {
	at, sums, allSums := h.layout()
	r := &sectionReader{header: h, data: data, at: at, sums: sums}
	end := len(data) - 8
	if xxhash.Sum64(data[allSums:end]) != binary.LittleEndian.Uint64(data[end:]) {
		r.err = errors.New("its checksums are damaged")
	}
	r.file = &file{name: name, data: data, codes: r.pages(secCodes), links: r.pages(secLinks), rows: r.pages(secVectors)}
	r.file.links.nodes = h.nodes
	return r
}

func (r *sectionReader) pages(s int) pages {
	n := r.lengths()[s]
	p := pages{what: sectionNames[s], data: r.data[r.at[s] : r.at[s]+n : r.at[s]+n], sums: r.data[r.sums[s]:]}
	p.seen = make([]atomic.Bool, (n+pageSize-1)/pageSize)
	return p
}

// eager returns a section that is verified now.
func (r *sectionReader) eager(s int) []byte {
	p := r.pages(s)
	if r.err == nil {
		r.err = p.touch(0, len(p.data))
	}
	return p.data
}

func (r *sectionReader) words(s int) []uint32 { return as[uint32](r.eager(s)) }

// as is b as numbers of another type.
func as[T any](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	var v T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(v)))
}

// thawRows makes the tables of rows, which tell what is there, memory that may be changed. The caller holds the lock.
func (x *Index) thawRows() {
	if x.file == nil || x.at.sorted == nil && x.at.pages != nil {
		return
	}
	x.ords, x.graph.dead = slices.Clone(x.ords), slices.Clone(x.graph.dead)
	sorted := x.at.sorted
	x.at = nodeTable{pages: map[uint32]*[1 << pageBits]uint32{}}
	for _, node := range sorted {
		x.at.set(x.ords[node], node)
	}
}

// thaw makes everything memory that may be changed, once it is verified. The caller holds the lock.
func (x *Index) thaw() error {
	if x.file == nil {
		return nil
	}
	if err := x.file.verifyAll(); err != nil {
		return err
	}
	x.thawRows()
	g := &x.graph
	g.codes, g.links, g.level = reserved(g.codes[:len(g.codes):len(g.codes)], 1), reserved(g.links[:len(g.links):len(g.links)], 1), slices.Clone(g.level)
	g.above, g.upper = slices.Clone(g.above), slices.Clone(g.upper)
	g.bridgeAt, g.bridges = slices.Clone(g.bridgeAt), slices.Clone(g.bridges)
	x.rows = reserved(x.rows[:len(x.rows):len(x.rows)], 1)
	x.file, g.file = nil, nil
	if x.coder == nil { // there is room for what a graph will need
		dead := g.dead
		*g = newGraph(x.dim, x.opts.M)
		for range dead {
			g.grow()
		}
		g.dead = dead
		return nil
	}
	g.norms = make([]int32, len(g.level))
	for node := range g.norms {
		g.norms[node] = square(g.code(uint32(node)))
	}
	return nil
}
