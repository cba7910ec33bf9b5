package solver

import "context"

// Stochastic is an optional extension of a Field f: the right-hand side of the
// stochastic differential equation of Itô
//
//	dx = f(t, x) dt + g(t, x) dW,   g diagonal
//
// A method with Options.Stochastic adds its noise once a step: with euler that is
// the method of Euler and Maruyama, of strong order 1/2 (1 where g does not depend
// on x) and weak order 1; with heun, which is for g that does not depend on x, the
// noise is in the argument of the second slope too, and the drift has order 2
// (Kloeden, Platen, "Numerical solution of stochastic differential equations", 1992,
// 10.2 and 14.1).
//
// Noise writes dw [rows][d] = g(t, x) (W(end) - W(t)) for step number step of rows
// id. It is a function of (id, step) and nothing else that is random.
type Stochastic[T Float] interface {
	Field[T]
	Noise(ctx context.Context, dw []T, t, end float64, step int, x []T, id []int64, rows int) error
}

// noisy reports whether the steps of a method can add noise.
func (b Tableau) noisy() bool {
	return b.Stages() == 1 || b.Stages() == 2 && b.C[1] == 1 && !b.FSAL()
}

// disturb draws the noise of a step, and does nothing where there is none.
func (p *problem[T]) disturb(ctx context.Context, w *tile[T], t, end float64, step int) error {
	if p.noise == nil {
		return nil
	}
	return p.noise.Noise(ctx, w.dw[:w.n*w.dim], t, end, step, w.x[:w.n*w.dim], w.id[:w.n], w.n)
}

// shake adds the noise of the step to y.
func (p *problem[T]) shake(w *tile[T]) {
	if p.noise == nil {
		return
	}
	dw := w.dw[:w.n*w.dim]
	for i, v := range w.y[:len(dw)] {
		w.y[i] = v + dw[i]
	}
}
