package autodiff_test

import (
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/autodiff"
)

// Two programs of one weight: after a change each computes with what is there,
// whether it was in use or not, and one that is compiled late knows it too.
func TestWeights(t *testing.T) {
	build := func(factor float64) func() (*autodiff.Graph, []autodiff.Value) {
		return func() (*autodiff.Graph, []autodiff.Value) {
			g := autodiff.New()
			x, w := g.Input("x", 1), g.Param("w", autodiff.Init{}, 1, 1)
			return g, []autodiff.Value{g.Scale(g.Linear(x, w, autodiff.Value{}), factor)}
		}
	}
	g, _ := build(1)()
	w := autodiff.NewWeights(g.Params())
	var places [3]autodiff.Lazy
	value := func(i int) float32 {
		t.Helper()
		p, err := w.Program(&places[i], build(float64(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		out := []float32{0}
		p.Call(1, false, [][]float32{{1}}, [][]float32{out})
		return out[0]
	}
	for round, uses := range [][]int{{0, 1}, {0}, {0}, {1, 0, 2}, {2, 1, 0}} {
		w.Of("w")[0] = float32(10 + round)
		pieces := 0
		w.Changed(func(n int, do func(int)) {
			for i := range n {
				do(i)
			}
			pieces++
		})
		// Only what was called since the last change is made ready at once.
		if want := []int{0, 2, 1, 1, 3}[round]; pieces != want {
			t.Errorf("round %d: %d programs were made ready, not %d", round, pieces, want)
		}
		for _, i := range uses {
			if got, want := value(i), float32((i+1)*(10+round)); got != want {
				t.Errorf("round %d: program %d gives %v, want %v", round, i, got, want)
			}
		}
	}
	if got := w.Widened()[0][0]; got != 14 {
		t.Errorf("in float64 the weight is %v", got)
	}
	var late autodiff.Lazy
	_, err := w.Program(&late, func() (*autodiff.Graph, []autodiff.Value) {
		g := autodiff.New()
		return g, []autodiff.Value{g.Linear(g.Input("x", 1), g.Param("v", autodiff.Init{}, 1, 1), autodiff.Value{})}
	})
	if err == nil || !strings.Contains(err.Error(), `"v"`) || late.Compiled() {
		t.Errorf("a parameter that the weights have not: %v", err)
	}
}
