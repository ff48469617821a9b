package picture

import (
	"encoding/binary"
	"strings"
	"testing"
)

// TestEveryOrientationIsTurnedUpright shows a picture of six pixels, as it lies in the file and as it is shown.
func TestEveryOrientationIsTurnedUpright(t *testing.T) {
	for turn, shown := range map[int]string{
		0: "abc def",
		1: "abc def",
		2: "cba fed",
		3: "fed cba",
		4: "def abc",
		5: "ad be cf",
		6: "da eb fc",
		7: "fc eb da",
		8: "cf be ad",
	} {
		p := &Picture{W: 3, H: 2, Exif: Exif{Orientation: turn}}
		for _, c := range []byte("abcdef") {
			p.Pix = append(p.Pix, c, c+100, c+50)
		}
		p.turnUpright()
		if got := spell(t, p); got != shown {
			t.Errorf("orientation %d: %q, want %q", turn, got, shown)
		}
	}
}

func spell(t *testing.T, p *Picture) string {
	var rows []string
	for y := range p.H {
		row := ""
		for x := range p.W {
			c := p.Pix[3*(y*p.W+x):][:3]
			if c[1] != c[0]+100 || c[2] != c[0]+50 {
				t.Fatalf("the channels of a pixel were torn apart: %v", c)
			}
			row += string(rune(c[0]))
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, " ")
}

func TestDecodeTurnsByExif(t *testing.T) {
	data := withExif(t, writeExif(binary.LittleEndian, []tag{{tagOrientation, 8}}))
	p, err := Decode(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.W != 2 || p.H != 3 || p.Exif.Orientation != 8 {
		t.Errorf("%dx%d, orientation %d, want 2x3, 8", p.W, p.H, p.Exif.Orientation)
	}
}
