package optim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pathline/pathline/stages/internal/kernel/update"
)

// Lion is the rule of Chen et al. 2023, algorithm 2: every weight moves by the
// learning rate, in the direction of the sign of a running mean. For gradient g of
// a weight w:
//
//	w = w - lr (sign(m + (1-b1)(g - m)) + weight_decay w)
//	m = m + (1-b2)(g - m)
//
// The authors use a learning rate three to ten times less than with AdamW, and as
// much more weight decay.
type Lion struct {
	Betas       []float64 `json:"betas" doc:"parts of the mean of gradients in the direction, and in the next mean" min:"0" below:"1"`
	WeightDecay float64   `json:"weight_decay" doc:"times learning rate and weight, taken off the weight" min:"0"`
}

// DefaultLion has betas 0.9 and 0.99, no weight decay.
func DefaultLion() Lion { return Lion{Betas: []float64{0.9, 0.99}} }

// Validate says what New would find wrong.
func (c Lion) Validate() error {
	if len(c.Betas) != 2 {
		return fmt.Errorf("optim: lion: betas: %d values, there must be 2", len(c.Betas))
	}
	return cmp.Or(belowOne("lion", "betas[0]", c.Betas[0]), belowOne("lion", "betas[1]", c.Betas[1]),
		notNegative("lion", "weight_decay", c.WeightDecay))
}

// New makes the optimizer of tensors with these numbers of elements.
func (c Lion) New(sizes []int) (Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Betas = slices.Clone(c.Betas)
	mean, err := newMoments(sizes)
	if err != nil {
		return nil, err
	}
	return &lion{config: c, steps: make(counter, 2), mean: mean}, nil
}

type lion struct {
	config  Lion
	steps   counter
	mean    moments
	scalars update.LionScalars
}

func (l *lion) State() []State {
	return append([]State{{Name: "step", Data: l.steps}}, l.mean.state("mean")...)
}

func (l *lion) Begin(lr float64) {
	l.steps.increment()
	l.scalars = update.LionScalars{
		Move:   float32(1 - l.config.Betas[0]),
		Mean:   float32(1 - l.config.Betas[1]),
		Rate:   float32(lr),
		Shrink: float32(lr * l.config.WeightDecay),
	}
}

func (l *lion) Update(tensor, lo, hi int, w, g []float32) {
	l.mean.mustHave(tensor, w, g)
	update.Lion(w[lo:hi], g[lo:hi], l.mean[tensor][lo:hi], &l.scalars)
}

func (l *lion) Step(lr float64, weights, grads [][]float32) { step(l, l.mean, lr, weights, grads) }
