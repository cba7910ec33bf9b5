package bijection

// BatchNorm is z = (x - m)/sqrt(v + Eps) e^g + t for each column (Dinh et al.
// 2017, section 3.7; Papamakarios et al. 2017, section 3.4):
//
//	log|det| = sum g - ln(v + Eps)/2
//
// m and v are mean and variance of the first rows and no weights: rows never
// mix here, so they are not those of the batch at hand, as in the papers. g and
// t are weights.
type BatchNorm struct{ Eps float64 }

func (n BatchNorm) parts(b *Builder, d int) (scale, shift, s Value) {
	mean := b.StopGradient(b.Param("mean", initZero, d))
	// ln v, because moving averages and decay must not make it negative.
	v := b.StopGradient(b.Param("log_variance", initZero, d))
	s = b.Sub(b.Param("log_scale", initZero, d), b.Scale(b.Log(b.Add(b.Exp(v), b.Fill(n.Eps))), 0.5))
	scale = b.Exp(s)
	return scale, b.Sub(b.Param("shift", initZero, d), b.Mul(mean, scale)), s
}

// Normalize is the map.
func (n BatchNorm) Normalize(b *Builder, x Value) (z, logdet Value) {
	b.begins(n, x)
	d, places := lastAxis(x)
	scale, shift, s := n.parts(b, d)
	return b.Add(b.Mul(x, scale), shift), b.Scale(b.Sum(s, 0), float64(places))
}

// Generate is its inverse.
func (n BatchNorm) Generate(b *Builder, z Value) (x, logdet Value) {
	d, places := lastAxis(z)
	scale, shift, s := n.parts(b, d)
	return b.Mul(b.Sub(z, shift), b.Reciprocal(scale)), b.Scale(b.Sum(s, 0), -float64(places))
}

func (n BatchNorm) start(x []float32, columns int) map[string][]float32 {
	w := standardizing(x, columns)
	mean, variance := make([]float32, columns), make([]float32, columns)
	places := float32(len(x) / columns)
	for i, v := range x {
		mean[i%columns] += v / places
	}
	for c := range columns {
		variance[c] = -2 * w["log_scale"][c]
	}
	return map[string][]float32{"mean": mean, "log_variance": variance}
}
