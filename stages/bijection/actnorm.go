package bijection

import "math"

// ActNorm is z = x e^s + t for each column, with weights that data choose once:
// the columns of z have mean 0 and variance 1 for the first rows (Kingma and
// Dhariwal 2018, section 3.1). log|det| = sum s.
//
// x may be [..., columns]: then a column is a channel, its statistics are over
// all places, and each counts.
type ActNorm struct{}

// Normalize is x e^s + t.
func (a ActNorm) Normalize(b *Builder, x Value) (z, logdet Value) {
	b.begins(a, x)
	n, places := lastAxis(x)
	s, t := b.Param("log_scale", initZero, n), b.Param("shift", initZero, n)
	return b.Add(b.Mul(x, b.Exp(s)), t), b.Scale(b.Sum(s, 0), float64(places))
}

// Generate is (z - t) e^-s.
func (ActNorm) Generate(b *Builder, z Value) (x, logdet Value) {
	n, places := lastAxis(z)
	s, t := b.Param("log_scale", initZero, n), b.Param("shift", initZero, n)
	return b.Mul(b.Sub(z, t), b.Exp(b.Neg(s))), b.Scale(b.Sum(s, 0), -float64(places))
}

func (ActNorm) start(x []float32, columns int) map[string][]float32 {
	return standardizing(x, columns)
}

// standardizing are the log-scales and shifts of columns.
func standardizing(x []float32, channels int) map[string][]float32 {
	mean, square := make([]float64, channels), make([]float64, channels)
	n := float64(len(x) / channels)
	for i, v := range x {
		mean[i%channels] += float64(v) / n
	}
	for i, v := range x {
		e := float64(v) - mean[i%channels]
		square[i%channels] += e * e / n
	}
	scale, shift := make([]float32, channels), make([]float32, channels)
	for c := range channels {
		// A column that does not vary keeps its scale.
		if sd := math.Sqrt(square[c]); sd > 1e-6 {
			scale[c] = float32(-math.Log(sd))
		}
		shift[c] = float32(-mean[c] * math.Exp(float64(scale[c])))
	}
	return map[string][]float32{"log_scale": scale, "shift": shift}
}
