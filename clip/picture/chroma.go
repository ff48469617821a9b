package picture

import "image"

// fromYCbCr fills from luma and subsampled chroma. What is between the chroma samples is interpolated exactly as the C libraries do it that
// Pillow stands on: libjpeg's "fancy" upsampling and full-range conversion, or libwebp's with the limited range of video. image/color takes
// the nearest sample instead, which on small pictures is off by up to 57 levels.
func (f *filler) fromYCbCr(m *image.YCbCr, format string) {
	if format == "webp" {
		f.fromLimitedRange(m)
		return
	}
	w, h := f.frame.Dx(), f.frame.Dy()
	up := newUpsampler(m, w, h)
	toRGB := newFullRange()
	cb, cr := make([]byte, w), make([]byte, w)
	for y := range h {
		up.row(cb, m.Cb, y)
		up.row(cr, m.Cr, y)
		toRGB.row(f.row(y), m.Y[y*m.YStride:][:w], cb, cr)
	}
}

// An upsampler stretches chroma planes to the size of the luma.
type upsampler struct {
	ratio  image.YCbCrSubsampleRatio
	stride int
	w, h   int   // of the picture
	cw, ch int   // of the chroma planes
	sums   []int // one row of chroma after mixing it with its neighbour row, 4:2:0 and 4:4:0
}

func newUpsampler(m *image.YCbCr, w, h int) *upsampler {
	u := &upsampler{ratio: m.SubsampleRatio, stride: m.CStride, w: w, h: h}
	sx, sy := u.scale()
	u.cw, u.ch = (w+sx-1)/sx, (h+sy-1)/sy
	u.sums = make([]int, u.cw)
	return u
}

// scale says how many luma samples there are to one of chroma, across and down.
func (u *upsampler) scale() (x, y int) {
	switch u.ratio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// row writes row y of a stretched plane to dst, w samples.
func (u *upsampler) row(dst, plane []byte, y int) {
	switch {
	case u.ratio == image.YCbCrSubsampleRatio444:
		copy(dst, plane[y*u.stride:][:u.cw])
	case u.ratio == image.YCbCrSubsampleRatio422 && u.cw > 2:
		u.across(dst, plane[y*u.stride:][:u.cw])
	case u.ratio == image.YCbCrSubsampleRatio420 && u.cw > 2:
		u.down(plane, y)
		u.acrossSums(dst)
	case u.ratio == image.YCbCrSubsampleRatio440:
		u.down(plane, y)
		bias := 1 + y&1
		for x, s := range u.sums {
			dst[x] = byte((s + bias) >> 2)
		}
	default: // libjpeg repeats samples where it has no smoother way, and in planes up to two samples wide
		sx, sy := u.scale()
		line := plane[y/sy*u.stride:][:u.cw]
		for x := range dst {
			dst[x] = line[x/sx]
		}
	}
}

// down mixes the chroma row nearest to row y with the next nearest, 3 to 1, into sums. The plane's edge rows are their own neighbours.
func (u *upsampler) down(plane []byte, y int) {
	near := y / 2
	far := near - 1 + 2*(y&1)
	far = min(max(far, 0), u.ch-1)
	a := plane[near*u.stride:][:u.cw]
	b := plane[far*u.stride:][:u.cw]
	sums := u.sums[:len(a)]
	for x := range a {
		sums[x] = 3*int(a[x]) + int(b[x])
	}
}

// across stretches a row to twice its width: each sample of the result is its nearest, 3 parts, and the next nearest, 1 part. Halves are
// rounded down on the left and up on the right of a sample, so that no drift remains.
func (u *upsampler) across(dst, src []byte) {
	last := len(src) - 1
	for x, v := range src {
		near := 3 * int(v)
		left, right := 0, 0
		if x == 0 {
			left = int(v)
		} else {
			left = (near + int(src[x-1]) + 1) >> 2
		}
		if x == last {
			right = int(v)
		} else {
			right = (near + int(src[x+1]) + 2) >> 2
		}
		dst[2*x] = byte(left)
		if 2*x+1 < len(dst) {
			dst[2*x+1] = byte(right)
		}
	}
}

// acrossSums does what across does, from sums that are four times too large.
func (u *upsampler) acrossSums(dst []byte) {
	sums := u.sums
	last := len(sums) - 1
	dst[0] = byte((4*sums[0] + 8) >> 4)
	dst[1] = byte((3*sums[0] + sums[1] + 7) >> 4)
	before, here := sums[0], sums[1]
	inner := sums[2:]
	out := dst[2:][: 2*len(inner) : 2*len(inner)]
	for x, after := range inner {
		out[2*x] = byte((3*here + before + 8) >> 4)
		out[2*x+1] = byte((3*here + after + 7) >> 4)
		before, here = here, after
	}
	dst[2*last] = byte((3*here + before + 8) >> 4)
	if 2*last+1 < len(dst) {
		dst[2*last+1] = byte((4*here + 7) >> 4)
	}
}

// fullRange converts as JFIF has it, in libjpeg's 16-bit fixed point:
//
//	R = Y + 1.402 Cr,  G = Y - 0.344136 Cb - 0.714136 Cr,  B = Y + 1.772 Cb   (Cb and Cr around 128)
type fullRange struct {
	crR, cbB [256]int32 // rounded
	crG, cbG [256]int32 // times 65536; cbG holds the half that rounds their sum
	clip     [1024]byte // clip[v+256] is v held to 0..255; its size is a power of two so that a mask saves the check of the index
}

func newFullRange() *fullRange {
	const half = 1 << 15
	t := &fullRange{}
	for i := range 256 {
		x := int32(i) - 128
		t.crR[i] = (91881*x + half) >> 16
		t.cbB[i] = (116130*x + half) >> 16
		t.crG[i] = -46802 * x
		t.cbG[i] = -22554*x + half
	}
	for i := range t.clip {
		t.clip[i] = byte(min(max(i-256, 0), 255))
	}
	return t
}

// row writes one row of pixels; cb and cr are as long as luma, dst three times as long.
func (t *fullRange) row(dst, luma, cb, cr []byte) {
	cb, cr, dst = cb[:len(luma)], cr[:len(luma)], dst[:3*len(luma)]
	for x, v := range luma {
		y := int32(v) + 256
		u, w := cb[x], cr[x]
		p := dst[3*x : 3*x+3 : 3*x+3]
		p[0] = t.clip[(y+t.crR[w])&1023]
		p[1] = t.clip[(y+(t.cbG[u]+t.crG[w])>>16)&1023]
		p[2] = t.clip[(y+t.cbB[u])&1023]
	}
}
