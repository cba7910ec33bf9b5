package main

// Max and Min give NaN where a is NaN; where b is, the instruction does.

func maximum(m *machine, a, b V) V {
	return m.blend(m.compare(unordered, a, a), m.max(a, b), a)
}

func minimum(m *machine, a, b V) V {
	return m.blend(m.compare(unordered, a, a), m.min(a, b), a)
}

var arithmetic = []function{
	binary("Add", func(m *machine, a, b V) V { return m.add(a, b) }),
	binary("Sub", func(m *machine, a, b V) V { return m.sub(a, b) }),
	binary("Mul", func(m *machine, a, b V) V { return m.mul(a, b) }),
	binary("Div", func(m *machine, a, b V) V { return m.div(a, b) }),
	binary("Max", maximum),
	binary("Min", minimum),
	{name: "Scale", params: "dst, a", scalar: true, emit: elementwise(1, 4, func(m *machine, in []V) []V {
		return []V{m.mul(in[0], in[1])}
	})},
	{name: "Shift", params: "dst, a", scalar: true, emit: elementwise(1, 4, func(m *machine, in []V) []V {
		return []V{m.add(in[0], in[1])}
	})},
	{name: "MulAdd", params: "dst, a, b", updates: true, emit: elementwise(1, 4, func(m *machine, in []V) []V {
		return []V{m.accumulate(in[0], in[1], in[2])}
	})},
	{name: "AddScaled", params: "dst, x", updates: true, scalar: true,
		emit: elementwise(1, 4, func(m *machine, in []V) []V {
			return []V{m.accumulate(in[0], in[1], in[2])}
		})},
	{name: "Select", params: "dst, cond, a, b", emit: elementwise(1, 2, func(m *machine, in []V) []V {
		return []V{m.blend(m.compare(greater, in[0], m.f(0)), in[2], in[1])}
	})},
	unary("Sqrt", 2, func(m *machine, x V) V { return m.sqrt(x) }),
	unary("Reciprocal", 2, func(m *machine, x V) V { return m.div(m.f(1), x) }),
	unary("Neg", 4, func(m *machine, x V) V { return m.neg(x) }),
	unary("Abs", 4, func(m *machine, x V) V { return m.abs(x) }),
	unary("Square", 4, func(m *machine, x V) V { return m.mul(x, x) }),
	unary("Step", 4, func(m *machine, x V) V { return m.where(m.compare(greater, x, m.f(0)), m.f(1)) }),
	unary("ReLU", 4, func(m *machine, x V) V { return m.max(m.f(0), x) }),
	slope("ReLUSlope", 2, func(m *machine, x V) (y, dy V) {
		return m.max(m.f(0), x), m.where(m.compare(greater, x, m.f(0)), m.f(1))
	}),
}
