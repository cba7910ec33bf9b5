package bijection

import (
	"math"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// Base is the distribution at the end of Normalize: as a part of a program, and as
// one to draw from and to score with.
type Base interface {
	// Density builds log p0(z), a number, from z [dim], and declares the parameters
	// of a base that is learned.
	Density(b *Builder, z Value) Value
	// Distribution is the base with weights, which are the parameters by name. Later
	// changes of the weights do not reach it.
	Distribution(weights func(name string) []float32) model.Base
}

// Normal is the base N(0, I).
type Normal struct{ Dim int }

// Sample writes the draws of random.Key.Normals64 at (row, step 0).
func (n Normal) Sample(x []float64, key random.Key, first int64, rows int) {
	key.Normals64Rows(x[:rows*n.Dim], n.Dim, uint64(first), rows, 0)
}

// LogProb writes log N(x; 0, I), in nats.
func (n Normal) LogProb(logp, x []float64, rows int) {
	for r := range rows {
		var sum float64
		for _, v := range x[r*n.Dim : (r+1)*n.Dim] {
			sum += float64(v * v)
		}
		logp[r] = -sum/2 - n.constant()
	}
}

// Distribution is the base itself.
func (n Normal) Distribution(func(string) []float32) model.Base { return n }

func (n Normal) constant() float64 { return float64(n.Dim) * math.Log(2*math.Pi) / 2 }

// Density is -|z|²/2 - dim/2 ln 2 pi.
func (n Normal) Density(b *Builder, z Value) Value {
	return b.Sub(b.Scale(b.Sum(b.Square(z), 0), -0.5), b.Fill(n.constant()))
}

// Logistic is the base of NICE (Dinh et al. 2014, eq. 12): independent standard
// logistic numbers, p(x) = s(x) s(-x) with s the logistic function.
type Logistic struct{ Dim int }

// Sample writes ln(u/(1-u)) of the draws of random.Key.Uniforms at (row, step
// 0).
func (l Logistic) Sample(x []float64, key random.Key, first int64, rows int) {
	for r := range rows {
		row := x[r*l.Dim : (r+1)*l.Dim]
		key.Uniforms(row, uint64(first)+uint64(r), 0)
		for i, u := range row {
			u = max(u, 0x1p-54) // a uniform number may be 0
			row[i] = math.Log(u) - math.Log1p(-u)
		}
	}
}

// LogProb writes the log-density, in nats.
func (l Logistic) LogProb(logp, x []float64, rows int) {
	for r := range rows {
		var sum float64
		for _, v := range x[r*l.Dim : (r+1)*l.Dim] {
			v = math.Abs(v)
			sum -= v + 2*math.Log1p(math.Exp(-v))
		}
		logp[r] = sum
	}
}

// Distribution is the base itself.
func (l Logistic) Distribution(func(string) []float32) model.Base { return l }

// Density is -sum (softplus(z) + softplus(-z)).
func (l Logistic) Density(b *Builder, z Value) Value {
	return b.Neg(b.Sum(b.Add(b.Softplus(z), b.Softplus(b.Neg(z))), 0))
}
