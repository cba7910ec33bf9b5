package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/solver"
)

func field(t testing.TB, hidden ...int) model.Definition {
	t.Helper()
	d, err := model.NewFFJORD(model.FFJORDConfig{Hidden: append([]int{}, hidden...)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// courses are losses through fixed steps, through adaptive ones and by the adjoint.
func courses(dim int) map[string]Continuous {
	base := flow.Normal{Dim: dim, Std: 1}
	loose := func() *solver.Method {
		return &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-3, Atol: 1e-3, Workers: 3}}
	}
	return map[string]Continuous{
		"fixed":    {Loss: cnf.Loss{Base: base, Solver: &solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 3}}, Kinetic: 0.1, Jacobian: 0.1}},
		"adaptive": {Loss: cnf.Loss{Base: base, Solver: loose(), Probes: 1}},
		"adjoint":  {Loss: cnf.Loss{Base: base, Solver: loose(), Adjoint: loose()}},
	}
}

func TestContinuousAnyNumberOfWorkersGivesTheSameBits(t *testing.T) {
	for name, c := range courses(2) {
		for _, batch := range []int{1, 150} {
			sameForAnyWorkers(t, fmt.Sprintf("%s, batch %d", name, batch), []int{1, 2, 3}, func(workers int) Options {
				o := options(4, batch)
				o.EMA, o.Clip, o.Workers, o.ValidateEvery, o.Accumulate = 0.9, 0.5, workers, 2, 1+batch%3
				return o
			}, func(o Options) ([]model.Tensor, *State, error) {
				return trained(ContinuousLikelihood(context.Background(), field(t, 7), Layout{Dim: 2}, NewMemory(gaussian(333, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), heldOutRows(2), c, o))
			})
		}
	}
}

func TestContinuousResumedIsUninterrupted(t *testing.T) {
	const steps, batch, dim = 8, 70, 2
	x := gaussian(101, dim, 1, 0.5, "data")
	before, err := field(t, 6).Build(dim)
	if err != nil {
		t.Fatal(err)
	}
	before.Init(99)
	for name, c := range courses(dim) {
		o := options(steps, batch)
		o.Start = before.Tensors()
		o.EMA, o.ValidateEvery, o.Patience, o.Schedule = 0.9, 2, 3, optim.Constant{}
		run := func(o Options) ([]model.Tensor, *State, error) {
			return trained(ContinuousLikelihood(context.Background(), field(t, 6), Layout{Dim: dim}, NewWindow(pieces(x, dim, 7), dim, 33, o.Keys.Shuffle), heldOutRows(dim), c, o))
		}
		tensors, state, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		resumedIsUninterrupted(t, name, o, outcomeOf(tensors, state), state, []int64{0, 3, steps - 1}, run)
	}
}

// TestContinuousBegins with the weights that it is given: without a step of any
// length they come out as they were.
func TestContinuousBegins(t *testing.T) {
	before, err := field(t, 6).Build(2)
	if err != nil {
		t.Fatal(err)
	}
	before.Init(99)
	o := options(1, 20)
	o.LR = 1e-30
	o.ValidateEvery = 1
	c := courses(2)["fixed"]
	o.Start = before.Tensors()
	r, err := ContinuousLikelihood(context.Background(), field(t, 6), Layout{Dim: 2}, NewMemory(gaussian(50, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), heldOutRows(2), c, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range r.Network.Tensors() {
		for j, v := range w.Data {
			if v != before.Tensors()[i].Data[j] {
				t.Fatalf("%s[%d] is %v, it began as %v", w.Name, j, v, before.Tensors()[i].Data[j])
			}
		}
	}
	g, err := cnf.New(before.(model.Reversible[float32]), c.Loss)
	if err != nil {
		t.Fatal(err)
	}
	h := heldOutRows(2)
	if err := g.Score(t.Context(), h.loss, h.x, 0, len(h.number)); err != nil {
		t.Fatal(err)
	}
	if want, _ := spread(h.loss); !near(*r.State.Validation, want, 1e-12) {
		t.Errorf("the validation loss is %v, that of the weights %v", *r.State.Validation, want)
	}
}

func TestContinuousStepAllocatesNothing(t *testing.T) {
	for name, c := range courses(2) {
		o := options(1<<40, 256)
		o.Workers, o.LogEvery, o.EMA, o.Clip = 1, 0, 0.99, 1
		l, err := newContinuousLoop(field(t, 7), Layout{Dim: 2}, normal(2), nil, c, o)
		if err != nil {
			t.Fatal(err)
		}
		allocatesNothing(t, name, l, 20) // rows may take more steps than those before
	}
}

// TestContinuousEntropy: a linear field, fitted to a Gaussian, reaches its entropy.
func TestContinuousEntropy(t *testing.T) {
	const rows, fresh = 20000, 50000
	mixed := func(rows int, stream string) []float32 {
		x := gaussian(rows, 2, 0, 1, stream)
		for r := range rows {
			z := x[2*r : 2*r+2]
			z[0], z[1] = 1+1.5*z[0], 0.6*z[0]+0.5*z[1]-1 // of determinant 0.75
		}
		return x
	}
	linear, err := model.NewMLP(model.MLPConfig{Hidden: []int{}, Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	held := NewHeldOut(mixed(fresh, "fresh"), make([]int64, fresh))
	var truth float64
	for r := range fresh {
		z0 := (float64(held.x[2*r]) - 1) / 1.5
		z1 := (float64(held.x[2*r+1]) + 1 - 0.6*z0) / 0.5
		truth += (z0*z0 + z1*z1) / 2 / fresh
	}
	truth += math.Log(2*math.Pi) + math.Log(0.75)
	for name, c := range courses(2) {
		c.Loss.Kinetic, c.Loss.Jacobian = 0, 0
		o := options(400, 256)
		o.Schedule, o.LR, o.Workers, o.ValidateEvery = optim.Cosine{}, 0.03, 2, 400
		r, err := ContinuousLikelihood(context.Background(), linear, Layout{Dim: 2}, NewMemory(mixed(rows, "data"), 2, o.Keys.Shuffle), held, c, o)
		if err != nil {
			t.Fatal(err)
		}
		if loss := *r.State.Validation; !(math.Abs(loss-truth) < 0.01) {
			t.Errorf("%s: %v nats, the true density has %v", name, loss, truth)
		}
	}
}

func TestContinuousNamesTheRows(t *testing.T) {
	o := options(5, 40)
	x := gaussian(40, 2, 1, 0.5, "data")
	x[2*17] = float32(math.NaN())
	for name, c := range courses(2) {
		_, err := ContinuousLikelihood(context.Background(), field(t, 5), Layout{Dim: 2}, NewMemory(x, 2, o.Keys.Shuffle), nil, c, o)
		var e *schemas.Error
		if !errors.As(err, &e) || e.Reason != schemas.NonFinite || !strings.Contains(e.Message, "17") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := courses(2)["adaptive"]
	c.Loss.Solver.Options.MaxEvaluations = 8
	_, err := ContinuousLikelihood(context.Background(), field(t, 5), Layout{Dim: 2}, NewMemory(gaussian(40, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), nil, c, o)
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.Numerical || !strings.Contains(e.Message, "max_evaluations") {
		t.Errorf("%v", err)
	}
}

// TestContinuousLoss: the loss of a step is the mean of cnf over the examples of its
// batches, with the probes of their numbers.
func TestContinuousLoss(t *testing.T) {
	const batch, parts = 150, 2
	x := gaussian(400, 2, 1, 0.5, "data")
	o := options(2, batch)
	o.LR, o.LogEvery, o.Accumulate = 1e-30, 1, parts
	c := courses(2)["fixed"]
	c.Loss.Probes = 1
	r, err := ContinuousLikelihood(context.Background(), field(t, 6), Layout{Dim: 2}, NewMemory(x, 2, o.Keys.Shuffle), nil, c, o)
	if err != nil {
		t.Fatal(err)
	}
	c.Loss.Key = o.Keys.Noise
	g, err := cnf.New(r.Network.(model.Reversible[float32]), c.Loss)
	if err != nil {
		t.Fatal(err)
	}
	rows, batches := NewMemory(x, 2, o.Keys.Shuffle), make([]float32, 2*batch*parts)
	for step := range 2 {
		if err := rows.Next(t.Context(), batches, make([]int64, batch*parts)); err != nil {
			t.Fatal(err)
		}
		grad := like(r.Network.Tensors())
		s, err := g.Add(t.Context(), grad, nil, batches, nil, int64(step*batch*parts), batch*parts)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := r.State.Points[step].Loss, s.Loss/(batch*parts); !near(got, want, 1e-9) {
			t.Errorf("step %d: the loss is %v, that of the examples %v", step, got, want)
		}
	}
}

// A flow that is trained on has its own weights and a model of the registry, which may
// come from elsewhere.
func TestFlowIsTrainedOn(t *testing.T) {
	r := newRun(t)
	r.flow()
	source := flow.Source{File: filepath.Join(r.env.Out, "train.safetensors")}
	r.use, r.config, r.env.Out = "mle", `{"steps": 1, "batch": 40, "optimizer": {"lr": 1e-30}}`, t.TempDir()
	r.in = pipeline.Inputs{"data": r.in["data"], "flow": {Flow: &source},
		"solver": {Service: &solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 2}}}}
	if _, err := r.stage().Check(t.Context(), r.in); err == nil || !strings.Contains(err.Error(), `model "mlp", which is not installed`) {
		t.Error(err)
	}
	r.made.Models = map[string]func([]byte) (model.Definition, error){"mlp": func([]byte) (model.Definition, error) { return network(t, 6), nil }}
	r.flow()
	_, before, err := flow.Load(source.File)
	if err != nil {
		t.Fatal(err)
	}
	_, after, err := flow.Load(filepath.Join(r.env.Out, "train.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range before {
		if !slices.Equal(w.Data, after[i].Data) {
			t.Errorf("%s is %v and was %v", w.Name, after[i].Data, w.Data)
		}
	}
	r.made.Models["mlp"] = func([]byte) (model.Definition, error) { return network(t, 7), nil }
	if _, err := r.do(); err == nil || !strings.Contains(err.Error(), "not those of the model") {
		t.Errorf("another network begins with them: %v", err)
	}
}

// All derivatives of many columns are refused before they are made.
func TestExactTraceHasToHaveRoom(t *testing.T) {
	const columns = 2
	r := newRun(t)
	r.use, r.in = "mle", pipeline.Inputs{"data": {Rows: given{x: gaussian(100, columns, 1, 2, "data"), dim: columns, size: 64, vector: true}},
		"model": {Service: field(t, 4)}, "solver": {Service: &solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 1}}}}
	const each = 4 * columns * columns * 32
	for _, c := range []struct {
		field         string
		memory        int64
		batch, refuse int
	}{{"", 2 * each, 32, 0}, {"", 2 * each, 33, 1}, {"", 8 * each, 128, 0}, {"", 8*each - 1, 128, 1}, {`, "jacobian": 0.1`, 4*each - 1, 32, 1}, {`, "trace": "hutchinson"`, each, 128, 0}} {
		r.env.Memory = c.memory
		r.config = fmt.Sprintf(`{"steps": 1, "batch": %d, "field": {"kinetic": 0%s}}`, c.batch, c.field)
		_, err := r.stage().Check(t.Context(), r.in)
		errs := schemas.Errors(err, "")
		if len(errs) != c.refuse || c.refuse == 1 && (errs[0].Reason != schemas.TooLarge || errs[0].Path != "field.trace") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
