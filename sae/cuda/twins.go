package cuda

import (
	"math"

	"github.com/saedb/saedb/internal/vec"
)

// stepValues is struct Step of kernel/step.h.
type stepValues struct {
	keepDec, keepEnc    float32
	b1, c1, b2, c2      float32
	rate, correct, eps  float32
	scale               float32
	k, overdue, tooLong int32
	penalty             float32
	l1, clip, aux       float64
	spread              float32
	share               uint32
}

// statValues is struct Stats of kernel/step.h.
type statValues struct {
	loss, own, spread, aux float64
	active                 uint32
	dead, late, okay       uint32
	clip                   float32
	least, halt, revived   uint32
}

// placeValues is struct Place of kernel/step.h.
type placeValues struct {
	at, fresh, listed, base, first, begun uint32
}

// deadValues is struct Dead of kernel/step.h.
type deadValues struct {
	weight float64
	scale  float32
	many   uint32
}

// Their sizes, which a test compares.
const (
	stepSize  = 88
	statsSize = 64
	placeSize = 24
	deadSize  = 16
)

// newStep is what changes in a step. dec and enc are the optimisers of the encoder's rows and of all else, which differ in their decay.
func newStep(dec, enc *vec.AdamW, s shape, k int, overdue int64, epoch int) stepValues {
	return stepValues{
		keepDec: dec.Keep, keepEnc: enc.Keep, b1: dec.B1, c1: dec.C1, b2: dec.B2, c2: dec.C2, rate: dec.Rate, correct: dec.Correct, eps: dec.Eps,
		scale: 2 / float32(s.n*s.d), k: int32(k), overdue: int32(min(overdue, math.MaxInt32)), tooLong: int32(epoch),
	}
}

// leastKept is the least activation that a batch kept; 0: none fired.
func (s statValues) leastKept() float64 {
	if s.least == 0 {
		return 0
	}
	return float64(math.Float32frombits(^s.least))
}
