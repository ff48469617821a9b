package picture

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"time"
)

// readExif finds and reads what the camera wrote; whatever is missing or broken stays zero. A picture is no worse for it.
func readExif(format string, data []byte) Exif {
	switch format {
	case "jpeg":
		return parseExif(exifOfJPEG(data))
	case "png":
		return parseExif(exifOfPNG(data))
	case "webp":
		chunk, _ := webpChunk(data, "EXIF")
		return parseExif(bytes.TrimPrefix(chunk, exifHead()))
	case "tiff":
		return parseExif(data)
	}
	return Exif{}
}

func exifHead() []byte { return []byte("Exif\x00\x00") }

// exifOfJPEG returns the content of the first APP1 segment that holds EXIF. Segments are 0xff, kind, and a length that counts itself.
func exifOfJPEG(data []byte) []byte {
	const app1, startOfScan, endOfImage = 0xe1, 0xda, 0xd9
	for i := 2; i+4 <= len(data) && data[i] == 0xff; {
		kind := data[i+1]
		if kind == 0xff { // padding
			i++
			continue
		}
		n := int(binary.BigEndian.Uint16(data[i+2:]))
		if kind == startOfScan || kind == endOfImage || n < 2 || i+2+n > len(data) {
			return nil
		}
		body := data[i+4 : i+2+n]
		if kind == app1 && bytes.HasPrefix(body, exifHead()) {
			return body[len(exifHead()):]
		}
		i += 2 + n
	}
	return nil
}

// exifOfPNG returns the content of the eXIf chunk. Chunks are a length, a name, the content and a checksum.
func exifOfPNG(data []byte) []byte {
	for rest := data[min(8, len(data)):]; len(rest) >= 12; {
		n := uint64(binary.BigEndian.Uint32(rest))
		if n > uint64(len(rest)-12) {
			return nil
		}
		if string(rest[4:8]) == "eXIf" {
			return bytes.TrimPrefix(rest[8:8+n], exifHead())
		}
		rest = rest[12+n:]
	}
	return nil
}

// The tags that are read, and the directories they lie in.
const (
	tagMake        = 0x010f // first directory
	tagModel       = 0x0110
	tagOrientation = 0x0112
	tagExifDir     = 0x8769
	tagPlaceDir    = 0x8825

	tagTaken           = 0x9003 // EXIF directory
	tagDigitised       = 0x9004
	tagOffsetTaken     = 0x9011
	tagOffsetDigitised = 0x9012
	tagLensModel       = 0xa434

	tagLatRef = 1 // place directory
	tagLat    = 2
	tagLonRef = 3
	tagLon    = 4
)

// parseExif reads a TIFF structure. It follows two pointers at most, so that no loop can hold it.
func parseExif(data []byte) Exif {
	b := newBlob(data)
	if b == nil {
		return Exif{}
	}
	first := b.dir(b.order.Uint32(data[4:]))
	var e Exif
	if o, ok := b.number(first[tagOrientation]); ok && o >= 1 && o <= 8 {
		e.Orientation = int(o)
	}
	e.Camera = camera(b.text(first[tagMake]), b.text(first[tagModel]))
	if at, ok := b.number(first[tagExifDir]); ok {
		detail := b.dir(at)
		e.Lens = b.text(detail[tagLensModel])
		e.Taken = taken(b.text(detail[tagTaken]), b.text(detail[tagOffsetTaken]))
		if e.Taken.IsZero() {
			e.Taken = taken(b.text(detail[tagDigitised]), b.text(detail[tagOffsetDigitised]))
		}
	}
	if at, ok := b.number(first[tagPlaceDir]); ok {
		place := b.dir(at)
		lat, okLat := b.degrees(place[tagLat], b.text(place[tagLatRef]), "N", "S", 90)
		lon, okLon := b.degrees(place[tagLon], b.text(place[tagLonRef]), "E", "W", 180)
		if okLat && okLon {
			e.Lat, e.Lon, e.HasPlace = lat, lon, true
		}
	}
	return e
}

// camera joins maker and model; most models repeat the maker's name.
func camera(maker, model string) string {
	first, _, _ := strings.Cut(maker, " ")
	if maker == "" || strings.HasPrefix(strings.ToLower(model), strings.ToLower(first)) {
		return model
	}
	return strings.TrimSpace(maker + " " + model)
}

// taken reads a date and its zone. Cameras without a clock write zeros or blanks, which are no date.
func taken(date, offset string) time.Time {
	if t, err := time.Parse("2006:01:02 15:04:05 -07:00", date+" "+offset); err == nil {
		return t
	}
	t, err := time.Parse("2006:01:02 15:04:05", date)
	if err != nil {
		return time.Time{}
	}
	return t
}

// A blob is a TIFF structure; every offset in it is checked against its length.
type blob struct {
	data  []byte
	order binary.ByteOrder
}

// An entry is the value of one tag: count numbers or characters of a kind.
type entry struct {
	kind  uint16
	count int
	raw   []byte // nil where the tag is missing or points outside
}

func newBlob(data []byte) *blob {
	switch {
	case len(data) < 8:
		return nil
	case begins(data, "II*\x00"):
		return &blob{data, binary.LittleEndian}
	case begins(data, "MM\x00*"):
		return &blob{data, binary.BigEndian}
	}
	return nil
}

// dir reads the directory at an offset: a count, then twelve bytes for each tag.
func (b *blob) dir(at uint32) map[uint16]entry {
	if uint64(at)+2 > uint64(len(b.data)) {
		return nil
	}
	rest := b.data[at:]
	n := min(int(b.order.Uint16(rest)), (len(rest)-2)/12)
	tags := make(map[uint16]entry, n)
	for i := range n {
		e := rest[2+12*i : 14+12*i]
		tags[b.order.Uint16(e)] = b.entry(e)
	}
	return tags
}

// entry reads one tag's twelve bytes: tag, kind, count, and the value or, where it is longer than four bytes, its offset.
func (b *blob) entry(e []byte) entry {
	kind := b.order.Uint16(e[2:])
	count := uint64(b.order.Uint32(e[4:]))
	size := count * kindSize(kind)
	switch {
	case size == 0:
		return entry{}
	case size <= 4:
		return entry{kind, int(count), e[8 : 8+size]}
	}
	at := uint64(b.order.Uint32(e[8:]))
	if at+size > uint64(len(b.data)) {
		return entry{}
	}
	return entry{kind, int(count), b.data[at : at+size]}
}

const (
	kindByte     = 1
	kindText     = 2
	kindShort    = 3
	kindLong     = 4
	kindRational = 5
)

// kindSize returns the bytes of one value, 0 for kinds that are not read.
func kindSize(kind uint16) uint64 {
	switch kind {
	case kindByte, kindText:
		return 1
	case kindShort:
		return 2
	case kindLong:
		return 4
	case kindRational:
		return 8
	}
	return 0
}

func (b *blob) number(e entry) (uint32, bool) {
	switch {
	case e.raw == nil:
		return 0, false
	case e.kind == kindShort:
		return uint32(b.order.Uint16(e.raw)), true
	case e.kind == kindLong:
		return b.order.Uint32(e.raw), true
	}
	return 0, false
}

// text returns the characters before the first NUL, without the blanks that cameras pad with.
func (b *blob) text(e entry) string {
	if e.kind != kindText {
		return ""
	}
	s, _, _ := strings.Cut(string(e.raw), "\x00")
	return strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
}

// degrees reads degrees, minutes and seconds on the side of zero that ref names.
func (b *blob) degrees(e entry, ref, plus, minus string, most float64) (float64, bool) {
	if e.kind != kindRational || e.count != 3 || ref != plus && ref != minus {
		return 0, false
	}
	d, unit := 0.0, 1.0
	for i := range 3 {
		above, below := b.order.Uint32(e.raw[8*i:]), b.order.Uint32(e.raw[8*i+4:])
		if above != 0 { // 0/0 is how some cameras leave the seconds out
			d += float64(above) / float64(below) * unit
		}
		unit /= 60
	}
	if math.IsNaN(d) || d > most {
		return 0, false
	}
	if ref == minus {
		d = -d
	}
	return d, true
}
