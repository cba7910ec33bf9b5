package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// addColumns goes down a strip of columns with the sums in registers.
func addColumns(m *machine, f function) {
	m.open(f)
	dst := m.slice("dst")
	x, step := m.rows("x")
	n := m.Load(m.Param("n"), m.GP64()).(reg.GPVirtual)
	rows := m.Load(m.Param("rows"), m.GP64()).(reg.GPVirtual)
	index := m.GP64()
	m.XORQ(index, index)
	m.TESTQ(rows, rows)
	m.JZ(operand.LabelRef("done"))
	strip := func(label string, vectors int, mask reg.Register) {
		var acc []V
		at := func(u int) int { return 4 * u * m.set.lanes }
		for u := range vectors {
			acc = append(acc, m.load(dst.at(index, at(u)), mask))
		}
		down, left := slice{m.GP64()}, m.GP64()
		m.MOVQ(x.base, down.base)
		m.MOVQ(rows, left)
		m.Label(label)
		for u := range vectors {
			m.VADDPS(m.loaded(down.at(index, at(u)), mask), acc[u], acc[u])
		}
		m.ADDQ(step, down.base)
		m.DECQ(left)
		m.JNZ(operand.LabelRef(label))
		for u := range vectors {
			m.store(acc[u], dst.at(index, at(u)), mask)
		}
	}
	m.strips(n, index, []int{8, 1}, strip)
	m.Label("done")
	m.VZEROUPPER()
	m.RET()
}
