package evaluator

import "math"

// Kernel names a kernel of the maximum mean discrepancy with its estimate.
type Kernel uint8

const (
	// Median is the mean of five Gaussian kernels exp(-r²/(2 h²)) with h = 1/4,
	// 1/2, 1, 2 and 4 times the median distance of two rows of the data (Gretton
	// et al. 2012, section 8), with the unbiased estimate (equation 3): no row is
	// compared with itself.
	Median Kernel = iota
	// Fixed is the sum of Gaussian kernels with h = 0.01, 0.1, 1, 10 and 100 and
	// the biased estimate (equation 5), which compares rows with themselves too: it
	// is above 0 by about 10/rows for equal distributions. It is what the runner of
	// torchcfm reports (Tong et al. 2024), in raw units.
	Fixed
)

// kernel is a function of the squared distance.
type kernel struct {
	value    func(square float64) float64
	diagonal bool // rows are pairs with themselves
}

// scaled is the kernel for data whose median distance is asked for if it counts.
func (k Kernel) scaled(median func() float64) kernel {
	if k == Fixed {
		return kernel{decades, true}
	}
	h := median()
	inverse := 1 / (2 * h * h)
	return kernel{func(square float64) float64 { return mixture(square * inverse) }, false}
}

// decades is the sum of exp(-square/(2 h²)) over h = 0.01, 0.1, 1, 10, 100.
func decades(square float64) (sum float64) {
	u := square / 2e4 // square / (2 h²), from the widest
	for range 5 {
		sum += math.Exp(-u)
		u *= 100
	}
	return sum
}

// mixture is the mean of exp(-u/f^2) over f = 4, 2, 1, 1/2, 1/4: one
// exponential, each next kernel the fourth power of the one before.
func mixture(u float64) float64 {
	e, sum := math.Exp(-u/16), 0.0
	for range 5 {
		sum += e
		if e < 1e-60 {
			break // what follows is below 1e-240, and denormal numbers are slow
		}
		e *= e
		e *= e
	}
	return sum / 5
}
