package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// room is how many constants f may hold in registers: it is compiled alone, with
// fewer and fewer, until the registers suffice. (The allocator knows 32 of them
// also for AVX2, which has 16.)
func room(s set, f function) int {
	for holds := s.registers - 6; holds > 0; holds-- {
		m := &machine{Context: build.NewContext(), set: s, table: newTable(), holds: holds}
		f.emit(m, f)
		file, err := m.Result()
		if err == nil && pass.Compile.Execute(file) == nil && registersUsed(file) <= s.registers {
			return holds
		}
	}
	return 0
}

// registersUsed is the number of vector registers, counted to the last one.
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
