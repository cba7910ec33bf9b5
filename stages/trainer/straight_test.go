package trainer_test

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/evaluator"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/trainer"
)

// From N(0, I) to N(m, I) in the plane everything is known (independent coupling,
// straight path): the least loss is pi/2 a column, the path energy |m|² + d (2 - pi/2),
// the straightness d (2 - pi/2) = 0.43 d, and W2² = |m|².
var mean = []float64{1, -1}

const columns, apart = 2, 2.0 // d and |m|²

func shifted(rows int, stream string) []float32 {
	x := make([]float32, rows*columns)
	random.NewKey(11, "test", stream).Normals32Rows(x, columns, 0, rows, 0)
	for i := range x {
		x[i] += float32(mean[i%columns])
	}
	return x
}

// trained is the flow of a training, with the last point of its metrics.
func trained(t *testing.T, layout trainer.Layout, rows trainer.Rows, o trainer.Options) (*flow.Flow, trainer.Point) {
	t.Helper()
	def, err := model.NewMLP(model.MLPConfig{Hidden: []int{64, 64}})
	if err != nil {
		t.Fatal(err)
	}
	o.Batch, o.Path, o.Time, o.Rule, o.LR = 256, path.CondOT{}, trainer.Stratified{}, optim.DefaultAdam(), 3e-3
	o.Schedule, o.EMA, o.LogEvery, o.Keys, o.Workers = optim.Cosine{}, 0.99, 100, trainer.NewKeys(11, "train"), 2
	r, err := trainer.Train(context.Background(), def, layout, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	d := flow.Description{Version: flow.FormatVersion, Dim: columns, Target: flow.TargetVelocity, BaseStd: 1}
	return &flow.Flow{Description: d, Base: flow.Normal{Dim: columns, Std: 1}, Field32: r.Network}, r.State.Points[len(r.State.Points)-1]
}

func dopri5() solver.Solver {
	return &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-5, Atol: 1e-5, Workers: 2}}
}

// ways are the figures of a flow's trajectories.
func ways(t *testing.T, f *flow.Flow) map[string]evaluator.Metric {
	t.Helper()
	const rows = 4000
	x0 := make([]float64, rows*columns)
	f.Base.Sample(x0, random.NewKey(11, "test", "base"), 0, rows)
	c, err := evaluator.Follow(context.Background(), f, dopri5(), x0, rows)
	if err != nil {
		t.Fatal(err)
	}
	var tally evaluator.Tally
	tally.Add(c)
	out := map[string]evaluator.Metric{}
	for _, m := range tally.Metrics(&evaluator.Transport{Cost: apart, Rows: rows}) {
		out[m.Name] = m
	}
	return out
}

// Conditional flow matching reaches the least loss there is, and never a smaller one;
// with the optimal coupling its flow is nearly optimal transport; a reflow makes the
// flow straight, and one Euler step as good as data.
func TestGaussiansFromCurvedToStraight(t *testing.T) {
	const valid = 60_000
	keys := trainer.NewKeys(11, "train")
	data := func() trainer.Rows { return trainer.NewMemory(shifted(100_000, "data"), columns, keys.Shuffle) }
	number := make([]int64, valid)
	for i := range number {
		number[i] = int64(i)
	}
	held, err := trainer.NewValidation(t.Context(), shifted(valid, "valid"), number, trainer.Layout{Dim: columns}, valid, path.CondOT{}, nil, path.Velocity, keys)
	if err != nil {
		t.Fatal(err)
	}
	curved, point := trained(t, trainer.Layout{Dim: columns}, data(), trainer.Options{Steps: 1500, Valid: held, ValidateEvery: 1500})
	least, loss, se := math.Pi/2, *point.Validation, *point.ValidationSE
	t.Logf("validation loss %.4f +- %.4f, the least is %.4f", loss, se, least)
	if loss < least-4*se || loss > 1.02*least || se > least/100 {
		t.Errorf("validation loss %.4f +- %.4f, the least is %.4f", loss, se, least)
	}
	before := ways(t, curved)
	t.Logf("straightness %.4f d, path energy %.3f, normalized %.3f", before["straightness"].Value/columns, before["path_energy"].Value, before["normalized_path_energy"].Value)
	for name, want := range map[string]float64{"straightness": columns * (2 - math.Pi/2), "path_energy": apart + columns*(2-math.Pi/2)} {
		if m := before[name]; math.Abs(m.Value-want) > 4*m.SE+0.05*want {
			t.Errorf("%s is %.4f +- %.4f, want %.4f", name, m.Value, m.SE, want)
		}
	}

	optimal, _ := trained(t, trainer.Layout{Dim: columns}, data(), trainer.Options{Steps: 1500, Coupling: coupling.NewOptimal()})
	npe := ways(t, optimal)["normalized_path_energy"]
	t.Logf("with the optimal coupling the normalized path energy is %.4f", npe.Value)
	if npe.Value > 0.05 {
		t.Errorf("with the optimal coupling the normalized path energy is %.4f +- %.4f", npe.Value, npe.SE)
	}

	pairs := trainer.Pairs{Flow: curved, Solver: dopri5(), Key: random.NewKey(11, "test", "pairs")}
	table, err := pairs.Table(t.Context(), 0, 20_000, func(int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	straight, _ := trained(t, pairs.Layout(), trainer.NewMemory(table, pairs.Layout().Width(), keys.Shuffle),
		trainer.Options{Steps: 1000, Start: curved.Field32.(model.Network).Tensors()})
	after := ways(t, straight)["straightness"]
	t.Logf("after a reflow the straightness is %.5f d", after.Value/columns)
	if after.Value > 0.03*columns {
		t.Errorf("after a reflow the straightness is %.5f d", after.Value/columns)
	}

	// One Euler step of each, next to data.
	fresh := shifted(8000, "fresh")
	step := func(f *flow.Flow) (distance, se, floor float64) {
		const rows = 4000
		x0 := make([]float64, rows*columns)
		f.Base.Sample(x0, random.NewKey(11, "test", "step"), 0, rows)
		state := solver.State[float32]{X: make([]float32, len(x0)), Rows: rows, Dim: columns}
		for i, v := range x0 {
			state.X[i] = float32(v)
		}
		one := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 1}}
		if _, err := one.Solve32(t.Context(), f.Field32, state, 0, 1); err != nil {
			t.Fatal(err)
		}
		wide := func(x []float32) (out []float64) {
			for _, v := range x {
				out = append(out, float64(v))
			}
			return out
		}
		metrics, err := evaluator.TwoSample(t.Context(), wide(fresh), wide(state.X), len(fresh)/columns, rows, columns,
			evaluator.Options{Key: 1, Raw: true, ExactRows: 2000, QuadraticRows: 100, SlicedRows: 100})
		if err != nil {
			t.Fatal(err)
		}
		return metrics[0].Value, metrics[0].SE, metrics[0].Floor
	}
	w, se, floor := step(straight)
	bent, _, _ := step(curved)
	t.Logf("W2 after one Euler step: %.4f +- %.4f, before the reflow %.3f, of fresh data %.4f", w, se, bent, floor)
	if w > 1.3*floor || bent < 5*floor {
		t.Errorf("W2 after one Euler step is %.4f, before the reflow %.3f, of fresh data %.4f", w, bent, floor)
	}
}
