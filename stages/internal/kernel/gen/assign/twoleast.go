package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
)

var infinity = math.Inf(1)

// twoLeast writes func twoLeast(n int, cost *float32, v, out *float64) for n a
// multiple of 16: the least and the second least of every lane, and their
// numbers, one vector after the other.
func (m *machine) twoLeast() {
	m.open("twoLeast", "func(n int, cost *float32, v, out *float64)")
	n, cost, dual, out := m.param("n"), m.param("cost"), m.param("v"), m.param("out")
	first, second := m.every(infinity), m.every(infinity)
	firstAt, secondAt, number := m.every(-1), m.every(-1), m.count(0)
	step := m.every(float64(m.set.lanes))
	index := m.GP64()
	m.XORQ(index, index)
	m.Label("next")
	h := m.reduced(cost, dual, index, 0)
	k := m.below(h, second)
	m.put(second, h, k)
	m.put(secondAt, number, k)
	// What is less than the first takes its place, which goes to the second.
	k = m.below(h, first)
	m.put(second, first, k)
	m.put(secondAt, firstAt, k)
	m.put(first, h, k)
	m.put(firstAt, number, k)
	m.VADDPD(step, number, number)
	m.ADDQ(operand.I32(m.set.lanes), index)
	m.CMPQ(index, n)
	m.JLT(operand.LabelRef("next"))
	for i, v := range []V{first, second, firstAt, secondAt} {
		m.VMOVUPD(v, operand.Mem{Base: out, Disp: 8 * i * m.set.lanes})
	}
	m.VZEROUPPER()
	m.RET()
}
