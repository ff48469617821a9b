// Command dense writes the assembly that scans rows of int8: go generate in internal/vec calls it.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	step  = 16 // columns that one register holds as int16
	sums  = 4  // registers that a row is added up in, so that no addition waits for the one before it
	ahead = 2  // rows between the one that is computed and the one that is fetched
)

func main() {
	ConstraintExpr("amd64")
	dotInt8("dotInt8AVX2", false)
	dotInt8("dotInt8AtAVX2", true)
	Generate()
}

// dotInt8 writes a function that multiplies q with n rows of d bytes, d at least 16: with the first n, or with those that ids lists.
// Bytes are widened as they are loaded; VPMADDWD multiplies them with q and adds neighbours, which cannot overflow: one factor is a
// byte. The columns after the last multiple of 16 come with the 16 before the end, which tail has q for: zeros where the main loop has
// been; it is nil if there are no such columns. One row at a time is as fast as two, four or eight and reads memory in its order.
func dotInt8(name string, listed bool) {
	signature := "func(dst *int32, q *int16, rows *int8, d, n int, tail *int16)"
	if listed {
		signature = "func(dst *int32, q *int16, rows *int8, d, n int, tail *int16, ids *uint32)"
	}
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc("Products of q with rows of int8; see gen/dense.")
	dst := Load(Param("dst"), GP64())
	q := Load(Param("q"), GP64())
	rows := Load(Param("rows"), GP64())
	d := Load(Param("d"), GP64())
	n := Load(Param("n"), GP64())
	tail := Load(Param("tail"), GP64())
	row, fetch, i, left := GP64(), GP64(), GP64(), GP64()
	var ids reg.Register
	at := func(k int, to reg.Register) { // the address of the row that ids[k] names
		MOVL(Mem{Base: ids, Disp: 4 * k}, to.(reg.GPVirtual).As32())
		IMULQ(d, to)
		ADDQ(rows, to)
	}
	if listed {
		ids = Load(Param("ids"), GP64())
	} else {
		MOVQ(rows, row)
		LEAQ(Mem{Base: rows, Index: d, Scale: ahead}, fetch)
	}

	Label("row")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	if listed {
		at(0, row)
		MOVQ(row, fetch)
		CMPQ(n, Imm(ahead))
		JLE(LabelRef("last"))
		at(ahead, fetch)
		Label("last")
	}
	acc := make([]reg.VecVirtual, sums)
	for a := range acc {
		acc[a] = YMM()
		VPXOR(acc[a], acc[a], acc[a])
	}
	product := YMM()
	add := func(from, q Mem, a reg.VecVirtual) {
		VPMOVSXBW(from, product)
		VPMADDWD(q, product, product)
		VPADDD(product, a, a)
	}
	columns := func(label string, registers int) {
		Label(label)
		CMPQ(left, Imm(uint64(registers*step)))
		JL(LabelRef(label + "_end"))
		if registers == sums {
			PREFETCHT0(Mem{Base: fetch, Index: i, Scale: 1})
		}
		for u := range registers {
			add(Mem{Base: row, Index: i, Scale: 1, Disp: u * step}, Mem{Base: q, Index: i, Scale: 2, Disp: 2 * u * step}, acc[u])
		}
		ADDQ(Imm(uint64(registers*step)), i)
		SUBQ(Imm(uint64(registers*step)), left)
		JMP(LabelRef(label))
		Label(label + "_end")
	}
	XORQ(i, i)
	MOVQ(d, left)
	columns("several", sums)
	columns("one", 1)
	TESTQ(left, left)
	JZ(LabelRef("sum"))
	add(Mem{Base: row, Index: d, Scale: 1, Disp: -step}, Mem{Base: tail}, acc[0])
	Label("sum")
	VPADDD(acc[1], acc[0], acc[0])
	VPADDD(acc[3], acc[2], acc[2])
	VPADDD(acc[2], acc[0], acc[0])
	half := XMM()
	VEXTRACTI128(Imm(1), acc[0], half)
	VPADDD(half, acc[0].AsX(), half)
	VPHADDD(half, half, half)
	VPHADDD(half, half, half)
	VMOVD(half, Mem{Base: dst})
	ADDQ(Imm(4), dst)
	if listed {
		ADDQ(Imm(4), ids)
	} else {
		ADDQ(d, row)
		ADDQ(d, fetch)
	}
	DECQ(n)
	JMP(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}
