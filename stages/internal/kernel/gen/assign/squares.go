package main

import "github.com/mmcloughlin/avo/operand"

// squares writes func squares(n, dim, ld int, dst *float32, x *float64, y
// *float32) for n a multiple of 16: the squared distances of one point x [dim] to
// the columns of y [dim][ld].
func (m *machine) squares() {
	wide := 16 / m.set.lanes // vectors of 16 columns
	m.open("squares", "func(n, dim, ld int, dst *float32, x *float64, y *float32)")
	n, dim, ld := m.param("n"), m.param("dim"), m.param("ld")
	dst, x, y := m.param("dst"), m.param("x"), m.param("y")
	m.SHLQ(operand.Imm(2), ld)
	index := m.GP64()
	m.XORQ(index, index)
	m.Label("columns")
	sums := make([]V, wide)
	for i := range sums {
		sums[i] = m.vec()
		m.VXORPD(sums[i], sums[i], sums[i])
	}
	row, at, left := m.GP64(), m.GP64(), m.GP64()
	m.LEAQ(operand.Mem{Base: y, Index: index, Scale: 4}, row)
	m.MOVQ(x, at)
	m.MOVQ(dim, left)
	m.Label("dims")
	v := m.vec()
	m.VBROADCASTSD(operand.Mem{Base: at}, v)
	for i := range sums {
		d := m.vec()
		m.VCVTPS2PD(operand.Mem{Base: row, Disp: 4 * i * m.set.lanes}, d)
		m.VSUBPD(d, v, d)
		m.VFMADD231PD(d, d, sums[i])
	}
	m.ADDQ(ld, row)
	m.ADDQ(operand.Imm(8), at)
	m.DECQ(left)
	m.JNZ(operand.LabelRef("dims"))
	for i := range sums {
		h := m.half()
		if m.set.wide {
			m.VCVTPD2PS(sums[i], h)
		} else {
			m.VCVTPD2PSY(sums[i], h)
		}
		m.VMOVUPS(h, operand.Mem{Base: dst, Index: index, Scale: 4, Disp: 4 * i * m.set.lanes})
	}
	m.ADDQ(operand.Imm(16), index)
	m.CMPQ(index, n)
	m.JLT(operand.LabelRef("columns"))
	m.VZEROUPPER()
	m.RET()
}
