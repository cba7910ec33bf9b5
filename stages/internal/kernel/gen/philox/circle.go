package main

import "math"

// circle is that of package philox: sine and cosine of x turn quarter turns.
func (m *machine) circle(x V, turn float64) (sin, cos V) {
	const (
		nearest  = 0x1.8p52
		quarter  = math.Pi / 2
		quarter2 = quarter * quarter
		quarter3 = quarter2 * quarter
	)
	m.Comment("Circle.")
	turns := m.constant(f(turn))
	n := m.constant(f(nearest))
	m.accumulate(n, x, turns)
	whole := m.sub(n, f(nearest))
	g := m.lessProduct(turns, x, whole)
	z := m.mul(g, g)
	s := m.horner(z,
		1.58969099521155010221e-10*quarter3*quarter3*quarter3*quarter2*quarter2,
		-2.50507602534068634195e-08*quarter3*quarter3*quarter3*quarter2,
		2.75573137070700676789e-06*quarter3*quarter3*quarter3,
		-1.98412698298579493134e-04*quarter3*quarter2*quarter2,
		8.33333333332248946124e-03*quarter3*quarter2,
		-1.66666666666666324348e-01*quarter3)
	m.mulAdd(s, m.mul(z, g), m.mul(g, f(quarter)))
	c := m.horner(z,
		-1.13596475577881948265e-11*quarter3*quarter3*quarter3*quarter3*quarter2,
		2.08757232129817482790e-09*quarter3*quarter3*quarter3*quarter3,
		-2.75573143513906633035e-07*quarter3*quarter3*quarter2*quarter2,
		2.48015872894767294178e-05*quarter3*quarter3*quarter2,
		-1.38888888888741095749e-03*quarter3*quarter3,
		4.16666666666666019037e-02*quarter2*quarter2,
		-0.5*quarter2,
		1)
	s, c = m.swap(n, s, c)
	sin = m.flip(s, m.left(n, 62))
	cos = m.flip(c, m.left(m.addInt(n, C(1)), 62))
	return sin, cos
}
