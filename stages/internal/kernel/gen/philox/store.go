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

// quarter is 128 bits of v.
func (m *machine) quarter(v reg.VecVirtual, i int) reg.Register {
	if i == 0 {
		return v.AsX()
	}
	x := m.XMM()
	if m.set.wide {
		m.VEXTRACTF32X4(operand.U8(i), v, x)
	} else {
		m.VEXTRACTF128(operand.U8(i), v, x)
	}
	return x
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
		for j := range m.set.lanes / 2 {
			for _, v := range []reg.VecVirtual{even, odd} {
				m.VMOVUPD(m.quarter(v, j), operand.Mem{Base: to})
				m.ADDQ(stride, to)
			}
		}
	}
}

// storeSingles writes a of lane after lane.
func (m *machine) storeSingles(a V, to, stride reg.GPVirtual) {
	m.Comment("Lanes to memory.")
	for i := range a {
		for j := range m.set.lanes / 2 {
			x := m.quarter(a[i], j)
			m.VMOVLPD(x, operand.Mem{Base: to})
			m.ADDQ(stride, to)
			m.VMOVHPD(x, operand.Mem{Base: to})
			m.ADDQ(stride, to)
		}
	}
}

// storeFloats writes a, or a and b, of lane after lane.
func (m *machine) storeFloats(a, b V, width int, to, stride reg.GPVirtual) {
	m.Comment("Lanes to memory.")
	at := operand.Mem{Base: to}
	for i := range a {
		vectors := []reg.VecVirtual{a[i]}
		if width == 2 {
			x, y := zip(m, m.VUNPCKLPS, m.VUNPCKHPS, a[i], b[i])
			vectors = []reg.VecVirtual{x, y}
		}
		for j := range m.set.lanes / 4 {
			for _, v := range vectors {
				x := m.quarter(v, j)
				if width == 2 {
					m.VMOVLPS(x, at)
					m.ADDQ(stride, to)
					m.VMOVHPS(x, at)
					m.ADDQ(stride, to)
					continue
				}
				m.VMOVSS(x, at)
				m.ADDQ(stride, to)
				for lane := 1; lane < 4; lane++ {
					m.VEXTRACTPS(operand.U8(lane), x, at)
					m.ADDQ(stride, to)
				}
			}
		}
	}
}
