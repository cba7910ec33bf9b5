package update

import "math"

// Average moves an average towards w: average = average + part (w - average),
// where the average is the sum of two float32, high and low, about 48 bits.
func Average(high, low, w []float32, part float64) {
	low, w = fit(low, len(high)), fit(w, len(high))
	if fastAverage(high, low, w, &part) {
		return
	}
	for i, h := range high {
		a := float64(h) + float64(low[i])
		a = math.FMA(part, float64(w[i])-a, a)
		high[i] = float32(a)
		low[i] = float32(a - float64(high[i]))
	}
}

// Scale multiplies g by a float64 and rounds once.
func Scale(g []float32, by float64) {
	if fastScale(g, &by) {
		return
	}
	for i, v := range g {
		g[i] = float32(float64(v) * by)
	}
}
