package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
)

// decodeGIF decodes the first frame of a GIF. The decoder blackens the palette's transparent colour; where the frame uses the file's common
// palette, the colour is put back, transparent as it is.
func decodeGIF(data []byte) (image.Image, error) {
	img, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	cfg, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	m, indexed := img.(*image.Paletted)
	common, _ := cfg.ColorModel.(color.Palette)
	if !indexed || len(common) != len(m.Palette) {
		return img, nil
	}
	clear := -1
	for i, c := range m.Palette {
		if c == common[i] {
			continue
		}
		if c != (color.RGBA{}) {
			return img, nil // another palette
		}
		clear = i
	}
	if clear >= 0 {
		c := common[clear].(color.RGBA)
		m.Palette[clear] = color.NRGBA{R: c.R, G: c.G, B: c.B}
	}
	return img, nil
}
