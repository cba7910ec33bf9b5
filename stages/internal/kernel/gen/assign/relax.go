package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is how many of the nearest columns are kept at a time, so that a
// comparison does not wait for the one before.
const chains = 2

// relax writes func relax(n int, dist *float64, pred *int32, cost *float32, open
// *float64, base float64, from int32) (least, at float64) for n a multiple of 16.
func (m *machine) relax() {
	m.lanesTable(chains * m.set.lanes)
	m.open("relax", "func(n int, dist *float64, pred *int32, cost *float32, open *float64, base float64, from int32) (least, at float64)")
	n, dist, pred := m.param("n"), m.param("dist"), m.param("pred")
	cost, open := m.param("cost"), m.param("open")
	base := m.vec()
	m.VBROADCASTSD(m.Load(m.Param("base"), m.XMM()), base)
	from := m.half()
	low := m.XMM()
	m.VMOVD(m.Load(m.Param("from"), m.GP32()), low)
	m.VPBROADCASTD(low, from)
	var least, where, number [chains]V
	for c := range chains {
		least[c], where[c], number[c] = m.every(infinity), m.count(c*m.set.lanes), m.count(c*m.set.lanes)
	}
	step := m.every(float64(chains * m.set.lanes))
	index := m.GP64()
	m.XORQ(index, index)
	m.Label("next")
	for c := range chains {
		at := c * m.set.lanes
		to := operand.Mem{Base: dist, Index: index, Scale: 8, Disp: 8 * at}
		h := m.reduced(cost, open, index, at)
		m.VADDPD(h, base, h)
		d := m.vec()
		m.VMOVUPD(to, d)
		nearer := m.below(h, d)
		m.put(d, h, nearer)
		m.VMOVUPD(d, to)
		m.store(from, operand.Mem{Base: pred, Index: index, Scale: 4, Disp: 4 * at}, nearer)
		k := m.below(d, least[c])
		m.put(least[c], d, k)
		m.put(where[c], number[c], k)
		m.VADDPD(step, number[c], number[c])
	}
	m.ADDQ(operand.I32(chains*m.set.lanes), index)
	m.CMPQ(index, n)
	m.JLT(operand.LabelRef("next"))
	// The first of the least of all lanes.
	k := m.before(least[1], where[1], least[0], where[0])
	m.put(least[0], least[1], k)
	m.put(where[0], where[1], k)
	l, w := m.first(least[0], where[0])
	m.Store(l, m.ReturnIndex(0))
	m.Store(w, m.ReturnIndex(1))
	m.VZEROUPPER()
	m.RET()
}

// before is where a < c, or a is c and b < d.
func (m *machine) before(a, b, c, d V) mask {
	const equal = operand.U8(0)
	lower := m.below(a, c)
	if m.set.wide {
		same, earlier := m.K(), m.K()
		m.VCMPPD(equal, c, a, same)
		m.VCMPPD(less, d, b, earlier)
		m.KANDW(same, earlier, earlier)
		m.KORW(earlier, lower, lower)
		return lower
	}
	same := m.vec()
	m.VCMPPD(equal, c, a, same)
	m.VANDPD(m.below(b, d), same, same)
	m.VORPD(same, lower, lower)
	return lower
}

// first is the least of the lanes and, of those that have it, the lowest number.
func (m *machine) first(v, number V) (reg.VecVirtual, reg.VecVirtual) {
	x, y := v.(reg.VecVirtual), number.(reg.VecVirtual)
	small := &machine{m.Context, avx2}
	if m.set.wide {
		a, b := m.YMM(), m.YMM()
		m.VEXTRACTF64X4(operand.U8(1), x, a)
		m.VEXTRACTF64X4(operand.U8(1), y, b)
		k := small.before(a, b, x.AsY(), y.AsY())
		small.put(x.AsY(), a, k)
		small.put(y.AsY(), b, k)
	}
	x, y = x.AsY().(reg.VecVirtual), y.AsY().(reg.VecVirtual)
	a, b := m.YMM(), m.YMM()
	m.VPERM2F128(operand.U8(1), x, x, a)
	m.VPERM2F128(operand.U8(1), y, y, b)
	k := small.before(a, b, x, y)
	small.put(x, a, k)
	small.put(y, b, k)
	m.VPERMILPD(operand.U8(5), x, a)
	m.VPERMILPD(operand.U8(5), y, b)
	k = small.before(a, b, x, y)
	small.put(x, a, k)
	small.put(y, b, k)
	return x.AsX().(reg.VecVirtual), y.AsX().(reg.VecVirtual)
}

// half is a register of as many int32 as a vector has float64.
func (m *machine) half() reg.VecVirtual {
	if m.set.wide {
		return m.YMM()
	}
	return m.XMM()
}

// store writes v where k is set.
func (m *machine) store(v reg.VecVirtual, to operand.Mem, k mask) {
	if m.set.wide {
		m.VMOVDQU32(v, k, to)
		return
	}
	// The mask of 64 bits, narrowed to 32.
	low, high := m.XMM(), m.XMM()
	m.VEXTRACTF128(operand.U8(1), k, high)
	m.VMOVAPS(k.(reg.VecVirtual).AsX(), low)
	m.VSHUFPS(operand.U8(0x88), high, low, low)
	m.VPMASKMOVD(v, low, to)
}
