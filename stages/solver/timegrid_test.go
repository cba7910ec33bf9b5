package solver_test

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/solver"
)

// TestKarras compares with the grid of flow_matching for five steps: it begins at
// 1/81 and ends at 1.
func TestKarras(t *testing.T) {
	got, err := solver.Karras(5, 0.002, 80, 7)
	want := []float64{0.012345679, 0.053972856, 0.2844773, 0.85488151, 0.99800399, 1}
	if err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for i, w := range want {
		if math.Abs(got[i]-w) > 1e-8 {
			t.Errorf("time %d: %v, want %v", i, got[i], w)
		}
	}
	for _, c := range [][4]float64{{1, 0.002, 80, 7}, {5, 0, 80, 7}, {5, 80, 80, 7}, {5, 1, 80, 0}, {5, 1, 80, math.NaN()}} {
		if _, err := solver.Karras(int(c[0]), c[1], c[2], c[3]); err == nil {
			t.Errorf("%v is a grid", c)
		}
	}
}

// TestGrids: all grids increase, end at 1 exactly and have their number of steps; a
// cosine grid is symmetric.
func TestGrids(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 1000} {
		karras, err := solver.Karras(max(n, 2), 0.01, 50, 3)
		if err != nil {
			t.Fatal(err)
		}
		cosine := solver.Cosine(n)
		for name, g := range map[string][]float64{"uniform": solver.Uniform(n), "cosine": cosine, "karras": karras} {
			if g[len(g)-1] != 1 || name != "karras" && (g[0] != 0 || len(g) != n+1) {
				t.Errorf("%s of %d steps: from %v to %v, %d times", name, n, g[0], g[len(g)-1], len(g))
			}
			m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{TimeGrid: g}}
			if err := m.Check(); err != nil {
				t.Error(name, err)
			}
		}
		for i, u := range cosine {
			if want := (1 - math.Cos(math.Pi*float64(i)/float64(n))) / 2; math.Abs(u-want) > 1e-15 {
				t.Errorf("cosine of %d steps: time %d is %v, want %v", n, i, u, want)
			}
		}
	}
}
