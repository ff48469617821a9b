package picture

// resizeSlow is what Resize does, as one would explain it.
func resizeSlow(p *Picture, w, h int) []byte {
	across, down := newTaps(p.W, w, 0, w), newTaps(p.H, h, 0, h)
	narrow := make([]byte, 3*w*p.H)
	for y := range p.H {
		for x := range w {
			for c := range 3 {
				narrow[3*(y*w+x)+c] = across.mix(x, func(k int) byte { return p.Pix[3*(y*p.W+k)+c] })
			}
		}
	}
	out := make([]byte, 3*w*h)
	for y := range h {
		for i := range 3 * w {
			out[3*w*y+i] = down.mix(y, func(k int) byte { return narrow[3*w*k+i] })
		}
	}
	return out
}

// mix computes sample i of a scaled line: (½ + Σ parts·source) / 2^22, rounded down and held to 0..255.
func (t *taps) mix(i int, source func(k int) byte) byte {
	sum := int32(1) << (precision - 1)
	for k := range t.count[i] {
		sum += t.parts[i*t.width+k] * int32(source(t.from[i]+k))
	}
	return clip22(sum)
}
