package solver

import "context"

// Adjoint is the gradient of a solve by another solve: the cotangent a of the state
// follows, backwards in time and beside the state itself,
//
//	da/dt = -(aᵀ ∂v/∂x + qbarᵀ ∂q/∂x)
//
// and the derivatives for the parameters are integrals along the way (Pontryagin et
// al. 1962; Chen et al. 2018, "Neural ordinary differential equations", appendix
// B: "optimise, then discretise"). No state is held, so memory does not grow with
// the number of steps at all; what comes out is a gradient of the exact solution up
// to the tolerance of both solves, and no derivative of the number that was computed.
//
// The error estimate of the way back is that of state and cotangent alone. The
// integrals for the parameters feed back into nothing, and to leave them out of the
// norm takes fewer steps (Kidger, Chen and Lyons 2021, "Hey, that's not an ODE":
// faster ODE adjoints via seminorms"): so they are summed once the steps are known,
// in a second pass over the accepted ones.
//
// An Adjoint is used by one goroutine and keeps its memory between solves.
type Adjoint[T Float] struct {
	there *problem[T]
	back  course[T]
	w     tile[T]
	field augmented[T]
	stage [][]T
	start []T // where the way back begins: state and cotangent
	x, y  []T // of the second pass
}

// NewAdjoint prepares solves of m from t0 to t1, with way for the way back.
func NewAdjoint[T Float](m, way *Method, t0, t1 float64) (*Adjoint[T], error) {
	there, err := reversible[T](m, t0, t1)
	if err != nil {
		return nil, err
	}
	back, err := reversible[T](way, t1, t0)
	if err != nil {
		return nil, err
	}
	a := &Adjoint[T]{there: there, back: course[T]{p: back}}
	a.back.need(&way.Tableau)
	if back.grid == nil {
		a.back.record()
	}
	return a, nil
}

// Record moves the rows of s to t1, in place, with their integrals.
func (a *Adjoint[T]) Record(ctx context.Context, f Quadrature[T], s State[T]) error {
	if s.Rows < 1 || s.Dim < 1 || s.Quads < 0 || len(s.X) != s.Rows*s.Dim || len(s.Q) != s.Rows*s.Quads {
		panic("solver: state has another shape than its slices")
	}
	a.field.state = s
	return a.there.run(ctx, &a.w, f, s)
}

// Back takes the cotangents xbar [Rows][Dim] of the end that Record came to and
// qbar [Rows][Quads] of the integrals back to the start, as Tape.Back does. The
// state that Record left must still be there, and is not written.
func (a *Adjoint[T]) Back(ctx context.Context, f Pullback[T], xbar []T, qbar []float64) error {
	s, c := a.field.state, &a.back
	rows, d, move := s.Rows, s.Dim, s.Dim-s.Held
	if len(xbar) < rows*d || len(qbar) < rows*s.Quads {
		panic("solver: cotangents shorter than their rows")
	}
	a.field.f, a.field.qbar = f, qbar
	a.field.fit(rows)
	c.dim = d + move
	n := rows * c.dim
	a.start, a.x, a.y = sized(a.start, n), sized(a.x, n), sized(a.y, n)
	for r := range rows { // state, cotangent, what is held
		row := a.start[r*c.dim : (r+1)*c.dim]
		copy(row, s.X[r*d:r*d+move])
		copy(row[move:], xbar[r*d:r*d+move])
		copy(row[2*move:], s.X[r*d+move:(r+1)*d])
	}
	state := State[T]{X: a.x, Rows: rows, Dim: c.dim, Held: s.Held, FirstID: s.FirstID}
	if c.p.grid == nil {
		c.forget(rows)
		copy(a.x, a.start)
		if err := c.p.run(ctx, &a.w, &a.field, state); err != nil {
			return err
		}
	} else {
		c.p.state = state
	}
	c.plan(rows)
	gather(a.x, a.start, c.order, c.dim)
	a.stage = sized(a.stage, c.used)
	for j := range a.stage {
		a.stage[j] = sized(a.stage[j], n)
	}
	for i := range c.most {
		if err := a.step(ctx, i); err != nil {
			return err
		}
	}
	for i, r := range c.order {
		copy(xbar[r*d:], a.x[i*c.dim+move:i*c.dim+2*move])
	}
	for r := range rows {
		if !finiteRow(xbar[r*d : (r+1)*d]) {
			return &RowError{s.FirstID + int64(r), NonFinite}
		}
	}
	return nil
}

// step is step i of the second pass.
func (a *Adjoint[T]) step(ctx context.Context, i int) error {
	c := &a.back
	c.aim(i)
	n := c.n * c.dim
	for j := range c.used {
		if !c.needed[j] {
			continue
		}
		c.combine(a.stage[j], a.x, c.k, c.p.a[j])
		if err := a.field.slopes(ctx, c.k[j][:n], c.moment(j), a.stage[j][:n], c.id[:c.n], c.n, c.h, c.p.weight(j)); err != nil {
			return err
		}
	}
	c.combine(a.y, a.x, c.k, c.p.b)
	copy(a.x[:n], a.y)
	return nil
}

// augmented is the field of state and cotangent and, behind them, what is held.
type augmented[T Float] struct {
	f     Pullback[T]
	state State[T]  // of the way there
	qbar  []float64 // of its rows

	x, a, v, xbar []T
	qb, dq        []float64
}

func (f *augmented[T]) fit(rows int) {
	n, q := rows*f.state.Dim, rows*f.state.Quads
	f.x, f.a, f.v, f.xbar = sized(f.x, n), sized(f.a, n), sized(f.v, n), sized(f.xbar, n)
	f.qb, f.dq = sized(f.qb, q), sized(f.dq, q)
}

// Eval is not asked for: rows are told apart by their numbers.
func (f *augmented[T]) Eval(context.Context, []T, []float64, []T, int) error {
	panic("solver: a row of an adjoint without its number")
}

// EvalQuad implements Quadrature.
func (f *augmented[T]) EvalQuad(ctx context.Context, dx []T, _ []float64, t []float64, x []T, id []int64, rows int) error {
	return f.slopes(ctx, dx, t, x, id, rows, nil, 0)
}

// slopes writes dx. With a weight b of the stage in steps h the derivatives for the
// parameters are summed, with weights -h b: the cotangents are scaled by that, and
// what is pulled back is scaled back.
func (f *augmented[T]) slopes(ctx context.Context, dx []T, t []float64, x []T, id []int64, rows int, h []float64, b float64) error {
	d, q := f.state.Dim, f.state.Quads
	move := d - f.state.Held
	wide := d + move
	for r := range rows {
		w := 1.0
		if b != 0 {
			w = -h[r] * b
		}
		row := x[r*wide : (r+1)*wide]
		copy(f.x[r*d:], row[:move])
		copy(f.x[r*d+move:], row[2*move:])
		for i := range move {
			f.a[r*d+i] = T(w) * row[move+i]
		}
		clear(f.a[r*d+move : (r+1)*d])
		from := int(id[r]-f.state.FirstID) * q
		for i := range q {
			f.qb[r*q+i] = w * f.qbar[from+i]
		}
	}
	n, m := rows*d, rows*q
	err := f.f.Pull(ctx, Pull[T]{Rows: rows, T: t, X: f.x[:n], ID: id, VBar: f.a[:n], QBar: f.qb[:m],
		V: f.v[:n], Q: f.dq[:m], XBar: f.xbar[:n]}, b != 0)
	if err != nil {
		return err
	}
	for r := range rows {
		w := 1.0
		if b != 0 {
			w = -h[r] * b
		}
		row := dx[r*wide : (r+1)*wide]
		copy(row, f.v[r*d:r*d+move])
		for i := range move {
			row[move+i] = -f.xbar[r*d+i] / T(w)
		}
		clear(row[2*move:])
	}
	return nil
}

// Report is that of the last Record.
func (a *Adjoint[T]) Report() Report { return a.there.report }
