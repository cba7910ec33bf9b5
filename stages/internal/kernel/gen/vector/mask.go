package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Masks: a mask register of AVX-512, ones and zeros in lanes for AVX2.

const (
	equal     = operand.U8(0)
	less      = operand.U8(1)
	unordered = operand.U8(3)
	greater   = operand.U8(30) // ordered, without a signal
)

// compare is where a ? b holds.
func (m *machine) compare(how operand.U8, a, b operand.Op) reg.Register {
	left := m.reg(a)
	if m.set.wide {
		k := m.K()
		if c, ok := b.(constant); ok {
			m.VCMPPS_BCST(how, c.Mem, left, k)
		} else {
			m.VCMPPS(how, b, left, k)
		}
		return k
	}
	v := m.vec()
	if c, ok := b.(constant); ok {
		b = c.Mem
	}
	m.VCMPPS(how, b, left, v)
	return v
}

// negative is where the sign bit is set, by the sign bit itself.
func (m *machine) negative(x V) reg.Register {
	if m.set.wide {
		k := m.K()
		m.VPMOVD2M(x, k)
		return k
	}
	return x
}

// blend is yes where the mask holds and no elsewhere.
func (m *machine) blend(mask reg.Register, no, yes operand.Op) V {
	v := m.vec()
	if m.set.wide {
		m.pick(m.VBLENDMPS, m.VBLENDMPS_BCST, yes, m.reg(no), mask, v)
		return v
	}
	if c, ok := yes.(constant); ok {
		yes = c.Mem
	}
	m.VBLENDVPS(mask, yes, m.reg(no), v)
	return v
}

// where is yes where the mask holds and 0 elsewhere.
func (m *machine) where(mask reg.Register, yes operand.Op) V {
	v := m.vec()
	if m.set.wide {
		if c, ok := yes.(constant); ok {
			m.VBROADCASTSS_Z(c.Mem, mask, v)
		} else {
			m.VMOVAPS_Z(yes, mask, v)
		}
		return v
	}
	m.pick(m.VANDPS, m.VANDPS_BCST, yes, mask, v)
	return v
}

// mulWhere overwrites y with a*b where the mask holds.
func (m *machine) mulWhere(mask reg.Register, y, a V, b operand.Op) V {
	if m.set.wide {
		m.pick(m.VMULPS, m.VMULPS_BCST, b, a, mask, y)
		return y
	}
	return m.blend(mask, y, m.mul(a, b))
}

// jumpIfAny goes to a label if the mask holds somewhere.
func (m *machine) jumpIfAny(mask reg.Register, label string) {
	if m.set.wide {
		m.KORTESTW(mask, mask)
	} else {
		bits := m.GP32()
		m.VMOVMSKPS(mask, bits)
		m.TESTL(bits, bits)
	}
	m.JNZ(operand.LabelRef(label))
}
