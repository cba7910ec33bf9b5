package optim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Adam is the rule of Kingma and Ba 2015, algorithm 1, in the form of
// torch.optim.Adam. For gradient g of a weight w, at step n = 1, 2, ...:
//
//	g = g + weight_decay w
//	m = m + (1-b1)(g - m)
//	v = b2 v + (1-b2) g²
//	w = w - lr/(1-b1^n) m / (sqrt(v)/sqrt(1-b2^n) + eps)
type Adam struct {
	Betas       []float64 `json:"betas" doc:"decays of the two moments" min:"0" below:"1"`
	Eps         float64   `json:"eps" doc:"added to the root of the second moment" min:"0"`
	WeightDecay float64   `json:"weight_decay" doc:"times the weight, added to the gradient" min:"0"`
}

// DefaultAdam has betas 0.9 and 0.999, eps 1e-8, no weight decay.
func DefaultAdam() Adam { return Adam{Betas: []float64{0.9, 0.999}, Eps: 1e-8} }

// Validate says what New would find wrong.
func (a Adam) Validate() error { return a.check("adam") }

// New makes the optimizer of tensors with these numbers of elements.
func (a Adam) New(sizes []int) (Optimizer, error) { return newAdam("adam", a, false, sizes) }

// AdamW is Adam with the decay apart from the gradient (Loshchilov and Hutter
// 2019, algorithm 2, in the form of torch.optim.AdamW): before the step above,
// whose first line is dropped,
//
//	w = w - lr weight_decay w
type AdamW struct {
	Betas       []float64 `json:"betas" doc:"decays of the two moments" min:"0" below:"1"`
	Eps         float64   `json:"eps" doc:"added to the root of the second moment" min:"0"`
	WeightDecay float64   `json:"weight_decay" doc:"times learning rate and weight, taken off the weight" min:"0"`
}

// DefaultAdamW has betas 0.9 and 0.999, eps 1e-8, weight decay 0.01.
func DefaultAdamW() AdamW {
	return AdamW{Betas: []float64{0.9, 0.999}, Eps: 1e-8, WeightDecay: 0.01}
}

// Validate says what New would find wrong.
func (a AdamW) Validate() error { return Adam(a).check("adamw") }

// New makes the optimizer of tensors with these numbers of elements.
func (a AdamW) New(sizes []int) (Optimizer, error) { return newAdam("adamw", Adam(a), true, sizes) }

func (a Adam) check(name string) error {
	if len(a.Betas) != 2 {
		return fmt.Errorf("optim: %s: betas: %d values, there must be 2", name, len(a.Betas))
	}
	return cmp.Or(
		belowOne(name, "betas[0]", a.Betas[0]), belowOne(name, "betas[1]", a.Betas[1]),
		notNegative(name, "eps", a.Eps), notNegative(name, "weight_decay", a.WeightDecay))
}

func newAdam(name string, c Adam, decoupled bool, sizes []int) (Optimizer, error) {
	if err := c.check(name); err != nil {
		return nil, err
	}
	c.Betas = slices.Clone(c.Betas)
	mean, err := newMoments(sizes)
	if err != nil {
		return nil, err
	}
	square, err := newMoments(sizes)
	if err != nil {
		return nil, err
	}
	return &adam{config: c, decoupled: decoupled, steps: make(counter, 2), mean: mean, square: square}, nil
}

type adam struct {
	config       Adam
	decoupled    bool
	steps        counter
	mean, square moments
}

func (a *adam) State() []State {
	list := []State{{Name: "step", Data: a.steps}}
	return append(append(list, a.mean.state("mean")...), a.square.state("square")...)
}

func (a *adam) Step(lr float64, weights, grads [][]float32) {
	a.mean.mustMatch(weights, grads)
	a.steps.increment()
	n := a.steps.value()
	b1, b2 := a.config.Betas[0], a.config.Betas[1]
	rate := lr / (1 - math.Pow(b1, n))
	root := 1 / math.Sqrt(1-math.Pow(b2, n))
	shrink, decay := 1.0, a.config.WeightDecay
	if a.decoupled {
		shrink, decay = 1-lr*decay, 0
	}
	for i, w := range weights {
		g, mean, square := grads[i][:len(w)], a.mean[i][:len(w)], a.square[i][:len(w)]
		for j := range w {
			wj := float64(w[j])
			gj := float64(g[j]) + decay*wj
			m := float64(mean[j])
			mean[j] = float32(m + (1-b1)*(gj-m))
			square[j] = float32(b2*float64(square[j]) + (1-b2)*gj*gj)
			w[j] = float32(shrink*wj - rate*float64(mean[j])/(math.Sqrt(float64(square[j]))*root+a.config.Eps))
		}
	}
}
