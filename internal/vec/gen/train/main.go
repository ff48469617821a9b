// Command train writes the assembly of the kernels that a step of training is made of, for AVX2: go generate in internal/vec calls it.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/saedb/saedb/internal/vec/gen/turn"
)

// lanes is how many numbers a register holds.
const lanes = 8

// tailMask is where the masks of incomplete registers lie: n of them are set in the eight numbers that begin n before the middle.
var tailMask Mem

func main() {
	ConstraintExpr("amd64")
	tailMask = GLOBL("tailMask", RODATA|NOPTR)
	for i := range 2 * lanes {
		set := U32(0)
		if i < lanes {
			set = 0xffffffff
		}
		DATA(4*i, set)
	}
	dot()
	axpy()
	axpyRows()
	dotAxpyRows()
	scale()
	squares()
	residual()
	adamW()
	largest()
	screenRows()
	Generate()
}

// begin opens a function whose arguments end with the number of columns, and loads the pointers that go along them.
func begin(name, signature, doc string, along ...string) (columns reg.Register, at []reg.Register) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc + "; see gen/train.")
	for _, p := range along {
		at = append(at, Load(Param(p), GP64()))
	}
	return Load(Param("columns"), GP64()), at
}

// sweep goes over all columns: several registers at a time, one at a time, and what is left under a mask. body does so many
// registers' worth of numbers; the pointers along then move on.
func sweep(columns reg.Register, registers int, along []reg.Register, body func(registers int, mask reg.VecVirtual)) {
	for _, n := range []int{registers, 1} {
		label := fmt.Sprintf("by%d", n)
		Label(label)
		CMPQ(columns, U32(n*lanes))
		JL(LabelRef(label + "_end"))
		body(n, nil)
		for _, p := range along {
			ADDQ(U32(n*lanes*4), p)
		}
		SUBQ(U32(n*lanes), columns)
		JMP(LabelRef(label))
		Label(label + "_end")
		if registers == 1 {
			break
		}
	}
	TESTQ(columns, columns)
	JZ(LabelRef("swept"))
	mask, middle := YMM(), GP64()
	LEAQ(tailMask.Offset(4*lanes), middle)
	SHLQ(Imm(2), columns)
	SUBQ(columns, middle)
	VMOVUPS(Mem{Base: middle}, mask)
	body(1, mask)
	Label("swept")
}

// load and store move a register, or the part of it that the mask lets through; a load leaves zeros elsewhere.
func load(from Mem, to, mask reg.VecVirtual) {
	if mask == nil {
		VMOVUPS(from, to)
	} else {
		VMASKMOVPS(from, mask, to)
	}
}

func store(from reg.VecVirtual, to Mem, mask reg.VecVirtual) {
	if mask == nil {
		VMOVUPS(from, to)
	} else {
		VMASKMOVPS(from, mask, to)
	}
}

func zeros(n int) []reg.VecVirtual {
	all := make([]reg.VecVirtual, n)
	for i := range all {
		all[i] = YMM()
		VXORPS(all[i], all[i], all[i])
	}
	return all
}

// total leaves the sum of a register's numbers in the first of its own.
func total(v reg.VecVirtual) reg.VecVirtual {
	high := XMM()
	VEXTRACTF128(Imm(1), v, high)
	x := XMM()
	VADDPS(high, v.AsX(), x)
	VMOVHLPS(x, x, high)
	VADDPS(high, x, x)
	VMOVSHDUP(x, high)
	VADDSS(high, x, x)
	return x
}

// total64 is total for numbers of 64 bits.
func total64(v reg.VecVirtual) reg.VecVirtual {
	high, x := XMM(), XMM()
	VEXTRACTF128(Imm(1), v, high)
	VADDPD(high, v.AsX(), x)
	VUNPCKHPD(x, x, high)
	VADDSD(high, x, x)
	return x
}

// end closes a function.
func end() {
	VZEROUPPER()
	RET()
}

// every loads an argument into all places of a register.
func every(name string) reg.VecVirtual {
	from, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := YMM()
	VBROADCASTSS(from.Addr, v)
	return v
}

// dot multiplies in as many sums as hide the latency of an addition, and adds those up two by two.
func dot() {
	columns, at := begin("dotAVX2", "func(a, b *float32, columns int) float32", "is the product of two rows", "a", "b")
	sums := zeros(4)
	sweep(columns, len(sums), at, func(n int, mask reg.VecVirtual) {
		for i := range n {
			x, y := YMM(), YMM()
			load(Mem{Base: at[0], Disp: 32 * i}, x, mask)
			load(Mem{Base: at[1], Disp: 32 * i}, y, mask)
			VFMADD231PS(y, x, sums[i])
		}
	})
	VADDPS(sums[1], sums[0], sums[0])
	VADDPS(sums[3], sums[2], sums[2])
	VADDPS(sums[2], sums[0], sums[0])
	Store(total(sums[0]), ReturnIndex(0))
	end()
}

func axpy() {
	columns, at := begin("axpyAVX2", "func(y, x *float32, a float32, columns int)", "adds a·x to y", "y", "x")
	a := every("a")
	sweep(columns, 4, at, func(n int, mask reg.VecVirtual) {
		for i := range n {
			x, y := YMM(), YMM()
			load(Mem{Base: at[1], Disp: 32 * i}, x, mask)
			load(Mem{Base: at[0], Disp: 32 * i}, y, mask)
			VFMADD231PS(x, a, y)
			store(y, Mem{Base: at[0], Disp: 32 * i}, mask)
		}
	})
	end()
}

// entries goes through a list of rows of x, stride bytes apart, from place t on, as long as several of it are left: body gets where those rows
// begin.
func entries(label string, several int, x, rows, t, count, stride reg.Register, body func(row []reg.Register)) {
	last, row := GP64(), make([]reg.Register, several)
	LEAQ(Mem{Base: count, Disp: -several}, last)
	Label(label)
	CMPQ(t, last)
	JG(LabelRef(label + "_end"))
	for i := range row {
		row[i] = GP64()
		MOVLQZX(Mem{Base: rows, Index: t, Scale: 4, Disp: 4 * i}, row[i])
		IMULQ(stride, row[i])
		ADDQ(x, row[i])
	}
	body(row)
	ADDQ(U32(several), t)
	JMP(LabelRef(label))
	Label(label + "_end")
}

// part names the loops of a part of a sweep.
func part(n int, mask reg.VecVirtual) string {
	if mask != nil {
		return "tail"
	}
	return fmt.Sprintf("part%d", n)
}

// axpyRows keeps a part of y in registers while all rows of the list pass by: what is fetched next is known far ahead.
func axpyRows() {
	columns, at := begin("axpyRowsAVX2", "func(y, x *float32, rows *uint32, a *float32, count, stride, columns int)", "adds a[t]·x[rows[t]] to y for each t", "y", "x")
	rows := Load(Param("rows"), GP64())
	a := Load(Param("a"), GP64())
	count := Load(Param("count"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	sweep(columns, 8, at, func(n int, mask reg.VecVirtual) {
		sums := make([]reg.VecVirtual, n)
		for i := range sums {
			sums[i] = YMM()
			load(Mem{Base: at[0], Disp: 32 * i}, sums[i], mask)
		}
		by, t := YMM(), GP64()
		XORQ(t, t)
		entries(part(n, mask), 1, at[1], rows, t, count, stride, func(row []reg.Register) {
			VBROADCASTSS(Mem{Base: a, Index: t, Scale: 4}, by)
			for i, s := range sums {
				if mask == nil {
					VFMADD231PS(Mem{Base: row[0], Disp: 32 * i}, by, s)
					continue
				}
				x := YMM()
				load(Mem{Base: row[0]}, x, mask)
				VFMADD231PS(x, by, s)
			}
		})
		for i, s := range sums {
			store(s, Mem{Base: at[0], Disp: 32 * i}, mask)
		}
	})
	end()
}

// dotAxpyRows loads a row once for its product with w and for its share of y. The products' sums, eight for each row, wait in sums
// from one part of the columns to the next.
func dotAxpyRows() {
	columns, at := begin("dotAxpyRowsAVX2", "func(y, w, x *float32, rows *uint32, dots, a, sums *float32, count, stride, columns int)",
		"adds a[t]·x[rows[t]] to y and sets dots[t] to w·x[rows[t]]; sums is zero, eight for each t", "y", "w", "x")
	rows := Load(Param("rows"), GP64())
	a := Load(Param("a"), GP64())
	sums := Load(Param("sums"), GP64())
	count := Load(Param("count"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	sweep(columns, 8, at, func(n int, mask reg.VecVirtual) {
		ys := make([]reg.VecVirtual, n)
		for i := range ys {
			ys[i] = YMM()
			load(Mem{Base: at[0], Disp: 32 * i}, ys[i], mask)
		}
		by, sum, x := []reg.VecVirtual{YMM(), YMM()}, []reg.VecVirtual{YMM(), YMM()}, []reg.VecVirtual{YMM(), YMM()}
		w, eighth, t := YMM(), GP64(), GP64()
		MOVQ(sums, eighth)
		XORQ(t, t)
		for _, several := range []int{2, 1} { // two rows share a load of w
			entries(fmt.Sprintf("%s_by%d", part(n, mask), several), several, at[2], rows, t, count, stride, func(row []reg.Register) {
				for j := range row {
					VBROADCASTSS(Mem{Base: a, Index: t, Scale: 4, Disp: 4 * j}, by[j])
					VMOVUPS(Mem{Base: eighth, Disp: 32 * j}, sum[j])
				}
				for i, y := range ys {
					load(Mem{Base: at[1], Disp: 32 * i}, w, mask)
					for j := range row {
						load(Mem{Base: row[j], Disp: 32 * i}, x[j], mask)
						VFMADD231PS(x[j], by[j], y)
						VFMADD231PS(w, x[j], sum[j])
					}
				}
				for j := range row {
					VMOVUPS(sum[j], Mem{Base: eighth, Disp: 32 * j})
				}
				ADDQ(U32(32*several), eighth)
			})
		}
		for i, y := range ys {
			store(y, Mem{Base: at[0], Disp: 32 * i}, mask)
		}
	})
	dots, t := Load(Param("dots"), GP64()), GP64()
	XORQ(t, t)
	Label("dots")
	all := YMM()
	VMOVUPS(Mem{Base: sums}, all)
	VMOVSS(total(all), Mem{Base: dots, Index: t, Scale: 4})
	ADDQ(U32(32), sums)
	INCQ(t)
	CMPQ(t, count)
	JL(LabelRef("dots"))
	end()
}

func scale() {
	columns, at := begin("scaleAVX2", "func(x *float32, a float32, columns int)", "multiplies x by a", "x")
	a := every("a")
	sweep(columns, 4, at, func(n int, mask reg.VecVirtual) {
		for i := range n {
			x := YMM()
			load(Mem{Base: at[0], Disp: 32 * i}, x, mask)
			VMULPS(a, x, x)
			store(x, Mem{Base: at[0], Disp: 32 * i}, mask)
		}
	})
	end()
}

// addSquares adds the squares of x to two sums of 64 bits.
func addSquares(x reg.VecVirtual, low, high reg.VecVirtual) {
	upper, a, b := XMM(), YMM(), YMM()
	VEXTRACTF128(Imm(1), x, upper)
	VCVTPS2PD(x.AsX(), a)
	VCVTPS2PD(upper, b)
	VFMADD231PD(a, a, low)
	VFMADD231PD(b, b, high)
}

func squares() {
	columns, at := begin("squaresAVX2", "func(x *float32, columns int) float64", "is the sum of the squares of x", "x")
	sums := zeros(4)
	sweep(columns, 2, at, func(n int, mask reg.VecVirtual) {
		for i := range n {
			x := YMM()
			load(Mem{Base: at[0], Disp: 32 * i}, x, mask)
			addSquares(x, sums[2*i], sums[2*i+1])
		}
	})
	VADDPD(sums[1], sums[0], sums[0])
	VADDPD(sums[3], sums[2], sums[2])
	VADDPD(sums[2], sums[0], sums[0])
	Store(total64(sums[0]), ReturnIndex(0))
	end()
}

func residual() {
	columns, at := begin("residualAVX2", "func(e, y, c *float32, a float32, columns int) float64", "sets e to a·(y-c) and returns the sum of the squares of y-c", "e", "y", "c")
	a := every("a")
	sums := zeros(4)
	sweep(columns, 2, at, func(n int, mask reg.VecVirtual) {
		for i := range n {
			y, c, r := YMM(), YMM(), YMM()
			load(Mem{Base: at[1], Disp: 32 * i}, y, mask)
			load(Mem{Base: at[2], Disp: 32 * i}, c, mask)
			VSUBPS(c, y, r)
			addSquares(r, sums[2*i], sums[2*i+1])
			VMULPS(a, r, r)
			store(r, Mem{Base: at[0], Disp: 32 * i}, mask)
		}
	})
	VADDPD(sums[1], sums[0], sums[0])
	VADDPD(sums[3], sums[2], sums[2])
	VADDPD(sums[2], sums[0], sums[0])
	Store(total64(sums[0]), ReturnIndex(0))
	end()
}

// ahead is how many bytes before their turn the parameters and moments are fetched: a row of 512.
const ahead = 2048

// adamW does what AdamW.Step says in Go, each operation rounded as there.
func adamW() {
	columns, at := begin("adamWAVX2", "func(p, m, v, gradient, by *float32, columns int)",
		"moves p, with the moments m and v, along the gradient: by are the numbers of an AdamW", "p", "m", "v", "gradient")
	by := Load(Param("by"), GP64())
	constants := make([]reg.VecVirtual, 8)
	for i := range constants {
		constants[i] = YMM()
		VBROADCASTSS(Mem{Base: by, Disp: 4 * i}, constants[i])
	}
	keep, b1, c1, b2 := constants[0], constants[1], constants[2], constants[3]
	c2, rate, correct, eps := constants[4], constants[5], constants[6], constants[7]
	sweep(columns, 2, at, func(n int, mask reg.VecVirtual) {
		if n == 2 {
			for _, p := range at[:3] {
				PREFETCHT0(Mem{Base: p, Disp: ahead})
			}
		}
		for i := range n {
			p, m, v := Mem{Base: at[0], Disp: 32 * i}, Mem{Base: at[1], Disp: 32 * i}, Mem{Base: at[2], Disp: 32 * i}
			// All loads come before the stores: the arrays often begin at the same place of a page, and a load behind a store to the
			// same place of another page waits for it.
			g, part, first, then, x := YMM(), YMM(), YMM(), YMM(), YMM()
			load(Mem{Base: at[3], Disp: 32 * i}, g, mask)
			load(m, first, mask)
			load(v, then, mask)
			load(p, x, mask)
			VMULPS(b1, first, first)
			VMULPS(c1, g, part)
			VADDPS(part, first, first)
			VMULPS(b2, then, then)
			VMULPS(c2, g, part)
			VMULPS(g, part, part)
			VADDPS(part, then, then)
			VMULPS(keep, x, x)
			store(first, m, mask)
			store(then, v, mask)
			VSQRTPS(then, then)
			VMULPS(correct, then, then)
			VADDPS(eps, then, then)
			VMULPS(rate, first, first)
			VDIVPS(then, first, first)
			VSUBPS(first, x, x)
			store(x, p, mask)
		}
	})
	end()
}

func largest() {
	columns, at := begin("largestAVX2", "func(x *float32, columns int) float32", "is the largest absolute number of x", "x")
	sign, most := YMM(), zeros(4)
	VPCMPEQD(sign, sign, sign)
	VPSRLD(Imm(1), sign, sign)
	sweep(columns, len(most), at, func(n int, mask reg.VecVirtual) {
		for i := range n {
			x := YMM()
			load(Mem{Base: at[0], Disp: 32 * i}, x, mask)
			VANDPS(sign, x, x)
			VMAXPS(most[i], x, most[i]) // of a NaN and a number the number: NaN is found by the norm
		}
	})
	VMAXPS(most[1], most[0], most[0])
	VMAXPS(most[3], most[2], most[2])
	VMAXPS(most[2], most[0], most[0])
	high, x := XMM(), XMM()
	VEXTRACTF128(Imm(1), most[0], high)
	VMAXPS(high, most[0].AsX(), x)
	VMOVHLPS(x, x, high)
	VMAXPS(high, x, x)
	VMOVSHDUP(x, high)
	VMAXSS(high, x, x)
	Store(x, ReturnIndex(0))
	end()
}

// screenRows makes the integers of eight rows, eight columns at a time, turns them around and lays them as a Screen has them: of each four
// columns first 1 and 3 of each row beside each other, then 0 and 2.
func screenRows() {
	TEXT("screenRowsAVX2", NOSPLIT, "func(dst *int16, x, scales *float32, cross *int32, stride, eights int)")
	Pragma("noescape")
	Doc("screenRowsAVX2 lays the integers of 8 rows of x for a Screen, and sums the products of neighbouring columns; see gen/train.")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	scales := Load(Param("scales"), GP64())
	cross := Load(Param("cross"), GP64())
	stride := Load(Param("stride"), GP64())
	eights := Load(Param("eights"), GP64())
	SHLQ(Imm(2), stride)
	three, fourth := GP64(), GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, three)
	sum := zeros(1)[0]
	Label("block")
	LEAQ(Mem{Base: x, Index: stride, Scale: 4}, fourth)
	a := make([]reg.VecVirtual, lanes)
	for i := range a {
		m := Mem{Base: []reg.Register{x, fourth}[i/4]}
		switch i % 4 {
		case 1, 2:
			m.Index, m.Scale = stride, uint8(i%4)
		case 3:
			m.Index, m.Scale = three, 1
		}
		a[i] = YMM()
		VBROADCASTSS(Mem{Base: scales, Disp: 4 * i}, a[i])
		VMULPS(m, a[i], a[i])
		VCVTPS2DQ(a[i], a[i])
	}
	columns := turn.Eight(a)
	for q := range 2 {
		pair := func(low, high reg.VecVirtual) reg.VecVirtual {
			VPSLLD(Imm(16), high, high)
			VPBLENDW(Imm(0xaa), high, low, low)
			return low
		}
		even, odd := pair(columns[4*q], columns[4*q+2]), pair(columns[4*q+1], columns[4*q+3])
		VMOVDQU(odd, Mem{Base: dst, Disp: 128 * q})
		VMOVDQU(even, Mem{Base: dst, Disp: 128*q + 64})
		VPMADDWD(even, odd, odd)
		VPADDD(odd, sum, sum)
	}
	ADDQ(U32(256), dst)
	ADDQ(U32(32), x)
	DECQ(eights)
	JNZ(LabelRef("block"))
	VMOVDQU(sum, Mem{Base: cross})
	end()
}
