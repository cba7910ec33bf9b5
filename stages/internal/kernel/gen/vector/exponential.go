package main

import (
	"math"

	"github.com/mmcloughlin/avo/reg"
)

// ln 2 as two floats. The high part is rounded down, so that both are positive:
// then x - 0*high - 0*low keeps the sign of x = -0.
const (
	ln2High = 0x1.62e42ep-1
	ln2Low  = math.Ln2 - ln2High
)

// reduction is x = n ln 2 + r, |r| <= ln(2)/2 (Cody and Waite 1980). x has to
// be small enough that n has 9 bits.
type reduction struct {
	n, r V
	t    V // n + bias in its lowest bits
}

// reduce rounds x/ln 2 by adding 1.5*2^23, whose last place is 1, and bias.
func reduce(m *machine, x V, bias float64) reduction {
	shift := 0x1.8p23 + bias
	t := m.accumulate(m.copy(m.f(shift)), x, m.f(math.Log2E))
	n := m.sub(t, m.f(shift))
	r := m.deduct(m.deduct(m.copy(x), n, m.f(ln2High)), n, m.f(ln2Low))
	return reduction{n, r, t}
}

// power is 2^(n + bias - 127), from the exponent bits alone; n + bias has to lie
// in 1 .. 254.
func (d reduction) power(m *machine) V { return m.left(d.t, 23) }

// powerBelow is 2^n, 0 <= n + 126, or about 0 for less.
func (d reduction) powerBelow(m *machine) V {
	if m.set.wide {
		return m.scale(m.reg(m.f(1)), d.n)
	}
	return m.left(m.max(d.t, m.f(0x1.8p23+1)), 23)
}

// scale is y 2^n, rounded once also where it is subnormal.
func (m *machine) scale(y, n V) V {
	if m.set.wide {
		v := m.vec()
		m.VSCALEFPS(n, y, v)
		return v
	}
	i := m.integer(n)
	half := m.right(i, 1)
	rest := m.subInt(i, half)
	one := m.bits(127)
	return m.mul(m.mul(y, m.left(m.addInt(half, one), 23)), m.left(m.addInt(rest, one), 23))
}

// expSmall is e^r for |r| <= ln(2)/2, to 2^-28.2 before rounding.
func expSmall(m *machine, r V) V {
	return m.horner(r, 0.001382147, 0.008368663, 0.041668255, 0.16666521, 0.49999994, 1, 1)
}

// expm1Small is e^r - 1 for |r| <= ln(2)/2, to 2^-26.1 before rounding: r + r^2 q.
func expm1Small(m *machine, r V) V {
	q := m.horner(r, 0.0013869946, 0.008366253, 0.041667443, 0.16666546, 0.49999997)
	return m.mulAdd(q, m.mul(r, r), r)
}

// e^x is 0 or infinity in float32 beyond these; NaN goes through clamp.
const (
	expLowest  = -110
	expHighest = 100
)

// clamp is x within bounds, NaN if it is NaN.
func clamp(m *machine, low, high float64, x V) V {
	return m.max(m.f(low), m.min(m.f(high), x))
}

// exponential is e^x as p 2^n with p about 1, for bounded x.
func exponential(m *machine, x V) (p, n V) {
	d := reduce(m, x, 0)
	return expSmall(m, d.r), d.n
}

func exp(m *machine, x V) V {
	p, n := exponential(m, clamp(m, expLowest, expHighest, x))
	return m.scale(p, n)
}

// expm1 is 2 (T (e^r - 1) + T - 1/2) with T = 2^(n-1), so that T is finite where
// the result is. Below -30 the result is -1.
func expm1(m *machine, x V) V {
	d := reduce(m, clamp(m, -30, 89, x), 126)
	p, t := expm1Small(m, d.r), d.power(m)
	y := m.mulAdd(p, t, m.sub(t, m.f(0.5)))
	return m.withSign(m.add(y, y), x)
}

// positive is where x > 0.
func (m *machine) positive(x V) reg.Register { return m.compare(greater, x, m.f(0)) }

var exponentials = []function{
	unary("Exp", 1, exp),
	unary("Expm1", 1, expm1),
}
