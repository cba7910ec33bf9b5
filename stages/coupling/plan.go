package coupling

import (
	"context"
	"fmt"
	"math"

	"github.com/pathline/pathline/stages/internal/kernel/assign"
	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// plan is a plan of rows² entries in the making: rows u_i k_ij v_j, which sum to 1.
type plan struct {
	*costs
	reg float64

	k    []float32 // [n][ld]: exp((f_i + g_j - cost_ij) / reg)
	f, g []float64 // duals of rows and columns; of columns beyond n, -Inf
	u, v []float64 // factors of rows and columns; zero for columns beyond n
	sum  []float64 // of columns
	zero []float64 // as g, of zeros
	from []int32   // for assign.Relax, not used otherwise
}

// room makes room for the costs; what is there is forgotten.
func (p *plan) room() {
	n, ld := p.n, p.ld
	if len(p.u) == n && len(p.v) == ld {
		return
	}
	*p = plan{costs: p.costs, k: make([]float32, n*ld), f: make([]float64, n), g: make([]float64, ld), u: make([]float64, n),
		v: make([]float64, ld), sum: make([]float64, ld), zero: make([]float64, ld), from: make([]int32, ld)}
	for j := n; j < ld; j++ {
		p.zero[j] = math.Inf(-1)
	}
}

// matrix is row i of k, padded.
func (p *plan) matrix(i int) []float32 { return p.k[i*p.ld : (i+1)*p.ld] }

// extreme is the logarithm of a factor that is not of moderate size. What
// underflows in k is less than exp(2 extreme) of the least float32, 1e-45, of a sum.
const extreme = 20

// solve finds the plan.
func (p *plan) solve(ctx context.Context, reg, tolerance float64, iterations int) (c Convergence, err error) {
	p.begin()
	if err := p.soften(ctx, reg); err != nil {
		return c, err
	}
	for {
		c.Iterations++
		if err := p.scaleRows(ctx); err != nil {
			return c, err
		}
		c.Error = 0
		for j, s := range p.sum[:p.n] {
			c.Error += math.Abs(p.v[j]*s-1) / float64(p.n)
		}
		if math.IsNaN(c.Error) { // no iteration makes a number of it
			return c, fmt.Errorf("coupling: the plan with entropy of the weight %.3g is not of numbers: choose a larger reg", reg)
		}
		if c.Error <= tolerance || c.Iterations == iterations {
			return c, nil
		}
		p.scaleColumns()
		if p.far(p.u) || p.far(p.v[:p.n]) {
			p.absorb()
			if err := p.exponentiate(ctx); err != nil {
				return c, err
			}
		}
	}
}

// begin forgets the duals.
func (p *plan) begin() {
	p.room()
	copy(p.g, p.zero)
}

// soften goes over to a weight of the entropy, from the duals of another one.
func (p *plan) soften(ctx context.Context, reg float64) error {
	p.reg = reg
	if err := p.reduce(ctx); err != nil {
		return err
	}
	return p.exponentiate(ctx)
}

// scaleRows gives every row the sum 1, and sums the columns that it makes.
func (p *plan) scaleRows(ctx context.Context) error {
	clear(p.sum)
	for i := range p.n {
		if err := ended(ctx, i); err != nil {
			return err
		}
		k := p.matrix(i)
		p.u[i] = 1 / assign.Dot(k, p.v)
		assign.Add(p.sum, k, p.u[i])
	}
	return nil
}

// scaleColumns gives every column the sum 1.
func (p *plan) scaleColumns() {
	for j, s := range p.sum[:p.n] {
		p.v[j] = 1 / s
	}
}

// reduce gives every row the greatest dual that fits those of the columns, and then
// every column the greatest that fits those: every row and every column has a pair
// whose exponent is zero then, and none is above.
func (p *plan) reduce(ctx context.Context) error {
	for i := range p.n {
		if err := ended(ctx, i); err != nil {
			return err
		}
		p.f[i] = assign.TwoLeast(p.of(i), p.g).First
	}
	for j := range p.n {
		p.g[j] = math.Inf(1)
	}
	for i := range p.n {
		if err := ended(ctx, i); err != nil {
			return err
		}
		assign.Relax(p.g, p.from, p.of(i), p.zero, -p.f[i], 0)
	}
	for j := p.n; j < p.ld; j++ {
		p.g[j] = math.Inf(-1)
	}
	return nil
}

// exponentiate makes k of the duals.
func (p *plan) exponentiate(ctx context.Context) error {
	for i := range p.n {
		if err := ended(ctx, i); err != nil {
			return err
		}
		k := p.matrix(i)
		assign.Exponents(k, p.of(i), p.g, p.f[i], 1/p.reg)
		vector.Exp(k, k)
		p.u[i] = 1
	}
	for j := range p.n {
		p.v[j] = 1
	}
	return nil
}

func (p *plan) far(factors []float64) bool {
	for _, x := range factors {
		if x > expExtreme || x < 1/expExtreme {
			return true
		}
	}
	return false
}

var expExtreme = math.Exp(extreme)

// absorb takes the factors into the duals.
func (p *plan) absorb() {
	for i, u := range p.u {
		p.f[i] += p.reg * math.Log(u)
	}
	for j, v := range p.v[:p.n] {
		p.g[j] += p.reg * math.Log(v)
	}
}

// stride is how many columns draw skips at a time.
const stride = 8 * assign.Columns

// draw is the first column at which the sums of row i go beyond u of the whole.
func (p *plan) draw(i int, u float64) int32 {
	k := p.matrix(i)
	rest := u / p.u[i] // the sum of k v is 1/u_i
	at := 0
	for {
		end := min(at+stride, p.ld)
		s := assign.Dot(k[at:end], p.v[at:end])
		if rest < s || end == p.ld {
			break
		}
		rest -= s
		at = end
	}
	last := int32(-1)
	for j := at; j < p.n; j++ {
		if w := float64(k[j]) * p.v[j]; w > 0 {
			if last = int32(j); rest < w {
				return last
			}
			rest -= w
		}
	}
	for j := at; last < 0; j-- { // rounding left nothing here
		if float64(k[j])*p.v[j] > 0 {
			last = int32(j)
		}
	}
	return last
}
