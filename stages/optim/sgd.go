package optim

import (
	"cmp"
	"fmt"
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
	config SGD
	steps  counter
	buffer moments // unused without momentum, then left out of State
}

func (s *sgd) State() []State {
	list := []State{{Name: "step", Data: s.steps}}
	if s.config.Momentum == 0 {
		return list
	}
	return append(list, s.buffer.state("momentum")...)
}

func (s *sgd) Step(lr float64, weights, grads [][]float32) {
	s.buffer.mustMatch(weights, grads)
	keep, add := s.config.Momentum, 1-s.config.Dampening
	if s.steps.value() == 0 {
		keep, add = 0, 1
	}
	s.steps.increment()
	for i, w := range weights {
		g, buffer := grads[i][:len(w)], s.buffer[i][:len(w)]
		for j := range w {
			wj := float64(w[j])
			move := float64(g[j]) + s.config.WeightDecay*wj
			if s.config.Momentum != 0 {
				buffer[j] = float32(keep*float64(buffer[j]) + add*move)
				if s.config.Nesterov {
					move += s.config.Momentum * float64(buffer[j])
				} else {
					move = float64(buffer[j])
				}
			}
			w[j] = float32(wj - lr*move)
		}
	}
}
