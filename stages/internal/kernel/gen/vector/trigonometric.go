package main

import (
	"math"
)

// pi/2 as three floats, each rounded down, so that all are positive and the sign
// of -0 stays in x - 0*a - 0*b - 0*c (Cody and Waite 1980).
const (
	halfPi0 = 0x1.921fb4p+0
	halfPi1 = 0x1.4442d0p-24
	halfPi2 = math.Pi/2 - halfPi0 - halfPi1
)

// nearest is the largest |x| for which x - n pi/2 is exact enough: n has 15 bits.
// Beyond, the function returns to Go.
const nearest = 32768

func far(m *machine, x V) V { return m.compare(greater, m.abs(x), m.f(nearest)) }

// quadrants is x = n pi/2 + r and sin r, cos r; t holds n in its lowest bits.
func quadrants(m *machine, x V) (t, sin, cos V) {
	const shift = 0x1.8p23
	t = m.accumulate(m.copy(m.f(shift)), x, m.f(2/math.Pi))
	n := m.sub(t, m.f(shift))
	r := m.copy(x)
	for _, part := range []float64{halfPi0, halfPi1, halfPi2} {
		r = m.deduct(r, n, m.f(part))
	}
	s := m.mul(r, r)
	p := m.mul(m.horner(s, -0.00019507877, 0.008332106, -0.16666654), s)
	zero := m.compare(equal, r, m.f(0)) // else -0 + 0 = 0
	sin = m.blend(zero, m.mulAdd(p, r, r), r)
	return t, sin, m.horner(s, 2.4432093e-05, -0.0013887308, 0.041666646, -0.5, 1)
}

// quadrant chooses: even is the value in quadrant 0 and, negated, 2; odd that in
// 1 and 3.
func (m *machine) quadrant(t, even, odd V) V {
	var y V
	if m.set.wide {
		k := m.K()
		m.VPTESTMD(m.reg(m.bits(1)), t, k)
		y = m.blend(k, even, odd)
		v := m.left(t, 30)
		m.pick3(0x6c, m.bits(signBit), y, v) // v & sign ^ y
		return v
	}
	y = m.blend(m.left(t, 31), even, odd)
	return m.xor(m.and(m.left(t, 30), m.bits(signBit)), y)
}

func sin(m *machine, x V) V {
	t, s, c := quadrants(m, x)
	return m.quadrant(t, s, c)
}

// cos is the sine a quadrant later.
func cos(m *machine, x V) V {
	t, s, c := quadrants(m, x)
	return m.quadrant(m.addInt(t, m.bits(1)), s, c)
}

func sinCos(m *machine, x V) (V, V) {
	t, s, c := quadrants(m, x)
	return m.quadrant(t, s, c), m.quadrant(m.addInt(t, m.bits(1)), s, c)
}

var trigonometrics = []function{
	near(unary("Sin", 1, sin)),
	near(unary("Cos", 1, cos)),
	near(slope("SinCos", 1, sinCos)),
}

// near has f stop before a vector with a value that is far and return how many
// elements are done.
func near(f function) function {
	f.stop = far
	f.results = "int"
	return f
}
