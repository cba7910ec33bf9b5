package main

import (
	"github.com/mmcloughlin/avo/build"

	"github.com/pathline/pathline/stages/internal/kernel/gen"
)

// main writes all functions of each instruction set.
func main() {
	for _, s := range []set{avx512, avx2} {
		m := &machine{Context: build.NewContext(), set: s}
		m.ConstraintExpr("!purego")
		m.relax()
		m.twoLeast()
		m.squares()
		m.dot()
		m.add()
		m.exponents()
		m.greatest()
		gen.Write("assign", s.name, m.Context, s.registers)
	}
}
