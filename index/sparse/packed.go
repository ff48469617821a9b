package sparse

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/vec"
	"github.com/saedb/saedb/sae"
)

// packed is a set of codes that does not change, laid out for search: postings and codes in flat arrays. Rows are numbered by ascending ordinal.
//
// What makes it quick is that some latents fire in so many rows that most postings are theirs, and that they say little. Classes nest: the latents of class 0
// fire in the largest share of rows, those of class 1 are these and more. Beside the row lies the length of the part of its code that each class covers. A
// search may leave a class's postings unread: what they would add to the sum is at most the length of that part of the query times that of the row.
type packed struct {
	ords    []uint32
	names   []uint32 // the latents that fire, ascending; elsewhere a latent is its place in names
	start   []int    // of the code of a row in entries; one more than rows
	entries []entry
	norms   []float32 // of rows, as Norm has them

	lists   []list
	blocks  int // of blockRows rows
	at      []int
	rows    []uint16 // postings: lists[l] in block b is at[l*(blocks+1)+b:][:2] of these two
	weights []byte

	parts   [classes][]uint16 // lengths of rows within classes, rounded up, in units of unit
	tops    [classes][]uint16 // the largest of each group, and zeros up to a whole group of groups
	least   []float32         // the smallest norm of each group
	longer  float32           // than all norms, or as long
	shorter float32           // the same the other way
	unit    float64

	scans sync.Pool
}

// entry is one latent of a code, by its place, and its activation.
type entry struct {
	latent uint32
	act    float32
}

// list is what is known of all postings of a latent.
type list struct {
	step, max float32 // of its weights
	class     int8    // the first that it is in; classes where it is in none
}

// blockRows is how many rows a block has: the sums of so many lie in the nearest cache.
const blockRows = vec.CountRows

// group is how many rows are looked at together.
const group = vec.CountGroup

const classes = 9

// shares are in what part of the rows a latent must fire to be of a class.
var shares = [classes]float64{.4, .3, .22, .16, .11, .075, .05, .03, .018}

// up is what a number is multiplied with that must not come out too small, after some float32 or float64 operations.
const up = 1 + 1./(1<<20)

// pack lays out codes, which ascend by ordinal.
func pack(codes []index.Coded) *packed {
	p := &packed{start: make([]int, 1, len(codes)+1)}
	p.nameLatents(codes)
	for _, c := range codes {
		p.ords = append(p.ords, c.Ord)
		p.norms = append(p.norms, length(c.Code.Acts))
		p.longer = max(p.longer, p.norms[len(p.norms)-1])
		p.start = append(p.start, p.start[len(p.start)-1]+len(c.Code.Latents))
	}
	total := p.start[len(codes)]
	p.entries = make([]entry, 0, total)
	places := p.places()
	for _, c := range codes {
		for i, l := range c.Code.Latents {
			p.entries = append(p.entries, entry{places(l), c.Code.Acts[i]})
		}
	}
	p.layPostings()
	p.measureParts()
	return p
}

func (p *packed) nameLatents(codes []index.Coded) {
	seen := map[uint32]struct{}{}
	for _, c := range codes {
		for _, l := range c.Code.Latents {
			seen[l] = struct{}{}
		}
	}
	for l := range seen {
		p.names = append(p.names, l)
	}
	slices.Sort(p.names)
}

// places returns a function that tells the place of a name.
func (p *packed) places() func(latent uint32) uint32 {
	byLatent := make(map[uint32]uint32, len(p.names))
	for i, l := range p.names {
		byLatent[l] = uint32(i)
	}
	return func(latent uint32) uint32 { return byLatent[latent] }
}

// code returns the code of a row.
func (p *packed) code(row int) []entry {
	lo, hi := p.start[row], p.start[row+1]
	return p.entries[lo:hi:hi]
}

// codeOf returns a copy of the code of a row.
func (p *packed) codeOf(row int) (c sae.Code) {
	for _, e := range p.code(row) {
		c.Latents, c.Acts = append(c.Latents, p.names[e.latent]), append(c.Acts, e.act)
	}
	return c
}

// find returns the row of an ordinal.
func (p *packed) find(ord uint32) (row int, there bool) {
	return slices.BinarySearch(p.ords, ord)
}

// layPostings sorts the entries of all codes by latent and block.
func (p *packed) layPostings() {
	n := len(p.ords)
	p.blocks = (n + blockRows - 1) / blockRows
	p.lists = make([]list, len(p.names))
	stride := p.blocks + 1
	p.at = make([]int, len(p.names)*stride+1)
	for row := range n {
		for _, e := range p.code(row) {
			p.at[int(e.latent)*stride+row/blockRows+1]++
			p.lists[e.latent].max = max(p.lists[e.latent].max, e.act)
		}
	}
	for i := 1; i < len(p.at); i++ {
		p.at[i] += p.at[i-1]
	}
	for l := range p.lists {
		p.lists[l].step = vec.Step(p.lists[l].max)
		p.lists[l].class = classOf(float64(p.count(uint32(l))) / float64(n))
	}
	p.rows, p.weights = make([]uint16, len(p.entries)), make([]byte, len(p.entries))
	next := slices.Clone(p.at)
	for row := range n {
		for _, e := range p.code(row) {
			place := &next[int(e.latent)*stride+row/blockRows]
			p.rows[*place], p.weights[*place] = uint16(row%blockRows), vec.Weight(e.act, p.lists[e.latent].step)
			*place++
		}
	}
}

func classOf(share float64) int8 {
	for c, least := range shares {
		if share > least {
			return int8(c)
		}
	}
	return classes
}

// measureParts takes the lengths of rows within classes.
func (p *packed) measureParts() {
	n := len(p.ords)
	groups := (n + group - 1) / group
	for c := range p.parts {
		p.parts[c], p.tops[c] = make([]uint16, groups*group), make([]uint16, (groups+group-1)/group*group)
	}
	p.least, p.shorter = make([]float32, groups), math.MaxFloat32
	for g := range p.least {
		p.least[g] = math.MaxFloat32
	}
	p.unit = float64(p.longer) * up / (math.MaxUint16 - 1)
	for row := range n {
		var squares [classes + 1]float64
		for _, e := range p.code(row) {
			squares[p.lists[e.latent].class] += float64(e.act) * float64(e.act)
		}
		sum := 0.0
		for c := range p.parts {
			sum += squares[c]
			part := uint16(math.Ceil(math.Sqrt(sum) * (1 + 1e-12) / p.unit))
			p.parts[c][row] = part
			p.tops[c][row/group] = max(p.tops[c][row/group], part)
		}
		p.least[row/group] = min(p.least[row/group], p.norms[row])
		p.shorter = min(p.shorter, p.norms[row])
	}
}

// postings returns those of a latent in a block.
func (p *packed) postings(l uint32, block int) ([]uint16, []byte) {
	i := int(l)*(p.blocks+1) + block
	lo, hi := p.at[i], p.at[i+1]
	return p.rows[lo:hi:hi], p.weights[lo:hi:hi]
}

// count is the number of postings of a latent.
func (p *packed) count(l uint32) int {
	i := int(l) * (p.blocks + 1)
	return p.at[i+p.blocks] - p.at[i]
}

// seek returns the first place from one on whose name is not below latent.
func (p *packed) seek(place int, latent uint32) int {
	for end := min(place+16, len(p.names)); place < end; place++ { // it is near where the query has many terms
		if p.names[place] >= latent {
			return place
		}
	}
	at, _ := slices.BinarySearch(p.names[place:], latent)
	return place + at
}

// length is Norm of activations.
func length(acts []float32) float32 {
	var sum float64
	for _, a := range acts {
		sum += float64(float64(a) * float64(a))
	}
	return float32(math.Sqrt(sum))
}

func byOrd(a, b index.Coded) int { return cmp.Compare(a.Ord, b.Ord) }
