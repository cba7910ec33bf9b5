package main

import (
	"bytes"
	"go/format"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// folder is where the files go, seen from the module gen.
const folder = "../vector"

func main() {
	log.SetFlags(0)
	for _, s := range []set{avx512, avx2} {
		write(s)
	}
	writeGo("fast_amd64.go", choice())
	writeGo("fast_other.go", absent())
}

// write writes all functions of one instruction set: NAME_amd64.s and stubs.
func write(s set) {
	m := &machine{Context: build.NewContext(), set: s, table: newTable()}
	m.ConstraintExpr("!purego")
	for _, f := range functions {
		if f.in(s) {
			m.holds = room(s, f)
			f.emit(m, f)
		}
	}
	m.table.write(m)
	file, err := m.Result()
	if err == nil {
		err = pass.Compile.Execute(file)
	}
	if err != nil {
		log.Fatalf("%s: %v", s.name, err)
	}
	settings := printer.Config{Name: "avo", Argv: []string{"go", "run", "./vector"}, Pkg: "vector"}
	text, err := printer.NewGoAsm(settings).Print(file)
	save(s.name+"_amd64.s", text, err)
	text, err = printer.NewStubs(settings).Print(file)
	save(s.name+"_amd64.go", text, err)
}

// writeGo writes a file of Go.
func writeGo(name string, text *bytes.Buffer) {
	out, err := format.Source(text.Bytes())
	save(name, out, err)
}

func save(name string, text []byte, err error) {
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), text, 0o644)
	}
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
}
