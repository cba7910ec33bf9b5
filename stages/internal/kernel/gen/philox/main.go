package main

import (
	"github.com/mmcloughlin/avo/build"

	"github.com/pathline/pathline/stages/internal/kernel/gen"
)

// main writes all functions of each instruction set.
func main() {
	for _, s := range []set{avx512, avx2} {
		m := &machine{Context: build.NewContext(), set: s, table: newTable()}
		m.ConstraintExpr("!purego")
		blocks(m)
		uniforms(m)
		for width := 1; width <= 4; width++ {
			normals32(m, width)
		}
		for width := 1; width <= 2; width++ {
			normals64(m, width)
		}
		m.table.write(m)
		gen.Write("philox", s.name, m.Context, s.registers)
	}
}
