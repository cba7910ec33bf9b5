package main

// logistic is sigmoid(a) = e^a/(1 + e^a) = 2^n/d for expLowest <= a <= 0: with
// a = n ln 2 + r, e^a = 2^n e^r and 2^-n + e^r would be d for -a; so r and n are
// those of -a and d = (2^n + 1) + (e^r - 1), which rounds e^r but
// once; where 2^n is lost beside 1, from -24 down, it goes to the other term. power is
// 2^n, about 0 where that is subnormal.
func logistic(m *machine, a V) (d, n, power V) {
	q := reduce(m, a, 127)
	p, s := expm1Small(m, m.neg(q.r)), q.powerBelow(m)
	high := m.add(s, m.f(1))
	low := m.sub(s, m.sub(high, m.f(1)))
	return m.add(high, m.add(p, low)), q.n, s
}

// smaller is w = sigmoid(-|x|), the smaller of sigmoid(x) and sigmoid(-x).
func smaller(m *machine, x V) V {
	d, n, _ := logistic(m, m.max(m.f(expLowest), m.or(x, m.bits(signBit))))
	return m.scale(m.div(m.f(1), d), n)
}

func sigmoid(m *machine, x V) V {
	w := smaller(m, x)
	return m.blend(m.negative(x), m.sub(m.f(1), w), w)
}

func sigmoidSlope(m *machine, x V) (y, dy V) {
	w := smaller(m, x)
	y = m.blend(m.negative(x), m.sub(m.f(1), w), w)
	return y, m.deduct(m.copy(w), w, w)
}

// tanhSmall is tanh x for |x| < 0.6, to 2^-28.4 before rounding.
func tanhSmall(m *machine, x V) V {
	s := m.mul(x, x)
	p := m.horner(s, -0.0058979667, 0.020798625, -0.053784717, 0.13331936, -0.333333)
	return m.mulAdd(m.mul(p, s), x, x)
}

// tanhParts is, with a = |x| and e^(-2a) = s, tanh x and inverse = 1/d, d = 1 + s,
// all times a power of two. From 0.6 on tanh x is (d - 2s)/d, where an error of d
// nearly cancels; before, it is a polynomial.
func tanhParts(m *machine, x V) (y, s, inverse V) {
	a := m.min(m.f(43.5), m.abs(x)) // where the derivative is 2^-122
	q := reduce(m, m.mul(a, m.f(-2)), 127)
	p, s := expm1Small(m, m.neg(q.r)), q.power(m)
	d := m.add(m.add(s, m.f(1)), p)
	numerator := m.sub(d, m.add(s, s))
	inverse = m.div(m.f(1), d)
	big := m.mul(numerator, inverse)
	big = m.accumulate(big, inverse, m.deduct(numerator, big, d)) // as if divided
	y = m.blend(m.compare(less, a, m.f(0.6)), big, tanhSmall(m, x))
	return m.withSign(y, x), s, inverse // also the sign of -0
}

func tanh(m *machine, x V) V {
	y, _, _ := tanhParts(m, x)
	return y
}

// tanhSlope has u (2 - u) with u = 1 - tanh a = 2s/d as its derivative.
func tanhSlope(m *machine, x V) (y, dy V) {
	y, s, inverse := tanhParts(m, x)
	u := m.mul(m.add(s, s), inverse)
	return y, m.deduct(m.add(u, u), u, u)
}

var sigmoids = []function{
	unary("Sigmoid", 1, sigmoid),
	slope("SigmoidSlope", 1, sigmoidSlope),
	unary("Tanh", 1, tanh),
	slope("TanhSlope", 1, tanhSlope),
}
