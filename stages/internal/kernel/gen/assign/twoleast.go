package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var infinity = math.Inf(1)

// twoLeast writes func twoLeast(n int, cost *float32, v *float64) (first, firstAt,
// second, secondAt float64) for n a multiple of 16: the least and the second least
// of cost - v, with the numbers of their columns.
func (m *machine) twoLeast() {
	m.open("twoLeast", "func(n int, cost *float32, v *float64) (first, firstAt, second, secondAt float64)")
	n, cost, dual := m.param("n"), m.param("cost"), m.param("v")
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
	t := two{first, firstAt, second, secondAt}
	small := &machine{m.Context, avx2}
	if m.set.wide {
		t = small.merge(t.each(func(v reg.VecVirtual) V { return v.AsY() }), t.each(func(v reg.VecVirtual) V {
			high := m.YMM()
			m.VEXTRACTF64X4(operand.U8(1), v, high)
			return high
		}))
	}
	t = small.merge(t, t.each(func(v reg.VecVirtual) V {
		swapped := m.YMM()
		m.VPERM2F128(operand.U8(1), v, v, swapped)
		return swapped
	}))
	t = small.merge(t, t.each(func(v reg.VecVirtual) V {
		swapped := m.YMM()
		m.VPERMILPD(operand.U8(5), v, swapped)
		return swapped
	}))
	for i, v := range t {
		m.Store(v.(reg.VecVirtual).AsX(), m.ReturnIndex(i))
	}
	m.VZEROUPPER()
	m.RET()
}

// two is the least of every lane, its number, the second least and its number.
type two [4]V

func (t two) each(f func(reg.VecVirtual) V) (out two) {
	for i, v := range t {
		out[i] = f(v.(reg.VecVirtual))
	}
	return out
}

// merge is the two least of a and b, lane by lane; a is overwritten.
func (m *machine) merge(a, b two) two {
	k := m.before(b[0], b[1], a[0], a[1])
	// The one that loses stands against the second of the one that wins.
	loser, loserAt := m.copy(b[0]), m.copy(b[1])
	m.put(loser, a[0], k)
	m.put(loserAt, a[1], k)
	for i := range a {
		m.put(a[i], b[i], k)
	}
	k = m.before(loser, loserAt, a[2], a[3])
	m.put(a[2], loser, k)
	m.put(a[3], loserAt, k)
	return a
}
