package coupling

import (
	"context"
	"fmt"
	"math"
	"sync"
)

// SinkhornOptions say which plan a [Sinkhorn] finds, and how exactly.
type SinkhornOptions struct {
	// Reg, above zero, is the weight of the entropy: in the unit of the costs, squared
	// distances, or as a fraction of the greatest cost of the batch.
	Reg float64
	// Relative says that Reg is a fraction.
	Relative bool
	// Tolerance, above zero, bounds the sum over the noise rows of the difference
	// between a row's mass in the plan and 1/rows. The mass of every data row is
	// 1/rows but for rounding.
	Tolerance float64
	// Iterations bounds the iterations, each of which scales all rows and columns.
	Iterations int
}

// Sinkhorn draws the pairs of a batch from its entropic plan: of all P [rows of
// data][rows of noise] with the sums 1/rows in every row and column the one that
// makes
//
//	sum_ij P_ij C_ij + reg sum_ij P_ij (log P_ij - 1),   C_ij = |x1_i - x0_j|²
//
// least (Cuturi 2013; Peyré and Cuturi 2019, eq. 4.2). The noise of data row i is
// drawn from row i of the plan, so that data rows keep their places; a noise row
// may go with several data rows of a batch and with none, and goes with one in the
// mean. reg to 0 is optimal transport, reg to infinity the independent coupling.
// With reg = 2 sigma² the plan is the static Schrödinger bridge of a Brownian
// motion of variance sigma² (Tong et al. 2024b, proposition 3.1).
//
// It takes memory for 2 rows² float32, and time for rows² in each iteration.
//
// The plan is exp((f_i + g_j - C_ij) / reg). Its logarithm is what is kept: f and g
// in float64, beside factors u = exp of what f will grow by, v likewise. As long as
// these are of moderate size an iteration is two products with a matrix that stays;
// then they go into f and g, and the matrix is made again (Schmitzer 2019,
// algorithm 2). Duals start where every row and column of the matrix has a 1 and
// nothing above, the reduction of rows and columns of Kuhn's method, so that nothing
// underflows that counts, for any reg.
//
// References: M. Cuturi, "Sinkhorn distances", NeurIPS 2013. G. Peyré and M. Cuturi,
// "Computational optimal transport", 2019, section 4. B. Schmitzer, "Stabilized
// sparse scaling algorithms for entropy regularized transport problems", SIAM J. Sci.
// Comput. 41, 2019. A. Tong et al., "Simulation-free Schrödinger bridges via score
// and flow matching", AISTATS 2024.
type Sinkhorn struct {
	o     SinkhornOptions
	pool  *sync.Pool
	scope Scope
}

// NewSinkhorn makes the coupling; it keeps memory between batches. Options out of
// range panic.
func NewSinkhorn(o SinkhornOptions) Sinkhorn {
	if !(o.Reg > 0) || math.IsInf(o.Reg, 1) || !(o.Tolerance > 0) || o.Iterations < 1 {
		panic("coupling: options of Sinkhorn out of range")
	}
	return Sinkhorn{o: o, pool: &sync.Pool{New: func() any { return &plan{costs: new(costs)} }}}
}

// Convergence is how a plan was found.
type Convergence struct {
	Iterations int
	Error      float64 // what Tolerance bounds
}

// Pair implements [Coupling]: it is Draw with the numbers (r 0.618...) mod 1 for the
// rows r, the golden ratio's, which are spread evenly. A training draws others for
// every batch.
func (s Sinkhorn) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	return s.draw(context.Background(), index, x0, x1, rows, dim, even(rows))
}

// even are the numbers of Pair.
func even(rows int) []float64 {
	u := make([]float64, rows)
	for r := range u {
		_, u[r] = math.Modf((float64(r) + 0.5) * (math.Phi - 1))
	}
	return u
}

// Draw implements [Drawing]: index[r] is the first column at which the sums of the
// row's part of the plan go beyond u[r] of the whole. Rows whose distances are not
// finite are an error that names one, and so is a plan that is not as near as
// Tolerance after all iterations.
func (s Sinkhorn) Draw(index []int32, x0, x1 []float32, rows, dim int, u []float64) error {
	return s.draw(context.Background(), index, x0, x1, rows, dim, u)
}

// PairContext implements [Interruptible].
func (s Sinkhorn) PairContext(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, u []float64) error {
	if u == nil {
		u = even(rows)
	}
	return s.draw(ctx, index, x0, x1, rows, dim, u)
}

func (s Sinkhorn) draw(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, u []float64) error {
	if len(index) != rows || len(u) != rows {
		panic("coupling: slices of other lengths than rows and dim")
	}
	p := s.pool.Get().(*plan)
	defer s.pool.Put(p)
	if _, err := s.solve(ctx, p, x0, x1, rows, dim); err != nil {
		return err
	}
	for i := range index {
		if err := ended(ctx, i); err != nil {
			return err
		}
		index[i] = p.draw(i, u[i])
	}
	return nil
}

// Plan writes the plan itself to dst [rows of data][rows of noise]: its sum is 1.
// Errors are those of Draw.
func (s Sinkhorn) Plan(dst []float64, x0, x1 []float32, rows, dim int) (Convergence, error) {
	if len(dst) != rows*rows {
		panic("coupling: slices of other lengths than rows and dim")
	}
	p := s.pool.Get().(*plan)
	defer s.pool.Put(p)
	c, err := s.solve(context.Background(), p, x0, x1, rows, dim)
	if err != nil {
		return c, err
	}
	for i := range rows {
		for j, k := range p.matrix(i)[:rows] {
			dst[i*rows+j] = p.u[i] * float64(k) * p.v[j] / float64(rows)
		}
	}
	return c, nil
}

func (s Sinkhorn) solve(ctx context.Context, p *plan, x0, x1 []float32, rows, dim int) (Convergence, error) {
	if len(x0) != rows*dim || len(x1) != rows*dim {
		panic("coupling: slices of other lengths than rows and dim")
	}
	if rows == 0 {
		return Convergence{}, nil
	}
	if p.n != rows {
		*p.costs = newCosts(rows)
	}
	if err := p.squares(ctx, x1, x0, dim); err != nil {
		return Convergence{}, err
	}
	reg := s.o.Reg
	if s.o.Relative {
		if reg *= float64(p.greatest); p.greatest == 0 {
			reg = 1 // all plans cost nothing: that of most entropy
		}
	}
	c, err := p.solve(ctx, reg, s.o.Tolerance, s.o.Iterations)
	if err != nil {
		return c, err
	}
	if !(c.Error <= s.o.Tolerance) {
		return c, fmt.Errorf("coupling: after %d iterations of Sinkhorn's algorithm the masses of the noise rows are wrong by %.3g, which is above the tolerance %.3g: a larger reg converges sooner, or allow more iterations, or a larger tolerance", c.Iterations, c.Error, s.o.Tolerance)
	}
	return c, nil
}
