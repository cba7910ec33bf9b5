package update

import "math"

// LionScalars are the numbers of one step of Lion with betas b1 and b2. The
// assembly reads these fields in this order.
type LionScalars struct {
	Move   float32 // 1-b1
	Mean   float32 // 1-b2
	Rate   float32 // learning rate
	Shrink float32 // learning rate times decay of weights
}

// Lion makes a step of Chen et al. 2023, algorithm 2:
//
//	c = mean + Move (g - mean)
//	w = w - (Rate sign(c) + Shrink w)
//	mean = mean + Mean (g - mean)
//
// The sign of 0 is 0, that of NaN is NaN.
func Lion(w, g, mean []float32, s *LionScalars) {
	g, mean = fit(g, len(w)), fit(mean, len(w))
	if fastLion(w, g, mean, s) {
		return
	}
	for i, v := range w {
		c := toward(mean[i], g[i], s.Move)
		if c > 0 || c < 0 {
			c = float32(math.Copysign(float64(s.Rate), float64(c)))
		}
		w[i] = v - fused(s.Shrink, v, c)
		mean[i] = toward(mean[i], g[i], s.Mean)
	}
}
