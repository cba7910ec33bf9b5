package main

import "github.com/mmcloughlin/avo/operand"

type instruction = func(...operand.Op)

// pick chooses the form of an instruction: with a constant spread from memory or
// without.
func (m *machine) pick(plain, spread func(...operand.Op), first operand.Op, rest ...operand.Op) {
	c, inMemory := first.(constant)
	switch {
	case !inMemory:
		plain(append([]operand.Op{first}, rest...)...)
	case m.set.wide:
		spread(append([]operand.Op{c.Mem}, rest...)...)
	default:
		plain(append([]operand.Op{c.Mem}, rest...)...)
	}
}

func (m *machine) two(plain, spread instruction, a, b operand.Op) V {
	v := m.vec()
	m.pick(plain, spread, b, m.reg(a), v)
	return v
}

func (m *machine) add(a, b operand.Op) V { return m.two(m.VADDPS, m.VADDPS_BCST, a, b) }
func (m *machine) sub(a, b operand.Op) V { return m.two(m.VSUBPS, m.VSUBPS_BCST, a, b) }
func (m *machine) mul(a, b operand.Op) V { return m.two(m.VMULPS, m.VMULPS_BCST, a, b) }
func (m *machine) div(a, b operand.Op) V { return m.two(m.VDIVPS, m.VDIVPS_BCST, a, b) }

// max is a > b ? a : b, so b where one is NaN.
func (m *machine) max(a, b operand.Op) V { return m.two(m.VMAXPS, m.VMAXPS_BCST, a, b) }

// min is a < b ? a : b, so b where one is NaN.
func (m *machine) min(a, b operand.Op) V { return m.two(m.VMINPS, m.VMINPS_BCST, a, b) }

func (m *machine) and(a, b operand.Op) V { return m.two(m.VANDPS, m.VANDPS_BCST, a, b) }
func (m *machine) or(a, b operand.Op) V  { return m.two(m.VORPS, m.VORPS_BCST, a, b) }
func (m *machine) xor(a, b operand.Op) V { return m.two(m.VXORPS, m.VXORPS_BCST, a, b) }

func (m *machine) sqrt(x V) V {
	v := m.vec()
	m.VSQRTPS(x, v)
	return v
}

// mulAdd overwrites p with p*r + c.
func (m *machine) mulAdd(p, r V, c operand.Op) V {
	m.pick(m.VFMADD213PS, m.VFMADD213PS_BCST, c, r, p)
	return p
}

// accumulate adds a*b to s.
func (m *machine) accumulate(s, a V, b operand.Op) V {
	m.pick(m.VFMADD231PS, m.VFMADD231PS_BCST, b, a, s)
	return s
}

// deduct subtracts a*b from s.
func (m *machine) deduct(s, a V, b operand.Op) V {
	m.pick(m.VFNMADD231PS, m.VFNMADD231PS_BCST, b, a, s)
	return s
}

// horner is the polynomial with these coefficients, the highest first.
func (m *machine) horner(r V, c ...float64) V {
	p := m.copy(m.f(c[0]))
	for _, v := range c[1:] {
		m.mulAdd(p, r, m.f(v))
	}
	return p
}

const (
	signBit = 1 << 31
	allBut  = 1<<31 - 1
)

func (m *machine) abs(x V) V { return m.and(x, m.bits(allBut)) }
func (m *machine) neg(x V) V { return m.xor(x, m.bits(signBit)) }

// withSign is y with the sign bit of x set too: y is not negative or has it.
func (m *machine) withSign(y, x V) V {
	if m.set.wide {
		v := m.copy(x) // x & sign | y
		m.pick3(0xec, m.bits(signBit), y, v)
		return v
	}
	return m.or(m.and(x, m.bits(signBit)), y)
}

// pick3 sets v to the function of three bits that table gives: bit 4v+2a+b.
func (m *machine) pick3(table uint8, b operand.Op, a, v V) {
	if c, ok := b.(constant); ok {
		m.VPTERNLOGD_BCST(operand.U8(table), c.Mem, a, v)
		return
	}
	m.VPTERNLOGD(operand.U8(table), b, a, v)
}

// Integers in lanes.

func (m *machine) addInt(a, b operand.Op) V { return m.two(m.VPADDD, m.VPADDD_BCST, a, b) }
func (m *machine) subInt(a, b operand.Op) V { return m.two(m.VPSUBD, m.VPSUBD_BCST, a, b) }

func (m *machine) left(x V, n uint8) V {
	v := m.vec()
	m.VPSLLD(operand.U8(n), x, v)
	return v
}

// right keeps the sign.
func (m *machine) right(x V, n uint8) V {
	v := m.vec()
	m.VPSRAD(operand.U8(n), x, v)
	return v
}

// integer rounds to the nearest.
func (m *machine) integer(x V) V {
	v := m.vec()
	m.VCVTPS2DQ(x, v)
	return v
}

func (m *machine) float(x V) V {
	v := m.vec()
	m.VCVTDQ2PS(x, v)
	return v
}
