package main

import (
	"strings"

	"github.com/mmcloughlin/avo/build"

	"github.com/pathline/pathline/stages/internal/kernel/gen"
)

func main() {
	for _, f := range []struct {
		name       string
		set        set
		transposed bool
	}{
		{"multiply", avx512, false},
		{"multiply", avx2, false},
		{"transposed", avx512, true},
		{"transposed", avx2, true},
	} {
		file := f.name + "_" + strings.ToLower(f.set.suffix())
		write(file, func(c *build.Context) { tiles(c, f.set, f.name, f.transposed) })
		text, err := choice(f.set, f.name)
		gen.Save("matrix", file+"_choice_amd64.go", text, err)
	}
	write("wide_avx512", func(c *build.Context) { wides(c, avx512) })
	write("wide_avx2", func(c *build.Context) { wides(c, avx2) })
	write("pack_avx512", func(c *build.Context) { copies(c, avx512); transposes16(c) })
	write("pack_avx2", func(c *build.Context) { copies(c, avx2); transposes8(c) })
	write("peak", peaks)
}

// write writes name_amd64.s and name_amd64.go.
func write(name string, functions func(*build.Context)) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	functions(c)
	gen.Write("matrix", name, c, 0)
}
