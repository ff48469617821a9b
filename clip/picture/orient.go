package picture

// turnUpright applies the orientation that the camera noted: pixel (x, y) of the upright picture is taken from where source says.
func (p *Picture) turnUpright() {
	turn := p.Exif.Orientation
	if turn < 2 || turn > 8 {
		return
	}
	w, h := p.W, p.H
	if turn >= 5 { // the file's columns are the picture's rows
		w, h = h, w
	}
	pix := make([]byte, len(p.Pix))
	for y, i := 0, 0; y < h; y++ {
		// Along a row of the upright picture the source moves by one constant step.
		at := p.source(turn, 0, y)
		step := 0
		if w > 1 {
			step = p.source(turn, 1, y) - at
		}
		for range w {
			pix[i], pix[i+1], pix[i+2] = p.Pix[at], p.Pix[at+1], p.Pix[at+2]
			i += 3
			at += step
		}
	}
	p.W, p.H, p.Pix = w, h, pix
}

// source returns where in Pix, still as in the file, the pixel lies that is shown at (x, y).
func (p *Picture) source(turn, x, y int) int {
	right, bottom := p.W-1, p.H-1
	switch turn {
	case 2: // mirrored left to right
		x = right - x
	case 3: // upside down
		x, y = right-x, bottom-y
	case 4: // mirrored top to bottom
		y = bottom - y
	case 5: // mirrored along the falling diagonal
		x, y = y, x
	case 6: // needs a quarter turn clockwise
		x, y = y, bottom-x
	case 7: // mirrored along the rising diagonal
		x, y = right-y, bottom-x
	case 8: // needs a quarter turn counter-clockwise
		x, y = right-y, x
	}
	return 3 * (y*p.W + x)
}
