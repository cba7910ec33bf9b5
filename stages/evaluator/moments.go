package evaluator

import (
	"context"
	"math"
)

// mostColumns is up to how many columns correlations are compared: their
// number grows with the square.
const mostColumns = 256

// width is how many products a column takes.
func width(d int) int {
	if d > mostColumns {
		return 1
	}
	return d
}

// momentRows bounds the work of the products.
func momentRows(o Options, d int) int {
	return min(o.SlicedRows, max(o.QuadraticRows, 400_000_000/(d*width(d))))
}

// sums are the sums from which means, sds and correlations of a group of rows
// are made; differences of sums are the sums of what is left. Values are in
// units of the data, so plain squares lose nothing.
type sums struct {
	rows    float64
	one     []float64 // [d]
	product []float64 // [d][d], lower triangle; above mostColumns columns only the diagonal
}

func sumRows(x []float64, lo, hi, d int) sums {
	s := sums{float64(hi - lo), make([]float64, d), make([]float64, d*width(d))}
	for i := lo; i < hi; i++ {
		row := x[i*d : i*d+d]
		for j, v := range row {
			s.one[j] += v
			first := 0
			if d > mostColumns {
				first = j
			}
			for k := first; k <= j; k++ {
				w := row[k]
				s.product[j*width(d)+k-first] += v * w
			}
		}
	}
	return s
}

func (s sums) plus(sign float64, o sums) sums {
	out := sums{s.rows + sign*o.rows, make([]float64, len(s.one)), make([]float64, len(s.product))}
	for j := range s.one {
		out.one[j] = s.one[j] + sign*o.one[j]
	}
	for j := range s.product {
		out.product[j] = s.product[j] + sign*o.product[j]
	}
	return out
}

func (s sums) covariance(j, k int) float64 {
	d := len(s.one)
	if k > j {
		j, k = k, j
	}
	at := j*width(d) + k
	if d > mostColumns {
		at = j
	}
	return (s.product[at] - s.one[j]*s.one[k]/s.rows) / (s.rows - 1)
}

// leastVariance stands in for the variance of a column that is constant in a
// part of the rows, so that the logarithm of the ratio stays a number.
const leastVariance = 1e-12

func (s sums) variance(j int) float64 { return max(s.covariance(j, j), leastVariance) }

// momentDistance is the largest difference over columns (pairs of columns) of
// mean, log sd and correlation.
func momentDistance(x, y sums) [3]float64 {
	var out [3]float64
	for j := range x.one {
		out[0] = max(out[0], math.Abs(x.one[j]/x.rows-y.one[j]/y.rows))
		out[1] = max(out[1], math.Abs(math.Log(y.variance(j)/x.variance(j)))/2)
		for k := 0; k < j && len(x.one) <= mostColumns; k++ {
			rx := x.covariance(j, k) / math.Sqrt(x.variance(j)*x.variance(k))
			ry := y.covariance(j, k) / math.Sqrt(y.variance(j)*y.variance(k))
			out[2] = max(out[2], math.Abs(rx-ry))
		}
	}
	return out
}

func momentMetrics(ctx context.Context, s sets, d int, o Options) ([]Metric, error) {
	count := groupCount(s.ra, s.rb)
	parts := make([]sums, 3*count)
	err := each(ctx, o.Workers, len(parts), func(i int) {
		x, rows := s.a, s.ra
		switch i / count {
		case 1:
			x, rows = s.y, s.rb
		case 2:
			x, rows = s.b, s.rb
		}
		lo, hi := bounds(i%count, count, rows)
		parts[i] = sumRows(x, lo, hi, d)
	})
	if err != nil {
		return nil, err
	}
	total := func(p []sums) sums {
		t := p[0]
		for _, q := range p[1:] {
			t = t.plus(1, q)
		}
		return t
	}
	pa, py := parts[:count], parts[count:2*count]
	a, y := total(pa), total(py)
	value, floor := momentDistance(a, y), momentDistance(a, total(parts[2*count:]))
	left := make([][3]float64, count)
	for g := range left {
		left[g] = momentDistance(a.plus(-1, pa[g]), y.plus(-1, py[g]))
	}
	names := []string{"mean_difference", "sd_difference", "correlation_difference"}
	if d == 1 || d > mostColumns {
		names = names[:2]
	}
	var out []Metric
	for i, name := range names {
		theta := make([]float64, count)
		for g := range theta {
			theta[g] = left[g][i]
		}
		out = append(out, Metric{name, value[i], jackknife(theta), floor[i], s.ra, s.rb})
	}
	return out, nil
}
