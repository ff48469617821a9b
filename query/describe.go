package query

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/query/syntax"
	"github.com/saedb/saedb/sae"
)

// describe yields one concept, with a row for each latent of its group; one
// latent; or one image with its metadata. The first row also says what lies around it.
type describe struct {
	what    string
	name    syntax.Name
	how     string // the name led to the concept
	concept Concept
	latent  uint32
}

// A description names at most so many neighbours, latents that fire together and pictures, and so many latents of a concept.
// Latents that fire together are looked for in the strongest pictures.
const (
	describeFew     = 5
	describeLatents = 16
	describeAmong   = 256
)

// A Neighbour is a latent and the cosine of its decoder row with that of another thing.
type Neighbour struct {
	Latent  uint32  `json:"latent"`
	Concept string  `json:"concept"`
	Cosine  float64 `json:"cosine"`
}

// Together says in how many of some pictures a latent fires, and how much more often than it does anywhere (Share less its density).
type Together struct {
	Latent  uint32  `json:"latent"`
	Concept string  `json:"concept"`
	Count   int     `json:"count"`
	Share   float64 `json:"share"`
	Excess  float64 `json:"excess"`
}

// A Picture is the id of an image and its score.
type Picture struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
}

func (d *describe) plan(t *tree) {
	t.line("describe %s %s", d.what, d.name)
	t.below(func() {
		switch d.what {
		case "image":
			t.line("its metadata, its latents, the %d nearest pictures by vector", describeFew)
			return
		case "concept":
			t.line("%s, %s: %s", syntax.Name{Text: d.concept.Word}, d.how, counted(len(d.concept.Group), "latent"))
		}
		t.line("statistics, %d latents by direction, %d strongest pictures, and what fires together with it in the %d strongest", describeFew, describeFew, describeAmong)
	})
}

func (d *describe) rows(ctx context.Context, r *run, yield func(Row) bool) error {
	if d.what == "image" {
		return d.image(ctx, r, yield)
	}
	rows := []Row{latentRow(r, KindLatent, d.latent)}
	group := []Weight{{Latent: d.latent, W: 1}}
	groups := [][]Weight{group}
	if d.what == "concept" {
		group = d.concept.Group
		rows[0], groups[0] = conceptRow(d.concept), group
		rows[0].Aliases = slices.Clone(r.Aliases()[d.concept.Word])
		for _, w := range group[:min(len(group), describeLatents)] {
			rows, groups = append(rows, latentRow(r, KindLatent, w.Latent)), append(groups, []Weight{{Latent: w.Latent, W: 1}})
		}
	}
	stats, err := groupStats(ctx, r, groups)
	if err != nil {
		return err
	}
	for i, s := range stats {
		rows[i].setStats(s, r.Len())
	}
	if err := around(ctx, r, &rows[0], group); err != nil {
		return err
	}
	yieldRows(rows, tails{}, 0, yield)
	return nil
}

// around adds to a row what lies around a group of latents.
func around(ctx context.Context, r *run, row *Row, group []Weight) (err error) {
	if row.Neighbours, err = neighbours(ctx, r, group); err != nil {
		return err
	}
	f := &fires{group: group, terms: termsOf(group), weight: 1}
	best, err := f.ranking(ctx, r, &tails{}, describeAmong)
	if err != nil {
		return err
	}
	for _, h := range best[:min(len(best), describeFew)] {
		row.Pictures = append(row.Pictures, Picture{h.id, h.lo})
	}
	row.Together, err = together(ctx, r, group, ordinals(hitsOf(best)))
	return err
}

// neighbours returns the latents outside a group whose decoder rows lie nearest to that of the group, the sum of its latents' rows by weight.
func neighbours(ctx context.Context, r *run, group []Weight) ([]Neighbour, error) {
	var to []float64
	for _, w := range group {
		v, err := r.Direction(ctx, w.Latent)
		if err != nil {
			return nil, err
		}
		if to == nil {
			to = make([]float64, len(v))
		}
		addVector(to, v, float64(w.W))
	}
	v, err := r.unit(syntax.Span{}, to)
	if err != nil {
		return nil, nil // no direction, no neighbours
	}
	hits, err := r.NearLatents(ctx, v, len(group)+describeFew)
	if err != nil {
		return nil, err
	}
	var out []Neighbour
	for _, h := range hits {
		own := slices.ContainsFunc(group, func(w Weight) bool { return w.Latent == h.Ord })
		if !own && h.Score > 0 && len(out) < describeFew {
			out = append(out, Neighbour{h.Ord, r.LatentName(h.Ord).Word, float64(h.Score)})
		}
	}
	return out, nil
}

// together returns the latents outside a group that fire in some pictures much more often than elsewhere.
func together(ctx context.Context, r *run, group []Weight, among *roaring.Bitmap) ([]Together, error) {
	n := int(among.GetCardinality())
	counts := map[uint32]int{}
	for c, err := range r.Codes(ctx, among) {
		if err != nil {
			return nil, err
		}
		for _, latent := range c.Code.Latents {
			counts[latent]++
		}
	}
	for _, w := range group {
		delete(counts, w.Latent)
	}
	var all []Together
	for _, latent := range slices.Sorted(maps.Keys(counts)) {
		s, err := r.LatentStats(ctx, latent)
		if err != nil {
			return nil, err
		}
		share := float64(counts[latent]) / float64(n)
		if excess := share - float64(s.Count)/float64(r.Len()); excess > 0 {
			all = append(all, Together{latent, r.LatentName(latent).Word, counts[latent], share, excess})
		}
	}
	slices.SortStableFunc(all, func(a, b Together) int { return cmp.Compare(b.Excess, a.Excess) })
	return all[:min(len(all), describeFew)], nil
}

// image yields an image with all that is known of it.
func (d *describe) image(ctx context.Context, r *run, yield func(Row) bool) error {
	ord, err := findID(ctx, r, d.name.Span, d.name.Text)
	if err != nil {
		return err
	}
	_, active := r.Model()
	row := Row{Kind: KindImage, Rank: 1, ID: d.name.Text}
	why := func(_ uint32, code sae.Code) []Why {
		s := sum{}
		s.add(code, 1)
		return explainScore(r, code, s)
	}
	if err := fillImage(ctx, r, &row, ord, with{meta: true, why: active}, why); err != nil {
		return err
	}
	if row.Pictures, err = nearestPictures(ctx, r, ord); err != nil {
		return err
	}
	yield(row)
	return nil
}

// nearestPictures returns the images nearest to one by vector.
func nearestPictures(ctx context.Context, r *run, ord uint32) ([]Picture, error) {
	v, err := r.Vector(ctx, ord)
	if err != nil {
		return nil, err
	}
	n := &near{dense: true}
	rank := n.ranked(r, nil, func(ctx context.Context, k int, f index.Filter) ([]index.Hit, error) {
		return r.NearDense(ctx, v, k, f, index.Auto)
	})
	best, err := rank(ctx, nil, describeFew+1)
	var out []Picture
	for _, h := range best {
		if h.ord != ord && len(out) < describeFew {
			out = append(out, Picture{h.id, h.lo})
		}
	}
	return out, err
}

// compileDescribe resolves a describe.
func (c *compiler) compileDescribe(x *syntax.Describe) (statement, error) {
	n, err := c.name(x.Name)
	if err != nil {
		return nil, err
	}
	d := &describe{what: x.What, name: n}
	switch x.What {
	case "concept":
		d.concept, d.how, err = c.concept(n)
	case "latent":
		d.latent, err = c.latent(n)
	}
	return d, err
}
