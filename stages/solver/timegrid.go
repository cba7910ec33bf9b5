package solver

import (
	"fmt"
	"math"
)

// Uniform are the ends t0 = 0, 1/n, ..., 1 of n equal steps.
func Uniform(n int) []float64 {
	return spaced(n, func(u float64) float64 { return u })
}

// Cosine are n steps that are short at both ends, (1 - cos(pi u)) / 2 with equal
// steps of u: the nodes of Chebyshev and Lobatto.
func Cosine(n int) []float64 {
	return spaced(n, func(u float64) float64 {
		if u == 1 {
			return 1
		}
		s := math.Sin(math.Pi / 2 * u)
		return float64(s * s)
	})
}

// Karras are n steps over the noise levels of Karras et al., "Elucidating the design
// space of diffusion-based generative models", 2022, eq. 5:
//
//	s_i = (max^(1/rho) + i/(n-1) (min^(1/rho) - max^(1/rho)))^rho,  i = 0..n-1,  s_n = 0
//
// at the times t = 1/(1 + s) at which the straight path has the noise s for one part
// of data. The first is 1/(1+most): a solve that begins at t = 0 takes one step more.
// Usual are least 0.002, most 80 and rho 7.
func Karras(n int, least, most, rho float64) ([]float64, error) {
	if n < 2 || !(0 < least && least < most) || math.IsInf(most, 1) || !(rho > 0) || math.IsInf(rho, 1) {
		return nil, fmt.Errorf("solver: no Karras grid of %d steps, noise from %v to %v and rho %v", n, least, most, rho)
	}
	lo, hi := math.Pow(least, 1/rho), math.Pow(most, 1/rho)
	grid := make([]float64, 0, n+1)
	for i := range n {
		s := math.Pow(hi+float64(i)/float64(n-1)*(lo-hi), rho)
		grid = append(grid, 1/(1+s))
	}
	return append(grid, 1), nil
}

func spaced(n int, at func(u float64) float64) []float64 {
	grid := make([]float64, n+1)
	for i := range grid {
		grid[i] = at(float64(i) / float64(n))
	}
	return grid
}
