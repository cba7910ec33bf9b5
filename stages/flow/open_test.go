package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// registry makes what these tests' flows name.
func registry() flow.Registry {
	return flow.Registry{
		Models: map[string]func([]byte) (model.Definition, error){
			"mlp": func(config []byte) (model.Definition, error) {
				var c model.MLPConfig
				if err := json.Unmarshal(config, &c); err != nil {
					return nil, err
				}
				return model.NewMLP(c)
			},
		},
		Paths: map[string]func([]byte) (path.Path, error){
			"condot": func([]byte) (path.Path, error) { return path.CondOT{}, nil },
		},
	}
}

func trained(t *testing.T) (flow.Description, model.Network) {
	t.Helper()
	d, _ := small()
	def, err := registry().Models["mlp"](d.Model.With)
	if err != nil {
		t.Fatal(err)
	}
	n, err := def.Build(d.Dim)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(3)
	return d, n
}

func TestOpen(t *testing.T) {
	d, n := trained(t)
	name := filepath.Join(t.TempDir(), "f.safetensors")
	if err := flow.Save(name, d, n.Tensors()); err != nil {
		t.Fatal(err)
	}
	f, err := flow.Open(flow.Source{File: name, Planned: &d}, registry())
	if err != nil {
		t.Fatal(err)
	}
	times, x := []float64{0, 0.4, 1}, []float32{1, 2, -3, 0.5, 0, 9}
	want, got := make([]float32, 6), make([]float32, 6)
	if err := n.Eval(context.Background(), want, times, x, 3); err != nil {
		t.Fatal(err)
	}
	if err := f.Field32.Eval(context.Background(), got, times, x, 3); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("the opened field is %v, the saved one %v", got, want)
		}
	}
	row, logdet := []float64{0.1, 3}, []float64{0}
	if err := f.Normalized(row, logdet, transform.Address{}, 1); err != nil {
		t.Fatal(err)
	}
	if row[0] != 0 || logdet[0] != -math.Ln2 {
		t.Errorf("normalised to %v with log-det %v", row, logdet)
	}
	if err := f.Generated(row, nil, 1); err != nil || row[0] != 0.1 || row[1] != 3 {
		t.Errorf("and back to %v", row)
	}
}

func TestOpenRefuses(t *testing.T) {
	d, n := trained(t)
	for name, c := range map[string]struct {
		change func(d *flow.Description, tensors []model.Tensor) []model.Tensor
		want   schemas.Reason
	}{
		"a tensor less": {func(_ *flow.Description, t []model.Tensor) []model.Tensor { return t[1:] }, schemas.CorruptFile},
		"another name":  {func(_ *flow.Description, t []model.Tensor) []model.Tensor { t[0].Name = "x"; return t }, schemas.CorruptFile},
		"another shape": {func(_ *flow.Description, t []model.Tensor) []model.Tensor {
			t[0].Shape = []int{len(t[0].Data)}
			return t
		}, schemas.CorruptFile},
		"unknown model": {func(d *flow.Description, t []model.Tensor) []model.Tensor { d.Model.Use = "unet"; return t }, schemas.UnknownUse},
		"bad model": {func(d *flow.Description, t []model.Tensor) []model.Tensor {
			d.Model.With = []byte(`{"hidden":[-1]}`)
			return t
		}, schemas.CorruptFile},
		"unknown path": {func(d *flow.Description, t []model.Tensor) []model.Tensor {
			d.Target, d.Path.Use = "data", "loop"
			return t
		}, schemas.UnknownUse},
		"unknown transform": {func(d *flow.Description, t []model.Tensor) []model.Tensor {
			d.Transforms = []schemas.Transform{{Use: "fold"}}
			return t
		}, schemas.UnknownUse},
		"bad transform": {func(d *flow.Description, t []model.Tensor) []model.Tensor {
			d.Transforms = []schemas.Transform{{Use: "standardize", State: 5}}
			return t
		}, schemas.CorruptFile},
	} {
		e := d
		tensors := c.change(&e, append([]model.Tensor{}, n.Tensors()...))
		if _, err := flow.New(e, tensors, registry()); reason(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// A model that Models lacks comes from Other, as those of plugins do.
func TestOtherModels(t *testing.T) {
	d, n := trained(t)
	d.Model.Use = "mine/net"
	r := registry()
	r.Other = func(c flow.Component, dim int, tensors []model.Tensor) (model.Field[float32], error) {
		if c.Use != "mine/net" || dim != 2 || len(tensors) != len(n.Tensors()) {
			return nil, errors.New("asked for something else")
		}
		return n, nil
	}
	if _, err := flow.New(d, n.Tensors(), r); err != nil {
		t.Error(err)
	}
}

// gaussian is E[x1|x_t] or E[x0|x_t] for data N(m, s²) in every dimension on the
// straight path, in closed form; its divergence too.
type gaussian struct {
	m, s  float64
	noise bool
}

func (g gaussian) Dim() int { return 2 }

func (g gaussian) slope(t float64) (mean, slope float64) {
	v := t*t*g.s*g.s + (1-t)*(1-t)
	if g.noise {
		return t * g.m, (1 - t) / v
	}
	return t * g.m, t * g.s * g.s / v
}

func (g gaussian) Eval(_ context.Context, dx []float32, t []float64, x []float32, rows int) error {
	for i := range dx[:2*rows] {
		mean, slope := g.slope(t[i/2])
		dx[i] = float32(slope * (float64(x[i]) - mean))
		if !g.noise {
			dx[i] += float32(g.m)
		}
	}
	return nil
}

func (g gaussian) Divergence(ctx context.Context, dx []float32, div, t []float64, x, probe []float32, rows, probes int) error {
	for r := range rows {
		_, slope := g.slope(t[r])
		if probes == 0 {
			div[r] = 2 * slope
		}
		for k := range probes {
			z := probe[2*(k*rows+r):]
			div[r*probes+k] = slope * (float64(z[0])*float64(z[0]) + float64(z[1])*float64(z[1]))
		}
	}
	return g.Eval(ctx, dx, t, x, rows)
}

// A network that predicts data or noise gives the velocity of definitions 4.4:
// u = m + (t s² - (1-t))/v (x - t m), v = t² s² + (1-t)².
func TestTargets(t *testing.T) {
	for _, target := range []string{"data", "noise"} {
		g := gaussian{m: 2, s: 0.5, noise: target == "noise"}
		d, _ := small()
		d.Target = target
		r := registry()
		r.Models = nil
		r.Other = func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return g, nil }
		f, err := flow.New(d, nil, r)
		if err != nil {
			t.Fatal(err)
		}
		times := []float64{0.01, 0.3, 0.5, 0.9, 0.99}
		x := []float32{-1, 0.3, 0, 1.7, 2, 2.5, 1, 3, 2, 2.1}
		probe := []float32{1, -1, 1, 1, -1, 1, 0.5, 2, 1, 1}
		dx, div, est := make([]float32, 10), make([]float64, 5), make([]float64, 5)
		if err := f.Field32.Divergence(context.Background(), dx, div, times, x, nil, 5, 0); err != nil {
			t.Fatal(err)
		}
		only := make([]float32, 10)
		if err := f.Field32.Eval(context.Background(), only, times, x, 5); err != nil {
			t.Fatal(err)
		}
		if err := f.Field32.Divergence(context.Background(), dx, est, times, x, probe, 5, 1); err != nil {
			t.Fatal(err)
		}
		for _, tt := range times { // rows with one time are what each is alone
			same, all := []float64{tt, tt, tt, tt, tt}, make([]float32, 10)
			if err := f.Field32.Eval(context.Background(), all, same, x, 5); err != nil {
				t.Fatal(err)
			}
			for r := range 5 {
				alone := make([]float32, 2)
				if err := f.Field32.Eval(context.Background(), alone, same, x[2*r:2*r+2], 1); err != nil {
					t.Fatal(err)
				}
				if all[2*r] != alone[0] || all[2*r+1] != alone[1] {
					t.Errorf("%s: row %d at %v is %v among others, %v alone", target, r, tt, all[2*r:2*r+2], alone)
				}
			}
		}
		for i, u := range dx {
			tt := times[i/2]
			v := tt*tt*0.25 + (1-tt)*(1-tt)
			slope := (tt*0.25 - (1 - tt)) / v
			want := 2 + slope*(float64(x[i])-2*tt)
			if math.Abs(float64(u)-want) > 1e-4*(1+math.Abs(want)) || only[i] != u {
				t.Errorf("%s: u(%v, %v) = %v and %v, want %v", target, tt, x[i], u, only[i], want)
			}
			z := probe[i/2*2 : i/2*2+2]
			square := float64(z[0])*float64(z[0]) + float64(z[1])*float64(z[1])
			if math.Abs(div[i/2]-2*slope) > 1e-9*(1+math.Abs(slope)) || math.Abs(est[i/2]-slope*square) > 1e-9*(1+math.Abs(slope)) {
				t.Errorf("%s: div at %v = %v, by probe %v; want %v and %v", target, tt, div[i/2], est[i/2], 2*slope, slope*square)
			}
		}
	}
}

// Draws depend on their row alone, and the density is that of the draws.
func TestNormal(t *testing.T) {
	n := flow.Normal{Dim: 3, Std: 2}
	key := random.NewKey(1, "s", "base")
	all, part := make([]float64, 3*1000), make([]float64, 3*10)
	n.Sample(all, key, 0, 1000)
	n.Sample(part, key, 500, 10)
	var sum float64
	for i, v := range all {
		if i >= 1500 && i < 1530 && part[i-1500] != v {
			t.Fatalf("draw %d is %v alone and %v in company", i, part[i-1500], v)
		}
		sum += v * v
	}
	if v := sum / 3000; math.Abs(v-4) > 5*4*math.Sqrt(2.0/3000) {
		t.Errorf("variance %v, want 4", v)
	}
	logp := make([]float64, 1)
	n.LogProb(logp, []float64{1, -2, 3}, 1)
	want := -3*math.Log(2*math.Sqrt(2*math.Pi)) - (1.0+4+9)/8
	if math.Abs(logp[0]-want) > 1e-14 {
		t.Errorf("log density %v, want %v", logp[0], want)
	}
}

func TestFromInput(t *testing.T) {
	g, err := model.NewGMM(model.GMMConfig{Columns: []string{"a", "b"}, Means: [][]float64{{0, 0}}, Std: []float64{1}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := flow.FromInput(pipeline.Input{Service: g}, "flow")
	if err != nil || src.Exact == nil {
		t.Fatalf("exact model: %+v, %v", src, err)
	}
	f, err := flow.Open(src, flow.Registry{})
	if err != nil || f.Field64 == nil || strings.Join(f.Description.Names(), " ") != "a b" || f.Description.Columns[0].Type != "float64" {
		t.Fatalf("exact flow: %+v, %v", f, err)
	}
	if src, err := flow.FromInput(pipeline.Input{Flow: "f.safetensors"}, "flow"); err != nil || src.File != "f.safetensors" {
		t.Errorf("file: %+v, %v", src, err)
	}
	m, _ := model.NewMLP(model.MLPConfig{})
	for in, want := range map[any]schemas.Reason{nil: schemas.MissingPort, "service": schemas.WrongPort} {
		input := pipeline.Input{}
		if in != nil {
			input.Service = m
		}
		var e *schemas.Error
		if _, err := flow.FromInput(input, "flow"); !errors.As(err, &e) || e.Reason != want || e.Path != "from.flow" {
			t.Errorf("%v: %v, want %s", in, err, want)
		}
	}
	if _, err := flow.SolverFromInput(pipeline.Input{Service: &solver.Method{}}, "solver"); err != nil {
		t.Error(err)
	}
	if _, err := flow.SolverFromInput(pipeline.Input{Service: 5}, "solver"); reason(err) != schemas.WrongPort {
		t.Errorf("no solver: %v", err)
	}
}

func TestTally(t *testing.T) {
	var tally flow.Tally
	tally.Add(solver.Report{Status: []solver.Status{solver.OK, solver.NonFinite}, Evaluations: []int32{10, 2}, Accepted: []int32{3, 1}, Rejected: []int32{0, 2}})
	tally.Add(solver.Report{Status: []solver.Status{solver.OK}, Evaluations: []int32{30}, Accepted: []int32{8}, Rejected: []int32{1}})
	s := map[string]any{}
	tally.Summarize(s)
	for name, want := range map[string][3]float64{"evaluations": {14, 2, 30}, "steps": {4, 1, 8}, "rejected_steps": {1, 0, 2}} {
		if s[name] != want[0] || s[name+"_min"] != int64(want[1]) || s[name+"_max"] != int64(want[2]) {
			t.Errorf("%s: %v, %v to %v; want %v", name, s[name], s[name+"_min"], s[name+"_max"], want)
		}
	}
	if s["evaluations"] != 14.0 || s["evaluations_min"] != int64(2) || s["evaluations_max"] != int64(30) || s["rows_not_ok"] != int64(1) || s["rows_non_finite"] != int64(1) {
		t.Errorf("summary %v", s)
	}
}

// Transforms are applied in order and undone in the opposite one.
func TestTransformOrder(t *testing.T) {
	d, n := trained(t)
	d.Transforms = []schemas.Transform{
		{Use: "standardize", State: map[string]any{"mean": []float64{1, 0}, "sd": []float64{2, 1}}},
		{Use: "standardize", State: map[string]any{"mean": []float64{10, 0}, "sd": []float64{4, 1}}},
	}
	f, err := flow.New(d, n.Tensors(), registry())
	if err != nil {
		t.Fatal(err)
	}
	row, logdet := []float64{101, 0}, []float64{1}
	if err := f.Normalized(row, logdet, transform.Address{}, 1); err != nil {
		t.Fatal(err)
	}
	if row[0] != 10 || math.Abs(logdet[0]-(1-math.Log(8))) > 1e-15 { // ((101-1)/2 - 10)/4
		t.Errorf("normalised to %v with log-det %v", row, logdet)
	}
	if err := f.Generated(row, nil, 1); err != nil || row[0] != 101 {
		t.Errorf("and back to %v", row)
	}
}
