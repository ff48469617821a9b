package picture

import (
	"errors"
	"image"
	"image/color"
)

// A filler writes a decoded image as R, G, B bytes, row by row, the way Pillow's convert("RGB") would: the decoders of the standard
// library hand out what the file holds, and the conversions of image/color round differently.
type filler struct {
	pix             []byte // 3*w*h
	w, h            int
	keepAlphaColour bool
	frame           image.Rectangle // where in the picture the image lies that is being written
}

// from fills the picture from an image, which may cover only a part of it: an animation's first frame on its canvas.
func (f *filler) from(img image.Image, format string) error {
	f.frame = img.Bounds()
	whole := image.Rect(0, 0, f.w, f.h)
	if f.frame.Empty() || !f.frame.In(whole) {
		return errors.New("the pixels lie outside the picture")
	}
	if f.frame != whole {
		f.background(img)
	}
	switch m := img.(type) {
	case *image.YCbCr:
		f.fromYCbCr(m, format)
	case *image.NYCbCrA:
		f.fromYCbCr(&m.YCbCr, format)
		f.layOnWhite(m)
	default:
		return f.fromRows(img)
	}
	return nil
}

// row returns the bytes that row y of the frame becomes; y counts from the frame's top.
func (f *filler) row(y int) []byte {
	at := (f.frame.Min.Y+y)*f.w + f.frame.Min.X
	return f.pix[3*at:][:3*f.frame.Dx()]
}

// background paints what no frame covers: white under a frame with transparency, else the first colour of its palette, as Pillow does.
func (f *filler) background(img image.Image) {
	ground := color.NRGBA{255, 255, 255, 255}
	if m, ok := img.(*image.Paletted); ok && len(m.Palette) > 0 && opaque(m.Palette) {
		ground = color.NRGBAModel.Convert(m.Palette[0]).(color.NRGBA)
	}
	for i := 0; i < len(f.pix); i += 3 {
		f.pix[i], f.pix[i+1], f.pix[i+2] = ground.R, ground.G, ground.B
	}
}

func opaque(p color.Palette) bool {
	for _, c := range p {
		if _, _, _, a := c.RGBA(); a != 0xffff {
			return false
		}
	}
	return true
}

// fromRows fills from images that hold whole pixels.
func (f *filler) fromRows(img image.Image) error {
	row := f.rowOf(img)
	if row == nil {
		return errors.New("unknown pixel layout")
	}
	for y := range f.frame.Dy() {
		row(f.row(y), f.frame.Min.Y+y)
	}
	return nil
}

// rowOf returns the function that writes row y of an image as R, G, B: nil for a layout that no decoder hands out.
func (f *filler) rowOf(img image.Image) func(dst []byte, y int) {
	b := f.frame
	switch m := img.(type) {
	case *image.Gray:
		return func(dst []byte, y int) {
			src := m.Pix[m.PixOffset(b.Min.X, y):][:b.Dx()]
			for x, v := range src {
				dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
			}
		}
	case *image.Gray16:
		return func(dst []byte, y int) {
			src := m.Pix[m.PixOffset(b.Min.X, y):][:2*b.Dx()]
			for x := range b.Dx() {
				v := src[2*x]
				dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
			}
		}
	case *image.RGBA: // straight or multiplied, alpha is dealt with in rgbaRow
		return func(dst []byte, y int) { f.rgbaRow(dst, m.Pix[m.PixOffset(b.Min.X, y):][:4*b.Dx()], 4, 1, true) }
	case *image.NRGBA:
		return func(dst []byte, y int) { f.rgbaRow(dst, m.Pix[m.PixOffset(b.Min.X, y):][:4*b.Dx()], 4, 1, false) }
	case *image.RGBA64: // of sixteen bits Pillow takes the upper eight
		return func(dst []byte, y int) { f.rgbaRow(dst, m.Pix[m.PixOffset(b.Min.X, y):][:8*b.Dx()], 8, 2, true) }
	case *image.NRGBA64:
		return func(dst []byte, y int) { f.rgbaRow(dst, m.Pix[m.PixOffset(b.Min.X, y):][:8*b.Dx()], 8, 2, false) }
	case *image.CMYK:
		return func(dst []byte, y int) { cmykRow(dst, m.Pix[m.PixOffset(b.Min.X, y):][:4*b.Dx()]) }
	case *image.Paletted:
		lut := f.palette(m.Palette)
		return func(dst []byte, y int) {
			src := m.Pix[m.PixOffset(b.Min.X, y):][:b.Dx()]
			for x, v := range src {
				c := &lut[v]
				dst[3*x], dst[3*x+1], dst[3*x+2] = c[0], c[1], c[2]
			}
		}
	}
	return nil
}

// rgbaRow writes a row of pixels of size bytes whose four channels begin every step bytes. multiplied says that the colours were
// multiplied by alpha, as some TIFF files have them.
func (f *filler) rgbaRow(dst, src []byte, size, step int, multiplied bool) {
	for i, j := 0, 0; j+size <= len(src); i, j = i+3, j+size {
		r, g, b, a := src[j], src[j+step], src[j+2*step], src[j+3*step]
		if a != 255 {
			if multiplied {
				r, g, b = divide(r, a), divide(g, a), divide(b, a)
			}
			if !f.keepAlphaColour {
				r, g, b = onWhite(r, a), onWhite(g, a), onWhite(b, a)
			}
		}
		dst[i], dst[i+1], dst[i+2] = r, g, b
	}
}

// palette returns the 256 colours of a palette, those beyond its end black.
func (f *filler) palette(p color.Palette) (lut [256][3]byte) {
	for i, c := range p[:min(len(p), 256)] {
		n, straight := c.(color.NRGBA) // the model's conversion would lose the colour under full transparency
		if !straight {
			n = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		f.rgbaRow(lut[i][:], []byte{n.R, n.G, n.B, n.A}, 4, 1, false)
	}
	return lut
}

// onWhite lays a channel of a pixel with alpha a on white, rounded to the nearest.
func onWhite(v, a byte) byte {
	return byte((int(v)*int(a) + 255*(255-int(a)) + 127) / 255)
}

// divide undoes a channel's multiplication by alpha.
func divide(v, a byte) byte {
	if a == 0 {
		return v
	}
	return byte(min(255, 255*int(v)/int(a)))
}

// cmykRow writes inks as light: (255-ink)*(255-black)/255, in Pillow's rounding.
func cmykRow(dst, src []byte) {
	for i, j := 0, 0; j+4 <= len(src); i, j = i+3, j+4 {
		light := 255 - int(src[j+3])
		for c := range 3 {
			t := int(src[j+c])*light + 128
			dst[i+c] = byte(max(0, light-((t>>8)+t)>>8))
		}
	}
}

// layOnWhite lays the pixels that are filled already on white, by the alpha of a WebP.
func (f *filler) layOnWhite(m *image.NYCbCrA) {
	if f.keepAlphaColour {
		return
	}
	for y := range f.frame.Dy() {
		alpha := m.A[y*m.AStride:][:f.frame.Dx()]
		row := f.row(y)
		for x, a := range alpha {
			if a != 255 {
				p := row[3*x : 3*x+3]
				p[0], p[1], p[2] = onWhite(p[0], a), onWhite(p[1], a), onWhite(p[2], a)
			}
		}
	}
}
