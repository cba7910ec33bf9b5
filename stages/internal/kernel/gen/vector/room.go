package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"

	"github.com/pathline/pathline/stages/internal/kernel/gen"
)

// room is how many constants f may hold in registers: it is compiled alone, with
// fewer and fewer, until the registers suffice. (The allocator knows 32 of them
// also for AVX2, which has 16.)
func room(s set, f function) int {
	for holds := s.registers - 6; holds > 0; holds-- {
		m := &machine{Context: build.NewContext(), set: s, table: newTable(), holds: holds}
		f.emit(m, f)
		file, err := m.Result()
		if err == nil && pass.Compile.Execute(file) == nil && gen.RegistersUsed(file) <= s.registers {
			return holds
		}
	}
	return 0
}
