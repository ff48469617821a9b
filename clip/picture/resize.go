package picture

import (
	"encoding/binary"
	"math"
)

// Resize scales a picture to w by h with Pillow's bicubic filter, bit for bit: rows first, then columns, each pass rounded to 8 bits, and
// a filter that grows with the reduction, so that nothing is skipped.
func Resize(p *Picture, w, h int) *Picture {
	out := *p
	out.W, out.H = w, h
	out.Pix = resizeWindow(p, w, h, 0, 0, w, h)
	return &out
}

// resizeWindow returns the part of the picture scaled to w by h that begins at (x0, y0) and is cw by ch large; nothing else of it is
// computed.
//
// Two 8-bit samples lie in the halves of one 64-bit word, and one multiplication with a coefficient is right in both, since no sum leaves
// 32 bits. resizeSlow is the readable twin.
func resizeWindow(p *Picture, w, h, x0, y0, cw, ch int) []byte {
	if h == p.H { // the filter would change nothing
		return scaleAcross(p, w, x0, cw, y0, y0+ch)[:3*cw*ch]
	}
	down := newTaps(p.H, h, y0, ch)
	top, bottom := down.span()
	narrow := scaleAcross(p, w, x0, cw, top, bottom)
	out := make([]byte, 3*cw*ch+7)
	for y := range ch {
		down.column(out[3*cw*y:], narrow[3*cw*(down.from[y]-top):], 3*cw, y)
	}
	return out[:3*cw*ch]
}

// scaleAcross returns rows top to bottom scaled to a width of w, of each the cw pixels from x0, and seven bytes more, so that words can be
// loaded up to the end.
func scaleAcross(p *Picture, w, x0, cw, top, bottom int) []byte {
	narrow := make([]byte, 3*cw*(bottom-top)+7)
	row := func(y int) []byte { return narrow[3*cw*(y-top):][:3*cw] }
	if w == p.W {
		for y := top; y < bottom; y++ {
			copy(row(y), p.row(y)[3*x0:])
		}
		return narrow
	}
	across := newTaps(p.W, w, x0, cw)
	left, right := across.span()
	pair := make([]uint64, p.W)
	for y := top; y < bottom; y += 2 {
		second := min(y+1, bottom-1)
		weave(pair[left:right], p.row(y)[3*left:3*right], p.row(second)[3*left:3*right])
		across.rows(row(y), row(second), pair)
	}
	return narrow
}

func (p *Picture) row(y int) []byte { return p.Pix[3*p.W*y:][:3*p.W] }

// precision is the number of bits behind the point in a coefficient: 8 bits of a sample and 2 of head-room leave 22 of 32.
const precision = 32 - 8 - 2

// taps holds, for each sample of a line that is being scaled, which samples of the source it mixes, and in which parts.
type taps struct {
	from  []int   // first sample of the source
	count []int   // how many from there
	parts []int32 // width for each, count of them used, each times 2^precision; they sum up to about that
	width int
}

// newTaps computes the coefficients for samples first to first+n of a line of size in that is scaled to size out.
func newTaps(in, out, first, n int) *taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1) // the filter covers at least its own size
	support := float64(2 * stretch)
	t := &taps{from: make([]int, n), count: make([]int, n), width: int(math.Ceil(support))*2 + 1}
	t.parts = make([]int32, n*t.width)
	weights := make([]float64, t.width)
	for i := range n {
		// The conversions forbid fused multiply-add, whose last bit differs from machine to machine.
		center := float64((float64(first+i) + 0.5) * scale)
		from := max(int(center-support+0.5), 0)
		count := min(int(center+support+0.5), in) - from
		sum := 0.0
		for k := range count {
			weights[k] = cubic(float64((float64(from+k) - center + 0.5) * (1 / stretch)))
			sum += weights[k]
		}
		for k := range count {
			part := weights[k]
			if sum != 0 {
				part /= sum
			}
			t.parts[i*t.width+k] = int32(math.Round(float64(part * (1 << precision))))
		}
		t.from[i], t.count[i] = from, count
	}
	return t
}

// cubic is Keys' kernel with a = -1/2.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}

// span returns the rows of the source that are used, as first and one past the last.
func (t *taps) span() (int, int) {
	last := len(t.from) - 1
	return t.from[0], t.from[last] + t.count[last]
}

// weave lays two rows of R, G, B into one: the pixel of the first in the lower half of a word, of the second in the upper.
// The highest byte of each half is of no meaning.
func weave(dst []uint64, a, b []byte) {
	last := len(dst) - 1
	for x := range last {
		dst[x] = uint64(binary.LittleEndian.Uint32(a[3*x:])) | uint64(binary.LittleEndian.Uint32(b[3*x:]))<<32
	}
	a, b = a[3*last:][:3], b[3*last:][:3]
	dst[last] = uint64(a[0]) | uint64(a[1])<<8 | uint64(a[2])<<16 | uint64(b[0])<<32 | uint64(b[1])<<40 | uint64(b[2])<<48
}

// lanes picks the lowest byte of each half of a word.
const lanes = 0x000000ff_000000ff

// rounding is one half in both halves of a word.
const rounding = 1<<(precision-1) | 1<<(precision-1)<<32

// rows scales two woven rows.
func (t *taps) rows(a, b []byte, pair []uint64) {
	for i, from := range t.from {
		parts := t.parts[i*t.width:][:t.count[i]]
		src := pair[from:][:len(parts)]
		red, green, blue := uint64(rounding), uint64(rounding), uint64(rounding)
		for k, part := range parts {
			v, c := src[k], uint64(part)
			red += (v & lanes) * c
			green += (v >> 8 & lanes) * c
			blue += (v >> 16 & lanes) * c
		}
		p, q := a[3*i:3*i+3], b[3*i:3*i+3]
		p[0], q[0] = halves(red)
		p[1], q[1] = halves(green)
		p[2], q[2] = halves(blue)
	}
}

// column scales sample i of every column: src begins at the first row that is mixed, rows are stride bytes apart. Eight columns at a time;
// up to seven bytes beyond the row are written, which the next row overwrites.
func (t *taps) column(dst, src []byte, stride, i int) {
	parts := t.parts[i*t.width:][:t.count[i]]
	for x := 0; x < stride; x += 8 {
		var s0, s1, s2, s3 uint64 = rounding, rounding, rounding, rounding
		at := x
		for _, part := range parts {
			v, c := binary.LittleEndian.Uint64(src[at:]), uint64(part)
			s0 += (v & lanes) * c
			s1 += (v >> 8 & lanes) * c
			s2 += (v >> 16 & lanes) * c
			s3 += (v >> 24 & lanes) * c
			at += stride
		}
		out := dst[x : x+8 : x+8]
		out[0], out[4] = halves(s0)
		out[1], out[5] = halves(s1)
		out[2], out[6] = halves(s2)
		out[3], out[7] = halves(s3)
	}
}

// halves rounds the two sums of a word to samples. A negative sum in the lower half has borrowed one from the upper.
func halves(sum uint64) (low, high byte) {
	l := int32(uint32(sum))
	h := int32((sum - uint64(int64(l))) >> 32)
	return clip22(l), clip22(h)
}

func clip22(v int32) byte {
	return byte(min(max(v>>precision, 0), 255))
}
