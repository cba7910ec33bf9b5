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
	d, _ := lastAxis(x)
	scale, shift, s := n.parts(b, d)
	return b.Add(b.Mul(x, scale), shift), b.Sum(s, 0)
}

// Generate is its inverse.
func (n BatchNorm) Generate(b *Builder, z Value) (x, logdet Value) {
	d, _ := lastAxis(z)
	scale, shift, s := n.parts(b, d)
	return b.Mul(b.Sub(z, shift), b.Reciprocal(scale)), b.Neg(b.Sum(s, 0))
}

func (n BatchNorm) start(x []float32, rows, dim int) map[string][]float32 {
	w := standardizing(x, rows, dim, dim)
	mean, variance := make([]float32, dim), make([]float32, dim)
	for c := range dim {
		variance[c] = -2 * w["log_scale"][c]
		for r := range rows {
			mean[c] += x[r*dim+c] / float32(rows)
		}
	}
	return map[string][]float32{"mean": mean, "log_variance": variance}
}
