package main

import (
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// folder is where the files go, seen from the module gen.
const folder = "../matrix"

func main() {
	log.SetFlags(0)
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
		save(file+"_choice_amd64.go", text, err)
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
	file, err := c.Result()
	if err == nil {
		err = pass.Compile.Execute(file)
	}
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	settings := printer.Config{Name: "avo", Argv: []string{"go", "run", "./matrix"}, Pkg: "matrix"}
	text, err := printer.NewGoAsm(settings).Print(file)
	save(name+"_amd64.s", text, err)
	text, err = printer.NewStubs(settings).Print(file)
	save(name+"_amd64.go", text, err)
}

// save writes one file.
func save(name string, text []byte, err error) {
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), text, 0o644)
	}
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
}
