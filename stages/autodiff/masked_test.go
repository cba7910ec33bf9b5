package autodiff

import "testing"

// The product with a masked weight, that with its transpose, and the sum over rows
// that is its gradient leave out what the mask does. A weight without a mask has no
// pattern, and a sum that is wanted without its mask too is whole.
func TestMasksLeaveOut(t *testing.T) {
	for _, unmasked := range []bool{false, true} {
		g := New()
		x := g.Input("x", 40)
		w := g.Param("w", Init{}, 40, 40)
		masked := g.Mul(w, triangle(g, 40))
		y := g.Linear(g.Linear(x, masked, Value{}), g.Param("v", Init{}, 40, 40), Value{})
		wrt, want := []Value{x, w}, 1
		if unmasked {
			wrt, want = append(wrt, masked), 0
		}
		p, err := Compile(g, g.VJP([]Value{y}, []Value{y}, wrt)...)
		if err != nil {
			t.Fatal(err)
		}
		products, sums := 0, 0
		for _, k := range p.packings {
			if k.pattern != nil {
				products++
			}
		}
		for _, i := range p.variant[0].body {
			if s, ok := i.(*outerSum); ok && s.within != nil {
				sums++
			}
		}
		if products != 2 || len(p.packings) != 4 || sums != want {
			t.Errorf("%d of %d products and %d sums leave something out, want 2 of 4 and %d", products, len(p.packings), sums, want)
		}
	}
}
