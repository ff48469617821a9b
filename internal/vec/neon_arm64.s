// Written by hand: avo, which writes the assembly of the other processors, knows amd64 alone.

#include "textflag.h"

// What Go's assembler has no names for, on four float32 or two float64: d = n op m.
#define FADD4(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define FSUB4(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))
#define FMUL4(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))
#define FDIV4(m, n, d) WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d))
#define FSQRT4(n, d)   WORD $(0x6EA1F800 | (n)<<5 | (d))
#define FADDP4(m, n, d) WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d))
#define FADD2(m, n, d) WORD $(0x4E60D400 | (m)<<16 | (n)<<5 | (d))
#define FADDP2(m, n, d) WORD $(0x6E60D400 | (m)<<16 | (n)<<5 | (d))
#define FWIDEN(n, d)   WORD $(0x0E617800 | (n)<<5 | (d)) // the first two float32 of n
#define FWIDEN2(n, d)  WORD $(0x4E617800 | (n)<<5 | (d)) // the last two

// FMLAAT adds n times the number at index (0 to 3) of m to d.
#define FMLAAT(index, m, n, d) WORD $(0x4F801000 | ((index)&1)<<21 | ((index)>>1)<<11 | (m)<<16 | (n)<<5 | (d))

#define ZERO(v) VEOR v.B16, v.B16, v.B16

// ROW adds sixteen lanes of x, V24 to V27, times a number of w, which goes to V28, to four registers.
#define ROW(w, a, b, c, d) \
	VLD1R.P 4(w), [V28.S4] \
	VFMLA V28.S4, V24.S4, a.S4 \
	VFMLA V28.S4, V25.S4, b.S4 \
	VFMLA V28.S4, V26.S4, c.S4 \
	VFMLA V28.S4, V27.S4, d.S4

// SUM adds four registers to sixteen lanes at R0, and moves on to the next.
#define SUM(a, b, c, d) \
	VLD1 (R0), [V24.S4, V25.S4, V26.S4, V27.S4] \
	FADD4(a, 24, 24) \
	FADD4(b, 25, 25) \
	FADD4(c, 26, 26) \
	FADD4(d, 27, 27) \
	VST1.P [V24.S4, V25.S4, V26.S4, V27.S4], 64(R0)

// func tileNEON6x16(o, x, w *float32, stride, columns int)
TEXT ·tileNEON6x16(SB), NOSPLIT, $0-40
	MOVD o+0(FP), R0
	MOVD x+8(FP), R1
	MOVD w+16(FP), R2
	MOVD stride+24(FP), R3
	MOVD columns+32(FP), R4
	LSL  $2, R3
	ADD  R3, R2, R5
	ADD  R3, R5, R6
	ADD  R3, R6, R7
	ADD  R3, R7, R8
	ADD  R3, R8, R9
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)
	ZERO(V4)
	ZERO(V5)
	ZERO(V6)
	ZERO(V7)
	ZERO(V8)
	ZERO(V9)
	ZERO(V10)
	ZERO(V11)
	ZERO(V12)
	ZERO(V13)
	ZERO(V14)
	ZERO(V15)
	ZERO(V16)
	ZERO(V17)
	ZERO(V18)
	ZERO(V19)
	ZERO(V20)
	ZERO(V21)
	ZERO(V22)
	ZERO(V23)

columns:
	VLD1.P 64(R1), [V24.S4, V25.S4, V26.S4, V27.S4]
	ROW(R2, V0, V1, V2, V3)
	ROW(R5, V4, V5, V6, V7)
	ROW(R6, V8, V9, V10, V11)
	ROW(R7, V12, V13, V14, V15)
	ROW(R8, V16, V17, V18, V19)
	ROW(R9, V20, V21, V22, V23)
	SUBS $1, R4
	BNE  columns
	SUM(0, 1, 2, 3)
	SUM(4, 5, 6, 7)
	SUM(8, 9, 10, 11)
	SUM(12, 13, 14, 15)
	SUM(16, 17, 18, 19)
	SUM(20, 21, 22, 23)
	RET

// func tileNEON1x16(o, x, w *float32, stride, columns int)
TEXT ·tileNEON1x16(SB), NOSPLIT, $0-40
	MOVD o+0(FP), R0
	MOVD x+8(FP), R1
	MOVD w+16(FP), R2
	MOVD columns+32(FP), R4
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)

columns:
	VLD1.P 64(R1), [V24.S4, V25.S4, V26.S4, V27.S4]
	ROW(R2, V0, V1, V2, V3)
	SUBS $1, R4
	BNE  columns
	SUM(0, 1, 2, 3)
	RET

// FOUR adds the products of four columns of x, in V16, with those of four rows of w, which begin at R5 and are R3 bytes apart, to sum;
// R5 moves on to the next four rows.
#define FOUR(sum) \
	VLD1 (R5), [V0.S4] \
	ADD R3, R5 \
	VLD1 (R5), [V1.S4] \
	ADD R3, R5 \
	VLD1 (R5), [V2.S4] \
	ADD R3, R5 \
	VLD1 (R5), [V3.S4] \
	ADD R3, R5 \
	VZIP1 V1.S4, V0.S4, V4.S4 \
	VZIP2 V1.S4, V0.S4, V5.S4 \
	VZIP1 V3.S4, V2.S4, V6.S4 \
	VZIP2 V3.S4, V2.S4, V7.S4 \
	VZIP1 V6.D2, V4.D2, V0.D2 \
	VZIP2 V6.D2, V4.D2, V1.D2 \
	VZIP1 V7.D2, V5.D2, V2.D2 \
	VZIP2 V7.D2, V5.D2, V3.D2 \
	FMLAAT(0, 16, 0, sum) \
	FMLAAT(1, 16, 1, sum) \
	FMLAAT(2, 16, 2, sum) \
	FMLAAT(3, 16, 3, sum)

// LAST is FOUR for one column, of which V16 is full.
#define LAST(sum) \
	VLD1 (R5), V0.S[0] \
	ADD R3, R5 \
	VLD1 (R5), V0.S[1] \
	ADD R3, R5 \
	VLD1 (R5), V0.S[2] \
	ADD R3, R5 \
	VLD1 (R5), V0.S[3] \
	ADD R3, R5 \
	FMLAAT(0, 16, 0, sum)

// func columnNEON(o, x, w *float32, stride, columns int)
TEXT ·columnNEON(SB), NOSPLIT, $0-40
	MOVD o+0(FP), R0
	MOVD x+8(FP), R1
	MOVD w+16(FP), R2
	MOVD stride+24(FP), R3
	MOVD columns+32(FP), R4
	LSL  $2, R3
	ZERO(V20)
	ZERO(V21)
	ZERO(V22)
	ZERO(V23)

fours:
	CMP  $4, R4
	BLT  ones
	VLD1.P 16(R1), [V16.S4]
	MOVD R2, R5
	FOUR(20)
	FOUR(21)
	FOUR(22)
	FOUR(23)
	ADD  $16, R2
	SUB  $4, R4
	B    fours

ones:
	CBZ  R4, sum
	VLD1R.P 4(R1), [V16.S4]
	MOVD R2, R5
	LAST(20)
	LAST(21)
	LAST(22)
	LAST(23)
	ADD  $4, R2
	SUB  $1, R4
	B    ones

sum:
	SUM(20, 21, 22, 23)
	RET

// func dotNEON(a, b *float32, columns int) float32
TEXT ·dotNEON(SB), NOSPLIT, $0-28
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD columns+16(FP), R2
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)

sixteens:
	CMP  $16, R2
	BLT  total
	VLD1.P 64(R0), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R1), [V16.S4, V17.S4, V18.S4, V19.S4]
	VFMLA V16.S4, V4.S4, V0.S4
	VFMLA V17.S4, V5.S4, V1.S4
	VFMLA V18.S4, V6.S4, V2.S4
	VFMLA V19.S4, V7.S4, V3.S4
	SUB  $16, R2
	B    sixteens

total:
	FADD4(1, 0, 0)
	FADD4(3, 2, 2)
	FADD4(2, 0, 0)
	FADDP4(0, 0, 0)
	FADDP4(0, 0, 0)

ones:
	CBZ  R2, end
	FMOVS.P 4(R0), F4
	FMOVS.P 4(R1), F5
	FMADDS F4, F0, F5, F0
	SUB  $1, R2
	B    ones

end:
	FMOVS F0, ret+24(FP)
	RET

// func axpyNEON(y, x *float32, a float32, columns int)
TEXT ·axpyNEON(SB), NOSPLIT, $0-32
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD columns+24(FP), R2
	MOVD $a+16(FP), R3
	VLD1R (R3), [V16.S4]

sixteens:
	CMP  $16, R2
	BLT  ones
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMLA V16.S4, V4.S4, V0.S4
	VFMLA V16.S4, V5.S4, V1.S4
	VFMLA V16.S4, V6.S4, V2.S4
	VFMLA V16.S4, V7.S4, V3.S4
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB  $16, R2
	B    sixteens

ones:
	CBZ  R2, end
	FMOVS (R0), F0
	FMOVS.P 4(R1), F4
	FMADDS F16, F0, F4, F0
	FMOVS.P F0, 4(R0)
	SUB  $1, R2
	B    ones

end:
	RET

// func axpyRowsNEON(y, x *float32, rows *uint32, a *float32, count, stride, columns int)
TEXT ·axpyRowsNEON(SB), NOSPLIT, $0-56
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD a+24(FP), R3
	MOVD count+32(FP), R4
	MOVD stride+40(FP), R5
	MOVD columns+48(FP), R6
	LSL  $2, R5

sixteens:
	CMP  $16, R6
	BLT  ones
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	MOVD R2, R7
	MOVD R3, R8
	MOVD R4, R9

row:
	MOVWU.P 4(R7), R10
	MADD R5, R1, R10, R10
	VLD1 (R10), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1R.P 4(R8), [V16.S4]
	VFMLA V16.S4, V4.S4, V0.S4
	VFMLA V16.S4, V5.S4, V1.S4
	VFMLA V16.S4, V6.S4, V2.S4
	VFMLA V16.S4, V7.S4, V3.S4
	SUBS $1, R9
	BNE  row
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	ADD  $64, R1
	SUB  $16, R6
	B    sixteens

ones:
	CBZ  R6, end
	FMOVS (R0), F0
	MOVD R2, R7
	MOVD R3, R8
	MOVD R4, R9

last:
	MOVWU.P 4(R7), R10
	MADD R5, R1, R10, R10
	FMOVS (R10), F4
	FMOVS.P 4(R8), F16
	FMADDS F16, F0, F4, F0
	SUBS $1, R9
	BNE  last
	FMOVS.P F0, 4(R0)
	ADD  $4, R1
	SUB  $1, R6
	B    ones

end:
	RET

// func scaleNEON(x *float32, a float32, columns int)
TEXT ·scaleNEON(SB), NOSPLIT, $0-24
	MOVD x+0(FP), R0
	MOVD columns+16(FP), R2
	MOVD $a+8(FP), R3
	VLD1R (R3), [V16.S4]

fours:
	CMP  $4, R2
	BLT  ones
	VLD1 (R0), [V0.S4]
	FMUL4(16, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB  $4, R2
	B    fours

ones:
	CBZ  R2, end
	FMOVS (R0), F0
	FMULS F16, F0, F0
	FMOVS.P F0, 4(R0)
	SUB  $1, R2
	B    ones

end:
	RET

// SQUARES adds the squares of the four numbers of V4 to V0 and V1 in float64.
#define SQUARES \
	FWIDEN(4, 16) \
	FWIDEN2(4, 17) \
	VFMLA V16.D2, V16.D2, V0.D2 \
	VFMLA V17.D2, V17.D2, V1.D2

// func squaresNEON(x *float32, columns int) float64
TEXT ·squaresNEON(SB), NOSPLIT, $0-24
	MOVD x+0(FP), R0
	MOVD columns+8(FP), R2
	ZERO(V0)
	ZERO(V1)

fours:
	CMP  $4, R2
	BLT  total
	VLD1.P 16(R0), [V4.S4]
	SQUARES
	SUB  $4, R2
	B    fours

total:
	FADD2(1, 0, 0)
	FADDP2(0, 0, 0)

ones:
	CBZ  R2, end
	FMOVS.P 4(R0), F4
	FCVTSD F4, F4
	FMADDD F4, F0, F4, F0
	SUB  $1, R2
	B    ones

end:
	FMOVD F0, ret+16(FP)
	RET

// func residualNEON(e, y, c *float32, a float32, columns int) float64
TEXT ·residualNEON(SB), NOSPLIT, $0-48
	MOVD e+0(FP), R0
	MOVD y+8(FP), R1
	MOVD c+16(FP), R3
	MOVD columns+32(FP), R2
	MOVD $a+24(FP), R4
	VLD1R (R4), [V20.S4]
	ZERO(V0)
	ZERO(V1)

fours:
	CMP  $4, R2
	BLT  total
	VLD1.P 16(R1), [V4.S4]
	VLD1.P 16(R3), [V5.S4]
	FSUB4(5, 4, 4)
	FMUL4(20, 4, 6)
	VST1.P [V6.S4], 16(R0)
	SQUARES
	SUB  $4, R2
	B    fours

total:
	FADD2(1, 0, 0)
	FADDP2(0, 0, 0)

ones:
	CBZ  R2, end
	FMOVS.P 4(R1), F4
	FMOVS.P 4(R3), F5
	FSUBS F5, F4, F4
	FMULS F20, F4, F6
	FMOVS.P F6, 4(R0)
	FCVTSD F4, F4
	FMADDD F4, F0, F4, F0
	SUB  $1, R2
	B    ones

end:
	FMOVD F0, ret+40(FP)
	RET

// func adamWNEON(p, m, v, gradient, by *float32, columns int)
TEXT ·adamWNEON(SB), NOSPLIT, $0-48
	MOVD p+0(FP), R0
	MOVD m+8(FP), R1
	MOVD v+16(FP), R3
	MOVD gradient+24(FP), R4
	MOVD by+32(FP), R5
	MOVD columns+40(FP), R2
	VLD1R.P 4(R5), [V16.S4] // keep
	VLD1R.P 4(R5), [V17.S4] // β1
	VLD1R.P 4(R5), [V18.S4] // 1-β1
	VLD1R.P 4(R5), [V19.S4] // β2
	VLD1R.P 4(R5), [V20.S4] // 1-β2
	VLD1R.P 4(R5), [V21.S4] // rate
	VLD1R.P 4(R5), [V22.S4] // correct
	VLD1R (R5), [V23.S4]    // eps

fours:
	CMP  $4, R2
	BLT  ones
	VLD1 (R0), [V0.S4]
	VLD1 (R1), [V1.S4]
	VLD1 (R3), [V2.S4]
	VLD1.P 16(R4), [V3.S4]
	FMUL4(17, 1, 1)
	FMUL4(18, 3, 4)
	FADD4(4, 1, 1)
	FMUL4(19, 2, 2)
	FMUL4(20, 3, 4)
	FMUL4(3, 4, 4)
	FADD4(4, 2, 2)
	VST1.P [V1.S4], 16(R1)
	VST1.P [V2.S4], 16(R3)
	FSQRT4(2, 2)
	FMUL4(22, 2, 2)
	FADD4(23, 2, 2)
	FMUL4(21, 1, 1)
	FDIV4(2, 1, 1)
	FMUL4(16, 0, 0)
	FSUB4(1, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUB  $4, R2
	B    fours

ones:
	CBZ  R2, end
	FMOVS (R0), F0
	FMOVS (R1), F1
	FMOVS (R3), F2
	FMOVS.P 4(R4), F3
	FMULS F17, F1, F1
	FMULS F18, F3, F4
	FADDS F4, F1, F1
	FMULS F19, F2, F2
	FMULS F20, F3, F4
	FMULS F3, F4, F4
	FADDS F4, F2, F2
	FMOVS.P F1, 4(R1)
	FMOVS.P F2, 4(R3)
	FSQRTS F2, F2
	FMULS F22, F2, F2
	FADDS F23, F2, F2
	FMULS F21, F1, F1
	FDIVS F2, F1, F1
	FMULS F16, F0, F0
	FSUBS F1, F0, F0
	FMOVS.P F0, 4(R0)
	SUB  $1, R2
	B    ones

end:
	RET
