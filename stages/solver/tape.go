package solver

import (
	"context"
	"fmt"
	"math"
)

// Tape is a solve that is gone back along: the gradient of whatever is made of the
// end of a solve and of its integrals, with respect to its start and to the
// parameters of the field, by reverse accumulation through the steps ("discretise,
// then optimise"). It is the derivative of what was computed, up to rounding, for
// any number of steps. Steps that were chosen by the error estimate are replayed as
// they were accepted; their times are constants.
//
// With lambda the cotangent of the end of a step of size h and Ybar_j that of the
// argument of stage j, a step transposed is
//
//	kbar_j  = h (b_j lambda + sum_(i>j) a_ij Ybar_i)        qbar_j = h b_j qbar
//	Ybar_j  = kbar_jᵀ ∂v/∂x + qbar_jᵀ ∂q/∂x                 by Pullback
//	lambda' = lambda + sum_j Ybar_j
//
// (Sanz-Serna 2016, "Symplectic Runge-Kutta schemes for adjoint equations,
// automatic differentiation, optimal control and more", section 3; Hager 2000).
//
// The arguments of the stages of a few steps are held at a time, and states at the
// begin of every such segment: their memory grows with the square root of the
// number of steps, for one more evaluation of each stage (Griewank and Walther,
// "Evaluating derivatives", 2008, chapter 12). What is computed again has the same
// bits, so this changes no result. The slopes of adaptive steps are kept while they
// are few, and are then not evaluated again.
//
// A Tape is used by one goroutine and keeps its memory between solves; warm, it
// allocates nothing.
type Tape[T Float] struct {
	// Keep is how many steps are held at a time, 0 to choose: all of them while
	// they are small.
	Keep int

	course[T]
	w          tile[T]
	stages     [][][]T // [steps held][stages], arguments
	kept       []T     // their memory
	check      [][]T   // states at the begins of segments
	checks     []T     // their memory
	x, y       []T
	back       []terms // per stage: of lambda (0) and the Ybar (1 + stage)
	ones       terms
	bars       [][]T // lambda, Ybar
	kbar, none []T
	qbar, qj   []float64
	dq, q      []float64
	quads      int
	segment    int
}

// keptValues is how many values the arguments of all stages may be before they are
// held for a few steps only: half a megabyte or one.
const keptValues = 1 << 17

// NewTape prepares solves of m from t0 to t1.
func NewTape[T Float](m *Method, t0, t1 float64) (*Tape[T], error) {
	p, err := reversible[T](m, t0, t1)
	if err != nil {
		return nil, err
	}
	tp := &Tape[T]{course: course[T]{p: p}}
	tp.need(&m.Tableau)
	if p.grid == nil {
		tp.record()
		tp.watch()
	}
	var sum []float64
	for j := range p.stages {
		row := make([]float64, 1+p.stages)
		if j < tp.used && tp.needed[j] {
			row[0] = m.Tableau.B[j]
			for i := j + 1; i < tp.used; i++ {
				if tp.needed[i] {
					row[1+i] = m.Tableau.A[i][j]
				}
			}
			sum = append(sum, 1)
		} else {
			sum = append(sum, 0)
		}
		tp.back = append(tp.back, newTerms(row))
	}
	tp.ones = newTerms(append([]float64{0}, sum...))
	return tp, nil
}

// reversible checks and compiles a problem without a state.
func reversible[T Float](m *Method, t0, t1 float64) (*problem[T], error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	if math.IsNaN(t0-t1) || math.IsInf(t0-t1, 0) || t0 == t1 {
		return nil, fmt.Errorf("solver: cannot go from t = %v to t = %v", t0, t1)
	}
	if m.Adaptive() && m.Options.Control == "batch" {
		return nil, fmt.Errorf("solver: no gradient of a solve with one step for a whole batch: set control to row")
	}
	p := &problem[T]{Options: m.Options, t0: t0, t1: t1, dir: 1}
	if t1 < t0 {
		p.dir = -1
	}
	p.compile(m)
	if n := int64(len(p.grid)) * int64(p.stages); n > p.limit {
		return nil, fmt.Errorf("solver: %d steps of %d stages are more than %d evaluations", len(p.grid), p.stages, p.limit)
	}
	return p, nil
}

// run solves the state in place, all rows in one tile.
func (p *problem[T]) run(ctx context.Context, w *tile[T], f Quadrature[T], s State[T]) error {
	p.field, p.state, p.quad = f, s, f
	p.report.Status = sized(p.report.Status, s.Rows)
	p.report.Evaluations = sized(p.report.Evaluations, s.Rows)
	p.report.Accepted = sized(p.report.Accepted, s.Rows)
	p.report.Rejected = sized(p.report.Rejected, s.Rows)
	p.next.Store(0)
	w.fit(p, s.Rows)
	way := p.adaptive
	if p.grid != nil {
		way = p.fixed
	}
	err := way(ctx, w)
	w.leaveAll(p, Cancelled)
	if err != nil {
		return err
	}
	return p.arrived()
}

// arrived says which row did not.
func (p *problem[T]) arrived() error {
	for r, s := range p.report.Status[:p.state.Rows] {
		if s != OK {
			return &RowError{p.state.FirstID + int64(r), s}
		}
	}
	return nil
}

// Record moves the rows of s to t1, in place. With fixed steps s.Q is complete when
// Back has returned. A row that does not arrive is a RowError. What Record takes is
// in use until Back has returned.
func (tp *Tape[T]) Record(ctx context.Context, f Quadrature[T], s State[T]) error {
	if s.Rows < 1 || s.Dim < 1 || s.Quads < 0 || len(s.X) != s.Rows*s.Dim || len(s.Q) != s.Rows*s.Quads {
		panic("solver: state has another shape than its slices")
	}
	d, rows := s.Dim, s.Rows
	tp.dim, tp.quads, tp.p.state = d, s.Quads, s
	tp.x, tp.y = sized(tp.x, rows*d), sized(tp.y, rows*d)
	if tp.p.grid == nil {
		tp.forget(rows)
		copy(tp.y, s.X)
		if err := tp.p.run(ctx, &tp.w, f, s); err != nil {
			return err
		}
		tp.plan(rows)
		gather(tp.x, tp.y, tp.order, d)
	} else {
		tp.plan(rows)
		gather(tp.x, s.X, tp.order, d)
	}
	tp.hold()
	for i := range tp.most {
		if i%tp.segment == 0 && i+tp.segment < tp.most {
			copy(tp.check[i/tp.segment], tp.x)
		}
		if err := tp.onward(ctx, f, i); err != nil {
			return err
		}
	}
	scatter(s.X, tp.x, tp.order, d)
	if tp.p.grid != nil {
		for r := range rows {
			if !finiteRow(s.X[r*d : (r+1)*d]) {
				return &RowError{s.FirstID + int64(r), NonFinite}
			}
		}
	}
	return nil
}

// onward takes step i and holds the arguments of its stages.
func (tp *Tape[T]) onward(ctx context.Context, f Field[T], i int) error {
	if err := tp.forward(ctx, f, i, tp.y, tp.x, tp.stages[i%tp.segment]); err != nil {
		return err
	}
	copy(tp.x[:tp.n*tp.dim], tp.y)
	return nil
}

// hold makes room for the stages of a segment and the begins of the others.
func (tp *Tape[T]) hold() {
	row := tp.rows * tp.dim
	each := row * tp.used
	tp.segment = tp.Keep
	if tp.segment == 0 {
		tp.segment = tp.most
		if tp.most*each > keptValues {
			tp.segment = int(math.Ceil(math.Sqrt(float64(tp.most) / float64(tp.used))))
		}
	}
	tp.segment = min(tp.segment, tp.most)
	if n := tp.segment * each; cap(tp.kept) < n {
		tp.kept = make([]T, n)
	}
	tp.stages = sized(tp.stages, tp.segment)
	for i := range tp.stages {
		tp.stages[i] = sized(tp.stages[i], tp.used)
		for j := range tp.stages[i] {
			lo := i*each + j*row
			tp.stages[i][j] = tp.kept[:cap(tp.kept):cap(tp.kept)][lo : lo+row]
		}
	}
	n := (tp.most - 1) / tp.segment // the last one is held as it was recorded
	if cap(tp.checks) < n*row {
		tp.checks = make([]T, n*row)
	}
	tp.check = sized(tp.check, n)
	for i := range tp.check {
		tp.check[i] = tp.checks[:cap(tp.checks)][i*row : (i+1)*row]
	}
}

// Back takes the cotangents xbar [Rows][Dim] of the end that Record came to and
// qbar [Rows][Quads] of the integrals back to the start: xbar is that of the start
// afterwards, and f has been handed the derivatives for its parameters.
func (tp *Tape[T]) Back(ctx context.Context, f Pullback[T], xbar []T, qbar []float64) error {
	rows, d, q := tp.rows, tp.dim, tp.quads
	if len(xbar) < rows*d || len(qbar) < rows*q {
		panic("solver: cotangents shorter than their rows")
	}
	tp.bars = sized(tp.bars, 1+tp.used)
	for i := range tp.bars {
		tp.bars[i] = sized(tp.bars[i], rows*d)
	}
	tp.kbar, tp.none = sized(tp.kbar, rows*d), sized(tp.none, rows*d)
	tp.qbar, tp.qj, tp.dq, tp.q = sized(tp.qbar, rows*q), sized(tp.qj, rows*q), sized(tp.dq, rows*q), sized(tp.q, rows*q)
	clear(tp.none)
	clear(tp.q)
	gather(tp.bars[0], xbar, tp.order, d)
	gather(tp.qbar, qbar, tp.order, q)
	last := (tp.most - 1) / tp.segment
	for s := last; s >= 0; s-- {
		lo, hi := s*tp.segment, min((s+1)*tp.segment, tp.most)
		if s < last {
			copy(tp.x, tp.check[s])
			for i := lo; i < hi; i++ {
				if err := tp.onward(ctx, f, i); err != nil {
					return err
				}
			}
		}
		for i := hi - 1; i >= lo; i-- {
			if err := tp.backward(ctx, f, i); err != nil {
				return err
			}
		}
	}
	scatter(xbar, tp.bars[0], tp.order, d)
	if tp.p.grid != nil {
		scatter(tp.p.state.Q, tp.q, tp.order, q)
	}
	return nil
}

// backward is step i transposed.
func (tp *Tape[T]) backward(ctx context.Context, f Pullback[T], i int) error {
	tp.aim(i)
	n, m := tp.n*tp.dim, tp.n*tp.quads
	for j := tp.used - 1; j >= 0; j-- {
		if !tp.needed[j] {
			continue
		}
		tp.combine(tp.kbar, tp.none, tp.bars, tp.back[j])
		b := tp.p.weight(j)
		for r := range tp.n {
			for l := r * tp.quads; l < (r+1)*tp.quads; l++ {
				tp.qj[l] = tp.h[r] * b * tp.qbar[l]
			}
		}
		err := f.Pull(ctx, Pull[T]{Rows: tp.n, T: tp.moment(j), X: tp.stages[i%tp.segment][j][:n], ID: tp.id[:tp.n],
			VBar: tp.kbar[:n], QBar: tp.qj[:m], V: tp.y[:n], Q: tp.dq[:m], XBar: tp.bars[1+j][:n]}, true)
		if err != nil {
			return err
		}
		for r := range tp.n {
			for l := r * tp.quads; l < (r+1)*tp.quads; l++ {
				tp.q[l] += float64(tp.h[r] * b * tp.dq[l])
			}
		}
	}
	combineUniform(tp.y[:n], tp.bars[0][:n], 1, slopesOf(tp.args, tp.bars, tp.ones, 0, n), tp.ones, tp.round, tp.coef)
	copy(tp.bars[0], tp.y[:n])
	return nil
}

// weight is b_j.
func (p *problem[T]) weight(j int) float64 {
	for i, s := range p.b.stage {
		if s == j {
			return p.b.coef[i]
		}
	}
	return 0
}

// Report is that of the last Record, of adaptive steps; with fixed steps every row
// takes as many.
func (tp *Tape[T]) Report() Report { return tp.p.report }
