package flat

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/saedb/saedb/index"
	"github.com/saedb/saedb/internal/huge"
	"github.com/saedb/saedb/internal/vec"
)

// Parted is rows in groups around centres. A search looks at the groups whose centres are nearest to the query, and finds in them what
// Scan would: so it is as good as the choice of groups, and exact if it looks at all of them. Many queries at once meet in the groups and
// share the work of reading them, which makes it the fastest index for batches; it needs no graph and little memory beyond the bytes.
// Its rows are fixed. Any number of goroutines may search at once.
type Parted struct {
	table
	dim, threads int

	centres []float32 // (groups,dim), unit rows
	starts  []int     // the places of group g are starts[g] to starts[g+1]
	places  []uint32  // which row lies at a place
	groups  []codes   // of the rows of each group, place by place, with the centre as their mean
	all     codes     // no rows: what holds for the rows of all groups
}

// PartedOptions say how rows are grouped. A zero field means its default.
type PartedOptions struct {
	Groups  int // 0: three times the square root of the number of rows
	Threads int // of building and of a search; 0: one for each processor
	Seed    uint64
}

const (
	sampleOfEach = 32 // rows of a group, on average, that its centre is found from
	groupPasses  = 8  // over them: later ones move few rows
)

// NewParted groups rows, which has the unit vector of ords[i] at i*dim, ords ascending. Both are kept, and only read.
func NewParted(ctx context.Context, dim int, ords []uint32, rows []float32, o PartedOptions) (*Parted, error) {
	n := len(ords)
	if dim < 1 || len(rows) != n*dim || !slices.IsSorted(ords) {
		return nil, fmt.Errorf("flat: %d values are not the rows of %d for %d ascending ordinals", len(rows), dim, n)
	}
	if o.Groups <= 0 {
		o.Groups = int(3 * math.Sqrt(float64(n)))
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	x := &Parted{dim: dim, threads: o.Threads, all: *newCodes(dim)}
	x.table = table{rows, ords, func(ord uint32) (int, bool) { return slices.BinarySearch(ords, ord) }}
	if n == 0 {
		x.starts = []int{0}
		return x, nil
	}
	x.findCentres(ctx, o)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x.group(x.nearestCentres(rows))
	return x, nil
}

// findCentres groups a sample of the rows by spherical k-means. It begins with rows drawn at random: a search looks at many groups, and does
// not care whether they are the best ones, so the draws of k-means++, which cost as much as all passes, are left out.
func (x *Parted) findCentres(ctx context.Context, o PartedOptions) {
	r := rand.New(rand.NewPCG(o.Seed, 0))
	order := r.Perm(len(x.ords))
	order = order[:min(len(order), o.Groups*sampleOfEach)]
	sample := make([]float32, 0, len(order)*x.dim)
	for _, i := range order {
		sample = append(sample, x.rows[i*x.dim:(i+1)*x.dim]...)
	}
	x.centres = slices.Clone(sample[:min(o.Groups, len(order))*x.dim])
	for range groupPasses {
		if ctx.Err() != nil {
			return
		}
		x.moveCentres(sample, x.nearestCentres(sample))
	}
}

// moveCentres makes each centre the direction of the sum of its rows. One that has none, or whose rows cancel out, stays.
func (x *Parted) moveCentres(rows []float32, nearest []uint32) {
	sums := make([]float64, len(x.centres))
	for i, g := range nearest {
		to := sums[int(g)*x.dim : (int(g)+1)*x.dim]
		for j, v := range rows[i*x.dim : (i+1)*x.dim] {
			to[j] += float64(v)
		}
	}
	for lo := 0; lo < len(sums); lo += x.dim {
		norm := 0.0
		for _, s := range sums[lo : lo+x.dim] {
			norm += s * s
		}
		if norm = math.Sqrt(norm); norm < 1e-6 {
			continue
		}
		for j, s := range sums[lo : lo+x.dim] {
			x.centres[lo+j] = float32(s / norm)
		}
	}
}

// nearestCentres returns the group of each row.
func (x *Parted) nearestCentres(rows []float32) []uint32 {
	nearest := make([]uint32, len(rows)/x.dim)
	k := len(x.centres) / x.dim
	scores := make([][]float32, x.threads)
	vec.Parallel(x.threads, len(nearest), grain, func(worker, lo, hi int) {
		if scores[worker] == nil {
			scores[worker] = make([]float32, grain*k)
		}
		vec.Product(scores[worker], rows[lo*x.dim:hi*x.dim], x.centres, x.dim)
		for i := lo; i < hi; i++ {
			of := scores[worker][(i-lo)*k : (i-lo+1)*k]
			for g, s := range of {
				if s > of[nearest[i]] {
					nearest[i] = uint32(g)
				}
			}
		}
	})
	return nearest
}

// group lays the rows of each group beside each other, as bytes.
func (x *Parted) group(nearest []uint32) {
	k := len(x.centres) / x.dim
	x.starts = make([]int, k+1)
	for _, g := range nearest {
		x.starts[g+1]++
	}
	for g := range k {
		x.starts[g+1] += x.starts[g]
	}
	x.places = make([]uint32, len(nearest))
	next := slices.Clone(x.starts)
	for i, g := range nearest {
		x.places[next[g]] = uint32(i)
		next[g]++
	}
	bytes, scale, rest := huge.Make[int8](len(nearest)*x.dim), make([]float32, len(nearest)), make([]float32, len(nearest))
	x.groups = make([]codes, k)
	vec.Parallel(x.threads, k, 1, func(_, g, _ int) {
		lo, hi := x.starts[g], x.starts[g+1]
		c := codes{dim: x.dim, mean: x.centres[g*x.dim : (g+1)*x.dim], bytes: bytes[lo*x.dim : hi*x.dim], scale: scale[lo:hi], rest: rest[lo:hi]}
		for j := range hi - lo {
			row := int(x.places[lo+j])
			c.set(j, x.rows[row*x.dim:(row+1)*x.dim])
		}
		x.groups[g] = c
	})
	for _, c := range x.groups {
		x.all.reach, x.all.widest = max(x.all.reach, c.reach), max(x.all.widest, c.widest)
	}
	x.all.reach += 1.01 // a row is as long as its centre, its bytes and its remainder together
}

// Len returns the number of rows.
func (x *Parted) Len() int { return len(x.ords) }

// Dim returns the width of each row.
func (x *Parted) Dim() int { return x.dim }

// Groups returns the number of groups.
func (x *Parted) Groups() int { return len(x.groups) }

// Bytes returns how much memory the rows take: their float32 values, and everything else.
func (x *Parted) Bytes() (rows, rest int64) {
	const perRow = 4 + 4 + 4 + 4 // ordinal, place, scale, rest
	n := int64(len(x.ords))
	return 4 * n * int64(x.dim), n*(int64(x.dim)+perRow) + 4*int64(len(x.centres))
}

// Probes returns how many groups Search looks at: an eighth, sixteen at least.
func (x *Parted) Probes() int { return max(16, len(x.groups)/8) }

// Search returns the k rows of largest cosine with q among those of the nearest groups, under the rules of package index.
func (x *Parted) Search(ctx context.Context, q []float32, k int, f index.Filter) ([]index.Hit, error) {
	hits, err := x.SearchProbes(ctx, [][]float32{q}, k, f, x.Probes())
	if err != nil {
		return nil, err
	}
	return hits[0], nil
}

// SearchBatch answers many queries at once. Entry i is what Search returns for qs[i].
func (x *Parted) SearchBatch(ctx context.Context, qs [][]float32, k int, f index.Filter) ([][]index.Hit, error) {
	return x.SearchProbes(ctx, qs, k, f, x.Probes())
}

// SearchProbes is SearchBatch in the given number of groups for each query, or more if those have fewer than k rows that f lets through.
func (x *Parted) SearchProbes(ctx context.Context, qs [][]float32, k int, f index.Filter, probes int) ([][]index.Hit, error) {
	units, err := unitsOf(qs, k, x.dim)
	if err != nil {
		return nil, err
	}
	n := len(x.ords)
	if n == 0 || k >= max(crowdLeast, n/crowd) || f != nil && f.GetCardinality() < uint64(n/gatherBelow) {
		return x.plain(ctx, units, k, f)
	}
	hits := make([][]index.Hit, len(qs))
	left := make([]int, len(qs)) // the queries that are still to be answered
	for i := range left {
		left[i] = i
	}
	for probes = max(probes, 1); len(left) > 0 && ctx.Err() == nil; probes *= 4 {
		p := x.probe(ctx, pick(units, x.dim, left), k, f, min(probes, len(x.groups)))
		left = p.answer(hits, left)
	}
	return hits, ctx.Err()
}

func pick(units []float32, dim int, list []int) []float32 {
	out := make([]float32, 0, len(list)*dim)
	for _, i := range list {
		out = append(out, units[i*dim:(i+1)*dim]...)
	}
	return out
}

// plain answers by the scores of all rows.
func (x *Parted) plain(ctx context.Context, units []float32, k int, f index.Filter) ([][]index.Hit, error) {
	s := newSearch(ctx, x.table, x.dim, x.threads, units, k)
	s.run(f)
	return s.hits()
}

// probing is one pass of a batch of queries over the groups that each of them chose.
type probing struct {
	*Parted
	ctx       context.Context
	k         int
	filter    index.Filter
	whole     bool // all groups are looked at
	questions []question
	visits    [][]visit // of each group
	lists     [][]shortlist
}

// visit is a query that looks at a group, and how far the group's offset moves its bounds. Shortlists hold bounds with the offset.
type visit struct {
	query uint32
	shift float32
}

func (x *Parted) probe(ctx context.Context, units []float32, k int, f index.Filter, probes int) *probing {
	n := len(units) / x.dim
	p := &probing{Parted: x, ctx: ctx, k: k, filter: f, whole: probes == len(x.groups), questions: make([]question, n)}
	p.visits = make([][]visit, len(x.groups))
	p.lists = make([][]shortlist, x.threads)
	for w := range p.lists {
		p.lists[w] = make([]shortlist, n)
	}
	vec.Parallel(x.threads, n, grain, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			p.questions[i] = x.ask(units[i*x.dim : (i+1)*x.dim])
			for w := range p.lists {
				p.lists[w][i] = newShortlist(k, len(x.ords), &p.questions[i])
			}
		}
	})
	p.choose(units, probes)
	work := make([]scratch, x.threads)
	for w := range work {
		work[w].widened = make([]int16, chunk*vec.PanelStride(x.dim))
	}
	vec.Parallel(x.threads, len(x.groups), 1, func(worker, g, _ int) {
		if len(p.visits[g]) > 0 && ctx.Err() == nil {
			p.look(g, p.lists[worker], &work[worker])
		}
	})
	return p
}

// ask is that of all groups together; what a centre adds, its offset, is rounded as a score is, and then as shift.
func (x *Parted) ask(unit []float32) question {
	q := x.all.ask(unit)
	q.slack += 2 * x.all.scoreError(float64(q.weight)*q.step)
	return q
}

// choose finds the nearest groups of each query.
func (p *probing) choose(units []float32, probes int) {
	n, k := len(p.questions), len(p.groups)
	const some = 64
	scores, nearest := make([]float32, some*k), make([]float32, 0, probes)
	for lo := 0; lo < n; lo += some {
		hi := min(lo+some, n)
		vec.Product(scores, units[lo*p.dim:hi*p.dim], p.centres, p.dim)
		for i := lo; i < hi; i++ {
			of := scores[(i-lo)*k : (i-lo+1)*k]
			least := kth(nearest, of, probes)
			for g, s := range of {
				if s >= least {
					p.visits[g] = append(p.visits[g], visit{uint32(i), float32(float64(s) / p.questions[i].step)})
				}
			}
		}
	}
}

// kth returns the k-th largest of scores, which are k at least. heap has room for k.
func kth(heap, scores []float32, k int) float32 {
	for _, s := range scores {
		if len(heap) < k {
			heap = append(heap, s)
			up(heap)
		} else if s > heap[0] {
			heap[0] = s
			down(heap)
		}
	}
	return heap[0]
}

// look asks all queries that visit a group for its rows: 16 at once, and the few that are left over one by one.
func (p *probing) look(g int, lists []shortlist, s *scratch) {
	visits := p.visits[g]
	for len(visits) >= panelFrom {
		n := min(len(visits), vec.PanelWidth)
		p.lookTogether(g, visits[:n], lists, s)
		visits = visits[n:]
	}
	for _, v := range visits {
		p.lookAlone(g, v, lists)
	}
}

func (p *probing) lookAlone(g int, v visit, lists []shortlist) {
	c, q, list := &p.groups[g], &p.questions[v.query], &lists[v.query]
	var sums [block]int32
	var mask [block / 8]byte
	n := len(c.scale)
	for lo := 0; lo < n; lo += block {
		hi := min(lo+block, n)
		vec.DotInt8(sums[:hi-lo], q.wide, c.bytes[lo*p.dim:hi*p.dim])
		vec.Reach(mask[:], sums[:hi-lo], c.scale[lo:hi], c.rest[lo:hi], q.weight, list.least-v.shift)
		for b, set := range mask[:(hi-lo+7)/8] {
			for ; set != 0; set &= set - 1 {
				j := 8*b + bits.TrailingZeros8(set)
				p.offer(c, g, lo+j, v, sums[j], list)
			}
		}
	}
}

// scratch is what one goroutine works with.
type scratch struct {
	wide, packed, widened []int16
	sums                  [chunk * vec.PanelWidth]int32
	mask                  [chunk]uint16
}

func (p *probing) lookTogether(g int, visits []visit, lists []shortlist, s *scratch) {
	c := &p.groups[g]
	var weight, least [vec.PanelWidth]float32
	s.wide = s.wide[:0]
	for i, v := range visits {
		s.wide = append(s.wide, p.questions[v.query].wide...)
		weight[i] = p.questions[v.query].weight
	}
	s.packed = vec.PackPanel(s.packed[:0], s.wide, p.dim)
	sums, mask := &s.sums, &s.mask
	n := len(c.scale)
	for lo := 0; lo < n; lo += chunk {
		hi := min(lo+chunk, n)
		for i, v := range visits {
			least[i] = lists[v.query].least - v.shift
		}
		vec.MultiplyPanel(sums[:(hi-lo)*vec.PanelWidth], s.packed, c.widen(s.widened, lo, hi))
		vec.ReachPanel(mask[:], sums[:(hi-lo)*vec.PanelWidth], c.scale[lo:hi], c.rest[lo:hi], &weight, &least)
		for j, set := range mask[:hi-lo] {
			for set &= 1<<len(visits) - 1; set != 0; set &= set - 1 {
				i := bits.TrailingZeros16(set)
				p.offer(c, g, lo+j, visits[i], sums[j*vec.PanelWidth+i], &lists[visits[i].query])
			}
		}
	}
}

// offer puts the j-th row of a group on a list.
func (p *probing) offer(c *codes, g, j int, v visit, sum int32, list *shortlist) {
	middle, wide := float32(c.scale[j]*float32(sum))+v.shift, float32(c.rest[j]*p.questions[v.query].weight)
	row := p.places[p.starts[g]+j]
	if middle+wide >= list.least && (p.filter == nil || p.filter.Contains(p.ords[row])) {
		list.offer(row, middle-wide, middle+wide)
	}
}

// score computes the scores of the rows on a list.
func (p *probing) score(list *shortlist, q *question) []index.Hit {
	l := lookup{table: p.table, codes: &p.all, k: p.k}
	return l.score(list, q)
}

// answer scores what was collected, and returns the queries of those whose groups had too few rows, in their order.
func (p *probing) answer(hits [][]index.Hit, of []int) (left []int) {
	vec.Parallel(p.threads, len(of), 1, func(_, i, _ int) {
		list := &p.lists[0][i]
		for w := 1; w < len(p.lists); w++ {
			list.join(&p.lists[w][i])
		}
		list.trim()
		if p.whole || len(list.rows) >= p.k {
			hits[of[i]] = p.score(list, &p.questions[i])
		}
	})
	for i, list := range p.lists[0] {
		if !p.whole && len(list.rows) < p.k {
			left = append(left, of[i])
		}
	}
	return left
}
