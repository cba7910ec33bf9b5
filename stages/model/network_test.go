package model_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/model/modeltest"
)

// own is a network that an author might write: two branches and their product.
func own(g *autodiff.Graph, x, t autodiff.Value) autodiff.Value {
	init := autodiff.Init{Bound: 0.5}
	gate := g.Sigmoid(g.Linear(t, g.Param("gate", init, 6, 1), autodiff.Value{}))
	h := g.Mul(g.Tanh(g.Linear(x, g.Param("in", init, 6, 3), g.Param("bias", init, 6))), gate)
	return g.Linear(h, g.Param("out", init, 3, 6), x)
}

// fields are networks of every kind, with weights that are not zero.
func fields(t testing.TB) map[string]model.Network {
	t.Helper()
	all := map[string]model.Network{}
	add := func(name string, n model.Network, err error) {
		if err != nil {
			t.Fatal(err)
		}
		n.Init(5)
		for i, w := range n.Tensors() { // what begins at zero would hide mistakes
			for j := range w.Data {
				w.Data[j] += float32(0.2 * math.Sin(float64(7*i+3*j)))
			}
		}
		n.Changed(nil)
		all[name] = n
	}
	for name, c := range map[string]model.ResMLPConfig{
		"resmlp":        {Width: 12, Blocks: 2, Time: model.TimeConfig{Features: 4}},
		"resmlp concat": {Width: 7, Blocks: 1, Expansion: 3, Activation: "gelu", Time: model.TimeConfig{Use: "concat"}},
	} {
		m, err := model.NewResMLP(c)
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Build(3)
		add(name, n, err)
	}
	for name, d := range conditional(t) {
		n, err := model.Build(d, 2, 3)
		add(name, n, err)
	}
	for name, c := range map[string]model.MLPConfig{
		"mlp":        {Hidden: []int{9, 8, 10}},
		"mlp linear": {Hidden: []int{}, Time: model.TimeConfig{Use: "concat"}},
		"mlp one":    {Hidden: []int{16}, Activation: "softplus"},
		"mlp two":    {Hidden: []int{16, 9}, Activation: "tanh"},
	} {
		m, err := model.NewMLP(c)
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Build(3)
		add(name, n, err)
	}
	for name, c := range map[string]model.FFJORDConfig{"ffjord": {Hidden: []int{9, 7}}, "ffjord until 2": {Hidden: []int{8}, EndTime: 2, TrainEnd: new(bool)}} {
		m, err := model.NewFFJORD(c)
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Build(3)
		add(name, n, err)
	}
	n, err := model.NewNetwork(3, own)
	add("own", n, err)
	return all
}

// double is the float64 form of a network.
func double(t testing.TB, n model.Network) model.Field[float64] {
	t.Helper()
	f, err := n.(model.Doubled).Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFieldLaws: every network obeys the laws of fields, in both widths.
func TestFieldLaws(t *testing.T) {
	for name, n := range fields(t) {
		t.Run(name+" float32", func(t *testing.T) { modeltest.Test(t, model.Field[float32](n)) })
		t.Run(name+" float64", func(t *testing.T) { modeltest.Test(t, double(t, n)) })
	}
}

// TestWidthsAgree: float32 is float64 rounded, but for the rounding on the way.
func TestWidthsAgree(t *testing.T) {
	const rows, probes = 70, 2
	ctx := context.Background()
	for name, n := range fields(t) {
		d := n.Dim()
		x, z, at := make([]float64, rows*d), make([]float64, probes*rows*d), make([]float64, rows)
		for i := range x {
			x[i] = math.Round(256*math.Sin(float64(i))) / 128
		}
		for i := range z {
			z[i] = float64(1 - 2*(i/3%2))
		}
		for i := range at {
			at[i] = math.Round(1024*float64(i)/rows) / 1024
		}
		v32, d32 := make([]float32, rows*d), make([]float64, rows*probes)
		v64, d64 := make([]float64, rows*d), make([]float64, rows*probes)
		for _, k := range []int{0, probes} {
			if err := n.Divergence(ctx, v32, d32, at, narrow(x), narrow(z), rows, k); err != nil {
				t.Fatal(err)
			}
			if err := double(t, n).Divergence(ctx, v64, d64, at, x, z, rows, k); err != nil {
				t.Fatal(err)
			}
			for i := range v32 {
				if math.Abs(float64(v32[i])-v64[i]) > 3e-6*(1+math.Abs(v64[i])) {
					t.Fatalf("%s: v[%d] = %v and %v", name, i, v32[i], v64[i])
				}
			}
			for i := range rows * max(k, 1) {
				if math.Abs(d32[i]-d64[i]) > 1e-5*(1+math.Abs(d64[i])) {
					t.Fatalf("%s, %d probes: divergence[%d] = %v and %v", name, k, i, d32[i], d64[i])
				}
			}
		}
	}
}

// TestGradient: against differences of the loss, in float64.
func TestGradient(t *testing.T) {
	const rows = 6
	ctx := context.Background()
	for name, n := range fields(t) {
		d := n.Dim()
		x, u, w, at := make([]float64, rows*d), make([]float64, rows*d), make([]float64, rows), make([]float64, rows)
		for i := range x {
			x[i], u[i] = math.Round(64*math.Sin(float64(i)))/64, math.Round(64*math.Cos(float64(3*i)))/64
		}
		for i := range at {
			at[i], w[i] = float64(i)/8, float64(i%3)/2
		}
		loss := func() (sum float64) {
			v := make([]float64, rows*d)
			if err := double(t, n).Eval(ctx, v, at, x, rows); err != nil {
				t.Fatal(err)
			}
			for i := range v {
				if i%d < d-model.Held(n) {
					sum += w[i/d] * (v[i] - u[i]) * (v[i] - u[i])
				}
			}
			return sum
		}
		grad := zeros(n)
		got, err := n.Gradient(ctx, grad, at, narrow(x), narrow(u), narrow(w), rows)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := n.Gradient(ctx, nil, at, narrow(x), narrow(u), narrow(w), rows)
		if err != nil {
			t.Fatal(err)
		}
		if want := loss(); math.Abs(got-want) > 1e-5*want || alone != got {
			t.Errorf("%s: loss %v, without derivatives %v, want %v", name, got, alone, want)
		}
		for i, tensor := range n.Tensors() {
			scale := 0.0
			for _, g := range grad[i] {
				scale = max(scale, math.Abs(float64(g)))
			}
			for j := 0; j < len(tensor.Data); j += 1 + len(tensor.Data)/9 {
				keep := tensor.Data[j]
				const h = 0x1p-9
				diff := func(h float32) float64 {
					tensor.Data[j] = keep + h
					up, a := loss(), float64(tensor.Data[j])
					tensor.Data[j] = keep - h
					down, b := loss(), float64(tensor.Data[j])
					tensor.Data[j] = keep
					return (up - down) / (a - b)
				}
				want := (4*diff(h/2) - diff(h)) / 3
				if math.Abs(float64(grad[i][j])-want) > 1e-5*(1+scale) {
					t.Errorf("%s: %s[%d]: %v, differences give %v", name, tensor.Name, j, grad[i][j], want)
				}
			}
		}
	}
}

// TestChanged: evaluations use the weights of the last Changed, whichever
// programs were in use before.
func TestChanged(t *testing.T) {
	ctx := context.Background()
	for name, n := range fields(t) {
		const rows = 5
		d := n.Dim()
		at, x := []float64{0, 0.25, 0.5, 0.75, 1}, make([]float32, rows*d)
		for i := range x {
			x[i] = float32(i) / 8
		}
		use := func(n model.Network) (all []float64) {
			v, div := make([]float32, rows*d), make([]float64, rows)
			if err := n.Divergence(ctx, v, div, at, x, nil, rows, 0); err != nil {
				t.Fatal(err)
			}
			all = append(all, div...)
			if err := n.Divergence(ctx, v, div, at, x, x, rows, 1); err != nil {
				t.Fatal(err)
			}
			all = append(all, div...)
			l, err := n.Gradient(ctx, zeros(n), at, x, x, nil, rows)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Eval(ctx, v, at, x, rows); err != nil {
				t.Fatal(err)
			}
			for _, u := range v {
				all = append(all, float64(u))
			}
			return append(all, l)
		}
		first := use(n)
		for range 3 { // used before a change, and not
			for _, w := range n.Tensors() {
				for j := range w.Data {
					w.Data[j] *= -1.25
				}
			}
			n.Changed(func(pieces int, do func(int)) {
				for i := pieces - 1; i >= 0; i-- {
					do(i)
				}
			})
		}
		fresh := fields(t)[name]
		for i, w := range fresh.Tensors() {
			copy(w.Data, n.Tensors()[i].Data)
		}
		fresh.Changed(nil)
		got, want := use(n), use(fresh)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: element %d is %v, a fresh network gives %v", name, i, got[i], want[i])
			}
		}
		if got[0] == first[0] {
			t.Errorf("%s: the change has no effect", name)
		}
	}
}

func TestNetworkMistakes(t *testing.T) {
	for _, c := range []struct {
		forward model.Forward
		want    string
	}{
		{func(g *autodiff.Graph, x, t autodiff.Value) autodiff.Value { return g.Concat(x, t) }, "shape [4]"},
		{func(g *autodiff.Graph, x, t autodiff.Value) autodiff.Value {
			return g.Linear(x, g.Param("w", autodiff.Init{}, 3, 5), autodiff.Value{})
		}, `"w" [3 5]`},
	} {
		if _, err := model.NewNetwork(3, c.forward); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	for _, c := range []struct {
		config model.ResMLPConfig
		want   string
	}{
		{model.ResMLPConfig{Width: -1}, "-1 is not between 1"},
		{model.ResMLPConfig{Blocks: 1000}, "1000 is not between 1 and 256"},
		{model.ResMLPConfig{Expansion: 17}, "17 is not"},
		{model.ResMLPConfig{Activation: "sine"}, `unknown "sine"`},
		{model.ResMLPConfig{Width: 1 << 16, Blocks: 10}, "weights"},
		{model.ResMLPConfig{Time: model.TimeConfig{Use: "never"}}, "resmlp"},
	} {
		if _, err := model.NewResMLP(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
	}
	if _, err := (model.ResMLP{}).Build(2); err == nil {
		t.Error("a definition that was not made was built")
	}
}
