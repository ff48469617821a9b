// Package turn writes what several generators need: rows in registers become columns.
package turn

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Eight turns eight registers of eight numbers around.
func Eight(a []reg.VecVirtual) []reg.VecVirtual {
	registers := func() []reg.VecVirtual {
		r := make([]reg.VecVirtual, 8)
		for i := range r {
			r[i] = YMM()
		}
		return r
	}
	b, c, d := registers(), registers(), registers()
	for i := range 4 { // pairs of rows
		VUNPCKLPS(a[2*i+1], a[2*i], b[2*i])
		VUNPCKHPS(a[2*i+1], a[2*i], b[2*i+1])
	}
	for i := range 2 { // fours of rows, of columns c and c+4
		for j := range 2 {
			VSHUFPS(Imm(0x44), b[4*i+2+j], b[4*i+j], c[4*i+2*j])
			VSHUFPS(Imm(0xee), b[4*i+2+j], b[4*i+j], c[4*i+2*j+1])
		}
	}
	for i := range 4 {
		VPERM2F128(Imm(0x20), c[i+4], c[i], d[i])
		VPERM2F128(Imm(0x31), c[i+4], c[i], d[i+4])
	}
	return d
}
