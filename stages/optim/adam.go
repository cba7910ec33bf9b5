package optim

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/internal/kernel/update"
)

// Adam is the rule of Kingma and Ba 2015, algorithm 1, in the form of
// torch.optim.Adam. For gradient g of a weight w, at step n = 1, 2, ...:
//
//	g = g + weight_decay w
//	m = m + (1-b1)(g - m)
//	v = v + (1-b2)(g² - v)
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
	scalars      update.AdamScalars
}

func (a *adam) State() []State {
	list := []State{{Name: "step", Data: a.steps}}
	return append(append(list, a.mean.state("mean")...), a.square.state("square")...)
}

func (a *adam) Begin(lr float64) {
	a.steps.increment()
	n := a.steps.value()
	b1, b2 := a.config.Betas[0], a.config.Betas[1]
	a.scalars = update.AdamScalars{
		Mean:   float32(1 - b1),
		Square: float32(1 - b2),
		Rate:   float32(lr / (1 - math.Pow(b1, n))),
		Root:   float32(1 / math.Sqrt(1-math.Pow(b2, n))),
		Eps:    positive(a.config.Eps),
	}
	if a.decoupled {
		a.scalars.Shrink = float32(lr * a.config.WeightDecay)
	} else {
		a.scalars.Decay = float32(a.config.WeightDecay)
	}
}

func (a *adam) Update(tensor, lo, hi int, w, g []float32) {
	a.mean.mustHave(tensor, w, g)
	update.Adam(w[lo:hi], g[lo:hi], a.mean[tensor][lo:hi], a.square[tensor][lo:hi], &a.scalars)
}

func (a *adam) Step(lr float64, weights, grads [][]float32) { step(a, a.mean, lr, weights, grads) }

// positive is v as a float32 that is not 0 unless v is: without it 0/0 would come
// of weights that never had a gradient.
func positive(v float64) float32 {
	if v > 0 {
		return max(float32(v), math.SmallestNonzeroFloat32)
	}
	return 0
}
