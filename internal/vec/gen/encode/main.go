// Command encode writes the kernels of internal/vec that the encoder needs beside the product, all in AVX2: go generate in that folder
// calls it.
package main

import (
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	lanes := laneTable()
	survivors(lanes)
	partition(lanes)
	quantise()
	screen()
	rescoreFour()
	rescore()
	f16to32()
	f32to16()
	bf16to32()
	f32tobf16()
	Generate()
}

func function(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(doc)
}

// laneTable holds, for each set of eight lanes, their numbers one after the other: what moves them to the front.
func laneTable() Mem {
	table := GLOBL("lanes", RODATA|NOPTR)
	for set := range 256 {
		var row uint64
		for at, left := 0, set; left != 0; at++ {
			row |= uint64(bits.TrailingZeros(uint(left))) << (8 * at)
			left &= left - 1
		}
		DATA(8*set, U64(row))
	}
	return table
}

// eachTurn writes a loop that runs while n, which it lowers by step, is at least step.
func eachTurn(label string, n reg.Register, step int, body func()) {
	Label(label)
	CMPQ(n, U32(uint32(step)))
	JL(LabelRef(label + "_end"))
	body()
	SUBQ(U32(uint32(step)), n)
	JMP(LabelRef(label))
	Label(label + "_end")
}

// word returns a vector with the same 32 bits in every lane.
func word(bits uint32) reg.VecVirtual {
	g, x, y := GP32(), XMM(), YMM()
	MOVL(U32(bits), g)
	VMOVD(g, x)
	VPBROADCASTD(x, y)
	return y
}

// number returns a vector with a parameter of type float32 in every lane.
func number(name string) reg.VecVirtual {
	x, y := XMM(), YMM()
	Load(Param(name), x)
	VBROADCASTSS(x, y)
	return y
}

func pointer(name string) reg.Register { return Load(Param(name), GP64()) }

// How VCMPPS compares; every one is false for NaN.
const (
	lessThan    = 0x11
	atLeast     = 0x1d
	greaterThan = 0x1e
)

// survivors writes the search for what is at least cut. It looks at 32 values at once, since mostly none of them is.
func survivors(table Mem) {
	function("survivorsAVX2", "func(index *uint32, value, h *float32, n int, base uint32, cut float32) int",
		"survivorsAVX2 is survivorsGo for n values, a multiple of 8; see gen/encode.")
	index, value, h, n := pointer("index"), pointer("value"), pointer("h"), pointer("n")
	cut := number("cut")
	first, at := GP32(), YMM()
	Load(Param("base"), first)
	x := XMM()
	VMOVD(first, x)
	VPBROADCASTD(x, at)
	eight, many := word(8), word(32)
	lanes, start := GP64(), GP64()
	LEAQ(table, lanes)
	MOVQ(value, start)
	keep := func(v, c reg.VecVirtual) {
		set, order, moved := GP64(), YMM(), YMM()
		VMOVMSKPS(c, set.As32())
		VPMOVZXBD(Mem{Base: lanes, Index: set, Scale: 8}, order)
		VPERMPS(v, order, moved)
		VMOVUPS(moved, Mem{Base: value})
		VPADDD(at, order, order)
		VMOVDQU(order, Mem{Base: index})
		POPCNTL(set.As32(), set.As32())
		LEAQ(Mem{Base: value, Index: set, Scale: 4}, value)
		LEAQ(Mem{Base: index, Index: set, Scale: 4}, index)
		VPADDD(eight, at, at)
	}
	compare := func(i int) (v, c reg.VecVirtual) {
		v, c = YMM(), YMM()
		VMOVUPS(Mem{Base: h, Disp: 32 * i}, v)
		VCMPPS(U8(atLeast), cut, v, c)
		return v, c
	}
	eachTurn("many", n, 32, func() {
		var v, c [4]reg.VecVirtual
		for i := range v {
			v[i], c[i] = compare(i)
		}
		low, high := YMM(), YMM()
		VORPS(c[0], c[1], low)
		VORPS(c[2], c[3], high)
		VORPS(low, high, low)
		ADDQ(U32(128), h)
		VPTEST(low, low)
		JNZ(LabelRef("some"))
		VPADDD(many, at, at)
		JMP(LabelRef("none"))
		Label("some")
		for i := range v {
			keep(v[i], c[i])
		}
		Label("none")
	})
	eachTurn("eight", n, 8, func() {
		v, c := compare(0)
		ADDQ(U32(32), h)
		keep(v, c)
	})
	SUBQ(start, value)
	SHRQ(U8(2), value)
	Store(value, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// partition writes a step of quickselect.
func partition(table Mem) {
	function("partitionAVX2", "func(above, below, src *float32, n int, pivot float32) (more, less int)",
		"partitionAVX2 is partitionGo for n values, a multiple of 8; see gen/encode.")
	above, below, src, n := pointer("above"), pointer("below"), pointer("src"), pointer("n")
	pivot := number("pivot")
	lanes, more, less := GP64(), GP64(), GP64()
	LEAQ(table, lanes)
	MOVQ(above, more)
	MOVQ(below, less)
	eachTurn("eight", n, 8, func() {
		v := YMM()
		VMOVUPS(Mem{Base: src}, v)
		ADDQ(U32(32), src)
		for _, side := range []struct {
			how uint8
			p   reg.Register
		}{{greaterThan, above}, {lessThan, below}} {
			c, set, order, moved := YMM(), GP64(), YMM(), YMM()
			VCMPPS(U8(side.how), pivot, v, c)
			VMOVMSKPS(c, set.As32())
			VPMOVZXBD(Mem{Base: lanes, Index: set, Scale: 8}, order)
			VPERMPS(v, order, moved)
			VMOVUPS(moved, Mem{Base: side.p})
			POPCNTL(set.As32(), set.As32())
			LEAQ(Mem{Base: side.p, Index: set, Scale: 4}, side.p)
		}
	})
	for i, p := range []struct{ end, start reg.Register }{{above, more}, {below, less}} {
		SUBQ(p.start, p.end)
		SHRQ(U8(2), p.end)
		Store(p.end, ReturnIndex(i))
	}
	VZEROUPPER()
	RET()
}

// quantise writes the rounding of src·scale to integers, halves to even, of each four in the order 0 2 1 3, and adds up the products of the
// first two with the last two.
func quantise() {
	function("quantiseAVX2", "func(dst *int16, src *float32, n int, scale float32) int32",
		"quantiseAVX2 is quantiseGo for n values, a multiple of 16; see gen/encode.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	scale, sum := number("scale"), YMM()
	VPXOR(sum, sum, sum)
	eachTurn("sixteen", n, 16, func() {
		low, high := YMM(), YMM()
		VMULPS(Mem{Base: src}, scale, low)
		VMULPS(Mem{Base: src, Disp: 32}, scale, high)
		VCVTPS2DQ(low, low)
		VCVTPS2DQ(high, high)
		VPACKSSDW(high, low, low) // packs within each half of the vector
		VPERMQ(U8(0xd8), low, low)
		VPSHUFLW(U8(0xd8), low, low)
		VPSHUFHW(U8(0xd8), low, low)
		VMOVDQU(low, Mem{Base: dst})
		VPSRLQ(U8(32), low, high)
		VPMADDWD(low, high, high)
		VPADDD(high, sum, sum)
		ADDQ(U32(64), src)
		ADDQ(U32(32), dst)
	})
	half, total := XMM(), GP32()
	VEXTRACTI128(U8(1), sum, half)
	VPADDD(half, sum.AsX(), half)
	VPSHUFD(U8(0x0e), half, sum.AsX())
	VPADDD(half, sum.AsX(), half) // the odd lanes are zero
	VMOVD(half, total)
	Store(total, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// screen writes the strip of a Screen: tiles of 4 rows of x with 16 of w, four columns at a time. VPMADDWD multiplies two pairs of integers
// in each lane; with (x0+w1)(x1+w0) = x0w0 + x1w1 + x0x1 + w0w1 a multiplication does for two products, once what depends on x or w alone
// is subtracted. It costs two additions, which have ports of their own: plain products and their sums compete for two of the four.
func screen() {
	const rows, unroll = 4, 2
	function("screenAVX2", "func(u *float32, x, w, next *int16, stride, quads, tiles int, own, cross *int32, step, slack, scale, norm, bias, cut *float32, marks *uint16)",
		"screenAVX2 is tiles calls of screenGo for 4 rows of x with 16 of w each, and fetches the 16 after these; see gen/encode.")
	u, x, next, stride, tiles := pointer("u"), pointer("x"), pointer("next"), pointer("stride"), pointer("tiles")
	SHLQ(U8(2), stride)
	row, at := GP64(), GP64() // in bytes; and how far the numbers of the rows are in theirs
	Load(Param("quads"), row)
	SHLQ(U8(3), row)
	XORQ(at, at)
	w, quads, second := GP64(), GP64(), GP64() // where the second row of x begins
	place := func(r, word int) Mem {
		m := Mem{Base: x, Disp: 4 * word}
		switch r {
		case 1, 2:
			m.Index, m.Scale = row, uint8(r)
		case 3:
			m.Base, m.Index, m.Scale = second, row, 2
		}
		return m
	}
	var sums [rows][2]reg.VecVirtual
	var odd, even [2]reg.VecVirtual // columns 1 and 3, 0 and 2, of eight rows of w
	for i := range odd {
		odd[i], even[i] = YMM(), YMM()
		for r := range sums {
			sums[r][i] = YMM()
		}
	}
	x02, x13, a, b := YMM(), YMM(), YMM(), YMM()
	quad := func(q int) {
		for i := range odd {
			VMOVDQU(Mem{Base: w, Disp: 128*q + 32*i}, odd[i])
			VMOVDQU(Mem{Base: w, Disp: 128*q + 64 + 32*i}, even[i])
		}
		for r := range rows {
			VPBROADCASTD(place(r, 2*q), x02)
			VPBROADCASTD(place(r, 2*q+1), x13)
			for i := range odd {
				VPADDW(odd[i], x02, a)
				VPADDW(even[i], x13, b)
				VPMADDWD(a, b, b)
				VPADDD(b, sums[r][i], sums[r][i])
			}
		}
	}
	eachTurn("tile", tiles, 1, func() {
		Load(Param("w"), w)
		Load(Param("quads"), quads)
		LEAQ(Mem{Base: x, Index: row, Scale: 1}, second)
		for r := range sums {
			for i := range sums[r] {
				VPXOR(sums[r][i], sums[r][i], sums[r][i])
			}
		}
		for line := range 8 {
			PREFETCHT1(Mem{Base: next, Disp: 64 * line})
		}
		ADDQ(U32(512), next)
		for _, turn := range []struct {
			label string
			quads int
		}{{"several", unroll}, {"one", 1}} {
			eachTurn(turn.label, quads, turn.quads, func() {
				for q := range turn.quads {
					quad(q)
				}
				ADDQ(U32(uint32(128*turn.quads)), w)
				ADDQ(U32(uint32(8*turn.quads)), x)
				ADDQ(U32(uint32(8*turn.quads)), second)
			})
		}
		LEAQ(Mem{Base: x, Index: row, Scale: 2}, x) // of the four rows one is done
		ADDQ(row, x)

		p, q, set, high := GP64(), GP64(), GP64(), GP64()
		side := func(name string, r int) Mem { // a number of row r of x
			Load(Param(name), p)
			return Mem{Base: p, Index: at, Scale: 1, Disp: 4 * r}
		}
		for r := range rows {
			VPBROADCASTD(side("own", r), a)
			VBROADCASTSS(side("step", r), x02)
			VBROADCASTSS(side("slack", r), x13)
			for i := range 2 {
				s := sums[r][i]
				beside := func(name string) Mem { // numbers of rows of w
					Load(Param(name), q)
					return Mem{Base: q, Disp: 32 * i}
				}
				VPSUBD(a, s, s)
				VPSUBD(beside("cross"), s, s)
				VCVTDQ2PS(s, s)
				VMULPS(x02, s, s)
				VMOVUPS(beside("bias"), b)
				VFMADD231PS(beside("norm"), x13, b)
				VFMADD132PS(beside("scale"), b, s)
				VMOVUPS(s, Mem{Base: u, Disp: 32 * i})
			}
			VBROADCASTSS(side("cut", r), a)
			for i := range 2 {
				VCMPPS(U8(atLeast), a, sums[r][i], sums[r][i])
			}
			VMOVMSKPS(sums[r][0], set.As32())
			VMOVMSKPS(sums[r][1], high.As32())
			SHLL(U8(8), high.As32())
			ORL(high.As32(), set.As32())
			Load(Param("marks"), p)
			MOVW(set.As16(), Mem{Base: p, Index: at, Scale: 8, Disp: 32 * r})
			ADDQ(stride, u)
		}
		ADDQ(U32(4*rows), at)
	})
	VZEROUPPER()
	RET()
}

// shuffler holds the registers that columns works in. They are the same for every call: to avo the upper half of a vector whose lower half is
// loaded lives from the start of the function.
type shuffler struct{ a, t [4]reg.VecVirtual }

func newShuffler() (s shuffler) {
	for i := range s.a {
		s.a[i], s.t[i] = YMM(), YMM()
	}
	return s
}

// columns loads four columns, from disp on, of the eight rows and gives each as a vector.
func (s shuffler) columns(rows [8]reg.Register, disp int) [4]reg.VecVirtual {
	a, t := s.a, s.t
	for i := range a { // four columns of row i and of row i+4
		VMOVUPS(Mem{Base: rows[i], Disp: disp}, a[i].AsX())
		VINSERTF128(U8(1), Mem{Base: rows[i+4], Disp: disp}, a[i], a[i])
	}
	VUNPCKLPS(a[1], a[0], t[0])
	VUNPCKHPS(a[1], a[0], t[1])
	VUNPCKLPS(a[3], a[2], t[2])
	VUNPCKHPS(a[3], a[2], t[3])
	VUNPCKLPD(t[2], t[0], a[0])
	VUNPCKHPD(t[2], t[0], a[1])
	VUNPCKLPD(t[3], t[1], a[2])
	VUNPCKHPD(t[3], t[1], a[3])
	return a
}

// eightRows loads the pointers to the rows.
func eightRows() (p [8]reg.Register) {
	rows := pointer("rows")
	for i := range p {
		p[i] = GP64()
		MOVQ(Mem{Base: rows, Disp: 8 * i}, p[i])
	}
	return p
}

func advance(p [8]reg.Register, x reg.Register, bytes int) {
	for _, r := range append(p[:], x) {
		ADDQ(U32(uint32(bytes)), r)
	}
}

// rescoreFour writes the sums of Product for eight rows over four runs, each in its own register and none waiting for another.
func rescoreFour() {
	const run = 128
	function("rescoreFourAVX2", "func(sums, x *float32, rows, next *[8]*float32, from int)",
		"rescoreFourAVX2 is four calls of rescoreAVX2 for 128 columns each, and fetches the same columns of the next rows; see gen/encode.")
	p := eightRows()
	x, n, from, next := pointer("x"), GP64(), pointer("from"), pointer("next")
	line, row := GP64(), GP64()
	MOVQ(from, line)
	SHLQ(U8(2), line)
	for _, r := range append(p[:], x) {
		LEAQ(Mem{Base: r, Index: from, Scale: 4}, r)
	}
	MOVQ(U32(run), n)
	shuffle := newShuffler()
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = YMM()
		VXORPS(sums[i], sums[i], sums[i])
	}
	b := YMM()
	eachTurn("four", n, 4, func() {
		for i := range sums {
			for c, v := range shuffle.columns(p, 4*run*i) {
				VBROADCASTSS(Mem{Base: x, Disp: 4 * (run*i + c)}, b)
				VFMADD231PS(v, b, sums[i])
			}
		}
		for i := range p { // 32 turns fetch the 32 lines of each row
			MOVQ(Mem{Base: next, Disp: 8 * i}, row)
			PREFETCHT0(Mem{Base: row, Index: line, Scale: 1})
		}
		ADDQ(U32(64), line)
		advance(p, x, 16)
	})
	out := pointer("sums")
	for i := range sums {
		VMOVUPS(sums[i], Mem{Base: out, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}

// rescore writes the sums of Product for eight rows over one run.
func rescore() {
	function("rescoreAVX2", "func(sums, x *float32, rows *[8]*float32, from, n int)",
		"rescoreAVX2 writes the products of x with eight rows over n columns from the given one on, each summed as a tile sums it; see gen/encode.")
	p := eightRows()
	x, n, from := pointer("x"), pointer("n"), pointer("from")
	for _, r := range append(p[:], x) {
		LEAQ(Mem{Base: r, Index: from, Scale: 4}, r)
	}
	shuffle, sum, b := newShuffler(), YMM(), YMM()
	VXORPS(sum, sum, sum)
	eachTurn("four", n, 4, func() {
		for c, v := range shuffle.columns(p, 0) {
			VBROADCASTSS(Mem{Base: x, Disp: 4 * c}, b)
			VFMADD231PS(v, b, sum)
		}
		advance(p, x, 16)
	})
	eachTurn("one", n, 1, func() {
		low, high := shuffle.a[0].AsX(), shuffle.a[1].AsX()
		for i, half := range []reg.Register{low, high} {
			VMOVSS(Mem{Base: p[4*i]}, half)
			for j := 1; j < 4; j++ {
				VINSERTPS(U8(uint8(j<<4)), Mem{Base: p[4*i+j]}, half, half)
			}
		}
		v := shuffle.t[0]
		VINSERTF128(U8(1), high, shuffle.a[0], v)
		VBROADCASTSS(Mem{Base: x}, b)
		VFMADD231PS(v, b, sum)
		advance(p, x, 4)
	})
	VMOVUPS(sum, Mem{Base: pointer("sums")})
	VZEROUPPER()
	RET()
}

// convert writes a loop over eight numbers at a time, of from bytes each, that become numbers of to bytes.
func convert(name, signature string, from, to int, prepare func() func(src, dst Mem)) {
	function(name, signature, name+" converts n numbers, a multiple of 8; see gen/encode.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	body := prepare()
	eachTurn("eight", n, 8, func() {
		body(Mem{Base: src}, Mem{Base: dst})
		ADDQ(U32(uint32(8*from)), src)
		ADDQ(U32(uint32(8*to)), dst)
	})
	VZEROUPPER()
	RET()
}

func f16to32() {
	convert("fromF16AVX2", "func(dst *float32, src *byte, n int)", 2, 4, func() func(src, dst Mem) {
		v := YMM()
		return func(src, dst Mem) {
			VCVTPH2PS(src, v)
			VMOVUPS(v, dst)
		}
	})
}

func f32to16() {
	convert("toF16AVX2", "func(dst *byte, src *float32, n int)", 4, 2, func() func(src, dst Mem) {
		v := YMM()
		return func(src, dst Mem) {
			VMOVUPS(src, v)
			VCVTPS2PH(U8(0), v, dst) // 0: to the nearest, halves to even
		}
	})
}

func bf16to32() {
	convert("fromBF16AVX2", "func(dst *float32, src *byte, n int)", 2, 4, func() func(src, dst Mem) {
		v := YMM()
		return func(src, dst Mem) {
			VPMOVZXWD(src, v)
			VPSLLD(U8(16), v, v)
			VMOVDQU(v, dst)
		}
	})
}

func f32tobf16() {
	convert("toBF16AVX2", "func(dst *byte, src *float32, n int)", 4, 2, func() func(src, dst Mem) {
		one, half, quiet := word(1), word(0x7fff), word(0x40)
		v, odd, nan, isNaN := YMM(), YMM(), YMM(), YMM()
		return func(src, dst Mem) {
			VMOVDQU(src, v)
			VPSRLD(U8(16), v, nan)
			VPAND(one, nan, odd)
			VPOR(quiet, nan, nan)
			VCMPPS(U8(3), v, v, isNaN) // unordered
			VPADDD(odd, v, v)
			VPADDD(half, v, v)
			VPSRLD(U8(16), v, v)
			VBLENDVPS(isNaN, nan, v, v)
			VPACKUSDW(v, v, v) // within each half of the vector
			VPERMQ(U8(0xd8), v, v)
			VMOVDQU(v.AsX(), dst)
		}
	})
}
