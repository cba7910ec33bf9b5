package gen

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// Assembly compiles the functions of a context, for package pkg whose command has
// the same name, and gives the file of assembly and that of stubs. More than so
// many vector registers are an error; 0 does not count them.
func Assembly(pkg string, c *build.Context, registers int) (asm, stubs []byte, err error) {
	file, err := c.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return nil, nil, err
	}
	if n := RegistersUsed(file); registers > 0 && n > registers {
		return nil, nil, fmt.Errorf("%d vector registers, there are %d", n, registers)
	}
	settings := printer.Config{Name: "avo", Argv: []string{"go", "run", "./" + pkg}, Pkg: pkg}
	if asm, err = printer.NewGoAsm(settings).Print(file); err != nil {
		return nil, nil, err
	}
	stubs, err = printer.NewStubs(settings).Print(file)
	return asm, stubs, err
}

// RegistersUsed is the number of vector registers, counted to the last one: the
// allocator knows 32 of them also for AVX2, which has 16.
func RegistersUsed(file *ir.File) int {
	n := 0
	for _, f := range file.Functions() {
		for _, i := range f.Instructions() {
			for _, r := range append(i.InputRegisters(), i.OutputRegisters()...) {
				if p, ok := r.(reg.Physical); ok && p.Kind() == reg.KindVector {
					n = max(n, int(p.PhysicalIndex())+1)
				}
			}
		}
	}
	return n
}

// Write writes NAME_amd64.s and NAME_amd64.go of a package, or ends the program.
func Write(pkg, name string, c *build.Context, registers int) {
	asm, stubs, err := Assembly(pkg, c, registers)
	Save(pkg, name+"_amd64.s", asm, err)
	Save(pkg, name+"_amd64.go", stubs, nil)
}

// Save writes a file of a package, seen from the module gen; err, or what goes
// wrong, ends the program.
func Save(pkg, name string, text []byte, err error) {
	if err == nil {
		err = os.WriteFile(filepath.Join("..", pkg, name), text, 0o644)
	}
	if err != nil {
		log.SetFlags(0)
		log.Fatalf("%s/%s: %v", pkg, name, err)
	}
}
