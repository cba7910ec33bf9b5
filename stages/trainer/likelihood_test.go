package trainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
)

// discrete is a small flow with layers that begin from data.
func discrete(t testing.TB, c bijection.Config) bijection.Definition {
	t.Helper()
	c.Transforms, c.Hidden, c.Activation = 2, []int{9}, "tanh"
	d, err := bijection.NewMAF(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func heldOutRows(dim int) *HeldOut {
	number := make([]int64, 300)
	for i := range number {
		number[i] = int64(3 * i)
	}
	return NewHeldOut(gaussian(300, dim, 1, 0.5, "valid"), number)
}

func fitted(f *Fitted, err error) ([]model.Tensor, *State, error) {
	if err != nil {
		return nil, nil, err
	}
	return f.Network.Tensors(), f.State, nil
}

func TestLikelihoodAnyNumberOfWorkersGivesTheSameBits(t *testing.T) {
	def := discrete(t, bijection.Config{ActNorm: true, Mix: "lu", Base: "mixture"})
	noisy, err := bijection.NewVariational(bijection.NoiseConfig{Low: -99, High: 99, Hidden: []int{5}}, []float64{1}, []float64{0}, def)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{1, 200, 1500} {
		def := map[bool]bijection.Definition{true: noisy, false: def}[batch == 200]
		sameForAnyWorkers(t, fmt.Sprintf("batch %d", batch), []int{1, 2, 3, 8}, func(workers int) Options {
			o := options(7, batch)
			o.EMA, o.Clip, o.Workers, o.ValidateEvery, o.Accumulate = 0.9, 0.5, workers, 2, 1+batch%3
			return o
		}, func(o Options) ([]model.Tensor, *State, error) {
			return fitted(MaximumLikelihood(context.Background(), def, Layout{Dim: 2}, NewMemory(gaussian(333, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), heldOutRows(2), o))
		})
	}
}

func TestLikelihoodResumedIsUninterrupted(t *testing.T) {
	const steps, batch, dim = 40, 70, 2
	x := gaussian(101, dim, 1, 0.5, "data")
	def := discrete(t, bijection.Config{ActNorm: true, Base: "mixture", Components: 2})
	for source, open := range map[string]func(Keys) Rows{
		"memory": func(k Keys) Rows { return NewMemory(x, dim, k.Shuffle) },
		"window": func(k Keys) Rows { return NewWindow(pieces(x, dim, 7), dim, 33, k.Shuffle) },
	} {
		o := options(steps, batch)
		o.EMA, o.LR, o.ValidateEvery, o.Patience, o.Schedule = 0.9, 0.3, 2, 3, optim.Constant{} // a rate at which validations become worse
		run := func(o Options) ([]model.Tensor, *State, error) {
			rows := open(o.Keys)
			defer rows.Close()
			return fitted(MaximumLikelihood(context.Background(), def, Layout{Dim: dim}, rows, heldOutRows(dim), o))
		}
		tensors, end, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		if end.Step == steps || end.Step-end.BestStep != 6 {
			t.Fatalf("ended at step %d of %d, the best was at %d: three validations more were due", end.Step, steps, end.BestStep)
		}
		resumedIsUninterrupted(t, source, o, outcomeOf(tensors, end), end, []int64{0, 1, 3, end.BestStep, end.Step - 1}, run)
	}
}

// TestStartLeavesTheRows: the rows that actnorm begins with come again in the
// first step, so that all are seen in the first pass.
func TestStartLeavesTheRows(t *testing.T) {
	o := options(1, 50)
	rows := NewMemory(gaussian(60, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle)
	if _, err := MaximumLikelihood(context.Background(), discrete(t, bijection.Config{ActNorm: true}), Layout{Dim: 2}, rows, nil, o); err != nil {
		t.Fatal(err)
	}
	if at := rows.Cursor(); at != (Cursor{Place: 50}) {
		t.Errorf("after a step of 50 rows the next is %+v", at)
	}
}

func TestLikelihoodFlowGetsTheAverage(t *testing.T) {
	o := options(6, 64)
	def := discrete(t, bijection.Config{Base: "mixture", Components: 2})
	net, err := def.Bijection(2)
	if err != nil {
		t.Fatal(err)
	}
	net.Init(o.Keys.Init)
	averaged(t, "mle", o, data(net), func(o Options) ([]model.Tensor, *State, error) {
		return fitted(MaximumLikelihood(context.Background(), def, Layout{Dim: 2}, NewMemory(gaussian(100, 2, 1, 1, "data"), 2, o.Keys.Shuffle), nil, o))
	})
}

// TestPatienceKeepsTheBest: the weights that come out, averaged or not, have the
// validation loss that was the least.
func TestPatienceKeepsTheBest(t *testing.T) {
	for _, ema := range []float64{0, 0.9} {
		t.Run(fmt.Sprint("ema ", ema), func(t *testing.T) { patienceKeepsTheBest(t, ema) })
	}
}

func patienceKeepsTheBest(t *testing.T, ema float64) {
	o := options(200, 50)
	o.LR, o.ValidateEvery, o.Patience, o.EMA = 0.3, 1, 5, ema
	def := discrete(t, bijection.Config{})
	f, err := MaximumLikelihood(context.Background(), def, Layout{Dim: 2}, NewMemory(gaussian(60, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), heldOutRows(2), o)
	if err != nil {
		t.Fatal(err)
	}
	c := newCrew(1)
	defer c.dismiss()
	loss, _, err := scored{heldOutRows(2), densities}.evaluate(context.Background(), f.Network, c)
	if err != nil {
		t.Fatal(err)
	}
	h := heldOutRows(2)
	sum, err := f.Network.Gradient(t.Context(), nil, nil, h.x, nil, len(h.number))
	if err != nil {
		t.Fatal(err)
	}
	if !near(loss, sum/float64(len(h.number)), 1e-12) {
		t.Errorf("the validation loss is %v, the mean over all rows %v", loss, sum/float64(len(h.number)))
	}
	if loss != *f.State.Best || *f.State.Best >= *f.State.Validation {
		t.Errorf("the weights have the loss %v, the best was %v and the last %v", loss, *f.State.Best, *f.State.Validation)
	}
}

func TestLikelihoodStepAllocatesNothing(t *testing.T) {
	nsf, err := bijection.NewNSF(bijection.SplineConfig{Config: bijection.Config{Transforms: 2, Hidden: []int{8}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, def := range map[string]bijection.Definition{"maf": discrete(t, bijection.Config{}), "nsf": nsf} {
		for _, workers := range []int{1, 3} {
			o := options(1<<40, 256)
			o.Workers, o.LogEvery, o.EMA, o.Clip = workers, 0, 0.99, 1
			l, err := newDensityLoop(def, Layout{Dim: 2}, normal(2), nil, o)
			if err != nil {
				t.Fatal(err)
			}
			// Every worker that meets another for the first time makes its memory.
			allocatesNothing(t, fmt.Sprintf("%s, %d workers", name, workers), l, 100)
		}
	}
}

// TestGaussianEntropy: a flow that is linear, fitted to a Gaussian, reaches its
// entropy ½ ln det(2 pi e Sigma) to 0.01 nats on fresh rows.
func TestGaussianEntropy(t *testing.T) {
	const rows, fresh = 20000, 100000
	mixed := func(rows int, stream string) []float32 {
		x := gaussian(rows, 3, 0, 1, stream)
		for r := range rows {
			z := x[3*r : 3*r+3]
			z[0], z[1], z[2] = 2+2*z[0], 0.6*z[0]+0.5*z[1]-1, z[0]-z[1]+0.25*z[2]
		}
		return x
	}
	// The map has the determinant 2 · 0.5 · 0.25.
	entropy := 1.5*math.Log(2*math.Pi*math.E) + math.Log(0.25)
	number := make([]int64, fresh)
	held := NewHeldOut(mixed(fresh, "fresh"), number)
	for name, c := range map[string]bijection.Config{
		"autoregressive": {Transforms: 1, Hidden: []int{}},
		"lu":             {Transforms: 2, Hidden: []int{}, Mix: "lu", ActNorm: true},
	} {
		t.Run(name, func(t *testing.T) {
			def, err := bijection.NewMAF(c)
			if err != nil {
				t.Fatal(err)
			}
			o := options(3000, 500)
			o.Schedule, o.LR, o.Workers = optim.Cosine{}, 0.05, 2
			f, err := MaximumLikelihood(context.Background(), def, Layout{Dim: 3}, NewMemory(mixed(rows, "data"), 3, o.Keys.Shuffle), held, withValidation(o))
			if err != nil {
				t.Fatal(err)
			}
			// The mean over fresh rows varies about the entropy by sqrt(3/2/n) = 0.004: it is
			// compared with that of the true density on the same rows.
			var truth float64
			for r := range fresh {
				x := held.x[3*r : 3*r+3]
				z0 := (float64(x[0]) - 2) / 2
				z1 := (float64(x[1]) + 1 - 0.6*z0) / 0.5
				z2 := (float64(x[2]) - z0 + z1) / 0.25
				truth += (z0*z0 + z1*z1 + z2*z2) / 2 / fresh
			}
			truth += 1.5*math.Log(2*math.Pi) + math.Log(0.25)
			if math.Abs(truth-entropy) > 0.02 {
				t.Fatalf("the true density has %v nats, the entropy is %v", truth, entropy)
			}
			if loss := *f.State.Validation; !(math.Abs(loss-truth) < 0.01) {
				t.Errorf("%v nats, the true density has %v", loss, truth)
			}
		})
	}
}

func withValidation(o Options) Options {
	o.ValidateEvery = o.Steps
	return o
}

func TestLikelihoodNamesTheRows(t *testing.T) {
	o := options(5, 40)
	x := gaussian(40, 2, 1, 0.5, "data")
	x[2*17] = float32(math.NaN())
	_, err := MaximumLikelihood(context.Background(), discrete(t, bijection.Config{}), Layout{Dim: 2}, NewMemory(x, 2, o.Keys.Shuffle), nil, o)
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.NonFinite || !strings.Contains(e.Message, "17") {
		t.Errorf("%v", err)
	}
	held := heldOutRows(2)
	held.x[2*5] = float32(math.Inf(1))
	o.ValidateEvery = 2
	_, err = MaximumLikelihood(context.Background(), discrete(t, bijection.Config{}), Layout{Dim: 2}, NewMemory(gaussian(40, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), held, o)
	if !errors.As(err, &e) || e.Reason != schemas.Numerical || !strings.Contains(e.Message, "15") {
		t.Errorf("%v", err)
	}
}

// TestDiscreteFlowFile: a discrete flow comes back from its file.
func TestDiscreteFlowFile(t *testing.T) {
	def := discrete(t, bijection.Config{Mix: "lu"})
	o := options(20, 50)
	f, err := MaximumLikelihood(context.Background(), def, Layout{Dim: 2}, NewMemory(gaussian(60, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), nil, o)
	if err != nil {
		t.Fatal(err)
	}
	d := flow.Description{Version: flow.FormatVersion, Columns: []schemas.Column{{Name: "a", Type: "float32", Width: 2}}, Dim: 2,
		Target: flow.TargetBase, BaseStd: 1, Model: flow.Component{Use: def.Use(), With: def.Config()}}
	var file bytes.Buffer
	if err := flow.Encode(&file, d, f.Network.Tensors()); err != nil {
		t.Fatal(err)
	}
	back, tensors, err := flow.Decode(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := flow.New(back, tensors, flow.Registry{Bijections: bijection.Builtin()})
	if err != nil {
		t.Fatal(err)
	}
	x := gaussian(60, 2, 1, 0.5, "data")
	want, got := make([]float32, len(x)), make([]float32, len(x))
	if err := errors.Join(f.Network.Normalize(t.Context(), want, x, nil, 60), opened.Bijection.Normalize(t.Context(), got, x, nil, 60)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("the flow of the file is another")
	}
	back.Path.Use = "condot"
	if _, err := flow.New(back, tensors, flow.Registry{Bijections: bijection.Builtin()}); err == nil {
		t.Error("a discrete flow with a path was opened")
	}
	back.Path.Use = ""
	if _, err := flow.New(back, tensors[1:], flow.Registry{Bijections: bijection.Builtin()}); err == nil {
		t.Error("a flow without one of its tensors was opened")
	}
}
