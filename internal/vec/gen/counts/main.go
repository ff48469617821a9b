// Command counts writes the assembly that adds up weights of postings: go generate in internal/vec calls it.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	add()
	largest()
	reach()
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

// reach writes a function that compares 64 words of 16 bits, to each of which a part is added, with a number. What does not fit 16 bits is taken for the
// largest number that does.
func reach() {
	TEXT("reachCountsAsm", NOSPLIT, "func(reach *uint64, sums, parts *uint16, n int, m, least uint64)")
	Pragma("noescape")
	Doc("For each of n groups of 64 sums, a bit for each that reaches least; see gen/counts.")
	out := Load(Param("reach"), GP64())
	sums := Load(Param("sums"), GP64())
	parts := Load(Param("parts"), GP64())
	times, least, zero := YMM(), YMM(), YMM()
	m := GP64()
	Load(Param("m"), m)
	VMOVD(m.As32(), times.AsX())
	VPBROADCASTW(times.AsX(), times)
	l := GP64()
	Load(Param("least"), l)
	VMOVD(l.As32(), least.AsX())
	VPBROADCASTW(least.AsX(), least)
	VPXOR(zero, zero, zero)
	n := Load(Param("n"), GP64())
	Label("sixtyfour")
	var words [4]reg.VecVirtual
	for i := range words {
		words[i] = YMM()
		VPMULHUW(Mem{Base: parts, Disp: 32 * i}, times, words[i])
		VPADDUSW(Mem{Base: sums, Disp: 32 * i}, words[i], words[i])
		VPSUBUSW(words[i], least, words[i]) // what is missing
		VPCMPEQW(zero, words[i], words[i])
	}
	var bits [2]reg.GPVirtual
	for i := range bits {
		VPACKSSWB(words[2*i+1], words[2*i], words[2*i])
		VPERMQ(Imm(0b11_01_10_00), words[2*i], words[2*i]) // packing goes by halves of registers
		bits[i] = GP64()
		VPMOVMSKB(words[2*i], bits[i].As32())
	}
	SHLQ(Imm(32), bits[1])
	ORQ(bits[1], bits[0])
	MOVQ(bits[0], Mem{Base: out})
	ADDQ(Imm(8), out)
	ADDQ(Imm(128), sums)
	ADDQ(Imm(128), parts)
	DECQ(n)
	JNE(LabelRef("sixtyfour"))
	VZEROUPPER()
	RET()
}
