package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/webp"
)

// fromLimitedRange fills from the planes of a lossy WebP: luma in 16..235 and chroma 4:2:0, stretched and converted as libwebp does.
func (f *filler) fromLimitedRange(m *image.YCbCr) {
	w, h := f.frame.Dx(), f.frame.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	u, v := make([]byte, w), make([]byte, w)
	for y := range h {
		near := y / 2
		far := min(max(near-1+2*(y&1), 0), ch-1)
		stretch(u, m.Cb[near*m.CStride:][:cw], m.Cb[far*m.CStride:][:cw])
		stretch(v, m.Cr[near*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw])
		limitedRangeRow(f.row(y), m.Y[y*m.YStride:][:w], u, v)
	}
}

// stretch interpolates a row of chroma between samples: near is the chroma row that lies nearest, far the next nearest. Each result is
// (9 nearest + 3 + 3 + 1 farthest)/16, in the two roundings of libwebp; at the ends of a row (3 near + far)/4.
func stretch(dst, near, far []byte) {
	dst[0] = byte((3*int(near[0]) + int(far[0]) + 2) >> 2)
	for x := 1; x < len(near); x++ {
		nl, nr, fl, fr := int(near[x-1]), int(near[x]), int(far[x-1]), int(far[x])
		sum := nl + nr + fl + fr + 8
		falling := (sum + 2*(nr+fl)) >> 3
		rising := (sum + 2*(nl+fr)) >> 3
		dst[2*x-1] = byte((falling + nl) >> 1)
		if 2*x < len(dst) {
			dst[2*x] = byte((rising + nr) >> 1)
		}
	}
	if last := len(near) - 1; len(dst)%2 == 0 {
		dst[len(dst)-1] = byte((3*int(near[last]) + int(far[last]) + 2) >> 2)
	}
}

// limitedRangeRow converts one row in libwebp's fixed point, 6 bits behind the point.
func limitedRangeRow(dst, luma, cb, cr []byte) {
	cb, cr, dst = cb[:len(luma)], cr[:len(luma)], dst[:3*len(luma)]
	for x, l := range luma {
		y := int32(l) * 19077 >> 8
		u, v := int32(cb[x]), int32(cr[x])
		p := dst[3*x : 3*x+3 : 3*x+3]
		p[0] = clip6(y + v*26149>>8 - 14234)
		p[1] = clip6(y - u*6419>>8 - v*13320>>8 + 8708)
		p[2] = clip6(y + u*33050>>8 - 17685)
	}
}

func clip6(v int32) byte {
	return byte(min(max(v>>6, 0), 255))
}

// configWebP returns the size of a WebP, of its canvas where it is an animation.
func configWebP(data []byte) (image.Config, error) {
	if canvas, ok := webpAnimation(data); ok {
		return image.Config{Width: uint24(canvas[4:]) + 1, Height: uint24(canvas[7:]) + 1}, nil
	}
	return webp.DecodeConfig(bytes.NewReader(data))
}

// decodeWebP decodes a WebP or the first frame of an animation. The decoder knows no animations, so it is given the frame as a file.
func decodeWebP(data []byte) (image.Image, error) {
	if _, ok := webpAnimation(data); !ok {
		return webp.Decode(bytes.NewReader(data))
	}
	frame, ok := webpChunk(data, "ANMF")
	if !ok || len(frame) < 16 {
		return nil, errors.New("an animation without frames")
	}
	img, err := webp.Decode(bytes.NewReader(stillWebP(frame)))
	if err != nil {
		return nil, err
	}
	at := image.Pt(2*uint24(frame), 2*uint24(frame[3:]))
	switch m := img.(type) {
	case *image.YCbCr:
		m.Rect = m.Rect.Add(at)
	case *image.NYCbCrA:
		m.Rect = m.Rect.Add(at)
	case *image.NRGBA:
		m.Rect = m.Rect.Add(at)
	}
	return img, nil
}

// webpAnimation returns the chunk that describes a WebP's canvas, if it says that the file is an animation.
func webpAnimation(data []byte) ([]byte, bool) {
	const animated = 1 << 1
	head, ok := webpChunk(data, "VP8X")
	return head, ok && len(head) >= 10 && head[0]&animated != 0
}

// stillWebP makes a file of an animation's frame: its place (3+3 bytes), size less one (3+3), duration (3), flags (1), then chunks.
func stillWebP(frame []byte) []byte {
	const alpha = 1 << 4
	flags := byte(0)
	if begins(frame[16:], "ALPH") {
		flags = alpha
	}
	still := append([]byte(nil), "RIFF????WEBPVP8X\x0a\x00\x00\x00"...)
	still = append(still, flags, 0, 0, 0)
	still = append(still, frame[6:12]...)
	still = append(still, frame[16:]...)
	binary.LittleEndian.PutUint32(still[4:8], uint32(len(still)-8))
	return still
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// webpChunk returns the first chunk of a name. Chunks begin with their name and length, and are padded to even lengths.
func webpChunk(data []byte, name string) ([]byte, bool) {
	if !begins(data, "RIFF????WEBP") {
		return nil, false
	}
	for rest := data[12:]; len(rest) >= 8; {
		body := rest[8:]
		if uint64(binary.LittleEndian.Uint32(rest[4:8])) > uint64(len(body)) {
			return nil, false
		}
		n := int(binary.LittleEndian.Uint32(rest[4:8]))
		if begins(rest, name) {
			return body[:n], true
		}
		rest = body[min(n+n&1, len(body)):]
	}
	return nil, false
}
