package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loaded is a load with a mask, or the memory itself.
func (m *machine) loaded(from operand.Mem, mask reg.Register) operand.Op {
	if mask == nil {
		return from
	}
	return m.load(from, mask)
}

// strip emits the work on some vectors, or the lanes of mask, from the current
// index.
type strip func(label string, vectors int, mask reg.Register)

// strips calls do for n elements from index: as often as possible with each
// number of vectors, then for the lanes that are left.
func (m *machine) strips(n, index reg.GPVirtual, vectors []int, do strip) {
	for _, v := range vectors {
		name := map[bool]string{true: "one", false: "many"}[v == 1]
		step := operand.Imm(uint64(v * m.set.lanes))
		m.SUBQ(step, n)
		m.JLT(operand.LabelRef(name + "end"))
		m.Label(name)
		do(name+"inner", v, nil)
		m.ADDQ(step, index)
		m.SUBQ(step, n)
		m.JGE(operand.LabelRef(name))
		m.Label(name + "end")
		m.ADDQ(step, n)
	}
	m.JZ(operand.LabelRef("done"))
	do("restinner", 1, m.first(n))
}
