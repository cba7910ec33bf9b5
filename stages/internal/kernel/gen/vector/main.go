package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"

	"github.com/mmcloughlin/avo/build"

	"github.com/pathline/pathline/stages/internal/kernel/gen"
)

func main() {
	log.SetFlags(0)
	all, err := files()
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range all {
		gen.Save("vector", name, text, nil)
	}
}

// files are the texts by name.
func files() (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, s := range []set{avx512, avx2} {
		if err := assemble(s, all); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for name, text := range map[string]*bytes.Buffer{"fast_amd64.go": choice(), "fast_other.go": absent()} {
		out, err := format.Source(text.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = out
	}
	return all, nil
}

// assemble adds all functions of one instruction set: NAME_amd64.s and stubs.
func assemble(s set, all map[string][]byte) error {
	m := &machine{Context: build.NewContext(), set: s, table: newTable()}
	m.ConstraintExpr("!purego")
	for _, f := range functions {
		if f.in(s) {
			m.holds = room(s, f)
			f.emit(m, f)
		}
	}
	m.table.write(m)
	asm, stubs, err := gen.Assembly("vector", m.Context, 0)
	all[s.name+"_amd64.s"], all[s.name+"_amd64.go"] = asm, stubs
	return err
}
