package update

import "math"

// AdamScalars are the numbers of one step of Adam with betas b1 and b2. The
// assembly reads these fields in this order.
type AdamScalars struct {
	Mean   float32 // 1-b1
	Square float32 // 1-b2
	Rate   float32 // learning rate / (1-b1^n) at step n
	Root   float32 // 1/sqrt(1-b2^n)
	Eps    float32
	Decay  float32 // of weights, added to the gradient (Adam)
	Shrink float32 // learning rate times decay of weights, taken off the weight (AdamW)
}

// Adam makes a step of Kingma and Ba 2015, algorithm 1, with the decay of the
// gradient or that of Loshchilov and Hutter 2019, algorithm 2:
//
//	g = g + Decay w
//	mean = mean + Mean (g - mean)
//	square = square + Square (g² - square)
//	w = w - (Rate mean / (Root sqrt(square) + Eps) + Shrink w)
//
// The terms taken off are added before, so that a weight is rounded once.
func Adam(w, g, mean, square []float32, s *AdamScalars) {
	g, mean, square = fit(g, len(w)), fit(mean, len(w)), fit(square, len(w))
	if fastAdam(w, g, mean, square, s) {
		return
	}
	for i, v := range w {
		d := fused(s.Decay, v, g[i])
		mean[i] = toward(mean[i], d, s.Mean)
		square[i] = fused(s.Square*d, d, fused(-s.Square, square[i], square[i]))
		root := fused(float32(math.Sqrt(float64(square[i]))), s.Root, s.Eps)
		w[i] = v - fused(s.Shrink, v, s.Rate*mean[i]/root)
	}
}
