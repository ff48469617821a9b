// Command counts writes the assembly that adds up weights of postings: go generate in internal/vec calls it.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	ConstraintExpr("amd64")
	add()
	largest()
	Generate()
}

// unroll is how many postings one turn of the loop takes.
const unroll = 4

// add writes a function that adds to a word of 16 bits for each row its weight times m, shifted and rounded up. No row comes twice, so the turns do not
// wait for each other; what a posting costs is its four visits to memory.
func add() {
	TEXT("addCountsAsm", NOSPLIT, "func(sums, rows *uint16, weights *byte, m uint32, n int)")
	Pragma("noescape")
	Doc("Adds n postings, a multiple of 4; see gen/counts.")
	sums := Load(Param("sums"), GP64())
	rows := Load(Param("rows"), GP64())
	weights := Load(Param("weights"), GP64())
	m := Load(Param("m"), GP32())
	n := Load(Param("n"), GP64())
	at := GP64()
	XORQ(at, at)
	Label("turn")
	for i := range unroll {
		row, w := GP64(), GP64()
		MOVWQZX(Mem{Base: rows, Index: at, Scale: 2, Disp: 2 * i}, row)
		MOVBLZX(Mem{Base: weights, Index: at, Scale: 1, Disp: i}, w.As32())
		IMULL(m, w.As32())
		ADDL(U32(1<<16-1), w.As32())
		SHRL(Imm(16), w.As32())
		ADDW(w.As16(), Mem{Base: sums, Index: row, Scale: 2})
	}
	ADDQ(Imm(unroll), at)
	CMPQ(at, n)
	JL(LabelRef("turn"))
	RET()
}

// largest writes a function that finds the largest of each 64 words of 16 bits. The processor has an instruction for the smallest of eight, so the words are
// turned over for it.
func largest() {
	TEXT("largestCountsAsm", NOSPLIT, "func(dst, sums *uint16, n int)")
	Pragma("noescape")
	Doc("The largest of each of n groups of 64; see gen/counts.")
	dst := Load(Param("dst"), GP64())
	sums := Load(Param("sums"), GP64())
	n := Load(Param("n"), GP64())
	ones, a, b, out := YMM(), YMM(), YMM(), GP32()
	VPCMPEQW(ones, ones, ones)
	Label("group")
	VMOVDQU(Mem{Base: sums}, a)
	VMOVDQU(Mem{Base: sums, Disp: 64}, b)
	VPMAXUW(Mem{Base: sums, Disp: 32}, a, a)
	VPMAXUW(Mem{Base: sums, Disp: 96}, b, b)
	VPMAXUW(a, b, a)
	VEXTRACTI128(Imm(1), a, b.AsX())
	VPMAXUW(a.AsX(), b.AsX(), a.AsX())
	VPXOR(a.AsX(), ones.AsX(), a.AsX())
	VPHMINPOSUW(a.AsX(), a.AsX())
	VMOVD(a.AsX(), out)
	NOTL(out)
	MOVW(out.As16(), Mem{Base: dst})
	ADDQ(Imm(128), sums)
	ADDQ(Imm(2), dst)
	DECQ(n)
	JNE(LabelRef("group"))
	VZEROUPPER()
	RET()
}
