package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A tag is one line of a directory that writeExif writes: the value is a number, a text, degrees as three pairs, or a directory.
type tag struct {
	id    uint16
	value any
}

// writeExif writes directories as cameras do: the entries first, long values and further directories behind them.
func writeExif(order binary.AppendByteOrder, dir []tag) []byte {
	out := []byte("II*\x00")
	if order.AppendUint16(nil, 1)[0] == 0 {
		out = []byte("MM\x00*")
	}
	return appendDir(order.AppendUint32(out, 8), order, dir)
}

func appendDir(out []byte, order binary.AppendByteOrder, dir []tag) []byte {
	behind := len(out) + 2 + 12*len(dir) + 4
	var tail []byte
	out = order.AppendUint16(out, uint16(len(dir)))
	for _, t := range dir {
		out = order.AppendUint16(out, t.id)
		switch v := t.value.(type) {
		case int:
			out = order.AppendUint16(order.AppendUint32(order.AppendUint16(out, kindShort), 1), uint16(v))
			out = append(out, 0, 0)
		case string:
			out = order.AppendUint32(order.AppendUint16(out, kindText), uint32(len(v)+1))
			if len(v) < 4 {
				out = append(append(out, v...), make([]byte, 4-len(v))...)
				break
			}
			out = order.AppendUint32(out, uint32(behind+len(tail)))
			tail = append(append(tail, v...), 0)
		case [6]uint32:
			out = order.AppendUint32(order.AppendUint32(order.AppendUint16(out, kindRational), 3), uint32(behind+len(tail)))
			for _, n := range v {
				tail = order.AppendUint32(tail, n)
			}
		case []tag:
			out = order.AppendUint32(order.AppendUint32(order.AppendUint16(out, kindLong), 1), uint32(behind+len(tail)))
			inner := appendDir(make([]byte, behind+len(tail)), order, v) // its offsets count from the beginning of all
			tail = append(tail, inner[behind+len(tail):]...)
		}
	}
	return append(order.AppendUint32(out, 0), tail...)
}

func lisbon() []tag {
	return []tag{
		{tagMake, "NIKON CORPORATION"},
		{tagModel, "NIKON D90"},
		{tagOrientation, 6},
		{tagExifDir, []tag{
			{tagTaken, "2019:07:21 18:04:59"},
			{tagOffsetTaken, "+01:00"},
			{tagLensModel, "18-105mm f/3.5-5.6 "},
		}},
		{tagPlaceDir, []tag{
			{tagLatRef, "N"}, {tagLat, [6]uint32{38, 1, 42, 1, 3000, 100}},
			{tagLonRef, "W"}, {tagLon, [6]uint32{9, 1, 8, 1, 0, 0}},
		}},
	}
}

func TestExifIsReadInBothByteOrders(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		e := parseExif(writeExif(order, lisbon()))
		if want := time.Date(2019, 7, 21, 17, 4, 59, 0, time.UTC); !e.Taken.Equal(want) {
			t.Errorf("%v: taken %v, want %v", order, e.Taken, want)
		}
		if e.Orientation != 6 || e.Camera != "NIKON D90" || e.Lens != "18-105mm f/3.5-5.6" {
			t.Errorf("%v: orientation %d, camera %q, lens %q", order, e.Orientation, e.Camera, e.Lens)
		}
		if !e.HasPlace || math.Abs(e.Lat-(38+42.5/60)) > 1e-9 || math.Abs(e.Lon+(9+8./60)) > 1e-9 {
			t.Errorf("%v: place %v %v, %v", order, e.HasPlace, e.Lat, e.Lon)
		}
	}
}

func TestExifThatIsNoUse(t *testing.T) {
	for name, dir := range map[string][]tag{
		"nothing":              {},
		"orientation 0":        {{tagOrientation, 0}},
		"orientation 9":        {{tagOrientation, 9}},
		"orientation as text":  {{tagOrientation, "6"}},
		"a clock never set":    {{tagExifDir, []tag{{tagTaken, "0000:00:00 00:00:00"}}}},
		"a blank date":         {{tagExifDir, []tag{{tagTaken, "    :  :     :  :  "}}}},
		"latitude 91":          {{tagPlaceDir, []tag{{tagLatRef, "N"}, {tagLat, [6]uint32{91, 1}}, {tagLonRef, "E"}, {tagLon, [6]uint32{0, 1}}}}},
		"latitude over zero":   {{tagPlaceDir, []tag{{tagLatRef, "N"}, {tagLat, [6]uint32{1, 0}}, {tagLonRef, "E"}, {tagLon, [6]uint32{0, 1}}}}},
		"latitude alone":       {{tagPlaceDir, []tag{{tagLatRef, "N"}, {tagLat, [6]uint32{1, 1}}}}},
		"no side of the globe": {{tagPlaceDir, []tag{{tagLat, [6]uint32{1, 1}}, {tagLon, [6]uint32{0, 1}}}}},
	} {
		if e := parseExif(writeExif(binary.LittleEndian, dir)); e != (Exif{}) {
			t.Errorf("%s: %+v, want nothing", name, e)
		}
	}
}

func TestTakenInALocalTimeWithoutZoneIsUTC(t *testing.T) {
	e := parseExif(writeExif(binary.BigEndian, []tag{{tagExifDir, []tag{{tagDigitised, "2001:02:03 04:05:06"}}}}))
	if want := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC); !e.Taken.Equal(want) {
		t.Errorf("taken %v, want %v", e.Taken, want)
	}
}

func TestCameraNamesItsMakerOnce(t *testing.T) {
	for _, c := range [][3]string{
		{"Canon", "Canon EOS 5D", "Canon EOS 5D"},
		{"NIKON CORPORATION", "NIKON D90", "NIKON D90"},
		{"Apple", "iPhone 12", "Apple iPhone 12"},
		{"", "E5", "E5"},
		{"Agfa", "", "Agfa"},
	} {
		if got := camera(c[0], c[1]); got != c[2] {
			t.Errorf("camera(%q, %q) is %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// TestBrokenExifIsNoHarm cuts and scrambles a blob in every place: whatever is read, nothing reads outside.
func TestBrokenExifIsNoHarm(t *testing.T) {
	whole := writeExif(binary.LittleEndian, lisbon())
	for n := range whole {
		parseExif(whole[:n:n])
	}
	seed := rand.Uint64()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("seed %d: %v", seed, r)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(4) {
			b[8+r.IntN(len(b)-8)] = byte(r.IntN(256))
		}
		parseExif(b)
	}
}

// TestExifIsFoundInEveryFormat wraps the same blob as JPEG, PNG and WebP do; a TIFF is such a blob itself.
func TestExifIsFoundInEveryFormat(t *testing.T) {
	blob := writeExif(binary.BigEndian, lisbon())
	png := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x00tEXt\x00\x00\x00\x00"), uint32(len(blob)))
	png = append(append(append(png, "eXIf"...), blob...), 0, 0, 0, 0)
	riff := binary.LittleEndian.AppendUint32([]byte("RIFF\x00\x00\x00\x00WEBPICCP\x03\x00\x00\x00abc\x00EXIF"), uint32(len(blob)))
	for format, file := range map[string][]byte{
		"jpeg": withExif(t, blob),
		"png":  png,
		"webp": append(riff, blob...),
		"tiff": blob,
	} {
		if e := readExif(format, file); e != parseExif(blob) || e.Camera == "" {
			t.Errorf("%s: %+v", format, e)
		}
	}
}

// withExif returns a JPEG of 3 by 2 pixels with EXIF.
func withExif(t testing.TB, blob []byte) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2)), nil); err != nil {
		t.Fatal(err)
	}
	segment := append(exifHead(), blob...)
	out := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xe1"), uint16(len(segment)+2))
	return append(append(out, segment...), b.Bytes()[2:]...)
}
