package main

// logarithm is that of package philox, ln(x 2^-scale).
func (m *machine) logarithm(x V, scale int) V {
	const (
		ln2High = 6.93147180369123816490e-01
		ln2Low  = 1.90821492927058770002e-10
		split   = 0x3fe6a09e << 32
		two52   = 0x433 << 52
	)
	m.Comment("Logarithm.")
	b := m.addInt(x, C(0x3ff<<52-split))
	k := m.sub(m.or(m.right(b, 52), C(two52)), f(0x1p52+0x3ff+float64(scale)))
	g := m.sub(m.addInt(m.and(b, C(1<<52-1)), C(split)), f(1))
	s := m.div(g, m.add(g, f(2)))
	z := m.mul(s, s)
	r := m.horner(z,
		1.479819860511658591e-01,
		1.531383769920937332e-01,
		1.818357216161805012e-01,
		2.222219843214978396e-01,
		2.857142874366239149e-01,
		3.999999999940941908e-01,
		6.666666666666735130e-01)
	h := m.mul(m.mul(g, f(0.5)), g)
	m.mulAdd(r, z, h)
	m.mulAdd(r, s, m.mul(k, f(ln2Low)))
	return m.accumulate(m.sub(g, m.sub(h, r)), k, f(ln2High))
}
