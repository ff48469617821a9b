package picture

import (
	"encoding/binary"
	"errors"
	"image"
)

// fromLimitedRange fills from the planes of a lossy WebP: luma in 16..235 and chroma 4:2:0, stretched and converted as libwebp does.
func (f *filler) fromLimitedRange(m *image.YCbCr) {
	cw := (f.w + 1) / 2
	ch := (f.h + 1) / 2
	u, v := make([]byte, f.w), make([]byte, f.w)
	for y := range f.h {
		near := y / 2
		far := min(max(near-1+2*(y&1), 0), ch-1)
		stretch(u, m.Cb[near*m.CStride:][:cw], m.Cb[far*m.CStride:][:cw])
		stretch(v, m.Cr[near*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw])
		luma := m.Y[m.YOffset(m.Rect.Min.X, m.Rect.Min.Y+y):][:f.w]
		limitedRangeRow(f.pix[3*y*f.w:][:3*f.w], luma, u, v)
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

// firstWebPFrame returns a file that holds the first picture of an animated WebP alone; a still one is returned as it is. The decoder
// knows no animations.
func firstWebPFrame(data []byte) ([]byte, error) {
	const animated, alpha = 1 << 1, 1 << 4
	head, ok := webpChunk(data, "VP8X")
	if !ok || len(head) < 10 || head[0]&animated == 0 {
		return data, nil
	}
	frame, ok := webpChunk(data, "ANMF")
	if !ok || len(frame) < 16 {
		return nil, errors.New("an animation without frames")
	}
	if [3]byte(frame[0:3]) != [3]byte{} || [3]byte(frame[3:6]) != [3]byte{} || [6]byte(frame[6:12]) != [6]byte(head[4:10]) {
		return nil, errors.New("an animation whose first frame does not cover it")
	}
	still := append([]byte(nil), "RIFF????WEBPVP8X\x0a\x00\x00\x00"...)
	flags := byte(0)
	if begins(frame[16:], "ALPH") {
		flags = alpha
	}
	still = append(still, flags, 0, 0, 0)
	still = append(still, head[4:10]...)
	still = append(still, frame[16:]...)
	if exif, ok := webpChunk(data, "EXIF"); ok {
		still = binary.LittleEndian.AppendUint32(append(still, "EXIF"...), uint32(len(exif)))
		still = append(still, exif...)
		if len(exif)%2 == 1 {
			still = append(still, 0)
		}
	}
	binary.LittleEndian.PutUint32(still[4:8], uint32(len(still)-8))
	return still, nil
}

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
