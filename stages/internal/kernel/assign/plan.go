package assign

import "math"

// sums is how many partial sums Dot keeps.
const sums = 32

// Dot is the sum of a b: sum k of 32 takes the products j = k, k + 32, ..., fused,
// and sums k and k + 16, then k and k + 8, ..., k and k + 1 are added.
func Dot(a []float32, b []float64) float64 {
	n := len(a)
	if n == 0 || n%Columns != 0 || len(b) != n {
		panic("assign: slices of other lengths than are due")
	}
	if sum, ok := fastDot(a, b); ok {
		return sum
	}
	var s [sums]float64
	for j, v := range a {
		s[j%sums] = math.FMA(float64(v), b[j], s[j%sums])
	}
	for half := sums / 2; half > 0; half /= 2 {
		for k := range half {
			s[k] += s[k+half]
		}
	}
	return s[0]
}

// Add adds u a to sum, fused.
func Add(sum []float64, a []float32, u float64) {
	n := len(a)
	if n == 0 || n%Columns != 0 || len(sum) != n {
		panic("assign: slices of other lengths than are due")
	}
	if fastAdd(sum, a, u) {
		return
	}
	for j, v := range a {
		sum[j] = math.FMA(u, float64(v), sum[j])
	}
}

// Exponents writes ((f + g) - cost) scale, rounded once, to dst: the logarithms of
// a row of the plan of duals f and g.
func Exponents(dst, cost []float32, g []float64, f, scale float64) {
	n := len(dst)
	if n == 0 || n%Columns != 0 || len(cost) != n || len(g) != n {
		panic("assign: slices of other lengths than are due")
	}
	if fastExponents(dst, cost, g, f, scale) {
		return
	}
	for j, c := range cost {
		dst[j] = float32(((f + g[j]) - float64(c)) * scale)
	}
}

// Greatest is the greatest of costs, none of which is below zero; +Inf when one of
// them is that or is not a number.
func Greatest(cost []float32) float32 {
	n := len(cost)
	if n == 0 || n%Columns != 0 {
		panic("assign: slices of other lengths than are due")
	}
	// Of numbers with sign 0, the order of the bits is that of the numbers; what is
	// not a number comes after infinity.
	bits, ok := fastGreatest(cost)
	if !ok {
		for _, c := range cost {
			bits = max(bits, math.Float32bits(c))
		}
	}
	return math.Float32frombits(min(bits, infinite))
}

const infinite = 0x7f800000 // bits of +Inf
