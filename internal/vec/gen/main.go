// Command gen writes the assembly of internal/vec: go generate in that folder calls it.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unroll is how many columns one turn of the inner loop takes.
const unroll = 4

func main() {
	ConstraintExpr("amd64")
	for _, rows := range []int{6, 1} {
		tile("AVX512", 4, rows, 64, func() reg.VecVirtual { return ZMM() })
	}
	for _, rows := range []int{12, 1} {
		tile("AVX512", 1, rows, 64, func() reg.VecVirtual { return ZMM() })
	}
	tile("AVX2", 2, 1, 32, func() reg.VecVirtual { return YMM() })
	strip()
	packed()
	turned()
	fetch()
	column()
	Generate()
}

// tile writes a function that adds to the tile o, (rows, lanes), the products of rows rows of w, stride floats apart, with lanes rows
// of x over columns columns. x is packed: column by column, the lanes of one beside each other. Each sum runs over the columns in order,
// with one rounding for a product and its addition, and then joins o: so every tile gives the same bits for an entry.
func tile(set string, regs, rows, width int, vector func() reg.VecVirtual) {
	lanes := regs * width / 4
	TEXT(fmt.Sprintf("tile%s%dx%d", set, rows, lanes), NOSPLIT, "func(o, x, w *float32, stride, columns int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%d rows of w with %d of x; see gen.", rows, lanes))
	o := Load(Param("o"), GP64())
	x := Load(Param("x"), GP64())
	w := Load(Param("w"), GP64())
	stride := Load(Param("stride"), GP64())
	columns := Load(Param("columns"), GP64())
	SHLQ(Imm(2), stride)

	// Row 3g+i of w is at bases[g] + i·stride: x86 scales an index by 1, 2 and 4, not by 3.
	bases := []reg.Register{}
	for g := 0; g*3 < rows; g++ {
		if g == 0 {
			bases = append(bases, w)
			continue
		}
		b := GP64()
		LEAQ(Mem{Base: bases[g-1], Index: stride, Scale: 2}, b)
		ADDQ(stride, b)
		bases = append(bases, b)
	}
	at := func(row, column int) Mem {
		m := Mem{Base: bases[row/3], Disp: 4 * column}
		if row%3 > 0 {
			m.Index, m.Scale = stride, uint8(row%3)
		}
		return m
	}

	sums := make([][]reg.VecVirtual, rows)
	for r := range sums {
		for range regs {
			s := vector()
			if width == 64 {
				VPXORD(s, s, s)
			} else {
				VXORPS(s, s, s)
			}
			sums[r] = append(sums[r], s)
		}
	}
	xs := make([]reg.VecVirtual, regs)
	for i := range xs {
		xs[i] = vector()
	}
	b := vector()
	product := func(c int) {
		for i := range xs {
			VMOVUPS(Mem{Base: x, Disp: (c*regs + i) * width}, xs[i])
		}
		for r := range rows {
			VBROADCASTSS(at(r, c), b)
			for i := range regs {
				VFMADD231PS(xs[i], b, sums[r][i])
			}
		}
	}
	turn := func(label string, columnsATurn int) {
		Label(label)
		CMPQ(columns, U32(columnsATurn))
		JL(LabelRef(label + "_end"))
		for c := range columnsATurn {
			product(c)
		}
		ADDQ(U32(columnsATurn*regs*width), x)
		for _, p := range bases {
			ADDQ(U32(4*columnsATurn), p)
		}
		SUBQ(U32(columnsATurn), columns)
		JMP(LabelRef(label))
		Label(label + "_end")
	}
	turn("several", unroll)
	turn("one", 1)

	for r := range rows {
		for i := range regs {
			m := Mem{Base: o, Disp: (r*regs + i) * width}
			VADDPS(m, sums[r][i], sums[r][i])
			VMOVUPS(sums[r][i], m)
		}
	}
	VZEROUPPER()
	RET()
}
