package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"math/rand/v2"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"
)

func sampleFile(t testing.TB, name string) []byte {
	return mustRead(t, filepath.Join("testdata", "pillow", name))
}

// pngHead returns a PNG that promises a size and holds nothing.
func pngHead(w, h uint32) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
	head = append(head, 8, 2, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(head))
}

func TestDecodeTellsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		data string
		err  error
		says string
	}{
		{"nothing", "", ErrFormat, "the file is empty"},
		{"one byte", "\xff", ErrFormat, "first bytes"},
		{"a text", "Dear diary, today I bought a camera.\n", ErrFormat, "first bytes"},
		{"a text that begins like a BMP", "BMW sells cars, and so does Audi", ErrFormat, "first bytes"},
		{"HEIC", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", ErrFormat, "HEIC is not supported; convert it"},
		{"HEIC by its second name", "\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", ErrFormat, "HEIC"},
		{"AVIF", "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1miaf", ErrFormat, "AVIF"},
		{"AVIF by its second name", "\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", ErrFormat, "AVIF"},
		{"a film", "\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42", ErrFormat, "first bytes"},
		{"JPEG XL", "\xff\x0a\x00\x00", ErrFormat, "JPEG XL"},
		{"JPEG XL in a box", "\x00\x00\x00\x0cJXL \r\n\x87\n", ErrFormat, "JPEG XL"},
		{"PDF", "%PDF-1.7\n", ErrFormat, "PDF"},
		{"a bomb", string(pngHead(50_000, 50_000)), ErrTooLarge, "50000x50000 pixels, and the limit is 200000000"},
		{"a size that overflows", string(pngHead(1<<31-1, 1<<31-1)), ErrTooLarge, "more pixels"},
		{"no width", string(pngHead(0, 5)), ErrDamaged, ""},
		{"a PNG head alone", string(pngHead(5, 5)), ErrDamaged, "ends too early"},
		{"a JPEG's first bytes", "\xff\xd8\xff\xe0", ErrDamaged, "ends too early"},
		{"a JPEG with 12 bits", "\xff\xd8\xff\xc1\x00\x0b\x0c\x00\x01\x00\x01\x01\x01\x11\x00", ErrFormat, "not supported"},
		{"a WebP's first bytes", "RIFF\x00\x00\x00\x00WEBP", ErrDamaged, ""},
		{"a TIFF without directory", "II*\x00\xff\xff\xff\xff", ErrDamaged, ""},
	} {
		p, err := Decode([]byte(c.data), nil)
		if p != nil || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %v saying %q", c.name, err, c.err, c.says)
		}
	}
}

func TestMaxPixelsIsTheLargestSizeAllowed(t *testing.T) {
	data := sampleFile(t, "rgb-card.png") // 150x110
	if _, err := Decode(data, &Options{MaxPixels: 150 * 110}); err != nil {
		t.Error(err)
	}
	if _, err := Decode(data, &Options{MaxPixels: 150*110 - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one pixel too many: %v", err)
	}
}

// TestPixelsIsWhatDecodeMakes asks for the size before decoding, of pictures upright or not, and of what is none.
func TestPixelsIsWhatDecodeMakes(t *testing.T) {
	for _, data := range append(smallFiles(t), nil, []byte("not a picture"), pngHead(5, 5)[:20]) {
		n, err := Pixels(data, nil)
		p, want := Decode(data, nil)
		switch {
		case want == nil && (err != nil || n != p.W*p.H):
			t.Errorf("%s: %d pixels, %v; decoded there are %d", p.Format, n, err, p.W*p.H)
		case want != nil && (err == nil || err.Error() != want.Error() || n != 0):
			t.Errorf("%.20q: %d pixels, %v; decoding gives %v", data, n, err, want)
		}
	}
}

// TestTruncatedFilesAreDamaged cuts one file of each format in its middle, and in steps everywhere.
func TestTruncatedFilesAreDamaged(t *testing.T) {
	for _, name := range []string{
		"card-420.jpg", "progressive.jpg", "rgb-card.png", "rgb-interlaced.png", "plain.gif", "animated.gif", "lossy-75.webp", "lossless.webp",
		"animated.webp", "rgb.bmp", "rgb-lzw.tiff", "rgb-plain.tiff",
	} {
		whole := sampleFile(t, name)
		for n := 0; n < len(whole); n += 1 + len(whole)/100 {
			_, err := Decode(whole[:n:n], nil)
			if n <= len(whole)/2 && err == nil && name != "animated.gif" && name != "animated.webp" { // their first frames may be whole
				t.Errorf("%s cut to %d of %d bytes was decoded", name, n, len(whole))
			}
			if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
		if _, err := Decode(whole[:len(whole)/2], nil); name != "animated.gif" && name != "animated.webp" && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s cut to half: %v, want ErrDamaged", name, err)
		}
	}
}

func TestAlphaIsLaidOnWhiteUnlessKept(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	img.SetNRGBA(0, 0, color.NRGBA{10, 20, 30, 255})
	img.SetNRGBA(1, 0, color.NRGBA{10, 20, 30, 128})
	img.SetNRGBA(2, 0, color.NRGBA{10, 20, 30, 0})
	for keep, want := range map[bool][]byte{
		false: {10, 20, 30, 132, 137, 142, 255, 255, 255},
		true:  {10, 20, 30, 10, 20, 30, 10, 20, 30},
	} {
		f := filler{pix: make([]byte, 9), w: 3, h: 1, keepAlphaColour: keep}
		if err := f.from(img, "png"); err != nil || !bytes.Equal(f.pix, want) {
			t.Errorf("keep %v: %v %v, want %v", keep, f.pix, err, want)
		}
	}
}

// TestTallChromaIsWideChromaTurned checks the rare 4:4:0 against 4:2:2, of which Pillow wrote samples.
func TestTallChromaIsWideChromaTurned(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		w, h := 5+r.IntN(20), 1+r.IntN(20)
		wide := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio422)
		tall := image.NewYCbCr(image.Rect(0, 0, h, w), image.YCbCrSubsampleRatio440)
		for y := range h {
			for x := range w {
				i, j := wide.YOffset(x, y), tall.YOffset(y, x)
				wide.Y[i] = byte(r.IntN(256))
				tall.Y[j] = wide.Y[i]
				i, j = wide.COffset(x, y), tall.COffset(y, x)
				if x%2 == 0 {
					wide.Cb[i], wide.Cr[i] = byte(r.IntN(256)), byte(r.IntN(256))
				}
				tall.Cb[j], tall.Cr[j] = wide.Cb[i], wide.Cr[i]
			}
		}
		a := filler{pix: make([]byte, 3*w*h), w: w, h: h}
		b := filler{pix: make([]byte, 3*w*h), w: h, h: w}
		if err := errors.Join(a.from(wide, "jpeg"), b.from(tall, "jpeg")); err != nil {
			t.Fatal(err)
		}
		turned := &Picture{W: h, H: w, Pix: b.pix, Exif: Exif{Orientation: 5}}
		turned.turnUpright()
		if !bytes.Equal(a.pix, turned.Pix) {
			t.Fatalf("seed %d: %dx%d differs", seed, w, h)
		}
	}
}

const fuzzLimit = 1 << 16

// FuzzDecode looks for files that break the decoders: no panic comes through, and every error is of a kind that callers know.
func FuzzDecode(f *testing.F) {
	for _, data := range smallFiles(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data, &Options{MaxPixels: fuzzLimit})
		switch {
		case err == nil && (p.W < 1 || p.H < 1 || p.W*p.H > fuzzLimit || len(p.Pix) != 3*p.W*p.H):
			t.Fatalf("a picture of %dx%d with %d bytes", p.W, p.H, len(p.Pix))
		case err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrDamaged):
			t.Fatalf("an error of no kind: %v", err)
		}
	})
}

// TestMemoryFollowsTheLimitNotTheClaim scrambles files, mostly in their heads where the sizes stand.
func TestMemoryFollowsTheLimitNotTheClaim(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for _, whole := range smallFiles(t) {
		for range 40 {
			data := bytes.Clone(whole)
			for range 1 + r.IntN(3) {
				data[r.IntN(min(64, len(data)))] = byte(r.IntN(256))
			}
			before := allocated()
			_, err := Decode(data, &Options{MaxPixels: fuzzLimit})
			// A strip one pixel high is decoded in blocks of up to 32 rows, in four components, some with 4 bytes a sample.
			if used, allowed := allocated()-before, uint64(1024*fuzzLimit+1024*len(data)); used > allowed {
				t.Fatalf("seed %d: %d bytes of data took %d bytes of memory, more than %d (%v)", seed, len(data), used, allowed, err)
			}
		}
	}
}

// smallFiles returns the pictures of testdata below 700 bytes, all formats among them, a bomb, and a picture with much EXIF.
func smallFiles(t testing.TB) (files [][]byte) {
	names, err := filepath.Glob(filepath.Join("testdata", "pillow", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if data := mustRead(t, name); len(data) < 700 {
			files = append(files, data)
		}
	}
	return append(files, pngHead(50_000, 50_000), withExif(t, writeExif(binary.BigEndian, lisbon())))
}

// allocated returns how many bytes were ever allocated.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
