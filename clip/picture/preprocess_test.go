package picture

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// The sizes and offsets are those of torchvision's Resize and CenterCrop, which open_clip uses.
func TestTheMiddleOfTheScaledPicture(t *testing.T) {
	for _, c := range []struct{ w, h, scaledW, scaledH, x, y int }{
		{224, 224, 224, 224, 0, 0},
		{500, 375, 298, 224, 37, 0}, // 298.67 is rounded down
		{180, 300, 224, 373, 0, 74}, // 74.5 goes to the even neighbour
		{300, 181, 371, 224, 74, 0}, // 73.5 likewise
		{1, 50_000, 224, 11_200_000, 0, 5_599_888},
		{4000, 3000, 298, 224, 37, 0},
	} {
		w, h := CLIP().scaled(c.w, c.h)
		x, y := middle(w, 224), middle(h, 224)
		if w != c.scaledW || h != c.scaledH || x != c.x || y != c.y {
			t.Errorf("%dx%d: scaled to %dx%d, cut at %d,%d; want %+v", c.w, c.h, w, h, x, y, c)
		}
	}
}

func TestACropIsCutFromTheResizedPicture(t *testing.T) {
	p := noise(rand.New(rand.NewPCG(3, 4)), 97, 61)
	q := Preprocess{Side: 32}
	whole := Resize(p, 50, 32)
	got := q.Crop(p)
	for y := range 32 {
		if !bytes.Equal(got.row(y), whole.row(y)[3*9:][:3*32]) {
			t.Fatalf("row %d differs", y)
		}
	}
}

func TestTensorIsPlanesOfNormalisedSamples(t *testing.T) {
	p := &Picture{W: 2, H: 2, Pix: []byte{0, 51, 255, 102, 51, 255, 153, 51, 255, 255, 51, 255}}
	q := Preprocess{Side: 2, Mean: [3]float32{0.5, 0.2, 0}, Std: [3]float32{0.5, 1, 0.25}}
	got := q.Tensor([]float32{7}, p)
	want := []float32{7, -1, -0.2, 0.2, 1, 0, 0, 0, 0, 4, 4, 4, 4}
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-6 {
			t.Errorf("number %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestNamesTellPreprocessingsApart(t *testing.T) {
	const clip = "rgb-upright-on-white/bicubic-8bit-224/center/mean-0.48145467,0.4578275,0.40821072/std-0.26862955,0.2613026,0.2757771"
	if got := CLIP().Name(); got != clip {
		t.Errorf("the name is %s, and was %s", got, clip)
	}
	other := CLIP()
	other.Std[2] = 0.5
	if other.Name() == clip {
		t.Error("another deviation has the same name")
	}
}
