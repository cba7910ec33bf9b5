package main

// The constants of Klambauer et al. 2017.
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

// selu is, below 0, A (e^n' (e^r - 1) + e^n' - 1) with A = scale alpha and
// e^n' = 2^n; A goes into the power of two.
func selu(m *machine, x V) V { return seluParts(m, x, nil) }

func seluSlope(m *machine, x V) (y, dy V) {
	y = seluParts(m, x, &dy)
	return y, dy
}

func seluParts(m *machine, x V, dy *V) V {
	d := reduce(m, m.max(m.f(-87), m.min(m.f(0), x)), 127)
	positive := m.positive(x)
	p, t := expm1Small(m, d.r), m.mul(d.power(m), m.f(seluScale*seluAlpha))
	if dy != nil {
		*dy = m.blend(positive, m.mulAdd(m.copy(p), t, t), m.f(seluScale))
	}
	y := m.mulAdd(p, t, m.sub(t, m.f(seluScale*seluAlpha)))
	return m.withSign(m.mulWhere(positive, y, x, m.f(seluScale)), x)
}

// silu is, with a = -|x|: a w + max(x, 0), w = sigmoid(a) = 2^n/d. The power of
// two comes last, for a/d 2^n may be normal where e^a is not.
func silu(m *machine, x V) V {
	a := m.max(m.f(expLowest), m.or(x, m.bits(signBit)))
	d, n, _ := logistic(m, a)
	return m.add(m.scale(m.div(a, d), n), m.max(m.f(0), x))
}

// siluSlope has h = w + a w (1 - w), the derivative at a; at -a it is 1 - h.
func siluSlope(m *machine, x V) (y, dy V) {
	a := m.max(m.f(expLowest), m.or(x, m.bits(signBit)))
	d, n, power := logistic(m, a)
	aw := m.scale(m.div(a, d), n)
	w := m.mul(m.div(m.f(1), d), power)
	h := m.add(m.deduct(m.copy(aw), aw, w), w)
	return m.add(aw, m.max(m.f(0), x)), m.blend(m.negative(x), m.sub(m.f(1), h), h)
}

var activations = []function{
	unary("SELU", 1, selu),
	slope("SELUSlope", 1, seluSlope),
	unary("SiLU", 1, silu),
	slope("SiLUSlope", 1, siluSlope),
}
