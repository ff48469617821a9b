// Command rows writes the assembly that multiplies a vector with rows that lie anywhere: go generate in internal/vec calls it.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	lanes = 8 // rows that are multiplied at once, each in a lane of one register
	step  = 4 // columns that are loaded at once
)

func main() {
	ConstraintExpr("amd64")
	eight()
	Generate()
}

// eight writes a function that multiplies x with the eight rows of d columns, d a multiple of 4, that rows points to. Each sum runs over the
// columns in order, with one rounding for a product and its addition, and joins the total after every run columns, as those of tiles do:
// so the bits are theirs. Four columns of eight rows are turned into four registers of eight lanes.
func eight() {
	TEXT("rowsAVX2", NOSPLIT, "func(dst, x *float32, rows **float32, d, run int)")
	Pragma("noescape")
	Doc("Products of x with eight rows; see gen/rows.")
	x := Load(Param("x"), GP64())
	list := Load(Param("rows"), GP64())
	var rows [lanes]reg.Register
	for r := range rows {
		p := GP64()
		MOVQ(Mem{Base: list, Disp: 8 * r}, p)
		rows[r] = p
	}
	d := Load(Param("d"), GP64())
	end := GP64()
	column := GP64()
	total, sum := YMM(), YMM()
	VXORPS(total, total, total)
	XORQ(column, column)

	Label("run")
	MOVQ(column, end)
	ADDQ(NewParamAddr("run", 32), end)
	CMPQ(end, d)
	JLE(LabelRef("whole"))
	MOVQ(d, end)
	Label("whole")
	VXORPS(sum, sum, sum)

	Label("columns")
	var half [lanes / 2]reg.VecVirtual
	for r := range half {
		half[r] = YMM()
		VMOVUPS(Mem{Base: rows[r], Index: column, Scale: 4}, half[r].AsX())
		VINSERTF128(Imm(1), Mem{Base: rows[r+lanes/2], Index: column, Scale: 4}, half[r], half[r])
	}
	low, high, low2, high2 := YMM(), YMM(), YMM(), YMM()
	VUNPCKLPS(half[1], half[0], low)
	VUNPCKHPS(half[1], half[0], high)
	VUNPCKLPS(half[3], half[2], low2)
	VUNPCKHPS(half[3], half[2], high2)
	var turned [step]reg.VecVirtual
	for c := range turned {
		turned[c] = YMM()
	}
	VUNPCKLPD(low2, low, turned[0])
	VUNPCKHPD(low2, low, turned[1])
	VUNPCKLPD(high2, high, turned[2])
	VUNPCKHPD(high2, high, turned[3])
	for c := range turned {
		b := YMM()
		VBROADCASTSS(Mem{Base: x, Index: column, Scale: 4, Disp: 4 * c}, b)
		VFMADD231PS(turned[c], b, sum)
	}
	ADDQ(Imm(step), column)
	CMPQ(column, end)
	JL(LabelRef("columns"))
	VADDPS(sum, total, total)
	CMPQ(column, d)
	JL(LabelRef("run"))

	dst := Load(Param("dst"), GP64())
	VMOVUPS(total, Mem{Base: dst})
	VZEROUPPER()
	RET()
}
