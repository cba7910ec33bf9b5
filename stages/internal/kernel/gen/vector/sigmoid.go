package main

// logistic is sigmoid(a) = e^a/(1 + e^a) = 2^n/d for expLowest <= a <= 0: with
// a = n ln 2 + r, e^a = 2^n e^r and 2^-n + e^r would be d for -a; so r and n are
// those of -a and d = (2^n + 1) + (e^r - 1), which rounds e^r but
// once; where 2^n is lost beside 1, from -24 down, it goes to the other term.
func logistic(m *machine, a V) (d, n V) {
	q := reduce(m, a, 127)
	p, s := expm1Small(m, m.neg(q.r)), q.powerBelow(m)
	high := m.add(s, m.f(1))
	low := m.sub(s, m.sub(high, m.f(1)))
	return m.add(high, m.add(p, low)), q.n
}

// smaller is w = sigmoid(-|x|), the smaller of sigmoid(x) and sigmoid(-x).
func smaller(m *machine, x V) V {
	d, n := logistic(m, m.max(m.f(expLowest), m.or(x, m.bits(signBit))))
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

// tanhSlope is, with a = |x| and e^(2a) = 2^n e^r, numerator over denominator of
// (e^r - 1 + 1 - 2^-n) / (e^r - 1 + 1 + 2^-n), where the differences of powers
// are exact, and near 0 a polynomial. The derivative is u (2 - u) with u = 1 - tanh
// = 2^(1-n)/denominator. It is 1 from 10 on.
func tanhSlope(m *machine, x V) (y, dy V) {
	a := m.min(m.f(43.5), m.abs(x))
	q := reduce(m, m.mul(a, m.f(-2)), 127)
	p, s := expm1Small(m, m.neg(q.r)), q.power(m)
	denominator := m.add(m.add(s, m.f(1)), p)
	numerator := m.sub(denominator, m.add(s, s))
	inverse := m.div(m.f(1), denominator)
	big := m.mul(numerator, inverse)
	big = m.accumulate(big, inverse, m.deduct(numerator, big, denominator)) // as if divided
	y = m.blend(m.compare(less, a, m.f(0.6)), m.withSign(big, x), tanhSmall(m, x))
	u := m.mul(m.add(s, s), inverse)
	return y, m.deduct(m.add(u, u), u, u)
}

func tanh(m *machine, x V) V {
	y, _ := tanhSlope(m, x)
	return y
}

var sigmoids = []function{
	unary("Sigmoid", 1, sigmoid),
	slope("SigmoidSlope", 1, sigmoidSlope),
	unary("Tanh", 1, tanh),
	slope("TanhSlope", 1, tanhSlope),
}
