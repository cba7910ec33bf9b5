package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// joined are the lower halves of lo and hi as one number of 64 bits.
func (m *machine) joined(lo, hi V) V {
	v := m.left(hi, 32)
	for i := range v {
		if m.set.wide {
			m.VPBLENDMD(v[i], lo[i], m.odd, v[i])
		} else {
			m.VPBLENDD(operand.U8(0xaa), v[i], lo[i], v[i])
		}
	}
	return v
}

// narrow rounds to float32: half as many bits in a register.
func (m *machine) narrow(x V) V {
	v := make(V, len(x))
	for i := range x {
		if m.set.wide {
			v[i] = m.YMM()
			m.VCVTPD2PS(x[i], v[i])
		} else {
			v[i] = m.XMM()
			m.VCVTPD2PSY(x[i], v[i])
		}
	}
	return v
}

// quarters are the 128 bits of each quarter of v, which has size bytes.
func (m *machine) quarters(v reg.VecVirtual, size int) []reg.Register {
	list := []reg.Register{v.AsX()}
	for i := 1; i < size/16; i++ {
		x := m.XMM()
		if m.set.wide {
			m.VEXTRACTF32X4(operand.U8(i), v, x)
		} else {
			m.VEXTRACTF128(operand.U8(i), v, x)
		}
		list = append(list, x)
	}
	return list
}

// zip interleaves two vectors with an instruction and its twin for other halves.
func zip(m *machine, low, high instruction, a, b reg.VecVirtual) (x, y reg.VecVirtual) {
	fresh := func() reg.VecVirtual {
		switch a.Size() {
		case 16:
			return m.XMM()
		case 32:
			return m.YMM()
		}
		return m.ZMM()
	}
	x, y = fresh(), fresh()
	low(b, a, x)
	high(b, a, y)
	return x, y
}

// storePairs writes a and b of lane after lane.
func (m *machine) storePairs(a, b V, to, stride reg.GPVirtual) {
	m.Comment("Lanes to memory.")
	for i := range a {
		even, odd := zip(m, m.VUNPCKLPD, m.VUNPCKHPD, a[i], b[i])
		q, p := m.quarters(even, 8*m.set.lanes), m.quarters(odd, 8*m.set.lanes)
		for j := range q {
			for _, x := range []reg.Register{q[j], p[j]} {
				m.VMOVUPD(x, operand.Mem{Base: to})
				m.ADDQ(stride, to)
			}
		}
	}
}

// storeSingles writes a of lane after lane.
func (m *machine) storeSingles(a V, to, stride reg.GPVirtual) {
	m.Comment("Lanes to memory.")
	for i := range a {
		for _, x := range m.quarters(a[i], 8*m.set.lanes) {
			m.VMOVLPD(x, operand.Mem{Base: to})
			m.ADDQ(stride, to)
			m.VMOVHPD(x, operand.Mem{Base: to})
			m.ADDQ(stride, to)
		}
	}
}

// storeFloats writes the first width of z of lane after lane.
func (m *machine) storeFloats(z []V, width int, to, stride reg.GPVirtual) {
	m.Comment("Lanes to memory.")
	at := operand.Mem{Base: to}
	next := func() { m.ADDQ(stride, to) }
	size := 4 * m.set.lanes
	for i := range m.set.bundle {
		switch width {
		case 1:
			for _, x := range m.quarters(z[0][i], size) {
				m.VMOVSS(x, at)
				next()
				for lane := 1; lane < 4; lane++ {
					m.VEXTRACTPS(operand.U8(lane), x, at)
					next()
				}
			}
		case 2:
			a, b := zip(m, m.VUNPCKLPS, m.VUNPCKHPS, z[0][i], z[1][i])
			p, q := m.quarters(a, size), m.quarters(b, size)
			for j := range p {
				for _, x := range []reg.Register{p[j], q[j]} {
					m.VMOVLPS(x, at)
					next()
					m.VMOVHPS(x, at)
					next()
				}
			}
		default:
			a, b := zip(m, m.VUNPCKLPS, m.VUNPCKHPS, z[0][i], z[1][i])
			c, d := zip(m, m.VUNPCKLPS, m.VUNPCKHPS, z[2][i], z[3][i])
			var rows [4]reg.VecVirtual
			rows[0], rows[1] = zip(m, m.VUNPCKLPD, m.VUNPCKHPD, a, c)
			rows[2], rows[3] = zip(m, m.VUNPCKLPD, m.VUNPCKHPD, b, d)
			var parts [4][]reg.Register
			for r, v := range rows {
				parts[r] = m.quarters(v, size)
			}
			for j := range parts[0] {
				for r := range rows {
					x := parts[r][j]
					if width == 4 {
						m.VMOVUPS(x, at)
					} else {
						m.VMOVLPS(x, at)
						m.VEXTRACTPS(operand.U8(2), x, at.Offset(8))
					}
					next()
				}
			}
		}
	}
}
