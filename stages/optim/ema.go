package optim

import (
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/update"
)

// EMA is an exponential moving average of weights (Polyak averaging as used
// for diffusion models, Ho et al. 2020): after each step
//
//	average = average + (1-decay)(w - average)
//
// from the weights it was made with. An average is kept as the sum of two
// float32, about 48 bits: with decay 0.9999 the increments are smaller than
// float32 can add to a weight that has nearly settled.
type EMA struct {
	decay     float64
	ramp      bool
	steps     counter
	part      float64 // of the weights, in the update at hand
	high, low moments
}

// NewEMA starts an average at weights, which it copies. decay is in [0, 1).
// With ramp, the decay of update n = 0, 1, ... is min(decay, (1+n)/(10+n)), so
// that short runs forget where they started.
func NewEMA(decay float64, ramp bool, weights [][]float32) (*EMA, error) {
	if err := belowOne("ema", "decay", decay); err != nil {
		return nil, err
	}
	e := &EMA{decay: decay, ramp: ramp, steps: make(counter, 2)}
	for _, w := range weights {
		e.high = append(e.high, append([]float32{}, w...))
		e.low = append(e.low, make([]float32, len(w)))
	}
	return e, nil
}

// Update takes the weights after a step into the average: Begin, and UpdateRange
// of every element.
func (e *EMA) Update(weights [][]float32) {
	e.high.mustMatch(weights, weights)
	e.Begin()
	for i, w := range weights {
		e.UpdateRange(i, 0, len(w), w)
	}
}

// Begin goes on to the next update. No UpdateRange may run meanwhile.
func (e *EMA) Begin() {
	n := e.steps.value()
	e.steps.increment()
	e.part = 1 - e.decay
	if e.ramp {
		e.part = 1 - math.Min(e.decay, (1+n)/(10+n))
	}
}

// UpdateRange takes elements lo to hi-1 of a tensor, whose weights are w, into the
// average: each once in an update. Calls for different elements may run at the
// same time, and how the elements are cut into calls changes nothing.
func (e *EMA) UpdateRange(tensor, lo, hi int, w []float32) {
	e.high.mustHave(tensor, w, w)
	update.Average(e.high[tensor][lo:hi], e.low[tensor][lo:hi], w[lo:hi], e.part)
}

// Weights are the averages, rounded to float32. They are shared and change at
// the next Update.
func (e *EMA) Weights() [][]float32 { return e.high }

// State names the averages; see Optimizer.State.
func (e *EMA) State() []State {
	list := []State{{Name: "step", Data: e.steps}}
	return append(append(list, e.high.state("average")...), e.low.state("average_low")...)
}
