package vec

import (
	"math"
	"math/bits"
)

// Screen finds the k largest entries of each row of x·wᵀ + bias without computing all of them exactly. It holds w in integers of 16 bits,
// whose products with integers take half the time of those of floats, and knows how far such a product can be from what Product computes.
// Entries that may be among the k largest, mostly few more than k, are then computed as Product does, to the bit. A Screen is
// read-only once made: any number of goroutines may use it, each with a Screening of its own.
//
// With v = t·q + r, q rounded, so that ‖r‖ <= t·√d/2, for a row of x and (primed) one of w:
//
//	|x·w - t·t'·(q·q')| <= ‖t·q‖·‖r'‖ + ‖r‖·‖w‖ <= ((1 + s)·s' + s)·‖x‖·‖w‖     s = t·√d/(2·‖v‖)
//
// by the inequality of Cauchy and Schwarz. To that comes the rounding of floats, which roundings counts.
type Screen struct {
	d, m    int
	w, bias []float32
	quads   int // groups of four columns; the last one may be partly empty

	// Of the rows of w, sixteen a group; rows that fill up the last group have the bias -Inf.
	packed []int16   // by group and four columns: columns 1 and 3 of each row, then 0 and 2
	cross  []int32   // the products of neighbouring columns, which screen adds too much
	step   []float32 // what 1 stands for
	norm   []float32 // length, rounded up
	upper  []float32 // bias, and what its rounding can be off

	coarsest          float64 // the greatest step, of rows whose length is 1
	longest, farthest float32 // the greatest norm, and how far rounding of the bias can be off anywhere
}

const (
	screenRows   = 4                          // of x in a tile
	screenGroup  = 16                         // rows of w in a tile
	screenGroups = 16                         // groups between two looks at what survives
	screenBlock  = screenGroup * screenGroups // the rows of w in them
	screenPanel  = 128                        // rows of x sent past a block: their integers and their bounds stay in L2

	screenStride = screenBlock + 16 // between rows of bounds, so that they do not all meet in the same lines of L1

	// No integer is larger than screenMost: two of them are added in 16 bits. No row of them is longer than screenTop, for the products of two
	// rows to add up to no more than 31 bits. They are this far from the numbers they round: a half, and the rounding of the scaling.
	screenMost  = 16380
	screenTop   = 46000
	screenRound = .505

	screenUnit  = 0x1p-24 // of rounding in float32
	screenUnits = 20      // roundings on the way to a bound, generously: of the sum with the bias, and of each step of screen and settle
	screenBias  = 0x1p-20 // the same of the bias, relative

	screenTiny  = 1e-15   // rows shorter than that, or longer than screenHuge, may meet the ends of float32 in a product
	screenHuge  = 1e15    //
	tinyNorm    = 1e-10   // the norm to reckon with for tiny rows, which count as zero: slack times it exceeds their products
	screenWidth = 1 << 16 // columns at most, for which Dot is good to a thousandth
)

// tooMany is how many candidates of a row are more than Product costs.
func tooMany(k int) int { return 4*k + 128 }

// Screens reports whether this process has the kernels with which a Screen is faster than Product.
func Screens() bool { return kernel.screens }

// NewScreen makes the screen of w, (m,d) row-major, and bias (m), both of which it keeps, on up to threads goroutines. It returns nil for
// numbers that leave no room for bounds: not finite, or rows longer than 1e15, or of more than 65536 columns.
func NewScreen(w, bias []float32, d, threads int) *Screen {
	return newScreen(&kernel, w, bias, d, threads)
}

func newScreen(by *kernels, w, bias []float32, d, threads int) *Screen {
	m := len(w) / d
	if d > screenWidth || m == 0 {
		return nil
	}
	groups := (m + screenGroup - 1) / screenGroup
	s := &Screen{
		d: d, m: m, w: w[:m*d], bias: bias[:m], quads: (d + 3) / 4,
		step: make([]float32, groups*screenGroup), norm: make([]float32, groups*screenGroup), upper: make([]float32, groups*screenGroup),
	}
	s.packed, s.cross = make([]int16, groups*screenGroup*4*s.quads), make([]int32, groups*screenGroup)
	fine := make([]bool, groups)
	Parallel(threads, groups, 16, func(_, lo, hi int) { fine[lo] = s.renew(by, lo*screenGroup, min(hi*screenGroup, m)) })
	for at := 0; at < groups; at += 16 {
		if !fine[at] {
			return nil
		}
	}
	s.Renewed()
	return s
}

// Renew takes the rows lo to hi of w and bias as they are now, of the slices that NewScreen was given; lo is a multiple of sixteen, and hi too
// unless it is the end. It reports whether their numbers leave room for bounds. Goroutines may renew different rows at once; Renewed follows
// before the next Top.
func (s *Screen) Renew(lo, hi int) bool { return s.renew(&kernel, lo, hi) }

func (s *Screen) renew(by *kernels, lo, hi int) bool {
	for g := lo / screenGroup; g*screenGroup < hi; g++ {
		if !s.pack(by, g) {
			return false
		}
	}
	return true
}

// Renewed ends the renewal of rows.
func (s *Screen) Renewed() {
	s.coarsest, s.longest, s.farthest = 0, 0, 0
	for j, b := range s.bias {
		s.coarsest = max(s.coarsest, float64(s.step[j])/float64(s.norm[j]))
		s.longest, s.farthest = max(s.longest, s.norm[j]), max(s.farthest, max(b, -b)*screenBias)
	}
}

// pack fills in a group. It reports whether its numbers leave room for bounds.
func (s *Screen) pack(by *kernels, group int) bool {
	from := group * screenGroup
	to := min(from+screenGroup, s.m)
	var scale [screenGroup]float32 // of tiny rows zero, which makes zeros of them
	for j := from; j < from+screenGroup; j++ {
		s.step[j], s.cross[j] = 0, 0
		if j >= s.m {
			s.upper[j] = float32(math.Inf(-1))
			continue
		}
		row, b := s.w[j*s.d:(j+1)*s.d], float64(s.bias[j])
		norm := math.Sqrt(by.squares(row))
		if !(norm <= screenHuge) || !(math.Abs(b) <= screenHuge) {
			return false
		}
		s.upper[j] = up(b + math.Abs(b)*screenBias)
		if norm < screenTiny {
			s.norm[j] = tinyNorm
			continue
		}
		s.norm[j] = up(norm * (1 + 1e-6))
		s.step[j] = max(s.norm[j]/screenTop, by.largest(row)/screenMost)
		scale[j-from] = 1 / s.step[j]
	}
	by.screenRows(s.packed[from*4*s.quads:][:screenGroup*4*s.quads], s.w[from*s.d:to*s.d], scale[:to-from], s.cross[from:], s.d)
	return true
}

// screenRowsGo lays the integers of the rows of a group, or of the part of one that there is, and sets cross to the products of their
// neighbouring columns.
func screenRowsGo(packed []int16, rows, scale []float32, cross []int32, d int) {
	clear(packed)
	q := make([]int16, (d+3)/4*4)
	for r, by := range scale {
		cross[r] = quantiseGo(q, rows[r*d:(r+1)*d], by)
		for i := 0; i < len(q); i += 4 {
			at := packed[(i/4*2*screenGroup+r)*2:]
			at[0], at[1] = q[i+2], q[i+3]
			at[2*screenGroup], at[2*screenGroup+1] = q[i], q[i+1]
		}
	}
}

func largestGo(row []float32) float32 {
	most := float32(0)
	for _, v := range row {
		most = max(most, v, -v)
	}
	return most
}

// up is v rounded up, to the next float32 or the one after it.
func up(v float64) float32 { return math.Nextafter32(float32(v), float32(math.Inf(1))) }

// slack is how far the bound of a product, without the bias, is above what Product computes, at most, for a row of x and a row of w
// whose lengths are both 1. It is half of how far it is above the least that Product may compute.
func (s *Screen) slack() float64 {
	half := screenRound * math.Sqrt(float64(s.d))
	x, w := half/screenMost, half*s.coarsest
	return (1+x)*w + x + float64(s.roundings())*screenUnit
}

// roundings is how many roundings part what Product and screen compute from the numbers they stand for.
func (s *Screen) roundings() int { return min(s.d, sumRun) + (s.d+sumRun-1)/sumRun + screenUnits }

// Screening is the working space of one goroutine that screens. The zero value is ready.
type Screening struct {
	q            []int16   // (rows, 4·quads): x in integers
	own          []int32   // (rows) of x: the products of neighbouring columns, which screen adds too much
	step, length []float32 // (rows) of x: what 1 stands for; length times slack
	cut          []float32 // (rows) what a bound must reach
	u            []float32 // (rows, screenStride): bounds of a block
	marks        []uint16  // (rows, screenGroups): which of them reach it
	strip        strip     // under work: here since what a kernel is handed would otherwise be allocated for each
	found        []candidates
	low          []float32
	at           []uint32
	sel          Selector
}

// candidates are the entries of a row of x that may be among its k largest, ascending, with their bounds.
type candidates struct {
	index []uint32
	value []float32
	n     int
	off   bool // too many, or numbers without bounds: the row is not screened
}

// Top calls found for each row of x, (n,d), by ascending row, with the entries of x·wᵀ + bias that are above least and may be among the k
// largest of the row: their indices, ascending, and their values, the same that ProductBias gives. Both are valid until found returns. For
// a row that has too many of them, and for one with numbers that are not finite, near zero or huge, ok is false, and there are none.
func (s *Screen) Top(a *Screening, x []float32, k int, least float32, found func(row int, index []uint32, value []float32, ok bool)) {
	s.top(&kernel, a, x, k, least, found)
}

func (s *Screen) top(by *kernels, a *Screening, x []float32, k int, least float32, found func(row int, index []uint32, value []float32, ok bool)) {
	n := len(x) / s.d
	for lo := 0; lo < n; lo += screenPanel {
		hi := min(lo+screenPanel, n)
		rows := x[lo*s.d : hi*s.d]
		a.begin(s, by, rows, k, least)
		for at := 0; at < s.m; at += screenBlock {
			a.bound(s, by, hi-lo, at)
			a.sift(s, by, hi-lo, at, k)
		}
		for i := range hi - lo {
			a.settle(s, by, i, k)
		}
		for i := range hi - lo {
			c := &a.found[i]
			if c.off {
				found(lo+i, nil, nil, false)
				continue
			}
			index, value := c.index[:c.n], c.value[:c.n]
			next := &a.found[min(i+1, hi-lo-1)]
			by.rescore(value, rows[i*s.d:(i+1)*s.d], s.w, index, next.index[:next.n])
			for j, l := range index {
				value[j] += s.bias[l]
			}
			found(lo+i, index, value, true)
		}
	}
}

// begin makes integers of the rows of x.
func (a *Screening) begin(s *Screen, by *kernels, x []float32, k int, least float32) {
	n := len(x) / s.d
	padded := (n + screenRows - 1) / screenRows * screenRows
	a.fit(padded, 4*s.quads, tooMany(k)+screenBlock+2*k+64)
	slack := s.slack()
	floor := math.Nextafter32(least, float32(math.Inf(1)))
	for i := range padded {
		c := &a.found[i]
		c.n, c.off = 0, true
		a.cut[i] = float32(math.Inf(1))
		a.own[i], a.step[i], a.length[i] = 0, 0, 0
		q := a.q[i*4*s.quads:][:4*s.quads]
		if i >= n {
			clear(q)
			continue
		}
		row := x[i*s.d : (i+1)*s.d]
		square := float64(Dot(row, row))
		if !(square >= screenTiny*screenTiny && square <= screenHuge*screenHuge) {
			clear(q)
			continue
		}
		norm := math.Sqrt(square) * (1 + 1e-3)
		c.off, a.cut[i] = false, floor
		a.step[i] = float32(norm / screenMost)
		a.length[i] = up(norm * slack)
		a.own[i] = by.quantise(q, row, 1/a.step[i])
	}
}

// fit makes room for rows of columns integers, and for so many candidates of each.
func (a *Screening) fit(rows, columns, most int) {
	if len(a.q) < rows*columns {
		a.q = make([]int16, rows*columns)
	}
	if len(a.step) < rows || len(a.low) < most {
		rows = max(rows, len(a.step))
		a.own, a.cut, a.marks = make([]int32, rows), make([]float32, rows), make([]uint16, rows*screenGroups)
		a.step, a.length, a.u = make([]float32, rows), make([]float32, rows), make([]float32, rows*screenStride)
		a.low, a.at = make([]float32, most), make([]uint32, most)
		a.found = make([]candidates, rows)
		index, value := make([]uint32, rows*most), make([]float32, rows*most)
		for i := range a.found {
			a.found[i].index, a.found[i].value = index[i*most:(i+1)*most], value[i*most:(i+1)*most]
		}
	}
	a.sel.fit(most)
}

// bound computes the bounds of n rows of x with the block of w that begins at its given row.
func (a *Screening) bound(s *Screen, by *kernels, n, at int) {
	n = (n + screenRows - 1) / screenRows * screenRows
	size := screenGroup * 4 * s.quads
	for j := at; j < min(at+screenBlock, s.m); j += screenGroup {
		w := s.packed[j/screenGroup*size:]
		a.strip = strip{
			u: a.u[j-at:], marks: a.marks[(j-at)/screenGroup:], stride: screenStride, quads: s.quads, x: a.q, w: w[:size], next: w[size:],
			own: a.own[:n], step: a.step, length: a.length, cut: a.cut, cross: s.cross[j:], scale: s.step[j:], norm: s.norm[j:], upper: s.upper[j:],
		}
		by.screen(&a.strip)
	}
}

// sift adds to the candidates of n rows what is marked of a block, and prunes those that have become many.
func (a *Screening) sift(s *Screen, by *kernels, n, at, k int) {
	groups := min(screenGroups, (len(s.step)-at)/screenGroup)
	for i := range n {
		c, u := &a.found[i], a.u[i*screenStride:][:screenBlock]
		for g, marks := range a.marks[i*screenGroups:][:groups] {
			for ; marks != 0; marks &= marks - 1 {
				j := g*screenGroup + bits.TrailingZeros16(marks)
				c.index[c.n], c.value[c.n] = uint32(at+j), u[j]
				c.n++
			}
		}
		if c.n > 2*k+64 {
			a.thin(s, by, i, k)
		}
	}
}

// thin drops most of the candidates of row i that k others are above for certain: it takes every bound to be as loose as the loosest.
func (a *Screening) thin(s *Screen, by *kernels, i, k int) {
	c := &a.found[i]
	kth, _ := a.sel.kth(by, c.value[:c.n], k)
	a.raise(by, i, kth-twice(a.length[i]*s.longest+s.farthest))
	if c.n > 2*k+64 {
		a.settle(s, by, i, k)
	}
}

// settle drops all candidates of row i that k others are above for certain, and gives the row up if too many are left.
func (a *Screening) settle(s *Screen, by *kernels, i, k int) {
	c := &a.found[i]
	if c.off || c.n <= k {
		return
	}
	low := a.low[:c.n]
	for j, l := range c.index[:c.n] {
		b := s.bias[l]
		low[j] = c.value[j] - twice(a.length[i]*s.norm[l]+max(b, -b)*screenBias)
	}
	kth, _ := a.sel.kth(by, low, k)
	a.raise(by, i, kth)
	if c.n > tooMany(k) {
		c.n, c.off, a.cut[i] = 0, true, float32(math.Inf(1))
	}
}

// twice is how far below its bound a value may be, if the bound may be slack above what it bounds; rounded up.
func twice(slack float32) float32 { return (2 + 1e-5) * slack }

// raise drops the candidates of row i whose bounds are below cut.
func (a *Screening) raise(by *kernels, i int, cut float32) {
	c := &a.found[i]
	a.cut[i] = max(a.cut[i], cut)
	at := a.at[:c.n]
	c.n = by.survivors(at, c.value[:c.n], c.value[:c.n], 0, a.cut[i]) // in place
	for j, from := range at[:c.n] {
		c.index[j] = c.index[from]
	}
}

// quantiseGo writes the rounding of src·scale to integers, halves to even, of each four in the order 0 2 1 3. What dst, whole fours, has
// beyond src becomes zero. It returns the sum of the products of the first two of each four with the last two.
func quantiseGo(dst []int16, src []float32, scale float32) int32 {
	clear(dst)
	for i, v := range src {
		dst[i&^3|[4]int{0, 2, 1, 3}[i&3]] = int16(math.RoundToEven(float64(v * scale)))
	}
	sum := int32(0)
	for i := 0; i < len(dst); i += 4 {
		sum += int32(dst[i])*int32(dst[i+2]) + int32(dst[i+1])*int32(dst[i+3])
	}
	return sum
}

// strip is what a call of screen works on: rows of x, a multiple of 4, with a group of w.
type strip struct {
	u      []float32 // the bounds to compute; rows are stride apart
	marks  []uint16  // to be computed: for each row of x, screenGroups apart, the rows of w whose bounds are at least cut
	stride int

	quads  int
	x, w   []int16
	next   []int16 // the group after this one: a kernel may fetch it from memory meanwhile
	own    []int32 // of the rows of x, as are
	step   []float32
	length []float32
	cut    []float32
	cross  []int32 // of the rows of w, as are
	scale  []float32
	norm   []float32
	upper  []float32
}

// screenGo computes a strip.
func screenGo(t *strip) {
	for i := range t.own {
		t.marks[i*screenGroups] = 0
		for j := range screenGroup {
			sum := -t.own[i] - t.cross[j]
			for q := range t.quads {
				x, w := t.x[(i*t.quads+q)*4:][:4], t.w[(q*2*screenGroup+j)*2:]
				for c := range 2 {
					sum += int32(x[c]+w[c]) * int32(x[2+c]+w[2*screenGroup+c])
				}
			}
			slack := float32(float64(t.length[i])*float64(t.norm[j]) + float64(t.upper[j]))
			u := float32(float64(float32(sum)*t.step[i])*float64(t.scale[j]) + float64(slack))
			t.u[i*t.stride+j] = u
			if u >= t.cut[i] {
				t.marks[i*screenGroups] |= 1 << j
			}
		}
	}
}

// rescoreGo writes the products of x with the rows of w of the given indices, each summed as Product sums it. The rows of next come after
// these: a kernel may fetch them from memory meanwhile.
func rescoreGo(dst, x, w []float32, index, next []uint32) {
	d := len(x)
	for i, l := range index {
		dst[i] = 0
		for p := 0; p < d; p += sumRun {
			e := min(p+sumRun, d)
			dst[i] += run(x[p:e], w[int(l)*d:][p:e])
		}
	}
}
