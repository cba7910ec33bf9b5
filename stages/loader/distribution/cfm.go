package distribution

import "math"

// The 2-D suite of the torchcfm paper (its runner's data modules): the same
// shapes as elsewhere in other sizes, and sizes are what its numbers depend on.
// scurve is the suite's as it is.

// normal is N(0, I).
func normal(_, z []float64) (x, y float64) { return z[0], z[1] }

// ring is one of eight centres on a circle of a radius, plus noise.
func ring(radius, noise float64, u, z []float64) (x, y float64) {
	y, x = math.Sincos(math.Floor(8*u[0]) * math.Pi / 4)
	return radius*x + noise*z[0], radius*y + noise*z[1]
}

// cfmEightGaussians: radius 5, noise 1.
func cfmEightGaussians(u, z []float64) (x, y float64) { return ring(5, 1, u, z) }

// cfmEightGaussians12: (4 centre + 0.5 z) 3, the far end of moons to 8 Gaussians.
func cfmEightGaussians12(u, z []float64) (x, y float64) { return ring(12, 1.5, u, z) }

// halfCircles: outer (cos a, sin a), inner (1 - cos a, 1/2 - sin a), a uniform
// on [0, pi], plus noise; make_moons of scikit-learn for many rows.
func halfCircles(noise float64, u, z []float64) (x, y float64) {
	y, x = math.Sincos(math.Pi * u[0])
	if u[1] >= 0.5 {
		x, y = 1-x, 0.5-y
	}
	return x + noise*z[0], y + noise*z[1]
}

// cfmMoons: noise 0.05, times 2, minus 1 in both coordinates.
func cfmMoons(u, z []float64) (x, y float64) {
	x, y = halfCircles(0.05, u, z)
	return 2*x - 1, 2*y - 1
}

// cfmMoons7: noise 0.1, minus the mean of all entries, over the sd of all
// entries, times 7. The original takes both from its sample; here they are the
// distribution's: E x = 1/2, E y = 1/4, E x^2 = 1 + 0.01,
// E y^2 = 5/8 - 1/pi + 0.01.
func cfmMoons7(u, z []float64) (x, y float64) {
	x, y = halfCircles(0.1, u, z)
	return 7 * (x - halfCirclesMean) / halfCirclesSD, 7 * (y - halfCirclesMean) / halfCirclesSD
}

const halfCirclesMean = 3. / 8

var halfCirclesSD = math.Sqrt((1.01+0.635-1/math.Pi)/2 - halfCirclesMean*halfCirclesMean)
