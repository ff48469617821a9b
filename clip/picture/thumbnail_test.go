package picture

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func TestThumbnailsFitAndAreNeverEnlarged(t *testing.T) {
	for _, c := range []struct{ w, h, thumbW, thumbH int }{
		{512, 384, 256, 192},
		{384, 512, 192, 256},
		{500, 333, 256, 170},
		{100, 50, 100, 50},
		{256, 256, 256, 256},
		{3000, 1, 256, 1},
	} {
		p := noise(rand.New(rand.NewPCG(5, 6)), c.w, c.h)
		data, err := Thumbnail(p, 256, 80)
		if err != nil {
			t.Fatal(err)
		}
		thumb, err := Decode(data, nil)
		if err != nil || thumb.Format != "jpeg" || thumb.W != c.thumbW || thumb.H != c.thumbH {
			t.Errorf("%dx%d: %+v, %v; want a JPEG of %dx%d", c.w, c.h, thumb, err, c.thumbW, c.thumbH)
		}
	}
}

func TestThumbnailsTellNothingOfTheCamera(t *testing.T) {
	p, err := Decode(withExif(t, writeExif(binary.BigEndian, lisbon())), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Thumbnail(p, 256, 80)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Exif.HasPlace || bytes.Contains(data, []byte("Exif")) || bytes.Contains(data, []byte("NIKON")) {
		t.Error("metadata went along")
	}
}

func TestThumbnailRefusesSizesThatAreNone(t *testing.T) {
	p := noise(rand.New(rand.NewPCG(5, 6)), 4, 4)
	for _, c := range [][2]int{{0, 80}, {256, 0}, {256, 101}} {
		if _, err := Thumbnail(p, c[0], c[1]); err == nil {
			t.Errorf("side %d, quality %d was accepted", c[0], c[1])
		}
	}
}
