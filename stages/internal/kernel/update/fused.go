package update

import "math"

// fused is a*b + c, rounded once. In float64 the product is exact and the sum is
// rounded; rounded again to float32 it is right unless it lies in the middle of
// two of them, or among those below the normal ones. Then the sum is rounded to
// odd first (Boldo and Melquiond 2008, theorem 3), which never is in the middle.
func fused(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	bits := math.Float64bits(s)
	if bits&(1<<29-1) != 1<<28 && math.Abs(s) >= 0x1p-126 {
		return float32(s)
	}
	part := s - p
	e := (p - (s - part)) + (float64(c) - part) // the error of s, exactly (Knuth)
	if bits&1 == 0 && e != 0 && !math.IsNaN(e) {
		if (e > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}

// toward is a + part (b - a), the step of a running mean.
func toward(a, b, part float32) float32 { return fused(part, b, fused(-part, a, a)) }

// fit cuts x to n elements.
func fit(x []float32, n int) []float32 {
	if len(x) < n {
		panic("update: a slice is shorter than the weights")
	}
	return x[:n]
}
