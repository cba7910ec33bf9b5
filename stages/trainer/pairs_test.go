package trainer

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// shift is the exact flow from N(0, I) to N(m, s² I) on the straight path: it moves x0
// to m + s x0.
func shift(t *testing.T, m []float64, s float64) *flow.Flow {
	t.Helper()
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{m}, Std: []float64{s}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func shiftPairs(t *testing.T, workers int) Pairs {
	return Pairs{shift(t, []float64{3, -1}, 0.5), &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-7, Atol: 1e-7, Workers: workers}}, random.NewKey(1, "test", "pairs")}
}

// A pair is noise and its image, the same whoever makes it, in whatever company.
func TestPairs(t *testing.T) {
	p := shiftPairs(t, 1)
	told := int64(0)
	want, err := p.Table(t.Context(), 100, 20_000, func(made int64) error { told = made; return nil })
	if err != nil || told != 20_000 {
		t.Fatal(told, err)
	}
	var sum, square float64
	for r := 0; r < len(want); r += 4 {
		for j, m := range []float64{3, -1} {
			x1, x0 := float64(want[r+j]), float64(want[r+2+j])
			if math.Abs(x1-(m+0.5*x0)) > 1e-4 {
				t.Fatalf("pair %d: %v becomes %v", r/4, want[r+2:r+4], want[r:r+2])
			}
			sum, square = sum+x0, square+x0*x0
		}
	}
	if n := 40_000.0; math.Abs(sum/n) > 4/math.Sqrt(n) || math.Abs(square/n-1) > 4*math.Sqrt(2/n) {
		t.Errorf("noise has mean %v and variance %v", sum/n, square/n)
	}
	rows := shiftPairs(t, 3).Endless()
	if err := rows.Seek(t.Context(), Cursor{Place: 100}); err != nil {
		t.Fatal(err)
	}
	x, number := make([]float32, 4*77), make([]int64, 77)
	for k := range 3 {
		if err := rows.Next(t.Context(), x, number); err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			if v != want[4*77*k+i] || number[i/4] != int64(100+77*k+i/4) {
				t.Fatalf("pair %d, made in batches of 77, is another", number[i/4])
			}
		}
	}
	if c := rows.Cursor(); c != (Cursor{Place: 331}) {
		t.Errorf("cursor %v", c)
	}
	p.Solver = &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-9, Atol: 1e-9, MaxEvaluations: 20}}
	if _, err := p.Table(t.Context(), 0, 5, func(int64) error { return nil }); err == nil || !strings.Contains(err.Error(), "pair 0 was not solved to its end: max_evaluations") {
		t.Errorf("pairs of a solve that failed: %v", err)
	}
}

func straighten(t *testing.T, p path.Path, rows Rows, start []model.Tensor, steps int64, workers int) *Result {
	t.Helper()
	def, err := model.NewMLP(model.MLPConfig{Hidden: []int{32, 32}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Train(context.Background(), def, Layout{Dim: 2, Noise: true}, rows, Options{
		Steps: steps, Batch: 128, LogEvery: 50, Path: p, Time: Stratified{}, Start: start,
		Rule: optim.DefaultAdam(), LR: 5e-3, Schedule: optim.Cosine{}, Keys: NewKeys(1, "test"), Workers: workers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Pairs leave nothing to chance at x_t: the least loss is 0, where noise drawn
// afresh would leave s pi/2 = 0.79. With the path at t = 0 alone the network learns
// x1 - x0 = m + (s - 1) x0, the map of one Euler step.
func TestPairsAreLearned(t *testing.T) {
	p := shiftPairs(t, 2)
	table, err := p.Table(t.Context(), 0, 4000, func(int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	memory := func() Rows { return NewMemory(table, 4, NewKeys(1, "test").Shuffle) }
	for name, c := range map[string]struct {
		path path.Path
		rows Rows
		at   float64 // a time
	}{"reflow": {path.CondOT{}, memory(), 0.5}, "afresh": {path.CondOT{}, p.Endless(), 0.5}, "distilled": {oneStep{}, memory(), 0}} {
		r := straighten(t, c.path, c.rows, nil, 400, 2)
		if loss := r.State.Points[len(r.State.Points)-1].Loss; loss > 0.01 {
			t.Errorf("%s: loss %v", name, loss)
		}
		x0, want := []float32{0.7, -1.2}, []float32{3 - 0.35, -1 + 0.6}
		v, xt := make([]float32, 2), []float32{x0[0] + float32(c.at)*want[0], x0[1] + float32(c.at)*want[1]}
		if err := r.Network.Eval(t.Context(), v, []float64{c.at}, xt, 1); err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(v[0]-want[0])) > 0.1 || math.Abs(float64(v[1]-want[1])) > 0.1 {
			t.Errorf("%s: velocity %v at %v, want %v", name, v, xt, want)
		}
	}
	// One step from the weights of a trained network is near to it.
	r := straighten(t, path.CondOT{}, memory(), nil, 300, 2)
	again := straighten(t, path.CondOT{}, memory(), r.Network.Tensors(), 1, 1)
	if loss := again.State.Points[0].Loss; loss > 0.02 {
		t.Errorf("the first loss of a training that begins with trained weights is %v", loss)
	}
}
