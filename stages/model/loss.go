package model

import "github.com/pathline/pathline/stages/autodiff"

// Loss is what the error of a row costs, as a program: of e [dim], the prediction
// less the target, it makes one number, [].
type Loss func(g *autodiff.Graph, e autodiff.Value) autodiff.Value

// Robust is a [Network] whose Gradient can be of another loss than the squared
// error. Those of [NewNetwork] are; those of other processes are not.
type Robust interface {
	Network
	// UseLoss makes Gradient that of l. It is called before Gradient is.
	UseLoss(l Loss)
}

// SquaredError is |e|².
func SquaredError(g *autodiff.Graph, e autodiff.Value) autodiff.Value { return g.Sum(g.Square(e), 0) }

// Huber is the sum over the columns of e² where |e| is at most delta and of 2 delta
// |e| - delta² elsewhere: twice the loss of Huber ("Robust estimation of a location
// parameter", 1964, section 4), so that a large delta gives the squared error. delta
// has the unit of the target. It is m (2 |e| - m) with m = min(|e|, delta).
func Huber(delta float64) Loss {
	return func(g *autodiff.Graph, e autodiff.Value) autodiff.Value {
		a := g.Abs(e)
		m := g.Min(a, g.Fill(delta))
		return g.Sum(g.Mul(m, g.Sub(g.Scale(a, 2), m)), 0)
	}
}

// PseudoHuber is sqrt(|e|² + c²) - c of the whole row (Song and Dhariwal, "Improved
// techniques for training consistency models", 2023, equation 8, which takes c =
// 0.00054 sqrt(dim)): |e|²/(2c) near zero, |e| far from it. c has the unit of the
// target. It is computed as |e|² / (sqrt(|e|² + c²) + c).
func PseudoHuber(c float64) Loss {
	return func(g *autodiff.Graph, e autodiff.Value) autodiff.Value {
		square := SquaredError(g, e)
		return g.Div(square, g.Add(g.Sqrt(g.Add(square, g.Fill(c*c))), g.Fill(c)))
	}
}

// UseLoss implements [Robust].
func (n *network) UseLoss(l Loss) {
	if n.loss.Compiled() || n.gradient.Compiled() {
		panic("model: the loss is chosen before the first gradient")
	}
	n.error = l
}
