package cnf

import (
	"context"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// Gradient computes a loss and its gradient for the weights of a field. It is used by
// one goroutine, and keeps its memory: a call with no more rows and steps than those
// before allocates nothing.
type Gradient[T solver.Float] struct {
	loss   Loss
	coef   []float64
	field  field[T]
	course course[T]

	x             []T
	xbar          []T
	z, score      []float64
	q, qbar, logp []float64
}

// course is the way there and back: solver.Tape or solver.Adjoint.
type course[T solver.Float] interface {
	Record(ctx context.Context, f solver.Quadrature[T], s solver.State[T]) error
	Back(ctx context.Context, f solver.Pullback[T], xbar []T, qbar []float64) error
	Report() solver.Report
}

// New prepares for a field. Its columns that are held are conditions.
func New[T solver.Float](f model.Reversible[T], l Loss) (*Gradient[T], error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	g := &Gradient[T]{loss: l, coef: l.coefficients(), field: field[T]{f: f, loss: l, q: l.integrands(), dim: f.Dim()}}
	if l.Adjoint != nil {
		a, err := solver.NewAdjoint[T](l.Solver, l.Adjoint, 1, 0)
		if err != nil {
			return nil, err
		}
		g.course = a
		return g, nil
	}
	tape, err := solver.NewTape[T](l.Solver, 1, 0)
	if err != nil {
		return nil, err
	}
	tape.Keep = l.Keep
	g.course = tape
	return g, nil
}

// Add adds, to grad, the gradient of
//
//	sum_r weight[r] loss(x[r])
//
// for rows x [rows][f.Dim()] in model space, and gives the sums without weights. grad
// has one slice per parameter; a nil weight is all ones; loss [rows], when it is not
// nil, gets the terms. Row r has number first+r, the address of its probes. A row whose
// solve does not arrive is a *solver.RowError.
//
// What belongs to a row does not depend on the others. A gradient is summed over rows in
// an order that depends on the rows alone.
func (g *Gradient[T]) Add(ctx context.Context, grad [][]T, loss []float64, x []T, weight []float32, first int64, rows int) (Sums, error) {
	d, k, held := g.field.dim, len(g.coef), model.Held(g.field.f)
	if rows < 1 || len(x) < rows*d || weight != nil && len(weight) < rows || loss != nil && len(loss) < rows {
		panic("cnf: slice shorter than its rows")
	}
	move := d - held
	g.x, g.xbar = append(g.x[:0], x[:rows*d]...), grow(g.xbar, rows*d)
	g.q, g.qbar, g.logp = grow(g.q, rows*k), grow(g.qbar, rows*k), grow(g.logp, rows)
	g.z, g.score = grow(g.z, rows*move), grow(g.score, rows*move)
	clear(g.q)
	g.field.begin(first, rows)
	g.field.grad = grad
	state := solver.State[T]{X: g.x, Q: g.q, Rows: rows, Dim: d, Held: held, Quads: k, FirstID: first}
	if err := g.course.Record(ctx, &g.field, state); err != nil {
		return Sums{}, err
	}
	for r := range rows {
		for i := range move {
			g.z[r*move+i] = float64(g.x[r*d+i])
		}
	}
	g.loss.Base.LogProb(g.logp, g.z, rows)
	g.loss.Base.Score(g.score, g.z, rows)
	for r := range rows {
		w := 1.0
		if weight != nil {
			w = float64(weight[r])
		}
		for i := range d {
			g.xbar[r*d+i] = 0
			if i < move {
				g.xbar[r*d+i] = T(-w * g.score[r*move+i])
			}
		}
		for i, c := range g.coef { // an integral from 1 to 0 is minus that from 0 to 1
			g.qbar[r*k+i] = -w * c
		}
	}
	if err := g.course.Back(ctx, &g.field, g.xbar, g.qbar); err != nil {
		return Sums{}, err
	}
	return g.sums(loss, rows), nil
}

// sums adds up the terms, row by row.
func (g *Gradient[T]) sums(loss []float64, rows int) (s Sums) {
	k := len(g.coef)
	for r := range rows {
		q := g.q[r*k : (r+1)*k]
		var l float64
		for i, c := range g.coef {
			l -= float64(c * q[i])
		}
		l -= g.logp[r]
		if loss != nil {
			loss[r] = l
		}
		s.Loss += l
		s.NLL += -g.logp[r] - q[0]
		if g.field.q.Kinetic {
			s.Kinetic -= q[1]
		}
		if g.field.q.Jacobian {
			s.Jacobian -= q[k-1]
		}
	}
	if g.loss.Solver.Adaptive() {
		for _, n := range g.course.Report().Evaluations {
			s.Evaluations += int64(n)
		}
	}
	return s
}

func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
