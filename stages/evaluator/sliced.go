package evaluator

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// place is a projected row and the group it belongs to.
type place struct {
	v     float64
	group int
}

// slicedMetric is the sliced Wasserstein distance of order 2,
//
//	SW2^2 = mean over directions of int_0^1 (F^-1(q) - G^-1(q))^2 dq
//
// with F and G the distributions of the projected sets; the integral is exact
// for any numbers of rows.
func slicedMetric(ctx context.Context, s sets, d int, o Options) (Metric, error) {
	count := groupCount(s.ra, s.rb)
	projections := o.Projections
	if d == 1 {
		projections = 1 // every direction of the line is the same
	}
	type result struct {
		value, floor float64
		left         [groups]float64
	}
	results := make([]result, projections)
	err := each(ctx, o.Workers, projections, func(p int) {
		theta := o.direction(p, d)
		a, b, y := project(s.a, theta, s.ra, count), project(s.b, theta, s.rb, count), project(s.y, theta, s.rb, count)
		r := &results[p]
		r.floor = quantileDistance(a, b)
		r.value = quantileDistance(a, y)
		ka, ky := make([]place, 0, s.ra), make([]place, 0, s.rb)
		for g := range count {
			ka, ky = without(ka[:0], a, g), without(ky[:0], y, g)
			r.left[g] = quantileDistance(ka, ky)
		}
	})
	if err != nil {
		return Metric{}, err
	}
	var sum result
	for _, r := range results {
		sum.value += r.value
		sum.floor += r.floor
		for g := range count {
			sum.left[g] += r.left[g]
		}
	}
	p := float64(projections)
	value := math.Sqrt(sum.value / p)
	left := make([]float64, count)
	for g := range left {
		left[g] = math.Sqrt(sum.left[g] / p)
	}
	se := jackknife(left)
	if projections > 1 && value > 0 {
		spread := 0.0
		for _, r := range results {
			spread += (r.value - sum.value/p) * (r.value - sum.value/p)
		}
		se = math.Hypot(se, math.Sqrt(spread/(p*(p-1)))/(2*value)) // d sqrt(w) = dw / (2 sqrt(w))
	}
	return Metric{"sliced_wasserstein_2", value, se, math.Sqrt(sum.floor / p), s.ra, s.rb}, nil
}

// direction is projection p, uniform on the sphere in d dimensions.
func (o Options) direction(p, d int) []float64 {
	theta := make([]float64, d)
	o.Key.Normals64(theta, uint64(p), projectionStep)
	norm := 0.0
	for _, v := range theta {
		norm += v * v
	}
	if norm = math.Sqrt(norm); norm == 0 {
		theta[0], norm = 1, 1
	}
	for j := range theta {
		theta[j] /= norm
	}
	return theta
}

// project is theta . row for all rows, sorted.
func project(x, theta []float64, rows, count int) []place {
	d := len(theta)
	out := make([]place, 0, rows)
	for g := range count {
		lo, hi := bounds(g, count, rows)
		for i := lo; i < hi; i++ {
			v := 0.0
			for j, w := range theta {
				v += w * x[i*d+j]
			}
			out = append(out, place{v, g})
		}
	}
	slices.SortFunc(out, func(a, b place) int {
		if c := cmp.Compare(a.v, b.v); c != 0 {
			return c
		}
		return cmp.Compare(a.group, b.group)
	})
	return out
}

func without(dst, from []place, group int) []place {
	for _, p := range from {
		if p.group != group {
			dst = append(dst, p)
		}
	}
	return dst
}

// quantileDistance is the integral of the squared difference of the quantile
// functions of two sorted sets: a row of a covers len(b) parts of len(a)
// len(b), a row of b covers len(a).
func quantileDistance(a, b []place) float64 {
	na, nb := len(a), len(b)
	sum := 0.0
	for i, j, ra, rb := 0, 0, nb, na; i < na && j < nb; {
		w := min(ra, rb)
		v := a[i].v - b[j].v
		sum += float64(w) * v * v
		if ra -= w; ra == 0 {
			i, ra = i+1, nb
		}
		if rb -= w; rb == 0 {
			j, rb = j+1, na
		}
	}
	return sum / float64(na) / float64(nb)
}
