package main

import "math"

// tail is the normal distribution function at -a, a >= 0, as R(a) e^(-a^2/2): R is
// Mills' ratio times the density at 0. a R is first + rest, where first is large
// and exact, and e^(-a^2/2) is 2^n (1 + p).
//
// Below 0.7, R is 1/2 - a k(a) with a polynomial k, to 2^-28.3; above, a R is a
// polynomial in t = (a - 1.7734375)/(a + 3), to 2^-26.5.
type tail struct {
	first, rest V
	p           V
	power       reduction // has n
	ak, small   V         // R is 1/2 - ak where a is small
}

func normalTail(m *machine, a V) tail {
	h := m.mul(a, a)
	low := m.squareLess(m.copy(a), h)
	q := reduce(m, m.mul(h, m.f(-0.5)), 127)
	half := m.reg(m.f(0.5))
	p := expm1Small(m, m.deduct(q.r, low, half))

	ak := m.mul(a, m.horner(a, 0.0014944734, -0.008176008, 0.025353475, -0.0621047,
		0.13291185, -0.2499942, 0.3989421))
	t := centred(m, a)
	beyond := m.mul(t, m.horner(t, -0.0033529073, 0.0052954536, 0.011957645, -0.023165606,
		-0.057022624, 0.23547556, -0.34913194, 0.25345424))
	small := m.compare(less, a, m.f(0.7))
	return tail{
		first: m.blend(small, m.f(0.32541454), m.mul(a, half)),
		rest:  m.blend(small, beyond, m.neg(m.mul(ak, a))),
		p:     p, power: q, ak: ak, small: small,
	}
}

// squareLess overwrites a with a^2 - h.
func (m *machine) squareLess(a, h V) V {
	m.VFMSUB213PS(h, a, a)
	return a
}

// centred is t = (a - 1.7734375)/(a + 3), with the roundings of the denominator and
// of the quotient taken back.
func centred(m *machine, a V) V {
	s := m.add(a, m.f(3))
	rest := m.sub(a, m.sub(s, m.f(3))) // a + 3 = s + rest
	numerator := m.sub(s, m.f(4.7734375))
	inverse := m.div(m.f(1), s)
	t := m.mul(numerator, inverse)
	remainder := m.add(m.deduct(numerator, t, s), m.deduct(m.copy(rest), rest, t))
	return m.accumulate(t, remainder, inverse)
}

// geluParts is, with a = |x|: max(x, 0) - a R(a) e^(-a^2/2). It is x or 0 beyond
// 14.7.
func geluParts(m *machine, x V) (y, a V, q tail) {
	a = m.min(m.f(14.7), m.abs(x))
	q = normalTail(m, a)
	v := m.mulAdd(m.copy(q.p), q.rest, q.rest)
	v = m.add(m.accumulate(v, q.p, q.first), q.first)
	return m.sub(m.max(m.f(0), x), m.scale(v, q.power.n)), a, q
}

func gelu(m *machine, x V) V {
	y, _, _ := geluParts(m, x)
	return y
}

// geluSlope has h = e^(-a^2/2) (R(a) - a/sqrt(2 pi)), the derivative at -a; at a it
// is 1 - h.
func geluSlope(m *machine, x V) (y, dy V) {
	y, a, q := geluParts(m, x)
	beyond := m.div(m.add(q.first, q.rest), a)
	ratio := m.blend(q.small, beyond, m.sub(m.f(0.5), q.ak))
	density := m.mul(a, m.f(1/math.Sqrt(2*math.Pi)))
	h := m.mul(m.sub(ratio, density), m.mul(m.add(q.p, m.f(1)), q.power.powerBelow(m)))
	return y, m.blend(m.negative(x), m.sub(m.f(1), h), h)
}
