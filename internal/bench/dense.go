// Package bench makes the data that searches are measured and tested on, by recipe: the same seed gives the same rows, so
// no file of data need be kept.
package bench

import (
	"math"
	"math/rand/v2"
	"sort"
)

// Width is the number of values of a row, that of CLIP ViT-B/32.
const Width = 512

// Dense is a set of unit vectors that lie as the image vectors of CLIP do, and queries of two kinds for it. All are (n,Width).
type Dense struct {
	Base     []float32
	Pictures []float32 // queries from the same cloud as the base
	Texts    []float32 // queries from another one, which share part of a picture's content: their cosines with the base are near 0
}

// NewDense makes rows vectors and queries queries of each kind.
//
// A picture is a common mean, two coordinates that are large in all pictures, and a place in a tree of clusters whose sizes follow a
// power law; around its cluster it varies most in few directions, which differ from cluster to cluster. Everything but the two
// coordinates is turned at random. Of the rows, 2 % are near-duplicates of earlier ones. At 100,000 rows two pictures have the mean
// cosine .50, and the nearest row of another picture .89.
func NewDense(rows, queries int, seed uint64) *Dense {
	r := rand.New(rand.NewPCG(seed, 0x5aedb))
	c := newCloud(r)
	all := make([]float32, (rows+queries)*Width)
	for i := range rows + queries {
		v := all[i*Width : (i+1)*Width]
		if i < rows && i > firstTwin && r.Float64() < twins {
			c.twin(v, all[r.IntN(i)*Width:])
		} else {
			c.picture(v)
		}
	}
	d := &Dense{Base: all[: rows*Width : rows*Width], Pictures: all[rows*Width:]}
	d.Texts = texts(r, d.Base, d.Pictures)
	return d
}

const (
	firstTwin = 1000
	twins     = .02
)

// depth is a level of the tree: how many children a node has, how steeply their sizes fall, and how far they lie apart.
type depth struct {
	children int
	power    float64
	variance float64
}

var tree = [...]depth{{200, .8, .17}, {15, .7, .12}, {10, .7, .08}}

// cloud is what the pictures have in common.
type cloud struct {
	r        *rand.Rand
	spectrum []float64   // share of the variance along each direction of a cluster, as standard deviations
	order    [][]int     // which coordinates those directions are, for each cluster of the first level
	centres  [][]float32 // of each level: (nodes,Width)
	sizes    [][]float64 // of each level: cumulative
	mean     []float32
	signs    [2][]float32 // of the random turn
}

func newCloud(r *rand.Rand) *cloud {
	c := &cloud{r: r, spectrum: powers(Width, 1, .9)}
	for i := range c.spectrum {
		c.spectrum[i] = math.Sqrt(c.spectrum[i])
	}
	for range tree[0].children {
		c.order = append(c.order, blockwise(r))
	}
	nodes := 1
	for _, level := range tree {
		nodes *= level.children
		c.centres = append(c.centres, c.spread(nodes, nodes/tree[0].children, level.variance))
		sizes := powers(level.children, 3, level.power)
		for i := 1; i < len(sizes); i++ {
			sizes[i] += sizes[i-1]
		}
		c.sizes = append(c.sizes, sizes)
	}
	c.mean = normal(r, Width)
	scale(c.mean, math.Sqrt(.28)/length(c.mean))
	for i := range c.signs {
		c.signs[i] = make([]float32, Width)
		for j := range c.signs[i] {
			c.signs[i][j] = float32(1 - 2*r.IntN(2))
		}
	}
	return c
}

// powers returns n numbers that fall as (i+first)^-power and add up to 1.
func powers(n, first int, power float64) []float64 {
	p, sum := make([]float64, n), 0.0
	for i := range p {
		p[i] = math.Pow(float64(i+first), -power)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// blockwise is a permutation of the coordinates within blocks of 64: strong directions stay among strong ones.
func blockwise(r *rand.Rand) []int {
	p := make([]int, Width)
	for i := range p {
		p[i] = i
	}
	for b := 0; b < Width; b += 64 {
		r.Shuffle(64, func(i, j int) { p[b+i], p[b+j] = p[b+j], p[b+i] })
	}
	return p
}

// spread places n nodes around their parents; each cluster of the first level has so many of them.
func (c *cloud) spread(n, ofEach int, variance float64) []float32 {
	centres := make([]float32, n*Width)
	for i := range n {
		c.vary(centres[i*Width:(i+1)*Width], i/ofEach, math.Sqrt(variance))
	}
	return centres
}

// vary adds noise of the shape of a first-level cluster to v.
func (c *cloud) vary(v []float32, cluster int, size float64) {
	for d, j := range c.order[cluster] {
		v[j] += float32(size * c.spectrum[d] * c.r.NormFloat64())
	}
}

// picture writes a new picture to v.
func (c *cloud) picture(v []float32) {
	node, first := 0, 0
	clear(v)
	for l, sizes := range c.sizes {
		node = node*len(sizes) + min(sort.SearchFloat64s(sizes, c.r.Float64()), len(sizes)-1)
		if l == 0 {
			first = node
		}
		add(v, c.centres[l][node*Width:], 1)
	}
	c.vary(v, first, math.Sqrt(.13)*math.Exp(.3*c.r.NormFloat64()))
	c.turn(v)
	add(v, c.mean, 1)
	v[133] += float32(.42 * (1 + .1*c.r.NormFloat64()))
	v[92] -= float32(.2 * (1 + .1*c.r.NormFloat64()))
	scale(v, 1/length(v))
}

// twin writes a near-duplicate of another picture to v.
func (c *cloud) twin(v, of []float32) {
	copy(v, of[:Width])
	add(v, normal(c.r, Width), .1/math.Sqrt(Width))
	scale(v, 1/length(v))
}

// turn rotates v by two Walsh-Hadamard transforms with random signs.
func (c *cloud) turn(v []float32) {
	for _, signs := range c.signs {
		for j := range v {
			v[j] *= signs[j]
		}
		for h := 1; h < Width; h *= 2 {
			for i := 0; i < Width; i += 2 * h {
				for j := i; j < i+h; j++ {
					v[j], v[j+h] = v[j]+v[j+h], v[j]-v[j+h]
				}
			}
		}
		scale(v, 1/math.Sqrt(Width))
	}
}

// texts makes a query of each picture: the direction that all texts share, part of what sets the picture apart from the mean of the
// base, and noise.
func texts(r *rand.Rand, base, pictures []float32) []float32 {
	mean, shared := make([]float32, Width), normal(r, Width)
	for i := 0; i < len(base); i += Width {
		add(mean, base[i:], float64(Width)/float64(len(base)))
	}
	scale(shared, .8/length(shared))
	out := make([]float32, len(pictures))
	for i := 0; i < len(out); i += Width {
		v := out[i : i+Width]
		add(v, shared, 1)
		add(v, pictures[i:], .4)
		add(v, mean, -.4)
		add(v, normal(r, Width), .5/math.Sqrt(Width))
		scale(v, 1/length(v))
	}
	return out
}

func normal(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func add(v, w []float32, a float64) {
	for i := range v {
		v[i] += float32(a * float64(w[i]))
	}
}

func scale(v []float32, a float64) {
	for i := range v {
		v[i] = float32(a * float64(v[i]))
	}
}

func length(v []float32) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	return math.Sqrt(s)
}
