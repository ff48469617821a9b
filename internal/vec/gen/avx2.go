package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/saedb/saedb/internal/vec/gen/turn"
)

// The strip of AVX2: tiles of stripRows rows of w by 16 of x fill twelve of the sixteen registers with sums.
const (
	stripRows  = 6
	stripLanes = 16
)

// strip writes a function that does what tile does for tiles times six rows of w, one after the other, so that the columns of x stay
// in L1 and the next rows of w are fetched while these are multiplied.
func strip() {
	TEXT("stripAVX2", NOSPLIT, "func(o, x, w *float32, stride, columns, tiles int)")
	Pragma("noescape")
	Doc("stripAVX2 multiplies tiles of 6 rows of w with 16 of x; see gen.")
	o := Load(Param("o"), GP64())
	x := Load(Param("x"), GP64())
	w := Load(Param("w"), GP64())
	stride := Load(Param("stride"), GP64())
	tiles := Load(Param("tiles"), GP64())
	SHLQ(Imm(2), stride)
	three := GP64() // strides
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, three)

	sums := make([][2]reg.VecVirtual, stripRows)
	for r := range sums {
		sums[r] = [2]reg.VecVirtual{YMM(), YMM()}
	}
	x0, x1, b := YMM(), YMM(), YMM()
	xp, columns := GP64(), GP64()
	now, then := [2]reg.Register{GP64(), GP64()}, [2]reg.Register{GP64(), GP64()} // rows 0 and 3 of these six, and of the next
	at := func(bases [2]reg.Register, row, column int) Mem {
		m := Mem{Base: bases[row/3], Disp: 4 * column}
		if row%3 > 0 {
			m.Index, m.Scale = stride, uint8(row%3)
		}
		return m
	}
	turn := func(label string, n int, fetch bool) {
		Label(label)
		CMPQ(columns, U32(n))
		JL(LabelRef(label + "_end"))
		for c := range n {
			VMOVUPS(Mem{Base: xp, Disp: c * 64}, x0)
			VMOVUPS(Mem{Base: xp, Disp: c*64 + 32}, x1)
			for r := range sums {
				VBROADCASTSS(at(now, r, c), b)
				VFMADD231PS(x0, b, sums[r][0])
				VFMADD231PS(x1, b, sums[r][1])
			}
			if fetch && c < stripRows {
				PREFETCHT0(at(then, c, 0))
			}
		}
		ADDQ(U32(n*64), xp)
		for _, p := range append(now[:], then[:]...) {
			ADDQ(U32(4*n), p)
		}
		SUBQ(U32(n), columns)
		JMP(LabelRef(label))
		Label(label + "_end")
	}

	Label("tile")
	for r := range sums {
		for _, s := range sums[r] {
			VXORPS(s, s, s)
		}
	}
	MOVQ(x, xp)
	MOVQ(w, now[0])
	LEAQ(Mem{Base: w, Index: three, Scale: 1}, now[1])
	LEAQ(Mem{Base: w, Index: three, Scale: 2}, w)
	MOVQ(w, then[0])
	LEAQ(Mem{Base: w, Index: three, Scale: 1}, then[1])
	Load(Param("columns"), columns)
	turn("line", 16, true) // sixteen numbers of a row are a line of the cache
	turn("one", 1, false)
	for r := range sums {
		for i, s := range sums[r] {
			m := Mem{Base: o, Disp: r*64 + i*32}
			VADDPS(m, s, s)
			VMOVUPS(s, m)
		}
	}
	ADDQ(U32(stripRows*64), o)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// turned writes a function that turns sums, (8·eights, lanes), around: eight of its columns become rows of dst, stride apart, and each
// number has that of bias at its place added.
func turned() {
	TEXT("turnedAVX2", NOSPLIT, "func(dst, sums, bias *float32, stride, lanes, eights int)")
	Pragma("noescape")
	Doc("turnedAVX2 turns 8 columns of sums, which has lanes of them, into rows of dst and adds bias; see gen.")
	dst := Load(Param("dst"), GP64())
	sums := Load(Param("sums"), GP64())
	bias := Load(Param("bias"), GP64())
	stride := Load(Param("stride"), GP64())
	lanes := Load(Param("lanes"), GP64())
	eights := Load(Param("eights"), GP64())
	around(sums, dst, lanes, stride, eights, func(from, to func(i int) Mem) {
		a := make([]reg.VecVirtual, 8)
		for i := range a {
			a[i] = YMM()
			VMOVUPS(from(i), a[i])
		}
		for i, v := range turn.Eight(a) {
			VADDPS(Mem{Base: bias}, v, v)
			VMOVUPS(v, to(i))
		}
		LEAQ(Mem{Base: sums, Index: lanes, Scale: 8}, sums)
		ADDQ(U32(32), dst)
		ADDQ(U32(32), bias)
	})
}

// around writes a loop over blocks of eight rows of eight numbers. body gets where the rows lie, fromStride and toStride numbers apart, and
// moves from and to on.
func around(from, to, fromStride, toStride, blocks reg.Register, body func(from, to func(i int) Mem)) {
	place := func(base, stride reg.Register) (advance func(), at func(i int) Mem) {
		three, fourth := GP64(), GP64()
		SHLQ(Imm(2), stride)
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, three)
		return func() { LEAQ(Mem{Base: base, Index: stride, Scale: 4}, fourth) }, func(i int) Mem {
			m := Mem{Base: base}
			if i >= 4 {
				m.Base = fourth
			}
			switch i % 4 {
			case 1, 2:
				m.Index, m.Scale = stride, uint8(i%4)
			case 3:
				m.Index, m.Scale = three, 1
			}
			return m
		}
	}
	fromFourth, fromRow := place(from, fromStride)
	toFourth, toRow := place(to, toStride)
	Label("block")
	fromFourth()
	toFourth()
	body(fromRow, toRow)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// fetch writes a function that fetches rows of dst, stride apart, as far as they are about to be written.
func fetch() {
	TEXT("fetchAVX2", NOSPLIT, "func(dst *float32, stride, rows, columns int)")
	Pragma("noescape")
	Doc("fetchAVX2 fetches columns of rows of dst, which are about to be written; see gen.")
	dst := Load(Param("dst"), GP64())
	stride := Load(Param("stride"), GP64())
	rows := Load(Param("rows"), GP64())
	columns := Load(Param("columns"), GP64())
	SHLQ(Imm(2), stride)
	at, left := GP64(), GP64()
	Label("row")
	MOVQ(dst, at)
	MOVQ(columns, left)
	Label("line")
	PREFETCHT0(Mem{Base: at})
	ADDQ(U32(64), at)
	SUBQ(U32(16), left)
	JG(LabelRef("line"))
	ADDQ(stride, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	RET()
}

// packed writes a function that lays eight rows of x, stride apart, column by column: eight columns at a time, lanes of them apart.
func packed() {
	TEXT("packedAVX2", NOSPLIT, "func(dst, x *float32, stride, lanes, eights int)")
	Pragma("noescape")
	Doc("packedAVX2 lays 8 rows of x column by column, each lanes after the one before; see gen.")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	stride := Load(Param("stride"), GP64())
	lanes := Load(Param("lanes"), GP64())
	eights := Load(Param("eights"), GP64())
	around(x, dst, stride, lanes, eights, func(from, to func(i int) Mem) {
		a := make([]reg.VecVirtual, 8)
		for i := range a {
			a[i] = YMM()
			VMOVUPS(from(i), a[i])
		}
		for i, v := range turn.Eight(a) {
			VMOVUPS(v, to(i))
		}
		ADDQ(U32(32), x)
		LEAQ(Mem{Base: dst, Index: lanes, Scale: 8}, dst)
	})
}

// column writes a function that adds to o the products of x with sixteen rows of w, stride apart, over columns columns: in the lanes lie
// rows of w, eight by eight turned around, and each sum has the order and the bits that it has in a tile.
func column() {
	TEXT("columnAVX2", NOSPLIT, "func(o, x, w *float32, stride, columns int)")
	Pragma("noescape")
	Doc("columnAVX2 multiplies one row x with 16 rows of w; see gen.")
	o := Load(Param("o"), GP64())
	x := Load(Param("x"), GP64())
	w := Load(Param("w"), GP64())
	stride := Load(Param("stride"), GP64())
	columns := Load(Param("columns"), GP64())
	SHLQ(Imm(2), stride)
	three := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, three)
	bases := []reg.Register{w, GP64(), GP64(), GP64()} // of rows 0, 4, 8 and 12
	for i := 1; i < 4; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: stride, Scale: 4}, bases[i])
	}
	at := func(row int) Mem {
		m := Mem{Base: bases[row/4]}
		switch row % 4 {
		case 1, 2:
			m.Index, m.Scale = stride, uint8(row%4)
		case 3:
			m.Index, m.Scale = three, 1
		}
		return m
	}
	sums := []reg.VecVirtual{YMM(), YMM()}
	for _, s := range sums {
		VXORPS(s, s, s)
	}
	advance := func(n int) {
		ADDQ(U32(4*n), x)
		for _, b := range bases {
			ADDQ(U32(4*n), b)
		}
		SUBQ(U32(n), columns)
	}
	Label("eight")
	CMPQ(columns, U32(8))
	JL(LabelRef("rest"))
	for half, s := range sums {
		a := make([]reg.VecVirtual, 8)
		for i := range a {
			a[i] = YMM()
			VMOVUPS(at(8*half+i), a[i])
		}
		b := YMM()
		for i, v := range turn.Eight(a) {
			VBROADCASTSS(Mem{Base: x, Disp: 4 * i}, b)
			VFMADD231PS(v, b, s)
		}
	}
	advance(8)
	JMP(LabelRef("eight"))
	Label("rest")
	CMPQ(columns, U32(1))
	JL(LabelRef("end"))
	b := YMM()
	VBROADCASTSS(Mem{Base: x}, b)
	for half, s := range sums {
		low, high := XMM(), XMM()
		for i, v := range []reg.VecVirtual{low, high} {
			VMOVSS(at(8*half+4*i), v)
			for j := 1; j < 4; j++ {
				VINSERTPS(Imm(uint64(j<<4)), at(8*half+4*i+j), v, v)
			}
		}
		all := YMM()
		VINSERTF128(Imm(1), high, low.AsY(), all)
		VFMADD231PS(all, b, s)
	}
	advance(1)
	JMP(LabelRef("rest"))
	Label("end")
	for i, s := range sums {
		m := Mem{Base: o, Disp: 32 * i}
		VADDPS(m, s, s)
		VMOVUPS(s, m)
	}
	VZEROUPPER()
	RET()
}
