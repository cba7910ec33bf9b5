package evaluator

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// TwoSample compares the data x [n][d] with the sample y [m][d]. It needs 8
// rows of data and 4 of the sample; more for errors worth reading. A value
// that is not finite, or a column of the data that is constant, is a
// ValueError. Rows that are not independent (a time series in order) make
// the standard errors too small.
func TwoSample(ctx context.Context, x, y []float64, n, m, d int, o Options) ([]Metric, error) {
	if d < 1 || n < 0 || m < 0 || len(x) != n*d || len(y) != m*d {
		panic("evaluator: the numbers of rows and columns are not those of the slices")
	}
	if n < minData {
		return nil, fmt.Errorf("evaluator: the data have %d rows; a comparison with a floor needs at least %d", n, minData)
	}
	if m < minSample {
		return nil, fmt.Errorf("evaluator: the sample has %d rows; a comparison needs at least %d", m, minSample)
	}
	if err := errors.Join(finite("data", x, d), finite("sample", y, d)); err != nil {
		return nil, err
	}
	u, err := measure(x, n, d)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(u.near("data", x), u.near("sample", y)); err != nil {
		return nil, err
	}
	o = o.filled(d)
	standard := trio{x: x, y: y, n: n, m: m, d: d, u: u, o: o}
	t := standard
	if o.Raw {
		t.u = u.raw()
		if err := errors.Join(t.u.near("data", x), t.u.near("sample", y)); err != nil {
			return nil, err
		}
	}

	exact, err := exactMetrics(ctx, t, d, o)
	if err != nil {
		return nil, err
	}
	sliced, err := slicedMetric(ctx, t.cut(o.SlicedRows), d, o)
	if err != nil {
		return nil, err
	}
	s := t.cut(o.QuadraticRows)
	pairs, err := pairMetrics(ctx, s, d, o)
	if err != nil {
		return nil, err
	}
	accuracy, err := neighbourMetric(ctx, standard.cut(o.QuadraticRows), d, o)
	if err != nil {
		return nil, err
	}
	moments, err := momentMetrics(ctx, standard.cut(momentRows(o, d)), d, o)
	if err != nil {
		return nil, err
	}
	return slices.Concat(exact, []Metric{sliced}, pairs, []Metric{accuracy}, moments), nil
}

// trio makes the three sets of a comparison.
type trio struct {
	x, y    []float64
	n, m, d int
	u       units
	o       Options
}

// sets are rows in the data's units: a [ra][d] and b [rb][d] from the data
// without a common row, y [rb][d] from the sample.
type sets struct {
	a, b, y []float64
	ra, rb  int
}

// cut chooses at most limit rows a set: the first places of a keyed
// permutation, so that a smaller limit takes a part of the rows of a larger.
func (t trio) cut(limit int) sets {
	rb := min(limit, t.m, t.n/2)
	ra := min(limit, t.n-rb)
	place := func(n int, pass uint32) func(i int) int {
		return func(i int) int { return int(t.o.Key.Permute(uint64(i), uint64(n), pass)) }
	}
	data := place(t.n, dataPass)
	return sets{
		a:  t.u.choose(t.x, ra, func(i int) int { return data(t.n - 1 - i) }),
		b:  t.u.choose(t.x, rb, data),
		y:  t.u.choose(t.y, rb, place(t.m, samplePass)),
		ra: ra, rb: rb,
	}
}
