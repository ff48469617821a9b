package cuda

import "math"

// zigguratTables are k, w and f of kernel/noise.cu, one after the other: for each of the 128 strips of equal area under the bell, below which whole number a draw
// lies inside of it for certain, by how much a draw is multiplied, and how high the bell is at its end. They are those of math/rand/v2, as a test knows.
func zigguratTables() []uint32 {
	const (
		strips = 128
		scale  = 1 << 31
		tail   = 3.442619855899      // where the lowest strip ends
		area   = 9.91256303526217e-3 // of each
	)
	bell := func(x float64) float64 { return math.Exp(-.5 * x * x) }
	t := make([]uint32, 3*strips)
	k, w, f := t[:strips], t[strips:2*strips], t[2*strips:]
	set := func(of []uint32, i int, v float64) { of[i] = math.Float32bits(float32(v)) }
	base := area / bell(tail)
	k[0] = uint32(tail / base * scale)
	set(w, 0, base/scale)
	set(w, strips-1, tail/scale)
	set(f, 0, 1)
	set(f, strips-1, bell(tail))
	x := tail
	for i := strips - 2; i >= 1; i-- {
		wider := x
		x = math.Sqrt(-2 * math.Log(area/wider+bell(wider)))
		k[i+1] = uint32(x / wider * scale)
		set(w, i, x/scale)
		set(f, i, bell(x))
	}
	return t
}
