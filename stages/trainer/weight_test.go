package trainer

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
)

// Weights in closed form on the straight path and on the trigonometric one, and
// that of Hang et al. for each prediction of a path that keeps the variance.
func TestWeightsAreKnown(t *testing.T) {
	for _, at := range []float64{0.05, 0.3, 0.5, 0.8, 0.97} {
		for _, c := range []struct {
			name   string
			path   path.Path
			weight Weight
			target path.Prediction
			want   float64
		}{
			{"straight, min-snr of the velocity", path.CondOT{}, MinSNR(5), path.Velocity, min(at*at, 5*(1-at)*(1-at))},
			{"straight, min-snr of the data", path.CondOT{}, MinSNR(5), path.Data, min(at*at/((1-at)*(1-at)), 5)},
			{"straight, min-snr of the noise", path.CondOT{}, MinSNR(2), path.Noise, min(1, 2*(1-at)*(1-at)/(at*at))},
			{"straight, velocity as noise", path.CondOT{}, Measured(path.Noise), path.Velocity, at * at},
			{"straight, velocity as data", path.CondOT{}, Measured(path.Data), path.Velocity, (1 - at) * (1 - at)},
			{"straight, data as velocity", path.CondOT{}, Measured(path.Velocity), path.Data, 1 / ((1 - at) * (1 - at))},
			{"straight, noise as velocity", path.CondOT{}, Measured(path.Velocity), path.Noise, 1 / (at * at)},
			{"straight, noise as noise", path.CondOT{}, Measured(path.Noise), path.Noise, 1},
			// alpha = sin, sigma = cos of pi t/2: D = pi/2.
			{"cosine, min-snr of the velocity", path.Cosine{}, MinSNR(5), path.Velocity,
				min(sq(math.Sin(math.Pi*at/2)), 5*sq(math.Cos(math.Pi*at/2))) / sq(math.Pi/2)},
		} {
			coef := make([]path.Coef, 1)
			if err := c.path.Coefficients(coef, []float64{at}); err != nil {
				t.Fatal(err)
			}
			if got := c.weight(coef[0], c.target); math.Abs(got-c.want) > 1e-9*c.want {
				t.Errorf("%s, t = %v: %v, want %v", c.name, at, got, c.want)
			}
		}
	}
}

func sq(x float64) float64 { return x * x }

// The weighted loss of a prediction is the loss of the other one that it is measured
// as, for the same error of the network. At the ends weights stay finite.
func TestWeightsCompareErrors(t *testing.T) {
	ps := map[string]path.Path{"condot": path.CondOT{}, "cosine": path.Cosine{}, "polynomial": path.Polynomial{N: 3}}
	for name, p := range ps {
		for _, at := range []float64{0.1, 0.5, 0.9} {
			coef := make([]path.Coef, 1)
			if err := p.Coefficients(coef, []float64{at}); err != nil {
				t.Fatal(err)
			}
			for from := path.Velocity; from <= path.Noise; from++ {
				for to := path.Velocity; to <= path.Noise; to++ {
					const xt, said, e = 0.3, -1.2, 0.7 // of two predictions that differ by e
					x, k := path.Convert(coef[0], from, to)
					a, b := x*xt+k*said, x*xt+k*(said+e)
					if got, want := Measured(to)(coef[0], from)*e*e, (a-b)*(a-b); math.Abs(got-want) > 1e-9*want {
						t.Errorf("%s, %v as %v at %v: %v, want %v", name, from, to, at, got, want)
					}
				}
			}
		}
		for _, at := range []float64{0, 1} {
			coef := make([]path.Coef, 1)
			if err := p.Coefficients(coef, []float64{at}); err != nil {
				t.Fatal(err)
			}
			for target := path.Velocity; target <= path.Noise; target++ {
				for _, w := range []Weight{MinSNR(5), Measured(path.Velocity), Measured(path.Data), Measured(path.Noise)} {
					if v := w(coef[0], target); !finite(v) || v < 0 {
						t.Errorf("%s, %v at %v: weight %v", name, target, at, v)
					}
				}
			}
		}
	}
}

// A training minimises the weighted loss of its choice: the loss of the first step is
// the mean over its examples, and the validation loss is the squared error whatever
// the choice.
func TestLossAndWeightOfAStep(t *testing.T) {
	const batch = 70
	for name, c := range map[string]struct {
		loss   LossConfig
		weight WeightConfig
		rho    func(e float64) float64
	}{
		"squared":          {LossConfig{Use: "mse"}, WeightConfig{Use: "uniform"}, sq},
		"squared, min-snr": {LossConfig{Use: "mse"}, WeightConfig{Use: "min-snr"}, sq},
		"huber": {LossConfig{Use: "huber"}, WeightConfig{Use: "uniform"}, func(e float64) float64 {
			m := min(math.Abs(e), 1)
			return m * (2*math.Abs(e) - m)
		}},
		"pseudo-huber, as data": {LossConfig{Use: "pseudo-huber"}, WeightConfig{Use: "data"}, func(e float64) float64 { return math.Hypot(e, 0.00054) - 0.00054 }},
	} {
		o := options(1, batch)
		o.Loss, o.Weight, o.LogEvery, o.LR = c.loss.loss(1), c.weight.weight(), 1, 0
		o.Valid, o.ValidateEvery = validation(t, 1, o), 1
		rows := func() Rows { return NewMemory(gaussian(200, 1, 1, 3, "data"), 1, o.Keys.Shuffle) }
		r, err := Train(context.Background(), network(t, 5), Layout{Dim: 1}, rows(), o)
		if err != nil {
			t.Fatal(err)
		}
		x := newExamples(&o, rows(), Layout{Dim: 1}, newCrew(1))
		if err := x.next(context.Background(), 0, 0); err != nil {
			t.Fatal(err)
		}
		s := newTile(batch, Layout{Dim: 1})
		if err := x.fill(s, 0, batch); err != nil {
			t.Fatal(err)
		}
		v := make([]float32, batch)
		if err := r.Network.Eval(context.Background(), v, s.t, s.in, batch); err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for i := range v {
			w := 1.0
			if o.Weight != nil {
				w = o.Weight(s.coef[i], o.Target)
			}
			want += w * c.rho(float64(v[i])-float64(s.target[i])) / batch
		}
		if got := r.State.Points[0].Loss; math.Abs(got-want) > 1e-5*want {
			t.Errorf("%s: loss %v, want %v", name, got, want)
		}
		o.Loss, o.Weight = nil, nil
		plain, err := Train(context.Background(), network(t, 5), Layout{Dim: 1}, rows(), o)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := *r.State.Points[0].Validation, *plain.State.Points[0].Validation; a != b {
			t.Errorf("%s: validation loss %v, not %v", name, a, b)
		}
	}
}

// tileDefinition makes networks that get whole batches and can do without.
type tileDefinition struct{ model.Definition }

func (d tileDefinition) Build(dim int) (model.Network, error) {
	n, err := d.Definition.Build(dim)
	return tileLike{&remoteLike{Network: n, calls: new(int)}}, err
}

type tileLike struct{ *remoteLike }

func (n tileLike) Gradient(ctx context.Context, grad [][]float32, t []float64, x, target, weight []float32, rows int) (float64, error) {
	return n.remoteLike.Network.Gradient(ctx, grad, t, x, target, weight, rows)
}

// A network that has one loss is refused, and says where to change that; weights
// alone it takes, and gives the bits of a network of this process.
func TestLossOfAnotherProcess(t *testing.T) {
	far := tileDefinition{network(t, 9)}
	o := options(5, 100)
	o.Weight = MinSNR(5)
	train := func(def model.Definition) (*Result, error) {
		return Train(context.Background(), def, Layout{Dim: 2}, NewMemory(gaussian(333, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), o)
	}
	a, err := train(network(t, 9))
	if err != nil {
		t.Fatal(err)
	}
	b, err := train(far)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(outcome(a), outcome(b)) {
		t.Error("weights over time give other bits where a network gets whole batches")
	}
	o.Loss = model.Huber(1)
	if _, err := train(far); err == nil {
		t.Error("a network with one loss is trained with another")
	}
}
