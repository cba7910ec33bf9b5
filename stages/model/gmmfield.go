package model

import (
	"context"

	"github.com/pathline/pathline/stages/path"
)

// With component k of the data N(mu, S), S = Q diag(s) Qᵀ, weight w, the
// marginal at t of the component is N(a mu, Q diag(l) Qᵀ) and its field is
// linear (a = Alpha, a' = DAlpha and so on):
//
//	l   = a² s + Sigma² + Gamma²
//	c   = a a' s + Sigma Sigma' + Gamma Gamma'
//	y   = Qᵀ(x - a mu)
//	u_k = a' mu + Q (c/l ∘ y)
//	g_k = -Q (y/l)                                  the component's score
//	r_k = w N(x; a mu, S_t) / sum of the same       responsibilities
//
//	v     = sum_k r_k u_k
//	∂v/∂x = sum_k r_k [Q diag(c/l) Qᵀ + (u_k - v)(g_k - g)ᵀ],  g = sum_k r_k g_k
//
// whose trace is the divergence (Albergo et al. 2023, section 4, for the
// mixture; the law d/dt log p_t + div v + v·g = 0 is tested). An evaluation
// costs O(k d²), O(k d) for round and diagonal components.

// mixtureScratch is the memory of one call.
type mixtureScratch struct {
	coef   []path.Coef // of a block of rows
	r      []float64   // [k], responsibilities
	y      []float64   // [k][d], in the axes of the component
	u, g   []float64   // [k][d]
	v, sum []float64   // [d]
}

func (g *GMM) newScratch() *mixtureScratch {
	k, d := len(g.components), g.dim
	return &mixtureScratch{
		coef: make([]path.Coef, blockRows),
		r:    make([]float64, k),
		y:    make([]float64, k*d), u: make([]float64, k*d), g: make([]float64, k*d),
		v: make([]float64, d), sum: make([]float64, d),
	}
}

// Eval is v(t, x).
func (g *GMM) Eval(ctx context.Context, dx, t, x []float64, rows int) error {
	g.mustFit(dx, t, x, rows)
	return g.eachRow(ctx, t, rows, func(s *mixtureScratch, c path.Coef, r int) {
		g.velocity(s, c, dx[r*g.dim:(r+1)*g.dim], x[r*g.dim:(r+1)*g.dim])
	})
}

// Divergence writes v and its divergence, or zᵀ(∂v/∂x)z for each probe z; both
// are exact.
func (g *GMM) Divergence(ctx context.Context, v, div, t, x, probe []float64, rows, probes int) error {
	g.mustFit(v, t, x, rows)
	d := g.dim
	if probes < 0 || len(div) < rows*max(1, probes) || len(probe) < probes*rows*d {
		panic("model: slice shorter than its rows")
	}
	return g.eachRow(ctx, t, rows, func(s *mixtureScratch, c path.Coef, r int) {
		vr := v[r*d : (r+1)*d]
		g.velocity(s, c, vr, x[r*d:(r+1)*d])
		g.scores(s, c)
		if probes == 0 {
			div[r] = g.trace(s, c, vr)
			return
		}
		for p := 0; p < probes; p++ {
			div[r*probes+p] = g.quadratic(s, c, vr, probe[(p*rows+r)*d:(p*rows+r+1)*d])
		}
	})
}

// eachRow calls f with the coefficients of each row. A distant path is asked once
// for all.
func (g *GMM) eachRow(ctx context.Context, t []float64, rows int, f func(s *mixtureScratch, c path.Coef, r int)) error {
	s := g.scratch.Get().(*mixtureScratch)
	defer g.scratch.Put(s)
	block := blockRows
	if g.distant {
		block = rows
		if len(s.coef) < rows {
			s.coef = make([]path.Coef, rows)
		}
	}
	for r := 0; r < rows; r += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(block, rows-r)
		if err := g.path.Coefficients(s.coef[:m], t[r:r+m]); err != nil {
			return err
		}
		for i, c := range s.coef[:m] {
			f(s, c, r+i)
		}
	}
	return nil
}

// velocity writes v; s keeps r, y and u of the row.
func (g *GMM) velocity(s *mixtureScratch, c path.Coef, v, x []float64) {
	d := g.dim
	g.weigh(s, c, x)
	clear(v)
	for k := range g.components {
		p, y, u := &g.components[k], s.y[k*d:(k+1)*d], s.u[k*d:(k+1)*d]
		for j, m := range p.mean {
			u[j] = c.DAlpha * m
		}
		for j := range d {
			s.sum[j] = rate(c, p.spread[j]) * y[j]
		}
		p.addRotated(u, s.sum)
		if s.r[k] != 0 {
			for j := range v {
				v[j] += s.r[k] * u[j]
			}
		}
	}
}

// scores fills in s.g from s.y and s.v with their mean, after velocity.
func (g *GMM) scores(s *mixtureScratch, c path.Coef) {
	d := g.dim
	clear(s.v)
	clear(s.g)
	for k := range g.components {
		p, y, gk := &g.components[k], s.y[k*d:(k+1)*d], s.g[k*d:(k+1)*d]
		for j := range d {
			s.sum[j] = -y[j] / variance(c, p.spread[j])
		}
		p.addRotated(gk, s.sum)
		if s.r[k] != 0 {
			for j := range gk {
				s.v[j] += s.r[k] * gk[j]
			}
		}
	}
}

// trace is the divergence, after scores.
func (g *GMM) trace(s *mixtureScratch, c path.Coef, v []float64) float64 {
	var div float64
	d := g.dim
	for k := range g.components {
		if s.r[k] == 0 {
			continue
		}
		var sum float64
		for j, spread := range g.components[k].spread {
			sum += rate(c, spread) + (s.u[k*d+j]-v[j])*(s.g[k*d+j]-s.v[j])
		}
		div += s.r[k] * sum
	}
	return div
}

// quadratic is zᵀ(∂v/∂x)z, after scores.
func (g *GMM) quadratic(s *mixtureScratch, c path.Coef, v, z []float64) float64 {
	var total float64
	d := g.dim
	for k := range g.components {
		if s.r[k] == 0 {
			continue
		}
		p := &g.components[k]
		p.unrotate(s.sum, z)
		var sum, zu, zg float64
		for j, spread := range p.spread {
			sum += rate(c, spread) * s.sum[j] * s.sum[j]
			zu += z[j] * (s.u[k*d+j] - v[j])
			zg += z[j] * (s.g[k*d+j] - s.v[j])
		}
		total += s.r[k] * (sum + zu*zg)
	}
	return total
}

// variance is l of a direction in which the data has variance spread.
func variance(c path.Coef, spread float64) float64 {
	return c.Alpha*c.Alpha*spread + c.Sigma*c.Sigma + c.Gamma*c.Gamma
}

// rate is c/l of that direction.
func rate(c path.Coef, spread float64) float64 {
	return (c.Alpha*c.DAlpha*spread + c.Sigma*c.DSigma + c.Gamma*c.DGamma) / variance(c, spread)
}

// unrotate writes Qᵀ x to y, which is not x.
func (p *component) unrotate(y, x []float64) {
	if p.q == nil {
		copy(y, x)
		return
	}
	clear(y)
	d := len(y)
	for i, xi := range x[:d] {
		for j, q := range p.q[i*d : (i+1)*d] {
			y[j] += q * xi
		}
	}
}

// addRotated adds Q y to x.
func (p *component) addRotated(x, y []float64) {
	if p.q == nil {
		for i, v := range y {
			x[i] += v
		}
		return
	}
	d := len(x)
	for i := range x {
		var sum float64
		for j, q := range p.q[i*d : (i+1)*d] {
			sum += q * y[j]
		}
		x[i] += sum
	}
}

func (g *GMM) mustFit(v, t, x []float64, rows int) {
	if rows < 0 || len(v) < rows*g.dim || len(x) < rows*g.dim || len(t) < rows {
		panic("model: slice shorter than its rows")
	}
}
