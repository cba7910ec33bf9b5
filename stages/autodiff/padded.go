package autodiff

import "slices"

// padding is a value with zeros before and behind it, along the last axis.
type padding struct {
	lo, hi int
	value  Value
}

// padded takes v apart into what is joined with zeros, or says that it is not.
func (g *Graph) padded(v Value) (parts []padding, ok bool) {
	n := g.nodes[v.n]
	if n.op != opConcat {
		return nil, false
	}
	at := 0
	for _, a := range n.args {
		s := g.nodes[a].shape
		w := s[len(s)-1]
		if part := (Value{g, a}); g.isFill(part, 0) {
			ok = true
		} else {
			parts = append(parts, padding{at, at + w, part})
		}
		at += w
	}
	return parts, ok
}

// fitted is a + b for values that stand beside each other with zeros around them: both
// joined, and nothing is added. The cotangent of a value of which many slices are used,
// as of the parameters of a spline, is made of such sums.
func (g *Graph) fitted(a, b Value) (sum Value, ok bool) {
	s := g.shape(a)
	if !slices.Equal(s, g.shape(b)) {
		return Value{}, false
	}
	left, okA := g.padded(a)
	right, okB := g.padded(b)
	if !okA || !okB {
		return Value{}, false
	}
	all := append(left, right...)
	slices.SortFunc(all, func(p, q padding) int { return p.lo - q.lo })
	var parts []Value
	at, last := 0, len(s)-1
	zeros := func(to int) {
		if at < to {
			t := slices.Clone(s)
			t[last] = to - at
			parts = append(parts, g.Fill(0, t...))
		}
	}
	for _, p := range all {
		if p.lo < at {
			return Value{}, false
		}
		zeros(p.lo)
		parts = append(parts, p.value)
		at = p.hi
	}
	zeros(s[last])
	return g.Concat(parts...), true
}
