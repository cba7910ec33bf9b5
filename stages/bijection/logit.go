package bijection

import "math"

// Logit takes columns in (0, 1) to all numbers: z = ln(p/(1-p)) with p = Alpha +
// (1 - 2 Alpha) x (Dinh et al. 2017, section 4.1):
//
//	log|det| = sum ln(1 - 2 Alpha) - ln p - ln(1-p) = sum ln(1 - 2 Alpha) + softplus(z) + softplus(-z)
type Logit struct{ Alpha float64 }

func (l Logit) logdet(b *Builder, z Value) Value {
	d, _ := lastAxis(z)
	return b.Add(b.Sum(b.Add(b.Softplus(z), b.Softplus(b.Neg(z))), 0), b.Fill(float64(d)*math.Log(1-2*l.Alpha)))
}

// Normalize is the logit.
func (l Logit) Normalize(b *Builder, x Value) (z, logdet Value) {
	p := b.Add(b.Scale(x, 1-2*l.Alpha), b.Fill(l.Alpha))
	z = b.Sub(b.Log(p), b.Log(b.Sub(b.Fill(1), p)))
	return z, l.logdet(b, z)
}

// Generate is the logistic function.
func (l Logit) Generate(b *Builder, z Value) (x, logdet Value) {
	p := b.Sigmoid(z)
	return b.Scale(b.Sub(p, b.Fill(l.Alpha)), 1/(1-2*l.Alpha)), b.Neg(l.logdet(b, z))
}
