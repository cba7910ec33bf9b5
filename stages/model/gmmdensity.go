package model

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
)

// LogDensity writes log p_t(x) of the exact marginal at each row's time, in
// nats: the answer that a likelihood by integration must reach. x is
// [rows][d], t and logp are [rows].
func (g *GMM) LogDensity(logp, t, x []float64, rows int) error {
	g.mustFit(x, t, x, rows)
	if len(logp) < rows {
		panic("model: slice shorter than its rows")
	}
	return g.eachRow(context.Background(), t, rows, func(s *mixtureScratch, c path.Coef, r int) {
		logp[r] = g.weigh(s, c, x[r*g.dim:(r+1)*g.dim])
	})
}

// LogProb is LogDensity at t = 0.
func (g *GMM) LogProb(logp, x []float64, rows int) {
	if rows < 0 || len(logp) < rows || len(x) < rows*g.dim {
		panic("model: slice shorter than its rows")
	}
	s := g.scratch.Get().(*mixtureScratch)
	defer g.scratch.Put(s)
	for r := range rows {
		logp[r] = g.weigh(s, g.start, x[r*g.dim:(r+1)*g.dim])
	}
}

// Sample draws from the marginal at t = 0. Row n takes its component from
// uniform draw 0 of (n, step 0) and d normals from (n, step 1).
func (g *GMM) Sample(x []float64, key random.Key, first int64, rows int) {
	d, c := g.dim, g.start
	if rows < 0 || len(x) < rows*d {
		panic("model: slice shorter than its rows")
	}
	s := g.scratch.Get().(*mixtureScratch)
	defer g.scratch.Put(s)
	for r := range rows {
		n := uint64(first + int64(r))
		p := g.choose(key.Uniform(n, 0))
		key.Normals64(s.sum, n, 1)
		for j, spread := range p.spread {
			s.sum[j] *= math.Sqrt(variance(c, spread))
		}
		row := x[r*d : (r+1)*d]
		for j, m := range p.mean {
			row[j] = c.Alpha * m
		}
		p.addRotated(row, s.sum)
	}
}

// choose is the component at u in [0, 1) of the cumulated weights.
func (g *GMM) choose(u float64) *component {
	var sum float64
	for k := range g.components {
		if sum += math.Exp(g.components[k].logw); u < sum {
			return &g.components[k]
		}
	}
	return &g.components[len(g.components)-1]
}

// weigh computes y and the responsibilities of x, and returns log p_t(x).
//
// The greatest logarithm is taken out before exponentials, so nothing
// overflows while squares of distances are finite. Farther out (about 1e154
// standard deviations) all densities are zero; then the nearest component in
// units of its own spread has responsibility one, as in the limit.
func (g *GMM) weigh(s *mixtureScratch, c path.Coef, x []float64) float64 {
	d := g.dim
	most, invalid := math.Inf(-1), false
	for k := range g.components {
		p, y := &g.components[k], s.y[k*d:(k+1)*d]
		for j, m := range p.mean {
			s.sum[j] = x[j] - c.Alpha*m
		}
		p.unrotate(y, s.sum)
		q, logdet := 0.0, 0.0
		for j, spread := range p.spread {
			l := variance(c, spread)
			q += y[j] * (y[j] / l)
			logdet += math.Log(l)
		}
		s.r[k] = p.logw - 0.5*(q+logdet+float64(d)*log2Pi)
		most = math.Max(most, s.r[k])
		invalid = invalid || math.IsNaN(q)
	}
	if math.IsInf(most, -1) && !invalid {
		g.nearest(s, c)
		return most
	}
	var sum float64
	for k, l := range s.r {
		s.r[k] = math.Exp(l - most)
		sum += s.r[k]
	}
	for k := range s.r {
		s.r[k] /= sum
	}
	return most + math.Log(sum)
}

const log2Pi = 1.8378770664093454835606594728112352797228

// nearest gives responsibility one to the component with the least distance.
func (g *GMM) nearest(s *mixtureScratch, c path.Coef) {
	best, least := 0, math.Inf(1)
	for k := range g.components {
		var dist float64
		for j, spread := range g.components[k].spread {
			dist = math.Hypot(dist, s.y[k*g.dim+j]/math.Sqrt(variance(c, spread)))
		}
		if dist < least {
			best, least = k, dist
		}
	}
	clear(s.r)
	s.r[best] = 1
}
