package evaluator

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Gaussian is a normal distribution with a full covariance: the baseline that a
// flow has to beat before its likelihood means anything (Papamakarios, Pavlakou
// and Murray 2017, table 1).
type Gaussian struct {
	mean   []float64
	factor mat.Cholesky
	norm   float64 // -(d ln 2 pi + ln det) / 2
}

// maxCondition bounds the condition number of a covariance that is inverted in
// float64: beyond it, a quadratic form has no digit.
const maxCondition = 1e14

var errSingular = errors.New("the covariance is singular: a column is constant, or a sum of others")

// FitGaussian fits by maximum likelihood. each calls its argument with all rows,
// in parts of whole rows [n][d], the same ones each time that it is called.
func FitGaussian(d int, each func(func(rows []float64)) error) (*Gaussian, error) {
	if d < 1 {
		panic("evaluator: a Gaussian of no columns")
	}
	// Two passes: a square around a guess of the mean would cancel.
	n, mean := 0, make([]float64, d)
	if err := each(func(rows []float64) {
		for i, v := range rows {
			mean[i%d] += v
		}
		n += len(rows) / d
	}); err != nil {
		return nil, err
	}
	if n <= d {
		return nil, errors.New("fewer rows than a covariance of these columns needs")
	}
	for i := range mean {
		mean[i] /= float64(n)
	}
	cov, x := make([]float64, d*d), make([]float64, d)
	if err := each(func(rows []float64) {
		for ; len(rows) >= d; rows = rows[d:] {
			for i := range x {
				x[i] = rows[i] - mean[i]
			}
			for i := range x {
				for j := 0; j <= i; j++ {
					cov[i*d+j] += x[i] * x[j]
				}
			}
		}
	}); err != nil {
		return nil, err
	}
	for i := range d {
		for j := 0; j <= i; j++ {
			cov[i*d+j] /= float64(n)
			cov[j*d+i] = cov[i*d+j]
		}
	}
	return NewGaussian(mean, cov)
}

// NewGaussian is N(mean [d], cov [d][d]), cov symmetric and positive definite.
func NewGaussian(mean, cov []float64) (*Gaussian, error) {
	d := len(mean)
	if len(cov) != d*d {
		panic("evaluator: a covariance that is not [d][d]")
	}
	g := &Gaussian{mean: mean}
	if !g.factor.Factorize(mat.NewSymDense(d, cov)) || !correlated(cov, d) {
		return nil, errSingular
	}
	g.norm = -(float64(d)*math.Log(2*math.Pi) + g.factor.LogDet()) / 2
	return g, nil
}

// correlated says whether the correlations of a covariance are far enough from
// singular; the condition of the covariance itself also counts units.
func correlated(cov []float64, d int) bool {
	r := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			r.SetSym(i, j, cov[i*d+j]/math.Sqrt(cov[i*d+i]*cov[j*d+j]))
		}
	}
	var c mat.Cholesky
	return c.Factorize(r) && c.Cond() < maxCondition
}

// LogDensity is the log-density of a row [d], in nats.
func (g *Gaussian) LogDensity(row []float64) float64 {
	x := make([]float64, len(g.mean))
	for i := range x {
		x[i] = row[i] - g.mean[i]
	}
	v := mat.NewVecDense(len(x), x)
	var y mat.VecDense
	if err := g.factor.SolveVecTo(&y, v); err != nil {
		var c mat.Condition
		if !errors.As(err, &c) { // of the units; correlated has looked
			return math.NaN()
		}
	}
	return g.norm - mat.Dot(v, &y)/2
}
