package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set.
type set struct {
	name, suffix string
	wide         bool // AVX-512
	lanes        int  // of float32
	registers    int
}

var (
	avx512 = set{name: "avx512", suffix: "AVX512", wide: true, lanes: 16, registers: 32}
	avx2   = set{name: "avx2", suffix: "AVX2", lanes: 8, registers: 16}
)

// machine emits instructions for vectors of one instruction set. Unless it says
// otherwise, an operation leaves its operands and returns a new register.
type machine struct {
	*build.Context
	set set
}

// V is a register of one vector.
type V = reg.Register

func (m *machine) vec() V {
	if m.set.wide {
		return m.ZMM()
	}
	return m.YMM()
}

// to is a new register with the result of an instruction of two operands.
func (m *machine) to(do func(...operand.Op), a, b V) V {
	v := m.vec()
	do(b, a, v)
	return v
}

func (m *machine) sub(a, b V) V   { return m.to(m.VSUBPS, a, b) }
func (m *machine) mul(a, b V) V   { return m.to(m.VMULPS, a, b) }
func (m *machine) div(a, b V) V   { return m.to(m.VDIVPS, a, b) }
func (m *machine) and(a, b V) V   { return m.to(m.VANDPS, a, b) }
func (m *machine) or(a, b V) V    { return m.to(m.VORPS, a, b) }
func (m *machine) add64(a, b V) V { return m.to(m.VADDPD, a, b) }
func (m *machine) sub64(a, b V) V { return m.to(m.VSUBPD, a, b) }
func (m *machine) mul64(a, b V) V { return m.to(m.VMULPD, a, b) }

func (m *machine) sqrt(x V) V {
	v := m.vec()
	m.VSQRTPS(x, v)
	return v
}

func (m *machine) copy(x V) V {
	v := m.vec()
	m.VMOVAPS(x, v)
	return v
}

// add overwrites s with a*b + s.
func (m *machine) add(s, a, b V) V {
	m.VFMADD231PS(b, a, s)
	return s
}

// deduct overwrites s with s - a*b.
func (m *machine) deduct(s, a, b V) V {
	m.VFNMADD231PS(b, a, s)
	return s
}

// toward is a + part (b - a) as in package update, in the place of a.
func (m *machine) toward(a, b, part V) V { return m.add(m.deduct(a, part, m.copy(a)), part, b) }

// widened is x in float64, rounded is x in float32.
func (m *machine) widened(x V) V {
	v := m.vec()
	m.VCVTPS2PD(x, v)
	return v
}

func (m *machine) rounded(x V) V {
	v := m.part(true)
	if m.set.wide {
		m.VCVTPD2PS(x, v)
	} else {
		m.VCVTPD2PSY(x, v)
	}
	return v
}

// signed is c with the size of rate where c is not 0 and not NaN, else c.
func (m *machine) signed(c, rate V) V {
	const orderedUnequal = operand.U8(12)
	zero, sign := m.vec(), m.vec()
	if m.set.wide {
		m.VPXORD(zero, zero, zero)
		k := m.K()
		m.VCMPPS(orderedUnequal, zero, c, k)
		m.VPTERNLOGD(operand.U8(0xff), sign, sign, sign)
		m.VPSLLD(operand.U8(31), sign, sign)
		v := m.or(m.and(c, sign), rate)
		m.VMOVAPS(v, k, c)
		return c
	}
	m.VXORPS(zero, zero, zero)
	where := m.vec()
	m.VCMPPS(orderedUnequal, zero, c, where)
	m.VPCMPEQD(sign, sign, sign)
	m.VPSLLD(operand.U8(31), sign, sign)
	v := m.vec()
	m.VBLENDVPS(where, m.or(m.and(c, sign), rate), c, v)
	return v
}
