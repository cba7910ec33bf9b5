package likelihood

import "math"

// average is the logarithm of the mean of densities that come one draw after the
// other, for many rows:
//
//	log 1/K sum_k exp(l_k) = most + log(sum_k exp(l_k - most)/K)
//
// with the largest so far; what was summed before a larger one comes is scaled to it.
// It takes memory for the rows, not for the draws.
type average struct {
	most, sum, square []float64 // square: of the weights times their standard errors
}

func newAverage(rows int) *average {
	a := &average{make([]float64, rows), make([]float64, rows), make([]float64, rows)}
	for r := range a.most {
		a.most[r] = math.Inf(-1)
	}
	return a
}

// add takes a draw: log-densities and their standard errors.
func (a *average) add(logp, se []float64) {
	for r, l := range logp {
		switch {
		case math.IsInf(l, -1):
			continue // a density of 0
		case l > a.most[r]:
			w := math.Exp(a.most[r] - l)
			a.sum[r], a.square[r], a.most[r] = float64(a.sum[r]*w), float64(a.square[r]*w)*w, l
		}
		w := math.Exp(l - a.most[r])
		a.sum[r] += w
		a.square[r] += float64(w*se[r]) * float64(w*se[r])
	}
}

// write gives the results of all draws; se, which may be nil, is to first order.
func (a *average) write(logp, se []float64, draws int) {
	for r := range a.most {
		logp[r] = a.most[r] + math.Log(a.sum[r]/float64(draws))
		if se != nil {
			se[r] = math.Sqrt(a.square[r]) / a.sum[r]
		}
	}
}
