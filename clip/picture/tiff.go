package picture

import (
	"bytes"
	"image"

	"golang.org/x/image/tiff"
)

// decodeTIFF decodes a TIFF. In fax-coded files whose tags say that black is zero, a fax's white runs are the zeros and so black; the decoder
// shows them white whatever the tags say.
func decodeTIFF(data []byte) (image.Image, error) {
	img, err := tiff.Decode(bytes.NewReader(data))
	if m, gray := img.(*image.Gray); gray && err == nil && faxWithBlackZero(data) {
		for i, v := range m.Pix {
			m.Pix[i] = 255 - v
		}
	}
	return img, err
}

func faxWithBlackZero(data []byte) bool {
	const (
		tagCompression, modifiedHuffman, group4 = 259, 2, 4
		tagPhotometric, blackIsZero             = 262, 1
	)
	b := newBlob(data)
	if b == nil {
		return false
	}
	first := b.dir(b.order.Uint32(data[4:]))
	compression, _ := b.number(first[tagCompression])
	photometric, _ := b.number(first[tagPhotometric])
	return compression >= modifiedHuffman && compression <= group4 && photometric == blackIsZero
}
