package model_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/model/modeltest"
	"github.com/pathline/pathline/stages/random"
)

// recorded is one network of testdata/mlp.json, written by testdata/mlp.py.
type recorded struct {
	Config  model.MLPConfig `json:"config"`
	Dim     int             `json:"dim"`
	Weights [][]float64     `json:"weights"`
	T       []float64       `json:"t"`
	X       []float64       `json:"x"`
	V       []float64       `json:"v"`
}

func (c recorded) name() string {
	return fmt.Sprintf("%dx%v-%s-%s", c.Dim, c.Config.Hidden, c.Config.Activation, c.Config.Time.Use)
}

func (c recorded) network(t testing.TB) model.Network {
	n := build(t, c.Config, c.Dim)
	for i, ts := range n.Tensors() {
		if len(ts.Data) != len(c.Weights[i]) {
			t.Fatalf("%s has %d weights, recorded are %d", ts.Name, len(ts.Data), len(c.Weights[i]))
		}
		for j, w := range c.Weights[i] {
			ts.Data[j] = float32(w)
		}
	}
	n.Changed(nil)
	return n
}

func load(t testing.TB) []recorded {
	b, err := os.ReadFile("testdata/mlp.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recorded
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return append(cases, wide(t))
}

// wide is a network with layers wider than the pieces of a product. What is
// "recorded" of it is the output of this test's reference.
func wide(t testing.TB) recorded {
	c := recorded{
		Config: model.MLPConfig{Hidden: []int{70, 200, 66}, Activation: "silu", Time: model.TimeConfig{Use: "fourier", Features: 2}},
		Dim:    3, T: []float64{0, 0.125, 0.5, 0.75, 1}, X: make([]float64, 15),
	}
	for i := range c.X {
		c.X[i] = math.Round(64*math.Sin(float64(5*i))) / 64
	}
	n := build(t, c.Config, c.Dim)
	n.Init(random.NewKey(1, "test", "wide"))
	for _, ts := range n.Tensors() {
		w := make([]float64, len(ts.Data))
		for i, v := range ts.Data {
			w[i] = float64(v)
		}
		c.Weights = append(c.Weights, w)
	}
	for r, at := range c.T {
		c.V = append(c.V, reference(c.Config, c.Weights, at, c.X[r*c.Dim:(r+1)*c.Dim])...)
	}
	return c
}

func build(t testing.TB, c model.MLPConfig, dim int) model.Network {
	m, err := model.NewMLP(c)
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Build(dim)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reference is the forward pass in float64, five lines of loops: the oracle of
// finite differences. It is itself checked against the recorded outputs.
func reference(c model.MLPConfig, weights [][]float64, t float64, x []float64) []float64 {
	h := slices.Clone(x)
	if c.Time.Use == "concat" {
		h = append(h, t)
	} else {
		var sin []float64
		for k := range c.Time.Features {
			w := math.Pow(64, float64(k)/math.Max(1, float64(c.Time.Features-1)))
			h, sin = append(h, math.Cos(t*w)), append(sin, math.Sin(t*w))
		}
		h = append(h, sin...)
	}
	for i := 0; i < len(weights); i += 2 {
		y := slices.Clone(weights[i+1])
		for o := range y {
			for j, v := range h {
				y[o] += weights[i][o*len(h)+j] * v
			}
			if i+2 < len(weights) {
				y[o] = curve(c.Activation, y[o])
			}
		}
		h = y
	}
	return h
}

func curve(name string, z float64) float64 {
	switch name {
	case "silu":
		return z / (1 + math.Exp(-z))
	case "relu":
		return math.Max(z, 0)
	case "tanh":
		return math.Tanh(z)
	case "gelu":
		return z / 2 * (1 + math.Erf(z/math.Sqrt2))
	case "selu":
		if z > 0 {
			return 1.0507009873554804934193349852946 * z
		}
		return 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717 * (math.Exp(z) - 1)
	case "softplus":
		return math.Log(1 + math.Exp(z))
	}
	panic("no such activation")
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func TestMLPRecorded(t *testing.T) {
	for _, c := range load(t) {
		t.Run(c.name(), func(t *testing.T) {
			rows, d := len(c.T), c.Dim
			v := make([]float32, rows*d)
			if err := c.network(t).Eval(context.Background(), v, c.T, narrow(c.X), rows); err != nil {
				t.Fatal(err)
			}
			for i, want := range c.V {
				if math.Abs(float64(v[i])-want) > 2e-6*(1+math.Abs(want)) {
					t.Errorf("v[%d] = %v, recorded %v", i, v[i], want)
				}
			}
			for r := range rows {
				for j, u := range reference(c.Config, c.Weights, c.T[r], c.X[r*d:(r+1)*d]) {
					if math.Abs(u-c.V[r*d+j]) > 1e-12 {
						t.Errorf("the test's own reference gives %v, recorded %v", u, c.V[r*d+j])
					}
				}
			}
		})
	}
}

func TestMLPLaws(t *testing.T) {
	for _, c := range load(t) {
		t.Run(c.name(), func(t *testing.T) { modeltest.Test(t, model.Field[float32](c.network(t))) })
	}
	n := build(t, model.MLPConfig{Hidden: []int{70, 200}, Time: model.TimeConfig{Use: "concat"}}, 4)
	n.Init(3)
	t.Run("wide bilinear", func(t *testing.T) { modeltest.Test(t, model.Field[float32](n)) })
}

// TestMLPGradient compares Gradient with central differences of the loss of
// the float64 reference.
func TestMLPGradient(t *testing.T) {
	for _, c := range load(t) {
		t.Run(c.name(), func(t *testing.T) {
			rows, d := len(c.T), c.Dim
			target, weight := make([]float64, rows*d), []float64{1, 0.5, 2, 0, 1.25}
			for i := range target {
				target[i] = math.Round(64*math.Sin(float64(3*i+1))) / 64
			}
			loss := func(w [][]float64) float64 {
				var sum float64
				for r := range rows {
					for j, v := range reference(c.Config, w, c.T[r], c.X[r*d:(r+1)*d]) {
						e := v - target[r*d+j]
						sum += weight[r] * e * e
					}
				}
				return sum
			}
			n := c.network(t)
			grad := zeros(n)
			got, err := n.Gradient(context.Background(), grad, c.T, narrow(c.X), narrow(target), narrow(weight), rows)
			if err != nil {
				t.Fatal(err)
			}
			if want := loss(c.Weights); math.Abs(got-want) > 1e-5*want {
				t.Errorf("loss %v, want %v", got, want)
			}
			const h = 1e-5
			for i, w := range c.Weights {
				scale := 0.0
				for j := range w {
					scale = math.Max(scale, math.Abs(float64(grad[i][j])))
				}
				for j := 0; j < len(w); j += 1 + len(w)/30 { // every weight, but of the wide network
					keep := w[j]
					w[j] = keep + h
					up := loss(c.Weights)
					w[j] = keep - h
					down := loss(c.Weights)
					w[j] = keep
					if want := (up - down) / (2 * h); math.Abs(float64(grad[i][j])-want) > 1e-5*(1+scale) {
						t.Errorf("%s[%d]: gradient %v, finite differences %v", n.Tensors()[i].Name, j, grad[i][j], want)
					}
				}
			}
		})
	}
}

func zeros(n model.Network) [][]float32 {
	var grad [][]float32
	for _, ts := range n.Tensors() {
		grad = append(grad, make([]float32, len(ts.Data)))
	}
	return grad
}

// TestMLPGradientLaws: a nil grad gives the same loss, nil weights are ones,
// grad is added to, and rows in two calls are rows in one, to rounding.
func TestMLPGradientLaws(t *testing.T) {
	const rows, d = 130, 3
	n := build(t, model.MLPConfig{Hidden: []int{33, 20}, Time: model.TimeConfig{Features: 4}}, d)
	n.Init(random.NewKey(1, "test", "init"))
	key := random.NewKey(1, "test", "rows")
	ts, x, target := make([]float64, rows), make([]float32, rows*d), make([]float32, rows*d)
	key.Uniforms(ts, 0, 0)
	key.Normals32(x, 1, 0)
	key.Normals32(target, 2, 0)
	ones := slices.Repeat([]float32{1}, rows)
	ctx := context.Background()
	whole, again, split := zeros(n), zeros(n), zeros(n)
	l1, _ := n.Gradient(ctx, whole, ts, x, target, nil, rows)
	l2, _ := n.Gradient(ctx, nil, ts, x, target, nil, rows)
	l3, _ := n.Gradient(ctx, again, ts, x, target, ones, rows)
	if l1 != l2 || l1 != l3 || !(l1 > 0) {
		t.Errorf("losses %v, without grad %v, with weights of one %v", l1, l2, l3)
	}
	a, _ := n.Gradient(ctx, split, ts[:50], x[:50*d], target[:50*d], nil, 50)
	b, _ := n.Gradient(ctx, split, ts[50:], x[50*d:], target[50*d:], nil, rows-50)
	if math.Abs(a+b-l1) > 1e-12*l1 {
		t.Errorf("loss of two calls %v, of one %v", a+b, l1)
	}
	for i := range whole {
		for j, g := range whole[i] {
			if again[i][j] != g {
				t.Fatalf("tensor %d: weights of one give another gradient than nil", i)
			}
			if math.Abs(float64(split[i][j]-g)) > 1e-4*(1+math.Abs(float64(g))) {
				t.Errorf("tensor %d element %d: %v in two calls, %v in one", i, j, split[i][j], g)
			}
		}
	}
}

func TestMLPCancelled(t *testing.T) {
	n := build(t, model.MLPConfig{Hidden: []int{4}}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	v := make([]float32, 1)
	if err := n.Eval(ctx, v, []float64{0}, v, 1); err == nil {
		t.Error("Eval goes on when cancelled")
	}
	if err := n.Divergence(ctx, v, []float64{0}, []float64{0}, v, nil, 1, 0); err == nil {
		t.Error("Divergence goes on when cancelled")
	}
	if _, err := n.Gradient(ctx, nil, []float64{0}, v, v, nil, 1); err == nil {
		t.Error("Gradient goes on when cancelled")
	}
}

// TestMLPInit: uniform within ±1/sqrt(in), a function of the key alone.
func TestMLPInit(t *testing.T) {
	n, m := build(t, model.MLPConfig{}, 4), build(t, model.MLPConfig{}, 4)
	n.Init(7)
	m.Init(8)
	m.Init(7)
	for i, ts := range n.Tensors() {
		in := n.Tensors()[i-i%2].Shape[1]
		bound := 1 / math.Sqrt(float64(in))
		var sum, squares, most float64
		for _, w := range ts.Data {
			sum, squares, most = sum+float64(w), squares+float64(w)*float64(w), math.Max(most, math.Abs(float64(w)))
		}
		k := float64(len(ts.Data))
		if most > bound || (k > 100 && most < 0.95*bound) {
			t.Errorf("%s: greatest weight %v, bound %v", ts.Name, most, bound)
		}
		if k > 1000 && (math.Abs(sum/k) > 4*bound/math.Sqrt(3*k) || math.Abs(squares/k*3/bound/bound-1) > 4*0.9/math.Sqrt(k)) {
			t.Errorf("%s: mean %v, mean square %v are not those of a uniform in ±%v", ts.Name, sum/k, squares/k, bound)
		}
		if !slices.Equal(ts.Data, m.Tensors()[i].Data) {
			t.Errorf("%s differs between two networks with one key", ts.Name)
		}
	}
}

func TestMLPConfig(t *testing.T) {
	m, err := model.NewMLP(model.MLPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hidden":[128,128,128],"activation":"silu","time":{"use":"fourier","features":32}}`
	if m.Use() != "mlp" || string(m.Config()) != want {
		t.Errorf("Use %q, Config %s", m.Use(), m.Config())
	}
	var c model.MLPConfig
	if err := json.Unmarshal(m.Config(), &c); err != nil {
		t.Fatal(err)
	}
	if again, err := model.NewMLP(c); err != nil || string(again.Config()) != want {
		t.Errorf("a configuration read back becomes %s, %v", again.Config(), err)
	}
	for _, bad := range []struct {
		c    model.MLPConfig
		want string
	}{
		{model.MLPConfig{Hidden: []int{8, 0}}, "hidden[1]"},
		{model.MLPConfig{Hidden: []int{1 << 30}}, "hidden[0]"},
		{model.MLPConfig{Hidden: []int{1 << 16, 1 << 16}}, "hidden: makes 4295032832 weights"},
		{model.MLPConfig{Hidden: make([]int, 1000)}, "1000 layers"},
		{model.MLPConfig{Activation: "sillu"}, `"sillu"`},
		{model.MLPConfig{Time: model.TimeConfig{Use: "sine"}}, `"sine"`},
		{model.MLPConfig{Time: model.TimeConfig{Features: -1}}, "time.features"},
		{model.MLPConfig{Time: model.TimeConfig{Features: 1 << 20}}, "time.features"},
	} {
		if _, err := model.NewMLP(bad.c); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: error %v does not say %s", bad.c, err, bad.want)
		}
	}
	// Defaults with another use of time, as a file that names only that gives.
	c.Time.Use = "concat"
	concat, err := model.NewMLP(c)
	if err != nil || !strings.HasSuffix(string(concat.Config()), `"time":{"use":"concat"}}`) {
		t.Errorf("concat becomes %s, %v", concat.Config(), err)
	}
	if _, err := m.Build(0); err == nil {
		t.Error("a network of no columns was built")
	}
}

func BenchmarkMLPGradient(b *testing.B) {
	const rows, d = 512, 8
	n := build(b, model.MLPConfig{}, d)
	n.Init(1)
	key, grad := random.NewKey(1, "bench", ""), zeros(n)
	ts, x, target := make([]float64, rows), make([]float32, rows*d), make([]float32, rows*d)
	key.Uniforms(ts, 0, 0)
	key.Normals32(x, 1, 0)
	key.Normals32(target, 2, 0)
	v, div := make([]float32, rows*d), make([]float64, rows)
	probe := slices.Repeat([]float32{1}, rows*d)
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"gradient", func() error {
			_, err := n.Gradient(context.Background(), grad, ts, x, target, nil, rows)
			return err
		}},
		{"eval", func() error { return n.Eval(context.Background(), v, ts, x, rows) }},
		{"exact", func() error { return n.Divergence(context.Background(), v, div, ts, x, nil, rows, 0) }},
		{"probe", func() error { return n.Divergence(context.Background(), v, div, ts, x, probe, rows, 1) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
