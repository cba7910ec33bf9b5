package evaluator

import (
	"context"
	"math"
	"slices"
)

// pairSum are sums over pairs of rows: of the distance and of the kernel.
type pairSum struct{ distance, kernel float64 }

func (s *pairSum) add(o pairSum) { s.distance += o.distance; s.kernel += o.kernel }

// pairMetrics are the energy distance and the squared MMD, from one walk over
// the pairs. Both are 2 E f(X,Y) - E f(X,X') - E f(Y,Y') up to the sign, over
// pairs of different rows (U-statistics).
//
// The median of distances is that of two rows of the data: of the first 1,000
// chosen; the mean distance if the median is 0. With it the kernel depends on the
// data alone, so models can be compared.
func pairMetrics(ctx context.Context, s sets, d int, o Options) ([]Metric, error) {
	count := groupCount(s.ra, s.rb)
	k := o.MMD.scaled(func() float64 { return bandwidth(s.a, min(s.ra, 1000), d) })
	type block struct{ g, h int }
	type part struct {
		x, y   []float64
		nx, ny int
		same   bool
	}
	walk := []part{
		{s.a, s.a, s.ra, s.ra, true}, {s.y, s.y, s.rb, s.rb, true}, {s.b, s.b, s.rb, s.rb, true},
		{s.a, s.y, s.ra, s.rb, false}, {s.a, s.b, s.ra, s.rb, false},
	}
	sums := make([][groups][groups]pairSum, len(walk))
	err := each(ctx, o.Workers, len(walk)*count*count, func(i int) {
		w, b := i/(count*count), block{i / count % count, i % count}
		p := walk[w]
		if p.same && b.h < b.g {
			return // the mirror image of a block that is summed
		}
		sums[w][b.g][b.h] = pairBlock(p.x, p.y, p.nx, p.ny, b.g, b.h, count, d, p.same, k)
	})
	if err != nil {
		return nil, err
	}
	for w, p := range walk {
		for g := 0; p.same && g < count; g++ {
			for h := range g {
				sums[w][g][h] = sums[w][h][g]
			}
		}
	}
	// mean over pairs without group skip (-1: none)
	mean := func(w, skip int) (distance, kernel float64) {
		var total pairSum
		for g := range count {
			for h := range count {
				if g != skip && h != skip {
					total.add(sums[w][g][h])
				}
			}
		}
		left := func(rows int) float64 {
			if skip >= 0 {
				lo, hi := bounds(skip, count, rows)
				rows -= hi - lo
			}
			return float64(rows)
		}
		nx, ny := left(walk[w].nx), left(walk[w].ny)
		pairs, kernels := nx*ny, nx*ny
		if walk[w].same {
			pairs = nx * (nx - 1)
			if k.diagonal { // a row is a pair with itself, at distance 0
				total.kernel += nx * k.value(0)
			} else {
				kernels = pairs
			}
		}
		return total.distance / pairs, total.kernel / kernels
	}
	statistic := func(xx, yy, xy, skip int) (energy, mmd float64) {
		dxx, kxx := mean(xx, skip)
		dyy, kyy := mean(yy, skip)
		dxy, kxy := mean(xy, skip)
		return 2*dxy - dxx - dyy, kxx + kyy - 2*kxy
	}
	energy, mmd := statistic(0, 1, 3, -1)
	energyFloor, mmdFloor := statistic(0, 2, 4, -1)
	le, lm := make([]float64, count), make([]float64, count)
	for g := range count {
		le[g], lm[g] = statistic(0, 1, 3, g)
	}
	return []Metric{
		{"energy_distance", energy, jackknife(le), energyFloor, s.ra, s.rb},
		{"mmd_squared", mmd, jackknife(lm), mmdFloor, s.ra, s.rb},
	}, nil
}

// pairBlock sums over ordered pairs of a row of x's group g and a row of y's
// group h; x and y the same set: without the diagonal.
func pairBlock(x, y []float64, nx, ny, g, h, count, d int, same bool, k kernel) (s pairSum) {
	lo, hi := bounds(g, count, nx)
	from, to := bounds(h, count, ny)
	for i := lo; i < hi; i++ {
		row := x[i*d : i*d+d]
		var r pairSum
		for j := from; j < to; j++ {
			if same && i == j {
				continue
			}
			square := squaredDistance(row, y[j*d:j*d+d])
			r.distance += math.Sqrt(square)
			r.kernel += k.value(square)
		}
		s.add(r)
	}
	return s
}

// squaredDistance adds in four sums, side by side, so that an addition need
// not wait for the one before.
func squaredDistance(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	j := 0
	for ; j+3 < len(a); j += 4 {
		v0, v1, v2, v3 := a[j]-b[j], a[j+1]-b[j+1], a[j+2]-b[j+2], a[j+3]-b[j+3]
		s0 += v0 * v0
		s1 += v1 * v1
		s2 += v2 * v2
		s3 += v3 * v3
	}
	for ; j < len(a); j++ {
		v := a[j] - b[j]
		s0 += v * v
	}
	return (s0 + s1) + (s2 + s3)
}

func bandwidth(x []float64, rows, d int) float64 {
	var r []float64
	for i := range rows {
		for j := range i {
			r = append(r, math.Sqrt(squaredDistance(x[i*d:i*d+d], x[j*d:j*d+d])))
		}
	}
	slices.Sort(r)
	if h := r[len(r)/2]; h > 0 {
		return h
	}
	sum := 0.0
	for _, v := range r {
		sum += v
	}
	if sum == 0 {
		return 1 // these rows are all the same: the data's sd is the only unit left
	}
	return sum / float64(len(r))
}
