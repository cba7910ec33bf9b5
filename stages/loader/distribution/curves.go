package distribution

import "math"

// Distributions along a curve: a random place on it, plus noise.

// moons: outer (cos a, sin a), inner (1 - cos a, 1/2 - sin a), a uniform on
// [0, pi], noise 0.1, then 2x + (-1, -0.2).
func moons(u, z []float64) (x, y float64) {
	y, x = math.Sincos(math.Pi * u[0])
	if u[1] >= 0.5 {
		x, y = 1-x, 0.5-y
	}
	return 2*(x+0.1*z[0]) - 1, 2*(y+0.1*z[1]) - 0.2
}

// circles: radius 1 or 1/2, noise 0.08, times 3.
func circles(u, z []float64) (x, y float64) {
	y, x = math.Sincos(2 * math.Pi * u[0])
	if u[1] >= 0.5 {
		x, y = x/2, y/2
	}
	return 3 * (x + 0.08*z[0]), 3 * (y + 0.08*z[1])
}

// rings: radius 3 times 1, 3/4, 1/2 or 1/4, noise 0.08 after scaling.
func rings(u, z []float64) (x, y float64) {
	r := 3 * (1 - math.Floor(4*u[1])/4)
	y, x = math.Sincos(2 * math.Pi * u[0])
	return r*x + 0.08*z[0], r*y + 0.08*z[1]
}

// swissroll: t = 1.5 pi (1 + 2u), (t cos t, t sin t) plus noise 1, over 5.
func swissroll(u, z []float64) (x, y float64) {
	t := 1.5 * math.Pi * (1 + 2*u[0])
	sin, cos := math.Sincos(t)
	return (t*cos + z[0]) / 5, (t*sin + z[1]) / 5
}

// scurve: t = 3 pi (u - 1/2), (sin t, sign(t) (cos t - 1)) plus noise 0.05,
// times 1.5.
func scurve(u, z []float64) (x, y float64) {
	t := 3 * math.Pi * (u[0] - 0.5)
	sin, cos := math.Sincos(t)
	return 1.5 * (sin + 0.05*z[0]), 1.5 * (math.Copysign(1, t)*(cos-1) + 0.05*z[1])
}

// twoSpirals: n = 3 pi sqrt(u), +-(-n cos n + u'/2, n sin n + u"/2) / 3 plus
// noise 0.1.
func twoSpirals(u, z []float64) (x, y float64) {
	n := 3 * math.Pi * math.Sqrt(u[0])
	sin, cos := math.Sincos(n)
	s := 1.0 / 3
	if u[1] >= 0.5 {
		s = -s
	}
	return s*(-n*cos+0.5*u[2]) + 0.1*z[0], s*(n*sin+0.5*u[3]) + 0.1*z[1]
}
