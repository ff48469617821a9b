package querytest

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/index/sparse"
	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/sae"
)

// crowd is a Source of many generated codes, as a database would have them: blocks of postings, and codes by ordinal. It has no vectors.
type crowd struct {
	*Memory
	codes  []sae.Code
	blocks [][]index.Block // by latent
	all    *roaring.Bitmap
}

// newCrowd returns n codes of k of m latents, the frequent ones by Zipf's law, and concepts of 1, 8 and 64 latents.
func newCrowd(n, m, k int) *crowd {
	d := &Data{Latents: m, K: k, Concepts: map[string]query.Concept{}}
	for _, size := range []int{1, 8, 64} {
		c := query.Concept{Word: fmt.Sprint("group", size)}
		for i := range size {
			c.Group = append(c.Group, query.Weight{Latent: uint32(m/8 + 7*i), W: 1 / float32(size)})
		}
		d.Concepts[c.Word] = c
	}
	c := &crowd{Memory: &Memory{d: d, words: d.Words(), model: &sae.Model{}}, all: roaring.New(), blocks: make([][]index.Block, m)}
	rng := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(rng, 1.1, float64(m)/8, uint64(m-1))
	rows, acts := make([][]uint16, m), make([][]float32, m)
	flush := func(first uint32) {
		for latent := range rows {
			if len(rows[latent]) > 0 {
				c.blocks[latent] = append(c.blocks[latent], index.Weigh(first, rows[latent], acts[latent]))
				rows[latent], acts[latent] = nil, nil
			}
		}
	}
	for ord := range uint32(n) {
		code := sae.Code{}
		for len(code.Latents) < k {
			latent := uint32(zipf.Uint64())
			if at, found := slices.BinarySearch(code.Latents, latent); !found {
				code.Latents = slices.Insert(code.Latents, at, latent)
			}
		}
		for _, latent := range code.Latents {
			act := float32(rng.ExpFloat64()) + 0.01
			code.Acts = append(code.Acts, act)
			rows[latent], acts[latent] = append(rows[latent], uint16(ord%index.BlockRows)), append(acts[latent], act)
		}
		c.codes = append(c.codes, code)
		if ord%index.BlockRows == index.BlockRows-1 {
			flush(ord - index.BlockRows + 1)
		}
	}
	flush(uint32(n) - uint32(n)%index.BlockRows)
	c.all.AddRange(0, uint64(n))
	return c
}

func (c *crowd) Len() int { return len(c.codes) }

func (c *crowd) All(context.Context) (*roaring.Bitmap, error) { return c.all, nil }

func (c *crowd) ID(_ context.Context, ord uint32) (string, error) {
	return "i" + strconv.Itoa(int(ord)), nil
}

func (c *crowd) Meta(_ context.Context, ord uint32) (map[string]any, error) {
	return map[string]any{"path": "i" + strconv.Itoa(int(ord)), "meta.year": int64(ord % 25)}, nil
}

func (c *crowd) Code(_ context.Context, ord uint32) (sae.Code, error) { return c.codes[ord], nil }

func (c *crowd) Blocks(_ context.Context, latent uint32) iter.Seq2[index.Block, error] {
	return func(yield func(index.Block, error) bool) {
		for _, b := range c.blocks[latent] {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (c *crowd) Codes(_ context.Context, f index.Filter) iter.Seq2[index.Coded, error] {
	return func(yield func(index.Coded, error) bool) {
		if f == nil {
			f = c.all
		}
		for it := f.Iterator(); it.HasNext(); {
			ord := it.Next()
			if !yield(index.Coded{Ord: ord, Code: c.codes[ord]}, nil) {
				return
			}
		}
	}
}

// BenchmarkConcept compares a whole query, text to rows, with the call of the index alone.
func BenchmarkConcept(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		src := newCrowd(n, 4096, 32)
		for _, word := range []string{"group1", "group8", "group64"} {
			concept, _ := src.Concept(word)
			var terms []index.Term
			for _, w := range concept.Group {
				terms = append(terms, index.Term(w))
			}
			b.Run(fmt.Sprintf("n=%d/%s/index", n, word), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if hits, err := sparse.Sum(b.Context(), src, terms, 10, nil); err != nil || len(hits) < 10 {
						b.Fatal(len(hits), err)
					}
				}
			})
			b.Run(fmt.Sprintf("n=%d/%s/query", n, word), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rows := 0
					plan, err := query.Compile(b.Context(), "concept = "+word, src, nil)
					if err != nil {
						b.Fatal(err)
					}
					for _, err := range plan.Run(b.Context(), src) {
						if err != nil {
							b.Fatal(err)
						}
						rows++
					}
					if rows != 10 {
						b.Fatal(rows)
					}
				}
			})
		}
	}
}
