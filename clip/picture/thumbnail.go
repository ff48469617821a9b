package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// Thumbnail returns a small JPEG of a picture, without any of its metadata: the longer side is at most side pixels, and nothing is ever
// enlarged. quality is 1 to 100; about 80 is right for contact sheets.
func Thumbnail(p *Picture, side, quality int) ([]byte, error) {
	if side < 1 || quality < 1 || quality > 100 {
		return nil, fmt.Errorf("a thumbnail of %d pixels in quality %d: give at least 1 pixel and a quality from 1 to 100", side, quality)
	}
	small := p
	if w, h := within(p.W, p.H, side); w != p.W || h != p.H {
		small = Resize(p, w, h)
	}
	rgba := image.NewRGBA(image.Rect(0, 0, small.W, small.H))
	for i, j := 0, 0; j < len(small.Pix); i, j = i+4, j+3 {
		rgba.Pix[i], rgba.Pix[i+1], rgba.Pix[i+2], rgba.Pix[i+3] = small.Pix[j], small.Pix[j+1], small.Pix[j+2], 255
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, rgba, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("writing a thumbnail of %dx%d pixels: %w", small.W, small.H, err)
	}
	return out.Bytes(), nil
}

// within returns the largest size of the same shape, to the nearest pixel, whose longer side is at most side.
func within(w, h, side int) (int, int) {
	longer := max(w, h)
	if longer <= side {
		return w, h
	}
	fit := func(n int) int { return max(1, (2*n*side+longer)/(2*longer)) }
	return fit(w), fit(h)
}
