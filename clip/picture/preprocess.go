package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Preprocess turns pictures of any size into the tensors that an encoder was trained on: the shorter side scaled to Side, the middle cut
// out, samples divided by 255, then (v-Mean)/Std for red, green and blue.
type Preprocess struct {
	Side      int
	Mean, Std [3]float32
}

// CLIP returns the preprocessing of OpenAI's CLIP and of most models after it.
func CLIP() Preprocess {
	return Preprocess{
		Side: 224,
		Mean: [3]float32{0.48145466, 0.4578275, 0.40821073},
		Std:  [3]float32{0.26862954, 0.26130258, 0.27577711},
	}
}

// Name says everything that the numbers depend on: vectors are comparable only where it is equal.
func (q Preprocess) Name() string {
	return fmt.Sprintf("rgb-upright-on-white/bicubic-8bit-%d/center/mean-%s/std-%s", q.Side, join(q.Mean), join(q.Std))
}

func join(v [3]float32) string {
	var s [3]string
	for i := range v {
		s[i] = strconv.FormatFloat(float64(v[i]), 'g', -1, 32)
	}
	return strings.Join(s[:], ",")
}

// Tensor appends 3*Side*Side numbers to dst, in the order channel, row, column.
func (q Preprocess) Tensor(dst []float32, p *Picture) []float32 {
	pix := q.Crop(p).Pix
	for c := range 3 {
		var value [256]float32
		for v := range value {
			value[v] = (float32(v)/255 - q.Mean[c]) / q.Std[c]
		}
		for i := c; i < len(pix); i += 3 {
			dst = append(dst, value[pix[i]])
		}
	}
	return dst
}

// Crop returns what the encoder sees of a picture: Side by Side pixels from the middle of the scaled picture.
func (q Preprocess) Crop(p *Picture) *Picture {
	w, h := q.scaled(p.W, p.H)
	out := *p
	out.W, out.H = q.Side, q.Side
	out.Pix = resizeWindow(p, w, h, middle(w, q.Side), middle(h, q.Side), q.Side, q.Side)
	return &out
}

// scaled returns the size whose shorter side is Side; the longer is rounded down.
func (q Preprocess) scaled(w, h int) (int, int) {
	if w <= h {
		return q.Side, q.Side * h / w
	}
	return q.Side * w / h, q.Side
}

// middle returns where a window of the given side begins; halves go to the even neighbour.
func middle(size, side int) int {
	return int(math.RoundToEven(float64(size-side) / 2))
}
