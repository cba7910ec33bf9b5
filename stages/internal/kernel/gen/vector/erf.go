package main

// erf is x + x p(x^2) near 0 and otherwise 1 - e^g, g = log erfc(|x|) by a
// polynomial; it is 1 from 4 on.
func erf(m *machine, x V) V {
	t := m.min(m.f(4), m.abs(x))
	g := m.mulAdd(m.horner(t, -1.1230034e-05, 0.00032279405, -0.0036424296, 0.02376202,
		-0.106236845, -0.6351513, -0.12864849), t, m.neg(t))
	q := reduce(m, g, 127)
	p, power := expm1Small(m, q.r), q.power(m)
	large := m.deduct(m.sub(m.f(1), power), p, power)
	s := m.mul(x, x)
	small := m.mulAdd(m.horner(s, 7.99665e-05, -0.00080497697, 0.005192405, -0.026855731,
		0.11283626, -0.3761263, 0.12837917), x, x)
	return m.blend(m.compare(less, t, m.f(0.925)), m.withSign(large, x), small)
}

var errorFunctions = []function{
	unary("Erf", 1, erf),
	unary("GELU", 1, gelu),
	slope("GELUSlope", 1, geluSlope),
}
