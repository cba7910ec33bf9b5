package trainer

import (
	"github.com/pathline/pathline/stages/optim"
)

type whole struct {
	optim.Optimizer
	lr   float64
	grad [][]float32
}

func newWhole(o optim.Optimizer, params [][]float32) *whole {
	w := &whole{Optimizer: o}
	for _, p := range params {
		w.grad = append(w.grad, make([]float32, len(p)))
	}
	return w
}
func (w *whole) Begin(lr float64) { w.lr = lr }
func (w *whole) Update(tensor, lo, hi int, weights, g []float32) {
	copy(w.grad[tensor][lo:hi], g[lo:hi])
}

type average struct{ *optim.EMA }

func (average) Begin()                                      {}
func (average) UpdateRange(tensor, lo, hi int, w []float32) {}
