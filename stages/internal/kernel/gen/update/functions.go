package main

// functions are the loops, each with the operations of its definition.
var functions = []function{
	{"adam", []string{"w", "grad", "mean", "square"}, 7, false, func(m *machine, x, s []V) []V {
		w, g, mean, square := x[0], x[1], x[2], x[3]
		meanPart, squarePart, rate, root, eps, decay, shrink := s[0], s[1], s[2], s[3], s[4], s[5], s[6]
		m.add(g, decay, w)
		m.toward(mean, g, meanPart)
		scaled := m.mul(squarePart, g)
		m.deduct(square, squarePart, m.copy(square))
		m.add(square, scaled, g)
		down := m.copy(eps)
		m.add(down, m.sqrt(square), root)
		move := m.div(m.mul(rate, mean), down)
		m.add(move, shrink, w)
		return []V{m.sub(w, move), nil, mean, square}
	}},
	{"lion", []string{"w", "grad", "mean"}, 4, false, func(m *machine, x, s []V) []V {
		w, g, mean := x[0], x[1], x[2]
		movePart, meanPart, rate, shrink := s[0], s[1], s[2], s[3]
		move := m.signed(m.toward(m.copy(mean), g, movePart), rate)
		m.add(move, shrink, w)
		return []V{m.sub(w, move), nil, m.toward(mean, g, meanPart)}
	}},
	{"descend", []string{"w", "grad"}, 2, false, func(m *machine, x, s []V) []V {
		w, g := x[0], x[1]
		rate, decay := s[0], s[1]
		m.add(g, decay, w)
		return []V{m.deduct(w, rate, g), nil}
	}},
	{"momentum", []string{"w", "grad", "buffer"}, 6, false, func(m *machine, x, s []V) []V {
		w, g, buffer := x[0], x[1], x[2]
		rate, decay, keep, more, look, own := s[0], s[1], s[2], s[3], s[4], s[5]
		m.add(g, decay, w)
		held := m.add(m.mul(keep, buffer), more, g)
		move := m.add(m.mul(own, g), look, held)
		return []V{m.deduct(w, rate, move), nil, held}
	}},
	{"average", []string{"high", "low", "w"}, 1, true, func(m *machine, x, s []V) []V {
		a := m.add64(x[0], x[1])
		m.VFMADD231PD(m.sub64(x[2], a), s[0], a)
		return []V{a, m.sub64(a, m.widened(m.rounded(a))), nil}
	}},
	{"scale", []string{"grad"}, 1, true, func(m *machine, x, s []V) []V { return []V{m.mul64(x[0], s[0])} }},
}
