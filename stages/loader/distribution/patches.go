package distribution

import "math"

// Distributions of several patches: a random patch, then a place in it.

// eightGaussians: centre 4 (cos k pi/4, sin k pi/4) plus noise 0.5, over
// 1.414 (the original's constant, not the square root of 2).
func eightGaussians(u, z []float64) (x, y float64) {
	y, x = math.Sincos(math.Floor(8*u[0]) * math.Pi / 4)
	return (4*x + 0.5*z[0]) / 1.414, (4*y + 0.5*z[1]) / 1.414
}

// checkerboard: x = 4u - 2, y = u' - 2 b + (floor(x) mod 2) with b one or
// zero, both times 2.
func checkerboard(u, _ []float64) (x, y float64) {
	x = 4*u[0] - 2
	y = u[1]
	if u[2] >= 0.5 {
		y -= 2
	}
	if int(math.Floor(x))&1 == 1 {
		y++
	}
	return 2 * x, 2 * y
}

// pinwheel: f = (1 + 0.3 z, 0.1 z'), turned by a = 2 pi k/5 + exp(f1)/4, times
// 2; the row vector f times [[cos a, -sin a], [sin a, cos a]].
func pinwheel(u, z []float64) (x, y float64) {
	f1, f2 := 1+0.3*z[0], 0.1*z[1]
	sin, cos := math.Sincos(2*math.Pi*math.Floor(5*u[0])/5 + 0.25*math.Exp(f1))
	return 2 * (f1*cos + f2*sin), 2 * (f2*cos - f1*sin)
}
