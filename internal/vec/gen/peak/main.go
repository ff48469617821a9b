// Command peak writes the assembly of internal/vec/peak: go generate in internal/vec calls it.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is how many sums run beside each other: more than latency times units of any processor that has these instructions.
const chains = 12

func main() {
	ConstraintExpr("amd64")
	chain("fma256", func() reg.VecVirtual { return YMM() })
	chain("fma512", func() reg.VecVirtual { return ZMM() })
	Generate()
}

// chain writes a function of turns turns, each of which multiplies and adds once to every sum.
func chain(name string, vector func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, "func(turns int)")
	Doc(name + " multiplies and adds in 12 chains that do not wait for each other.")
	turns := Load(Param("turns"), GP64())
	a, sums := vector(), make([]reg.VecVirtual, chains)
	zero := func(v reg.VecVirtual) {
		if v.Size() == 64 {
			VPXORD(v, v, v)
		} else {
			VXORPS(v, v, v)
		}
	}
	zero(a)
	for i := range sums {
		sums[i] = vector()
		zero(sums[i])
	}
	Label("turn")
	for _, s := range sums {
		VFMADD231PS(a, a, s)
	}
	DECQ(turns)
	JNZ(LabelRef("turn"))
	VZEROUPPER()
	RET()
}
