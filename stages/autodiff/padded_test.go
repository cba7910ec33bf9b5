package autodiff

import "testing"

// The cotangent of a value is joined of those of its slices, in whatever order they are
// used; where slices overlap they are added.
func TestSlicesAreJoined(t *testing.T) {
	for _, overlap := range []bool{false, true} {
		g := New()
		x := g.Input("x", 12)
		y := g.Sin(x)
		last := 9
		if overlap {
			last = 8
		}
		sum := g.Mul(g.Mul(g.Slice(y, 4, 7), g.Slice(y, 0, 3)), g.Square(g.Slice(y, last, last+3)))
		if overlap {
			sum = g.Mul(sum, g.Slice(y, 6, 9))
		}
		c := g.VJP([]Value{sum}, []Value{g.Fill(1, 3)}, []Value{y})[0]
		if n := g.nodes[c.n]; (n.op == opConcat) == overlap || !overlap && len(n.args) != 5 {
			t.Errorf("overlap %v: the cotangent is a %v of %d values", overlap, n.op, len(n.args))
		}
	}
}
