package acceptance

import (
	"math"
	"math/rand/v2"
)

// mixture is a mixture of Gaussians with everything about it in closed form:
// the truth that flows are held against.
type mixture struct {
	weights []float64
	means   [][]float64
	covs    [][][]float64
}

// cholesky is the lower factor of a positive definite matrix.
func cholesky(a [][]float64) [][]float64 {
	l := make([][]float64, len(a))
	for i := range a {
		l[i] = make([]float64, len(a))
		for j := 0; j <= i; j++ {
			s := a[i][j]
			for k := range j {
				s -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(s)
			} else {
				l[i][j] = s / l[j][j]
			}
		}
	}
	return l
}

// logDensity is the logarithm of the density at x, in nats.
func (m mixture) logDensity(x []float64) float64 {
	d := float64(len(x))
	terms, most := make([]float64, len(m.weights)), math.Inf(-1)
	for k, w := range m.weights {
		l := cholesky(m.covs[k])
		// Solve l z = x - mean.
		z, square, logdet := make([]float64, len(x)), 0.0, 0.0
		for i := range x {
			s := x[i] - m.means[k][i]
			for j := range i {
				s -= l[i][j] * z[j]
			}
			z[i] = s / l[i][i]
			square += z[i] * z[i]
			logdet += math.Log(l[i][i])
		}
		terms[k] = math.Log(w) - square/2 - logdet - d/2*math.Log(2*math.Pi)
		most = max(most, terms[k])
	}
	sum := 0.0
	for _, t := range terms {
		sum += math.Exp(t - most)
	}
	return most + math.Log(sum)
}

// draw makes n rows, as columns.
func (m mixture) draw(r *rand.Rand, n int) [][]float64 {
	d := len(m.means[0])
	out := make([][]float64, d)
	for i := range out {
		out[i] = make([]float64, n)
	}
	var factors [][][]float64
	for _, c := range m.covs {
		factors = append(factors, cholesky(c))
	}
	z := make([]float64, d)
	for row := range n {
		k, u := 0, r.Float64()
		for u > m.weights[k] && k < len(m.weights)-1 {
			u -= m.weights[k]
			k++
		}
		for i := range z {
			z[i] = r.NormFloat64()
		}
		for i := range d {
			v := m.means[k][i]
			for j := 0; j <= i; j++ {
				v += factors[k][i][j] * z[j]
			}
			out[i][row] = v
		}
	}
	return out
}

// seen is the law of alpha x1 + sigma x0 for x1 of the mixture and x0 normal.
func (m mixture) seen(alpha, sigma float64) mixture {
	out := mixture{weights: m.weights}
	for k := range m.weights {
		mean, cov := make([]float64, len(m.means[k])), make([][]float64, len(m.means[k]))
		for i := range mean {
			mean[i] = alpha * m.means[k][i]
			cov[i] = make([]float64, len(mean))
			for j := range mean {
				cov[i][j] = alpha * alpha * m.covs[k][i][j]
			}
			cov[i][i] += sigma * sigma
		}
		out.means, out.covs = append(out.means, mean), append(out.covs, cov)
	}
	return out
}

// moments are the mean and the covariance.
func (m mixture) moments() (mean []float64, cov [][]float64) {
	d := len(m.means[0])
	mean = make([]float64, d)
	for k, w := range m.weights {
		for i := range d {
			mean[i] += w * m.means[k][i]
		}
	}
	cov = make([][]float64, d)
	for i := range d {
		cov[i] = make([]float64, d)
		for j := range d {
			for k, w := range m.weights {
				cov[i][j] += w * (m.covs[k][i][j] + (m.means[k][i]-mean[i])*(m.means[k][j]-mean[j]))
			}
		}
	}
	return mean, cov
}

// entropy is minus the mean log-density over n fresh draws: exact for one
// component, Monte Carlo for more.
func (m mixture) entropy(r *rand.Rand, n int) float64 {
	d := len(m.means[0])
	if len(m.weights) == 1 {
		h := float64(d) / 2 * math.Log(2*math.Pi*math.E)
		for i, row := range cholesky(m.covs[0]) {
			h += math.Log(row[i])
		}
		return h
	}
	x, rows, sum := make([]float64, d), m.draw(r, n), 0.0
	for i := range n {
		sum -= m.logDensity(row(x, rows, i))
	}
	return sum / float64(n)
}

// row gathers row i of columns into x.
func row(x []float64, columns [][]float64, i int) []float64 {
	for k := range columns {
		x[k] = columns[k][i]
	}
	return x
}

// sampleMoments are the mean and the covariance of columns.
func sampleMoments(columns [][]float64) (mean []float64, cov [][]float64) {
	d, n := len(columns), float64(len(columns[0]))
	mean, cov = make([]float64, d), make([][]float64, d)
	for i := range d {
		for _, v := range columns[i] {
			mean[i] += v / n
		}
	}
	for i := range d {
		cov[i] = make([]float64, d)
		for j := range d {
			for r := range columns[i] {
				cov[i][j] += (columns[i][r] - mean[i]) * (columns[j][r] - mean[j]) / (n - 1)
			}
		}
	}
	return mean, cov
}
