package solver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// Options configure a [Method]. With Steps or TimeGrid steps are fixed; with
// neither they are adaptive, which takes a tableau with an error estimate and a
// tolerance.
type Options struct {
	// Steps is the number of equal steps of a solve.
	Steps int

	// TimeGrid are increasing times. A step ends at every one of them that lies
	// strictly between the ends of the solve, and at the end of the solve. The
	// same grid serves both directions.
	TimeGrid []float64

	// Rtol and Atol are the relative and absolute tolerances of adaptive steps.
	Rtol, Atol float64

	// Control is "row", every row its own step (also when empty), or "batch", one
	// step for all rows.
	Control string

	// Controller chooses the lengths of adaptive steps; zero is the usual one.
	Controller Controller

	// Overshoot, with Control "batch", lets the last step run past the end as
	// torchdiffeq does, and takes the state at the end from the method's interpolant.
	// It is there to reproduce published counts of evaluations: the field is
	// evaluated outside of the interval.
	Overshoot bool

	// MaxStep bounds adaptive steps when it is above zero.
	MaxStep float64

	// MaxSteps bounds the adaptive steps that one row tries, accepted or not, when it
	// is above zero.
	MaxSteps int

	// MaxEvaluations bounds the right-hand sides computed for one row when it is
	// above zero. A step that would exceed it is not begun.
	MaxEvaluations int

	// Stochastic adds the noise of the field, which is a [Stochastic], to every step.
	// Steps are fixed, the method is euler or one like heun.
	Stochastic bool

	// MaxTime bounds the time of a solve when it is above zero: the rows that have
	// not arrived by then end where they are. What they then say depends on the
	// computer and the day.
	MaxTime time.Duration

	// Workers is the number of goroutines, 0 for as many as there are processors.
	// Tile is the number of rows that move together, 0 for 256. Neither changes a
	// result. Control "batch" with adaptive steps is one tile.
	Workers, Tile int

	// Observe, when not nil, is called for every attempted step of every row, from
	// several goroutines at once.
	Observe func(Attempt)
}

// Attempt is one attempted step of one row.
type Attempt struct {
	Row      int64   // State.FirstID and the row's place
	T, H     float64 // from T to T + H; H is negative when time runs backwards
	Error    float64 // the error norm in units of the tolerance; 0 for fixed steps
	Accepted bool
}

// Method is a Runge-Kutta method and how to step with it. It implements
// [Solver], is safe for concurrent use and keeps scratch memory between solves;
// do not copy it after the first.
type Method struct {
	Tableau Tableau
	Options Options

	tiles32, tiles64 sync.Pool
}

// Adaptive reports whether steps are chosen by the error estimate.
func (m *Method) Adaptive() bool { return m.Options.Steps == 0 && m.Options.TimeGrid == nil }

// Check reports all that is wrong with the tableau and the options. A solve
// begins with it.
func (m *Method) Check() error {
	o := m.Options
	errs := []error{m.Tableau.Check()}
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf("solver: "+format, a...)) }
	if o.Steps < 0 {
		wrong("steps is %d, not above zero", o.Steps)
	}
	if o.Steps != 0 && o.TimeGrid != nil {
		wrong("steps and time_grid both say where steps end")
	}
	for i, t := range o.TimeGrid {
		if math.IsNaN(t) || math.IsInf(t, 0) || i > 0 && t <= o.TimeGrid[i-1] {
			wrong("time_grid does not increase at place %d, %v", i, t)
			break
		}
	}
	if o.TimeGrid != nil && len(o.TimeGrid) == 0 {
		wrong("time_grid is empty")
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"rtol", o.Rtol}, {"atol", o.Atol}, {"max_step", o.MaxStep}, {"controller.p", o.Controller.P}, {"controller.i", o.Controller.I}, {"controller.d", o.Controller.D}} {
		if !(x.value >= 0) || math.IsInf(x.value, 1) && x.name != "max_step" {
			wrong("%s is %v, not a number from zero up", x.name, x.value)
		}
	}
	if o.Control != "" && o.Control != "row" && o.Control != "batch" {
		wrong("control is %q, not row or batch", o.Control)
	}
	for _, x := range []struct {
		name  string
		value int
	}{{"max_evaluations", o.MaxEvaluations}, {"max_steps", o.MaxSteps}, {"max_time", int(o.MaxTime)}, {"workers", o.Workers}, {"tile", o.Tile}} {
		if x.value < 0 {
			wrong("%s is %d, below zero", x.name, x.value)
		}
	}
	if o.Stochastic && (m.Adaptive() || m.Tableau.Check() == nil && !m.Tableau.noisy()) {
		wrong("noise is for fixed steps of euler or heun, not for %s", m.Tableau.Name)
	}
	if m.Adaptive() {
		switch {
		case !m.Tableau.Adaptive():
			wrong("%s has no error estimate: it needs steps or time_grid", m.Tableau.Name)
		case o.Rtol == 0 && o.Atol == 0:
			wrong("rtol and atol are both zero")
		}
		if c := o.Controller; c != (Controller{}) && c.P+c.I+c.D == 0 {
			wrong("controller does not look at the error")
		}
		if o.Overshoot {
			switch {
			case o.Control != "batch":
				wrong("overshoot is for control: batch")
			case m.Tableau.Check() == nil && len(m.Tableau.Dense().C) > 0:
				wrong("overshoot needs an interpolant without further stages, which %s has not", m.Tableau.Name)
			}
		}
	} else {
		for _, x := range []struct {
			name string
			set  bool
		}{{"max_step", o.MaxStep != 0}, {"max_steps", o.MaxSteps != 0}, {"overshoot", o.Overshoot}, {"controller", o.Controller != (Controller{})}} {
			if x.set {
				wrong("%s is for adaptive steps", x.name)
			}
		}
	}
	return errors.Join(errs...)
}

// Solve32 implements [Solver].
func (m *Method) Solve32(ctx context.Context, f Field[float32], s State[float32], t0, t1 float64) (Report, error) {
	return solve(ctx, m, &m.tiles32, f, s, t0, t1, nil)
}

// Solve64 implements [Solver].
func (m *Method) Solve64(ctx context.Context, f Field[float64], s State[float64], t0, t1 float64) (Report, error) {
	return solve(ctx, m, &m.tiles64, f, s, t0, t1, nil)
}

// SolveAt32 implements [Dense].
func (m *Method) SolveAt32(ctx context.Context, f Field[float32], s State[float32], t0, t1 float64, times []float64, at []float32) (Report, error) {
	return solve(ctx, m, &m.tiles32, f, s, t0, t1, &dense[float32]{times: times, at: at})
}

// SolveAt64 implements [Dense].
func (m *Method) SolveAt64(ctx context.Context, f Field[float64], s State[float64], t0, t1 float64, times []float64, at []float64) (Report, error) {
	return solve(ctx, m, &m.tiles64, f, s, t0, t1, &dense[float64]{times: times, at: at})
}

// Solve is s.Solve32 or s.Solve64, as T is.
func Solve[T Float](ctx context.Context, s Solver, f Field[T], state State[T], t0, t1 float64) (Report, error) {
	switch f := any(f).(type) {
	case Field[float32]:
		return s.Solve32(ctx, f, any(state).(State[float32]), t0, t1)
	case Field[float64]:
		return s.Solve64(ctx, f, any(state).(State[float64]), t0, t1)
	}
	panic("solver: no field")
}

// grid are the ends of the fixed steps from t0 to t1, or nil.
func (o *Options) grid(t0, t1 float64) []float64 {
	var g []float64
	lo, hi := min(t0, t1), max(t0, t1)
	switch {
	case o.Steps > 0:
		g = make([]float64, 0, o.Steps)
		for i := 1; i < o.Steps; i++ {
			g = append(g, min(max(t0+(t1-t0)*float64(i)/float64(o.Steps), lo), hi))
		}
	case o.TimeGrid != nil:
		for i := range o.TimeGrid {
			t := o.TimeGrid[i]
			if t1 < t0 {
				t = o.TimeGrid[len(o.TimeGrid)-1-i]
			}
			if lo < t && t < hi {
				g = append(g, t)
			}
		}
	default:
		return nil
	}
	return append(g, t1)
}
