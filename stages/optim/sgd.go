package optim

import (
	"cmp"
	"fmt"

	"github.com/pathline/pathline/stages/internal/kernel/update"
)

// SGD is stochastic gradient descent with momentum, in the form of
// torch.optim.SGD (after Sutskever et al. 2013). For gradient g of a weight w:
//
//	g = g + weight_decay w
//	b = g at the first step, then momentum b + (1-dampening) g
//	w = w - lr b, or w - lr (g + momentum b) when Nesterov is set
//
// Without momentum b is g.
type SGD struct {
	Momentum    float64 `json:"momentum" doc:"part of the last move that is kept" min:"0"`
	Dampening   float64 `json:"dampening" doc:"part of the gradient that is left out of the move" min:"0"`
	WeightDecay float64 `json:"weight_decay" doc:"times the weight, added to the gradient" min:"0"`
	Nesterov    bool    `json:"nesterov" doc:"look ahead by one move"`
}

// Validate says what New would find wrong.
func (c SGD) Validate() error {
	if c.Nesterov && (c.Momentum == 0 || c.Dampening != 0) {
		return fmt.Errorf("optim: sgd: nesterov: needs momentum and no dampening")
	}
	return cmp.Or(
		notNegative("sgd", "momentum", c.Momentum), notNegative("sgd", "dampening", c.Dampening),
		notNegative("sgd", "weight_decay", c.WeightDecay))
}

// New makes the optimizer of tensors with these numbers of elements.
func (c SGD) New(sizes []int) (Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	buffer, err := newMoments(sizes)
	if err != nil {
		return nil, err
	}
	return &sgd{config: c, steps: make(counter, 2), buffer: buffer}, nil
}

type sgd struct {
	config  SGD
	steps   counter
	buffer  moments // unused without momentum, then left out of State
	scalars update.MomentumScalars
}

func (s *sgd) State() []State {
	list := []State{{Name: "step", Data: s.steps}}
	if s.config.Momentum == 0 {
		return list
	}
	return append(list, s.buffer.state("momentum")...)
}

func (s *sgd) Begin(lr float64) {
	c := s.config
	s.scalars = update.MomentumScalars{Rate: float32(lr), Decay: float32(c.WeightDecay),
		Keep: float32(c.Momentum), Add: float32(1 - c.Dampening), Look: 1}
	if c.Nesterov {
		s.scalars.Look, s.scalars.Own = float32(c.Momentum), 1
	}
	if s.steps.value() == 0 {
		s.scalars.Keep, s.scalars.Add = 0, 1
	}
	s.steps.increment()
}

func (s *sgd) Update(tensor, lo, hi int, w, g []float32) {
	s.buffer.mustHave(tensor, w, g)
	if s.config.Momentum == 0 {
		update.Descend(w[lo:hi], g[lo:hi], s.scalars.Rate, s.scalars.Decay)
	} else {
		update.Momentum(w[lo:hi], g[lo:hi], s.buffer[tensor][lo:hi], &s.scalars)
	}
}

func (s *sgd) Step(lr float64, weights, grads [][]float32) { step(s, s.buffer, lr, weights, grads) }
