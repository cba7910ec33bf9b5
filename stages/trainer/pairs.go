package trainer

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Pairs makes rows [x1 | x0] of noise x0 from the base of a flow and what the flow
// makes of it: the coupling of a rectified flow of the next order. Pair n depends on
// Key and n alone.
//
// Reference: Liu et al., "Flow straight and fast", ICLR 2023, algorithm 1 (reflow).
type Pairs struct {
	Flow   *flow.Flow
	Solver solver.Solver
	Key    random.Key
}

// Layout is that of the rows.
func (p Pairs) Layout() Layout { return Layout{Dim: p.Flow.Dim(), Noise: true} }

// Make writes pairs first..first+rows-1 to x [rows][2 d], in model space. A pair
// whose solve failed is an error: its end is not what the flow makes of its noise.
func (p Pairs) Make(ctx context.Context, x []float32, first int64, rows int) error {
	d := p.Flow.Dim()
	x0 := make([]float64, rows*d)
	p.Flow.Base.Sample(x0, p.Key, first, rows)
	for r := range rows {
		for j, v := range x0[r*d : (r+1)*d] {
			x[2*r*d+d+j] = float32(v)
		}
	}
	if p.Flow.Field64 != nil {
		return arrive(ctx, p.Solver, p.Flow.Field64, x, x0, first, d)
	}
	narrow := make([]float32, rows*d)
	p.Layout().noise(narrow, x[:2*rows*d])
	return arrive(ctx, p.Solver, p.Flow.Field32, x, narrow, first, d)
}

// arrive solves x0 and writes x1.
func arrive[T solver.Float](ctx context.Context, s solver.Solver, f solver.Field[T], x []float32, x0 []T, first int64, d int) error {
	rows := len(x0) / d
	report, err := solver.Solve(ctx, s, f, solver.State[T]{X: x0, Rows: rows, Dim: d, FirstID: first}, 0, 1)
	if err != nil {
		return err
	}
	for r, status := range report.Status {
		if status != solver.OK {
			return fmt.Errorf("trainer: pair %d was not solved to its end: %s", first+int64(r), status)
		}
		for j, v := range x0[r*d : (r+1)*d] {
			x[2*r*d+j] = float32(v)
		}
	}
	return nil
}

// pairRows is how many pairs are solved together.
const pairRows = 8192

// Table makes n pairs, [n][2 d]. told is called with the number of those that are
// made; an error of it ends the making.
func (p Pairs) Table(ctx context.Context, first, n int64, told func(made int64) error) ([]float32, error) {
	width := int64(p.Layout().Width())
	x := make([]float32, n*width)
	for lo := int64(0); lo < n; lo += pairRows {
		if err := told(lo); err != nil {
			return nil, err
		}
		hi := min(lo+pairRows, n)
		if err := p.Make(ctx, x[lo*width:hi*width], first+lo, int(hi-lo)); err != nil {
			return nil, err
		}
	}
	return x, told(n)
}

// Endless are pairs that are made when they are asked for, each once. It
// implements [Rows]: there is one pass, which does not end.
func (p Pairs) Endless() Rows { return &endless{Pairs: p} }

type endless struct {
	Pairs
	at int64
}

func (e *endless) Next(ctx context.Context, x []float32, number []int64) error {
	if err := e.Make(ctx, x, e.at, len(number)); err != nil {
		return err
	}
	for i := range number {
		number[i] = e.at + int64(i)
	}
	e.at += int64(len(number))
	return nil
}

func (e *endless) Cursor() Cursor { return Cursor{Place: e.at} }

func (e *endless) Seek(_ context.Context, c Cursor) error {
	if c.Pass != 0 || c.Place < 0 {
		return errOutside
	}
	e.at = c.Place
	return nil
}

func (e *endless) Close() error { return nil }

// oneStep is the straight path at t = 0 and at no other time: a network that is
// trained on it with pairs learns x1 - x0 of x0, and one Euler step is the whole flow
// (Liu et al. 2023, section 2.2: distillation).
type oneStep struct{ path.CondOT }

// Domain implements path.Path.
func (oneStep) Domain() (lo, hi float64) { return 0, 0 }
