package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// folder is where the files go, seen from the module gen.
const folder = "../assign"

func main() {
	log.SetFlags(0)
	for _, s := range []set{avx512, avx2} {
		write(s)
	}
}

// write writes all functions of one instruction set: NAME_amd64.s and stubs.
func write(s set) {
	m := &machine{Context: build.NewContext(), set: s}
	m.ConstraintExpr("!purego")
	m.relax()
	m.twoLeast()
	m.squares()
	file, err := m.Result()
	if err == nil {
		err = pass.Compile.Execute(file)
	}
	if err != nil {
		log.Fatalf("%s: %v", s.name, err)
	}
	if n := registersUsed(file); n > s.registers {
		log.Fatalf("%s: %d vector registers, there are %d", s.name, n, s.registers)
	}
	settings := printer.Config{Name: "avo", Argv: []string{"go", "run", "./assign"}, Pkg: "assign"}
	text, err := printer.NewGoAsm(settings).Print(file)
	save(s.name+"_amd64.s", text, err)
	text, err = printer.NewStubs(settings).Print(file)
	save(s.name+"_amd64.go", text, err)
}

// registersUsed is the number of vector registers, counted to the last one: the
// allocator knows 32 of them also for AVX2, which has 16.
func registersUsed(file *ir.File) int {
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

func save(name string, text []byte, err error) {
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), text, 0o644)
	}
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
}
