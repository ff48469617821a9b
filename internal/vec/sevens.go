package vec

// Rows of seven bits, 0 to 127, multiply with queries of eight twice as fast as int16 do: their products are added up as int16 over SevensTurn
// columns, half of them in each of two sums, before these are widened. That fits as long as the query's values are small there: see SevensMost.
const (
	SevensTurn = 32
	// SevensMost is what the |q| of a turn's columns j with j%4 < 2 add up to at most, and those of the others.
	SevensMost = (1<<15 - 1) / 127
)

// SevensStride returns how many bytes a row of width d takes in a product of sevens: the next multiple of SevensTurn.
func SevensStride(d int) int { return (d + SevensTurn - 1) / SevensTurn * SevensTurn }

// Sevens writes to dst the seven upper bits of src, with 0 for -128.
func Sevens(dst []byte, src []int8) {
	if dst = dst[:len(src)]; len(dst) > 0 {
		kernel.sevens(dst, src)
	}
}

// sevensGo is the twin of every other way to fill dst.
func sevensGo(dst []byte, src []int8) {
	for i, v := range src {
		dst[i] = (byte(v) ^ 128) >> 1
	}
}

// PackSevens appends to dst the first PanelWidth queries of q, (n,d), as MultiplySevens reads them: four columns of one query, then the same
// four of the next. Queries that are missing, and columns that are missing to SevensStride, are zeros.
func PackSevens(dst, q []int8, d int) []int8 {
	n := min(len(q)/d, PanelWidth)
	at := len(dst)
	dst = append(dst, make([]int8, SevensStride(d)*PanelWidth)...)
	packed := dst[at:]
	for i := range n {
		for j, v := range q[i*d : (i+1)*d] {
			packed[(j/4*PanelWidth+i)*4+j%4] = v
		}
	}
	return dst
}

// MultiplySevens writes to dst, (m,PanelWidth), the products of m rows with the queries of a panel, and adds start to each row of dst. Rows are
// SevensStride wide, their values at most 127, and queries are within SevensMost. The sums are exact, wrap around as those of DotInt8 do, and
// are the same on every path.
func MultiplySevens(dst []int32, packed []int8, rows []byte, start *[PanelWidth]int32) {
	stride := len(packed) / PanelWidth
	if m := len(dst) / PanelWidth; m > 0 {
		kernel.panelSevens(dst[:m*PanelWidth], packed[:stride*PanelWidth], rows[:m*stride], start)
	}
}

// panelSevensGo is the twin of every other way to fill dst.
func panelSevensGo(dst []int32, packed []int8, rows []byte, start *[PanelWidth]int32) {
	stride := len(packed) / PanelWidth
	for i := range len(dst) / PanelWidth {
		sums := (*[PanelWidth]int32)(dst[i*PanelWidth:])
		*sums = *start
		row := rows[i*stride : (i+1)*stride]
		for j := 0; j < stride; j += 4 {
			a, b, c, d := int32(row[j]), int32(row[j+1]), int32(row[j+2]), int32(row[j+3])
			fours := (*[4 * PanelWidth]int8)(packed[j*PanelWidth:])
			for q := range sums {
				sums[q] += a*int32(fours[4*q]) + b*int32(fours[4*q+1]) + c*int32(fours[4*q+2]) + d*int32(fours[4*q+3])
			}
		}
	}
}
