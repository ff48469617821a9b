package picture

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/webp"
)

// A sample is one line of a list.txt: a picture, what Pillow makes of it, and how far we may be from that. make.py beside the list tells
// how it was made.
type sample struct {
	file, reference, bound, alpha string
}

// TestPicturesAreThoseOfPillow compares, on small pictures of every kind, the pixels that an encoder is shown.
func TestPicturesAreThoseOfPillow(t *testing.T) {
	comparePictures(t, filepath.Join("testdata", "pillow"))
}

// TestPicturesOfAFolderAreThoseOfPillow does the same for a folder that testdata/pillow/make.py wrote from any pictures.
func TestPicturesOfAFolderAreThoseOfPillow(t *testing.T) {
	dir := os.Getenv("SAEDB_PICTURES")
	if dir == "" {
		t.Skip("SAEDB_PICTURES names no folder with references")
	}
	comparePictures(t, dir)
}

func comparePictures(t *testing.T, dir string) {
	samples := readList(t, filepath.Join(dir, "list.txt"))
	if len(samples) == 0 {
		t.Fatal("the list is empty")
	}
	byKind := map[string]*distance{}
	for _, s := range samples {
		file := s.file
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		data := mustRead(t, file)
		p, err := Decode(data, &Options{KeepAlphaColour: s.alpha == "keep"})
		if err != nil {
			t.Errorf("%s: %v", s.file, err)
			continue
		}
		var d distance
		d.add(CLIP().Crop(p).Pix, readReference(t, filepath.Join(dir, s.reference)))
		if !d.keeps(s.bound) {
			t.Errorf("%s (%s): %v, and the bound is %s", s.file, s.alpha, d, s.bound)
		}
		kind := p.Format + " " + s.bound
		if byKind[kind] == nil {
			byKind[kind] = &distance{}
		}
		byKind[kind].join(d)
	}
	for kind, d := range byKind {
		t.Logf("%-14s %v", kind, d)
	}
}

// A distance sums up by how much samples differ, of 255.
type distance struct {
	pictures, samples int
	total, largest    int
	worst             float64 // mean of a picture
}

func (d *distance) add(got, want []byte) {
	d.pictures++
	for i := range want {
		diff := int(got[i]) - int(want[i])
		if diff < 0 {
			diff = -diff
		}
		d.total += diff
		d.largest = max(d.largest, diff)
	}
	d.samples += len(want)
	d.worst = d.mean()
}

func (d *distance) join(o distance) {
	d.pictures += o.pictures
	d.samples += o.samples
	d.total += o.total
	d.largest = max(d.largest, o.largest)
	d.worst = max(d.worst, o.worst)
}

func (d distance) mean() float64 { return float64(d.total) / float64(d.samples) }

func (d distance) String() string {
	return fmt.Sprintf("%d pictures: max %d, mean %.4f, worst mean %.4f", d.pictures, d.largest, d.mean(), d.worst)
}

func (d distance) keeps(bound string) bool {
	switch bound {
	case "exact":
		return d.largest == 0
	case "max4":
		return d.largest <= 4
	case "mean0.2":
		return d.mean() < 0.2
	}
	return false
}

func readList(t testing.TB, path string) (list []sample) {
	for line := range strings.Lines(string(mustRead(t, path))) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 4 {
			t.Fatalf("%s: %q is not file, reference, bound, alpha", path, line)
		}
		list = append(list, sample{f[0], f[1], f[2], f[3]})
	}
	return list
}

// readReference returns the R, G, B of a lossless WebP.
func readReference(t *testing.T, path string) []byte {
	img, err := webp.Decode(bytes.NewReader(mustRead(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	m := img.(*image.NRGBA)
	pix := make([]byte, 0, len(m.Pix)/4*3)
	for i := 0; i < len(m.Pix); i += 4 {
		pix = append(pix, m.Pix[i:i+3]...)
	}
	return pix
}

func mustRead(t testing.TB, path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
