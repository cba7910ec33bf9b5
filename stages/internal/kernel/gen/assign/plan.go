package main

import (
	"github.com/mmcloughlin/avo/operand"
)

// dot writes func dot(n int, a *float32, b *float64) float64 for n a multiple of
// 16: 32 partial sums.
func (m *machine) dot() {
	m.open("dot", "func(n int, a *float32, b *float64) (sum float64)")
	n, a, b := m.param("n"), m.param("a"), m.param("b")
	s := make([]V, 32/m.set.lanes)
	for i := range s {
		s[i] = m.vec()
		m.VXORPD(s[i], s[i], s[i])
	}
	index := m.GP64()
	m.XORQ(index, index)
	take := func(sums []V) {
		for i, sum := range sums {
			v := m.vec()
			m.VCVTPS2PD(operand.Mem{Base: a, Index: index, Scale: 4, Disp: 4 * i * m.set.lanes}, v)
			m.VFMADD231PD(operand.Mem{Base: b, Index: index, Scale: 8, Disp: 8 * i * m.set.lanes}, v, sum)
		}
	}
	m.SUBQ(operand.Imm(32), n)
	m.JLT(operand.LabelRef("last"))
	m.Label("next")
	take(s)
	m.ADDQ(operand.Imm(32), index)
	m.CMPQ(index, n)
	m.JLE(operand.LabelRef("next"))
	m.Label("last")
	m.ADDQ(operand.Imm(32), n)
	m.CMPQ(index, n)
	m.JGE(operand.LabelRef("sum"))
	take(s[:len(s)/2])
	m.Label("sum")
	for half := len(s) / 2; half > 0; half /= 2 {
		for i := range half {
			m.VADDPD(s[i+half], s[i], s[i])
		}
	}
	x := asVec(s[0])
	high := m.YMM()
	if m.set.wide {
		m.VEXTRACTF64X4(operand.U8(1), x, high)
		m.VADDPD(high, x.AsY(), x.AsY())
	}
	m.VEXTRACTF128(operand.U8(1), x.AsY(), high.AsX())
	m.VADDPD(high.AsX(), x.AsX(), x.AsX())
	m.VPERMILPD(operand.U8(1), x.AsX(), high.AsX())
	m.VADDPD(high.AsX(), x.AsX(), x.AsX())
	m.Store(x.AsX(), m.ReturnIndex(0))
	m.VZEROUPPER()
	m.RET()
}

// add writes func add(n int, sum *float64, a *float32, u float64) for n a multiple
// of 16.
func (m *machine) add() {
	m.open("add", "func(n int, sum *float64, a *float32, u float64)")
	n, sum, a := m.param("n"), m.param("sum"), m.param("a")
	u := m.vec()
	m.VBROADCASTSD(m.Load(m.Param("u"), m.XMM()), u)
	index := m.GP64()
	m.XORQ(index, index)
	m.Label("next")
	for i := range 16 / m.set.lanes {
		to := operand.Mem{Base: sum, Index: index, Scale: 8, Disp: 8 * i * m.set.lanes}
		v, s := m.vec(), m.vec()
		m.VCVTPS2PD(operand.Mem{Base: a, Index: index, Scale: 4, Disp: 4 * i * m.set.lanes}, v)
		m.VMOVUPD(to, s)
		m.VFMADD231PD(v, u, s)
		m.VMOVUPD(s, to)
	}
	m.ADDQ(operand.Imm(16), index)
	m.CMPQ(index, n)
	m.JLT(operand.LabelRef("next"))
	m.VZEROUPPER()
	m.RET()
}

// exponents writes func exponents(n int, dst, cost *float32, dual *float64, f, scale
// float64) for n a multiple of 16.
func (m *machine) exponents() {
	m.open("exponents", "func(n int, dst *float32, cost *float32, dual *float64, f float64, scale float64)")
	n, dst, cost, dual := m.param("n"), m.param("dst"), m.param("cost"), m.param("dual")
	f, scale := m.vec(), m.vec()
	m.VBROADCASTSD(m.Load(m.Param("f"), m.XMM()), f)
	m.VBROADCASTSD(m.Load(m.Param("scale"), m.XMM()), scale)
	index := m.GP64()
	m.XORQ(index, index)
	m.Label("next")
	for i := range 16 / m.set.lanes {
		v, c, h := m.vec(), m.vec(), m.half()
		m.VADDPD(operand.Mem{Base: dual, Index: index, Scale: 8, Disp: 8 * i * m.set.lanes}, f, v)
		m.VCVTPS2PD(operand.Mem{Base: cost, Index: index, Scale: 4, Disp: 4 * i * m.set.lanes}, c)
		m.VSUBPD(c, v, v)
		m.VMULPD(scale, v, v)
		if m.set.wide {
			m.VCVTPD2PS(v, h)
		} else {
			m.VCVTPD2PSY(v, h)
		}
		m.VMOVUPS(h, operand.Mem{Base: dst, Index: index, Scale: 4, Disp: 4 * i * m.set.lanes})
	}
	m.ADDQ(operand.Imm(16), index)
	m.CMPQ(index, n)
	m.JLT(operand.LabelRef("next"))
	m.VZEROUPPER()
	m.RET()
}

// greatest writes func greatest(n int, cost *float32) uint32 for n a multiple of
// 16: the greatest bits.
func (m *machine) greatest() {
	m.open("greatest", "func(n int, cost *float32) uint32")
	n, cost := m.param("n"), m.param("cost")
	most := make([]V, 16/(2*m.set.lanes))
	for i := range most {
		most[i] = m.vec()
		m.VPXOR(asVec(most[i]).AsY(), asVec(most[i]).AsY(), asVec(most[i]).AsY())
	}
	index := m.GP64()
	m.XORQ(index, index)
	m.Label("next")
	for i, v := range most {
		m.VPMAXUD(operand.Mem{Base: cost, Index: index, Scale: 4, Disp: 8 * i * m.set.lanes}, v, v)
	}
	m.ADDQ(operand.Imm(16), index)
	m.CMPQ(index, n)
	m.JLT(operand.LabelRef("next"))
	x, other := asVec(most[0]), m.YMM()
	if m.set.wide {
		m.VEXTRACTI64X4(operand.U8(1), x, other)
	} else {
		m.VMOVDQA(asVec(most[1]), other)
	}
	y := x.AsY()
	m.VPMAXUD(other, y, y)
	m.VEXTRACTI128(operand.U8(1), y, other.AsX())
	m.VPMAXUD(other.AsX(), x.AsX(), x.AsX())
	for _, order := range []operand.Constant{operand.U8(0x4e), operand.U8(0xb1)} {
		m.VPSHUFD(order, x.AsX(), other.AsX())
		m.VPMAXUD(other.AsX(), x.AsX(), x.AsX())
	}
	out := m.GP32()
	m.VMOVD(x.AsX(), out)
	m.Store(out, m.ReturnIndex(0))
	m.VZEROUPPER()
	m.RET()
}
