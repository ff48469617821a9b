// Command dense writes the assembly that scans rows of int8: go generate in internal/vec calls it.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	step  = 16 // columns that one register holds as int16
	sums  = 4  // registers that a row is added up in, so that no addition waits for the one before it
	ahead = 2  // rows between the one that is computed and the one that is fetched

	fetchReach   = 1024 // bytes between the scales that reach reads and those that it fetches: a scan comes back for them two blocks later
	fetchNibbles = 8192 // bytes between the half bytes that are computed and those that are fetched
)

func main() {
	ConstraintExpr("amd64")
	dotInt8("dotInt8AVX2", false)
	dotInt8("dotInt8AtAVX2", true)
	dotNibbles("dotNibbles4AVX2", 4)
	dotNibbles("dotNibbles1AVX2", 1)
	widen()
	panel("panel6AVX2", 6)
	panel("panel1AVX2", 1)
	sevens()
	panelSevens("panelSevens6AVX2", 6)
	panelSevens("panelSevens1AVX2", 1)
	reach()
	reachPanel("reachPanelAVX2", false)
	reachPanel("reachAlongAVX2", true)
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

// dotNibbles writes a function that multiplies q with n times so many rows of half bytes, turns of 64 values of each. 32 bytes hold 64 values, the
// first 32 in their low halves. VPMADDUBSW multiplies them with bytes of q and adds neighbours: 3,810 at most, so eight of these fit an int16, and
// only then are they widened; start is added to each sum. Four rows share what is loaded of q: one alone does not keep up with the memory.
func dotNibbles(name string, rows int) {
	const together = 4 // turns whose products an int16 holds
	TEXT(name, NOSPLIT, "func(dst *int32, q *int8, rows *byte, turns, n int, start int32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("Products of q with %d rows of half bytes at once; see gen/dense.", rows))
	dst := Load(Param("dst"), GP64())
	q := Load(Param("q"), GP64())
	row := Load(Param("rows"), GP64())
	turns := Load(Param("turns"), GP64())
	n := Load(Param("n"), GP64())
	start := XMM()
	VMOVD(Load(Param("start"), GP32()), start)
	VPBROADCASTD(start, start)
	mask, fetch, wide, wide3 := YMM(), GP64(), GP64(), GP64()
	VPCMPEQB(mask, mask, mask)
	high := YMM()
	VPSRLW(Imm(12), mask, mask)
	VPSLLW(Imm(8), mask, high)
	VPOR(high, mask, mask)
	MOVQ(turns, wide)
	SHLQ(Imm(5), wide)
	LEAQ(Mem{Base: wide, Index: wide, Scale: 2}, wide3)
	LEAQ(Mem{Base: row, Disp: fetchNibbles}, fetch)

	Label("rows")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	left, at, few := GP64(), GP64(), GP64()
	total, sum := make([]reg.VecVirtual, rows), make([]reg.VecVirtual, rows)
	for r := range rows {
		total[r], sum[r] = YMM(), YMM()
		VPXOR(total[r], total[r], total[r])
	}
	MOVQ(turns, left)
	MOVQ(q, at)
	Label("some")
	TESTQ(left, left)
	JZ(LabelRef("sum"))
	MOVQ(U32(together), few)
	CMPQ(left, few)
	CMOVQLT(left, few)
	SUBQ(few, left)
	for _, s := range sum {
		VPXOR(s, s, s)
	}
	low, top, x, y := YMM(), YMM(), YMM(), YMM()
	Label("turn")
	VMOVDQU(Mem{Base: at}, x)
	VMOVDQU(Mem{Base: at, Disp: 32}, y)
	for line := 0; line < max(rows*32, 64); line += 64 {
		PREFETCHT0(Mem{Base: fetch, Disp: line})
	}
	for r := range rows {
		m := Mem{Base: row}
		switch r {
		case 1, 2:
			m.Index, m.Scale = wide, uint8(r)
		case 3:
			m.Index, m.Scale = wide3, 1
		}
		VMOVDQU(m, low)
		VPSRLW(Imm(4), low, top)
		VPAND(mask, low, low)
		VPAND(mask, top, top)
		VPMADDUBSW(x, low, low)
		VPMADDUBSW(y, top, top)
		VPADDW(low, sum[r], sum[r])
		VPADDW(top, sum[r], sum[r])
	}
	ADDQ(Imm(32), row)
	ADDQ(U32(uint32(32*rows)), fetch)
	ADDQ(Imm(64), at)
	DECQ(few)
	JNZ(LabelRef("turn"))
	ones := low
	VPCMPEQB(ones, ones, ones)
	VPSRLW(Imm(15), ones, ones)
	for r, s := range sum {
		VPMADDWD(ones, s, s)
		VPADDD(s, total[r], total[r])
	}
	JMP(LabelRef("some"))
	Label("sum")
	half := XMM()
	if rows == 1 {
		VEXTRACTI128(Imm(1), total[0], half)
		VPADDD(half, total[0].AsX(), half)
		VPHADDD(half, half, half)
		VPHADDD(half, half, half)
		VPADDD(start, half, half)
		VMOVD(half, Mem{Base: dst})
	} else {
		VPHADDD(total[1], total[0], total[0])
		VPHADDD(total[3], total[2], total[2])
		VPHADDD(total[2], total[0], total[0])
		VEXTRACTI128(Imm(1), total[0], half)
		VPADDD(half, total[0].AsX(), half)
		VPADDD(start, half, half)
		VMOVDQU(half, Mem{Base: dst})
		ADDQ(wide3, row)
	}
	ADDQ(U32(uint32(4*rows)), dst)
	DECQ(n)
	JMP(LabelRef("rows"))
	Label("done")
	VZEROUPPER()
	RET()
}

// widen writes a function that makes int16 of n bytes, n a multiple of 16.
func widen() {
	TEXT("widenAVX2", NOSPLIT, "func(dst *int16, src *int8, n int)")
	Pragma("noescape")
	Doc("Bytes as int16; see gen/dense.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	i, v := GP64(), YMM()
	XORQ(i, i)
	Label("next")
	CMPQ(i, n)
	JGE(LabelRef("done"))
	VPMOVSXBW(Mem{Base: src, Index: i, Scale: 1}, v)
	VMOVDQU(v, Mem{Base: dst, Index: i, Scale: 2})
	ADDQ(Imm(step), i)
	JMP(LabelRef("next"))
	Label("done")
	VZEROUPPER()
	RET()
}

// panel writes a function that multiplies 16 packed queries with rows of int16, which are stride values apart, over pairs of columns:
// o is (rows,16). The queries are packed pair by pair, the pairs of one beside each other, so that a lane of VPMADDWD belongs to one
// query. 12 sums, two registers of queries, a pair of the row and a product are all 16 registers.
func panel(name string, rows int) {
	TEXT(name, NOSPLIT, "func(o *int32, packed, rows *int16, stride, pairs int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%d rows with 16 queries; see gen/dense.", rows))
	o := Load(Param("o"), GP64())
	packed := Load(Param("packed"), GP64())
	first := Load(Param("rows"), GP64())
	stride := Load(Param("stride"), GP64())
	pairs := Load(Param("pairs"), GP64())
	SHLQ(Imm(1), stride)
	bases := []reg.Register{first} // row 3g+i is at bases[g] + i·stride: x86 scales an index by 1, 2 and 4, not by 3
	for g := 1; g*3 < rows; g++ {
		b := GP64()
		LEAQ(Mem{Base: bases[g-1], Index: stride, Scale: 2}, b)
		ADDQ(stride, b)
		bases = append(bases, b)
	}
	total := make([][2]reg.VecVirtual, rows)
	for r := range total {
		for half := range 2 {
			total[r][half] = YMM()
			VPXOR(total[r][half], total[r][half], total[r][half])
		}
	}
	x, pair, product := [2]reg.VecVirtual{YMM(), YMM()}, YMM(), YMM()
	turn := func(label string, pairsATurn int) {
		Label(label)
		CMPQ(pairs, Imm(uint64(pairsATurn)))
		JL(LabelRef(label + "_end"))
		for c := range pairsATurn {
			VMOVDQU(Mem{Base: packed, Disp: 64 * c}, x[0])
			VMOVDQU(Mem{Base: packed, Disp: 64*c + 32}, x[1])
			for r := range rows {
				m := Mem{Base: bases[r/3], Disp: 4 * c}
				if r%3 > 0 {
					m.Index, m.Scale = stride, uint8(r%3)
				}
				VPBROADCASTD(m, pair)
				for half := range 2 {
					VPMADDWD(x[half], pair, product)
					VPADDD(product, total[r][half], total[r][half])
				}
			}
		}
		ADDQ(U32(uint32(64*pairsATurn)), packed)
		for _, b := range bases {
			ADDQ(U32(uint32(4*pairsATurn)), b)
		}
		SUBQ(Imm(uint64(pairsATurn)), pairs)
		JMP(LabelRef(label))
		Label(label + "_end")
	}
	turn("several", 4)
	turn("one", 1)
	for r := range rows {
		for half := range 2 {
			VMOVDQU(total[r][half], Mem{Base: o, Disp: 64*r + 32*half})
		}
	}
	VZEROUPPER()
	RET()
}

// sevens writes a function that makes seven bits of n bytes, n a multiple of 32.
func sevens() {
	TEXT("sevensAVX2", NOSPLIT, "func(dst *byte, src *int8, n int)")
	Pragma("noescape")
	Doc("The seven upper bits of bytes; see gen/dense.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	// (v^128)>>1 of bytes is (v>>1 of words, less what comes from the byte above) ^ 64.
	i, v, low, sign := GP64(), YMM(), YMM(), YMM()
	byteOf := func(value uint8, to reg.VecVirtual) {
		r := GP32()
		MOVL(U32(uint32(value)*0x01010101), r)
		VMOVD(r, to.AsX())
		VPBROADCASTD(to.AsX(), to)
	}
	byteOf(127, low)
	byteOf(64, sign)
	XORQ(i, i)
	Label("next")
	CMPQ(i, n)
	JGE(LabelRef("done"))
	VMOVDQU(Mem{Base: src, Index: i, Scale: 1}, v)
	VPSRLW(Imm(1), v, v)
	VPAND(low, v, v)
	VPXOR(sign, v, v)
	VMOVDQU(v, Mem{Base: dst, Index: i, Scale: 1})
	ADDQ(Imm(32), i)
	JMP(LabelRef("next"))
	Label("done")
	VZEROUPPER()
	RET()
}

// panelSevens writes panel for rows of seven bits, turns of 32 columns of them, with queries packed four columns by four: o is (rows,16), and
// starts as start says. VPMADDUBSW multiplies and adds neighbours; eight times four columns fit an int16 by what vec.SevensMost asks of
// queries. Twelve sums, two registers of queries, four bytes of the row and a product are all 16 registers, so the wide sums lie in o.
func panelSevens(name string, rows int) {
	const fours = 8
	TEXT(name, NOSPLIT, "func(o *int32, packed *int8, rows *byte, start *int32, stride, turns int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%d rows of seven bits with 16 queries; see gen/dense.", rows))
	o := Load(Param("o"), GP64())
	packed := Load(Param("packed"), GP64())
	first := Load(Param("rows"), GP64())
	start := Load(Param("start"), GP64())
	stride := Load(Param("stride"), GP64())
	turns := Load(Param("turns"), GP64())
	bases := []reg.Register{first} // row 3g+i is at bases[g] + i·stride
	for g := 1; g*3 < rows; g++ {
		b := GP64()
		LEAQ(Mem{Base: bases[g-1], Index: stride, Scale: 2}, b)
		ADDQ(stride, b)
		bases = append(bases, b)
	}
	x, four, product := [2]reg.VecVirtual{YMM(), YMM()}, YMM(), YMM()
	at := func(r, half int) Mem { return Mem{Base: o, Disp: 64*r + 32*half} }
	for half := range 2 {
		VMOVDQU(Mem{Base: start, Disp: 32 * half}, x[half])
		for r := range rows {
			VMOVDQU(x[half], at(r, half))
		}
	}
	sum := make([][2]reg.VecVirtual, rows)
	for r := range sum {
		sum[r] = [2]reg.VecVirtual{YMM(), YMM()}
	}
	Label("turn")
	for c := range fours {
		VMOVDQU(Mem{Base: packed, Disp: 64 * c}, x[0])
		VMOVDQU(Mem{Base: packed, Disp: 64*c + 32}, x[1])
		for r := range rows {
			m := Mem{Base: bases[r/3], Disp: 4 * c}
			if r%3 > 0 {
				m.Index, m.Scale = stride, uint8(r%3)
			}
			VPBROADCASTD(m, four)
			for half := range 2 {
				if c == 0 {
					VPMADDUBSW(x[half], four, sum[r][half])
					continue
				}
				VPMADDUBSW(x[half], four, product)
				VPADDW(product, sum[r][half], sum[r][half])
			}
		}
	}
	ones := four
	VPCMPEQB(ones, ones, ones)
	VPSRLW(Imm(15), ones, ones)
	for r := range rows {
		for half := range 2 {
			VPMADDWD(ones, sum[r][half], product)
			VPADDD(at(r, half), product, product)
			VMOVDQU(product, at(r, half))
		}
	}
	ADDQ(U32(64*fours), packed)
	for _, b := range bases {
		ADDQ(Imm(4*fours), b)
	}
	DECQ(turns)
	JNZ(LabelRef("turn"))
	VZEROUPPER()
	RET()
}

const atLeast = 29 // VCMPPS: the first is at least the second, false for a NaN

// reach writes a function that sets bit i of mask if scale[i]·sums[i] + rest[i]·w is at least least, for n rows, a multiple of 8.
func reach() {
	TEXT("reachAVX2", NOSPLIT, "func(mask *byte, sums *int32, scale, rest *float32, n int, w, least float32)")
	Pragma("noescape")
	Doc("Which rows reach a score; see gen/dense.")
	mask := Load(Param("mask"), GP64())
	sums := Load(Param("sums"), GP64())
	scale := Load(Param("scale"), GP64())
	rest := Load(Param("rest"), GP64())
	n := Load(Param("n"), GP64())
	w, least := broadcast("w"), broadcast("least")
	bits, v, u := GP32(), YMM(), YMM()
	Label("next")
	CMPQ(n, Imm(8))
	JL(LabelRef("done"))
	PREFETCHT0(Mem{Base: scale, Disp: fetchReach})
	PREFETCHT0(Mem{Base: rest, Disp: fetchReach})
	VCVTDQ2PS(Mem{Base: sums}, v)
	VMULPS(Mem{Base: scale}, v, v)
	VMULPS(Mem{Base: rest}, w, u)
	VADDPS(u, v, v)
	VCMPPS(Imm(atLeast), least, v, v)
	VMOVMSKPS(v, bits)
	MOVB(bits.As8(), Mem{Base: mask})
	INCQ(mask)
	for _, p := range []reg.Register{sums, scale, rest} {
		ADDQ(Imm(32), p)
	}
	SUBQ(Imm(8), n)
	JMP(LabelRef("next"))
	Label("done")
	VZEROUPPER()
	RET()
}

func broadcast(param string) reg.VecVirtual {
	x, y := Load(Param(param), XMM()), YMM()
	VBROADCASTSS(x.(reg.VecVirtual), y)
	return y
}

// reachPanel writes reach for the sums of panel: bit q of mask[i] is row i with query q, which has its own w and least; or, with along, for the
// sums and along[i]·a[q].
func reachPanel(name string, withAlong bool) {
	signature := "func(mask *uint16, sums *int32, scale, rest *float32, n int, w, least *float32)"
	if withAlong {
		signature = "func(mask *uint16, sums *int32, scale, rest, along *float32, n int, w, a, least *float32)"
	}
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc("Which rows reach the scores of 16 queries; see gen/dense.")
	mask := Load(Param("mask"), GP64())
	sums := Load(Param("sums"), GP64())
	pointers := []reg.Register{Load(Param("scale"), GP64()), Load(Param("rest"), GP64())}
	if withAlong {
		pointers = append(pointers, Load(Param("along"), GP64()))
	}
	n := Load(Param("n"), GP64())
	load := func(param string) (v [2]reg.VecVirtual) {
		from := Load(Param(param), GP64())
		for half := range 2 {
			v[half] = YMM()
			VMOVUPS(Mem{Base: from, Disp: 32 * half}, v[half])
		}
		return v
	}
	w, least := load("w"), load("least")
	var a [2]reg.VecVirtual
	if withAlong {
		a = load("a")
	}
	row := make([]reg.VecVirtual, len(pointers))
	for i := range row {
		row[i] = YMM()
	}
	v, u := YMM(), YMM()
	bits := [2]reg.GPVirtual{GP32(), GP32()}
	Label("next")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	for i, p := range pointers {
		VBROADCASTSS(Mem{Base: p}, row[i])
	}
	for half := range 2 {
		VCVTDQ2PS(Mem{Base: sums, Disp: 32 * half}, v)
		VMULPS(row[0], v, v)
		VMULPS(row[1], w[half], u)
		VADDPS(u, v, v)
		if withAlong {
			VMULPS(row[2], a[half], u)
			VADDPS(u, v, v)
		}
		VCMPPS(Imm(atLeast), least[half], v, v)
		VMOVMSKPS(v, bits[half])
	}
	SHLL(Imm(8), bits[1])
	ORL(bits[1], bits[0])
	MOVW(bits[0].As16(), Mem{Base: mask})
	ADDQ(Imm(2), mask)
	ADDQ(Imm(64), sums)
	for _, p := range pointers {
		ADDQ(Imm(4), p)
	}
	DECQ(n)
	JMP(LabelRef("next"))
	Label("done")
	VZEROUPPER()
	RET()
}
