package vec

func quantiseAsm(dst []int16, src []float32, scale float32) int32 {
	whole, sum := len(src)&^15, int32(0)
	if whole > 0 {
		_ = dst[whole-1]
		sum = quantiseAVX2(&dst[0], &src[0], whole, scale)
	}
	return sum + quantiseGo(dst[whole:], src[whole:], scale)
}

func screenAsm(t *strip) {
	rows := len(t.own)
	if rows == 0 {
		return
	}
	_, _, _ = t.u[(rows-1)*t.stride+screenGroup-1], t.x[rows*4*t.quads-1], t.w[screenGroup*4*t.quads-1]
	_, _, _, _ = t.step[rows-1], t.length[rows-1], t.cut[rows-1], t.marks[(rows-1)*screenGroups]
	_, _, _, _ = t.cross[screenGroup-1], t.scale[screenGroup-1], t.norm[screenGroup-1], t.upper[screenGroup-1]
	next := t.w
	if len(t.next) > 0 {
		next = t.next
	}
	screenAVX2(&t.u[0], &t.x[0], &t.w[0], &next[0], t.stride, t.quads, rows/screenRows, &t.own[0], &t.cross[0],
		&t.step[0], &t.length[0], &t.scale[0], &t.norm[0], &t.upper[0], &t.cut[0], &t.marks[0])
}

// rescoreAsm takes eight rows at a time, of the last ones some twice.
func rescoreAsm(dst, x, w []float32, index, next []uint32) {
	d := len(x)
	var rows, after [8]*float32
	var sums [4 * 8]float32
	point(&after, w, index, d)
	for at := 0; at < len(index); at += 8 {
		rows = after
		if at+8 < len(index) {
			point(&after, w, index[at+8:], d)
		} else {
			point(&after, w, next, d)
		}
		var total [8]float32
		p := 0
		for ; p+4*sumRun <= d; p += 4 * sumRun {
			rescoreFourAVX2(&sums[0], &x[0], &rows, &after, p)
			for i := range total {
				total[i] = (((total[i] + sums[i]) + sums[8+i]) + sums[16+i]) + sums[24+i]
			}
		}
		for ; p < d; p += sumRun {
			rescoreAVX2(&sums[0], &x[0], &rows, p, min(sumRun, d-p))
			for i := range total {
				total[i] += sums[i]
			}
		}
		copy(dst[at:], total[:min(8, len(index)-at)])
	}
}

// point sets rows to the first eight rows of w that are listed; where there are fewer, to the last of them again, and if there is none
// leaves them.
func point(rows *[8]*float32, w []float32, index []uint32, d int) {
	for i := range rows {
		if n := len(index); n > 0 {
			l := int(index[min(i, n-1)])
			rows[i] = &w[l*d : (l+1)*d][0]
		}
	}
}

// screenRowsAsm lays whole groups of rows of whole eights of columns, and leaves the others to Go.
func screenRowsAsm(packed []int16, rows, scale []float32, cross []int32, d int) {
	if len(scale) < screenGroup || d%8 != 0 {
		screenRowsGo(packed, rows, scale, cross, d)
		return
	}
	_, _, _ = packed[screenGroup*d-1], rows[screenGroup*d-1], cross[screenGroup-1]
	for r := 0; r < screenGroup; r += 8 {
		screenRowsAVX2(&packed[2*r], &rows[r*d], &scale[r], &cross[r], d, d/8)
	}
}
