package model

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// robust is a network of three columns with weights.
func robust(t *testing.T, l Loss) Robust {
	t.Helper()
	d, err := NewMLP(MLPConfig{Hidden: []int{7}, Activation: "tanh", Time: TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.Build(3)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.NewKey(4, "test", "loss"))
	r, ok := n.(Robust)
	if !ok {
		t.Fatalf("%T has one loss", n)
	}
	if l != nil {
		r.UseLoss(l)
	}
	return r
}

// Losses and their derivatives for the bias of the output, which are sums of
// rho'(e), in closed form, over errors from a hundredth to a thousand.
func TestLosses(t *testing.T) {
	huber := func(delta float64) (func(e []float64) float64, func(e []float64, k int) float64) {
		return func(e []float64) (sum float64) {
				for _, v := range e {
					if a := math.Abs(v); a <= delta {
						sum += v * v
					} else {
						sum += 2*delta*a - delta*delta
					}
				}
				return sum
			}, func(e []float64, k int) float64 {
				return 2 * min(max(e[k], -delta), delta)
			}
	}
	pseudo := func(c float64) (func(e []float64) float64, func(e []float64, k int) float64) {
		root := func(e []float64) float64 { return math.Sqrt(e[0]*e[0] + e[1]*e[1] + e[2]*e[2] + c*c) }
		return func(e []float64) float64 { return root(e) - c }, func(e []float64, k int) float64 { return e[k] / root(e) }
	}
	type exact struct {
		loss  Loss
		rho   func(e []float64) float64
		slope func(e []float64, k int) float64
	}
	cases := map[string]exact{}
	rho, slope := huber(math.Inf(1))
	cases["squared"] = exact{nil, rho, slope}
	for name, delta := range map[string]float64{"huber": 1, "huber, small": 1e-2, "huber, large": 1e4} {
		rho, slope := huber(delta)
		cases[name] = exact{Huber(delta), rho, slope}
	}
	for name, c := range map[string]float64{"pseudo-huber": 1, "pseudo-huber, small": 1e-3, "pseudo-huber, large": 1e3} {
		rho, slope := pseudo(c)
		cases[name] = exact{PseudoHuber(c), rho, slope}
	}
	const rows, dim = 40, 3
	r := rand.New(rand.NewPCG(2, 9))
	x, target, weight, ts := make([]float32, rows*dim), make([]float32, rows*dim), make([]float32, rows), make([]float64, rows)
	for i := range x {
		x[i], target[i] = float32(r.NormFloat64()), float32(r.NormFloat64()*math.Pow(10, 5*r.Float64()-2))
	}
	for i := range ts {
		ts[i], weight[i] = r.Float64(), float32(3*r.Float64())
	}
	for name, c := range cases {
		n := robust(t, c.loss)
		v := make([]float32, rows*dim)
		if err := n.Eval(context.Background(), v, ts, x, rows); err != nil {
			t.Fatal(err)
		}
		var want float64
		var bias, size [dim]float64
		for i := range rows {
			e := make([]float64, dim)
			for k := range e {
				e[k] = float64(v[i*dim+k]) - float64(target[i*dim+k])
			}
			want += float64(weight[i]) * c.rho(e)
			for k := range e {
				s := float64(weight[i]) * c.slope(e, k)
				bias[k], size[k] = bias[k]+s, size[k]+math.Abs(s)
			}
		}
		var grad [][]float32
		for _, w := range n.Tensors() {
			grad = append(grad, make([]float32, len(w.Data)))
		}
		got, err := n.Gradient(context.Background(), grad, ts, x, target, weight, rows)
		if err != nil || math.Abs(got-want) > 1e-5*want {
			t.Errorf("%s: loss %v, want %v, error %v", name, got, want, err)
		}
		last := grad[len(grad)-1]
		if len(last) != dim {
			t.Fatalf("the last tensor has %d numbers", len(last))
		}
		for k := range last {
			if math.Abs(float64(last[k])-bias[k]) > 1e-5*size[k] {
				t.Errorf("%s: derivative %d is %v, want %v", name, k, last[k], bias[k])
			}
		}
	}
}

// A loss that is chosen too late would be of no effect.
func TestLossIsChosenFirst(t *testing.T) {
	n := robust(t, nil)
	if _, err := n.Gradient(context.Background(), nil, []float64{0}, make([]float32, 3), make([]float32, 3), nil, 1); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	n.UseLoss(Huber(1))
}
