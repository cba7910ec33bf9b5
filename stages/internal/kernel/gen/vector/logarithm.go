package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
)

// logSmall is log(1 + f) for -1/4 <= f <= 1/2, to 2^-27.6 before rounding: f + f^2 q.
func logSmall(m *machine, f V) V {
	q := m.horner(f, -0.045152254, 0.1047255, -0.13163936, 0.1447763,
		-0.16646878, 0.19990848, -0.2500011, 0.3333345, -0.5)
	return m.mulAdd(q, m.mul(f, f), f)
}

// parts is x = 2^e f with 3/4 <= f < 3/2 for positive x, normal for AVX2. With
// AVX-512, e is infinite for 0 and infinity, with f = 1, and f is NaN for x < 0.
func (m *machine) parts(x V) (f, e V) {
	if m.set.wide {
		const signedIsNaN, threeQuarters = 2 << 2, 3
		f, e, low := m.vec(), m.vec(), m.vec()
		m.VGETMANTPS(operand.U8(signedIsNaN|threeQuarters), x, f)
		m.VGETEXPPS(x, e)
		m.VGETEXPPS(f, low)
		return f, m.sub(e, low)
	}
	i := m.right(m.subInt(x, m.bits(threeQuartersBits)), 23)
	return m.subInt(x, m.left(i, 23)), m.float(i)
}

const threeQuartersBits = 0x3f400000

// logarithm is e ln 2 + log(f).
func logarithm(m *machine, x V) V {
	if m.set.wide {
		f, e := m.parts(x)
		return m.mulAdd(e, m.reg(m.f(math.Ln2)), logSmall(m, m.sub(f, m.f(1))))
	}
	subnormal := m.compare(less, x, m.f(0x1p-126))
	f, e := m.parts(m.blend(subnormal, x, m.mul(x, m.f(0x1p23))))
	e = m.sub(e, m.where(subnormal, m.f(23)))
	y := m.mulAdd(e, m.reg(m.f(math.Ln2)), logSmall(m, m.sub(f, m.f(1))))
	return edges(m, x, x, y)
}

// edges are the logarithms of u where y is not: -infinity of 0, NaN below, and u
// itself, which is x or x + 1, where it is infinite or NaN.
func edges(m *machine, u, x, y V) V {
	y = m.blend(m.compare(less, u, m.f(math.Inf(1))), x, y)
	y = m.blend(m.compare(equal, u, m.f(0)), y, m.f(math.Inf(-1)))
	return m.blend(m.compare(less, u, m.f(0)), y, m.f(math.NaN()))
}

// log1p is e ln 2 + log(1 + g), 1 + x = 2^e (1 + g): g = x 2^-e + (2^-e - 1),
// where only the rounding of the sum is lost. The power is 4 2^-e / 4, for e may
// be 128.
func log1p(m *machine, x V) V {
	u := m.add(x, m.f(1))
	i := m.right(m.subInt(u, m.bits(threeQuartersBits)), 23)
	power := m.subInt(m.bits(math.Float32bits(4)), m.left(i, 23))
	scaled := m.mul(x, power)
	quarter := m.reg(m.f(0.25))
	g := m.mulAdd(scaled, quarter, m.mulAdd(power, quarter, m.f(-1)))
	y := m.mulAdd(m.float(i), m.reg(m.f(math.Ln2)), logSmall(m, g))
	return edges(m, u, x, m.withSign(y, x))
}

// softplus is, with a = -|x| and z = e^a: max(x, 0) + log(1 + z). For z > 1/2 it
// is log(2) + log(1 + (z - 1)/2), with (z - 1)/2 from e^r - 1.
func softplus(m *machine, x V) V {
	q := reduce(m, m.max(m.f(expLowest), m.or(x, m.bits(signBit))), 127)
	p := expm1Small(m, q.r)
	z := m.scale(m.add(p, m.f(1)), q.n)
	half := m.mul(q.power(m), m.f(0.5)) // meant for n = 0 and -1
	large := m.compare(greater, z, m.f(0.5))
	f := m.blend(large, z, m.mulAdd(p, half, m.sub(half, m.f(0.5))))
	l := m.add(logSmall(m, f), m.where(large, m.f(math.Ln2)))
	return m.add(l, m.max(m.f(0), x))
}

func softplusSlope(m *machine, x V) (y, dy V) {
	return softplus(m, x), sigmoid(m, x)
}

var logarithms = []function{
	unary("Log", 1, logarithm),
	unary("Log1p", 1, log1p),
	unary("Softplus", 1, softplus),
	slope("SoftplusSlope", 1, softplusSlope),
}
