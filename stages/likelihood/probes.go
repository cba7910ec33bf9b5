package likelihood

import (
	"context"
	"errors"
	"math"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// probed integrates K estimates zᵀ(∂v/∂x)z of the divergence, each with a probe
// z of its own for every row.
//
// A solver takes rows in any order, in any company, and drops those that have
// arrived, so the field must be told which row it is looking at: the probe of a
// row may not change during a solve, or what is solved is no ODE. The state has
// one column more than the flow for that. It holds the row's number as a
// subnormal, of which float32 has eight million: nothing moves it (its
// derivative is 0), and beside any tolerance it is 0, so that its only effect is
// that error norms are averaged over d+1 columns. A solver that loses it is
// found out, because 0 is no row.
type probed[T solver.Float] struct {
	field model.Field[T]
	trace Trace
	first int64 // number of the solve's row 0
	rows  int
}

// maxMarks is the largest number of rows of one solve.
const maxMarks = 1<<23 - 1

// mark is the subnormal for row r of a solve.
func mark[T solver.Float](r int) T {
	var m T
	switch m := any(&m).(type) {
	case *float32:
		*m = math.Float32frombits(uint32(r + 1))
	case *float64:
		*m = math.Float64frombits(uint64(r + 1))
	}
	return m
}

// unmark is the row of a mark, or an error.
func unmark[T solver.Float](m T, rows int) (int, error) {
	var bits uint64
	switch m := any(m).(type) {
	case float32:
		bits = uint64(math.Float32bits(m))
	case float64:
		bits = math.Float64bits(m)
	}
	if bits == 0 || bits > uint64(rows) {
		return 0, errors.New("likelihood: the solver changed a column whose derivative is 0, or flushes subnormal numbers: it cannot be used with an estimated trace")
	}
	return int(bits - 1), nil
}

func newProbed[T solver.Float](f model.Field[T], trace Trace, first int64, rows int) *probed[T] {
	if rows > maxMarks {
		panic("likelihood: too many rows in one solve")
	}
	return &probed[T]{field: f, trace: trace, first: first, rows: rows}
}

// draw writes probe k of row r of the solve. A probe is drawn again whenever it
// is needed: that costs little beside the field, and no memory.
func (p *probed[T]) draw(dst []T, z []float32, r, k int) {
	if row := uint64(p.first) + uint64(r); p.trace.Noise == Gaussian {
		p.trace.Key.Normals32(z, row, uint32(k))
	} else {
		p.trace.Key.Signs(z, row, uint32(k))
	}
	for i, v := range z {
		dst[i] = T(v)
	}
}

// Eval implements solver.Field: solvers with quadratures call EvalQuad, and
// this only to look around.
func (p *probed[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	v, u, _, err := p.split(x, rows, false)
	if err != nil {
		return err
	}
	if err := p.field.Eval(ctx, v, t, u, rows); err != nil {
		return err
	}
	p.join(dx, v, rows)
	return nil
}

// EvalQuad implements solver.Quadrature.
func (p *probed[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, rows int) error {
	v, u, z, err := p.split(x, rows, true)
	if err != nil {
		return err
	}
	if err := p.field.Divergence(ctx, v, dq, t, u, z, rows, p.trace.Probes); err != nil {
		return err
	}
	p.join(dx, v, rows)
	return nil
}

// split takes the marks off x: v is room for a velocity, u is x without marks,
// z are the probes of its rows.
func (p *probed[T]) split(x []T, rows int, probes bool) (v, u, z []T, err error) {
	d := p.field.Dim()
	v, u = make([]T, rows*d), make([]T, rows*d)
	var draw []float32
	if probes {
		z, draw = make([]T, p.trace.Probes*rows*d), make([]float32, d)
	}
	for r := range rows {
		copy(u[r*d:(r+1)*d], x[r*(d+1):])
		if !probes {
			continue
		}
		n, err := unmark(x[r*(d+1)+d], p.rows)
		if err != nil {
			return nil, nil, nil, err
		}
		for k := range p.trace.Probes {
			p.draw(z[(k*rows+r)*d:(k*rows+r+1)*d], draw, n, k)
		}
	}
	return v, u, z, nil
}

// join is v with the derivative of the marks, 0.
func (p *probed[T]) join(dx, v []T, rows int) {
	d := p.field.Dim()
	for r := range rows {
		copy(dx[r*(d+1):r*(d+1)+d], v[r*d:(r+1)*d])
		dx[r*(d+1)+d] = 0
	}
}
