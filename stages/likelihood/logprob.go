package likelihood

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// The noises of a probe: both have mean 0 and covariance I, and give an
// unbiased estimate. Rademacher's variance, 2(|A|² - sum A_ii²) for the
// symmetric part A of the Jacobian, is never larger than Gaussian's, 2|A|².
const (
	Rademacher = "rademacher"
	Gaussian   = "gaussian"
)

// Trace says how the divergence is computed.
type Trace struct {
	Probes int    // 0 is exact
	Noise  string // Rademacher (also when empty) or Gaussian
	// Key draws the probes: probe p of row n is addressed by (n, step p).
	Key random.Key
}

// LogProb writes the log-density of rows x [rows][f.Dim()] of data, in nats, to
// logp [rows]. With probes, se [rows] gets its standard error, the standard
// deviation over the K probes divided by sqrt(K) (NaN for one probe); it may be
// nil. x is not written. Row r is row number first+r of the caller's table,
// which is the address of its probes.
//
// The score of a row whose solve failed is NaN; the report has its status.
func LogProb(ctx context.Context, f *flow.Flow, s solver.Solver, logp, se, x []float64, first int64, rows int, trace Trace) (solver.Report, error) {
	d := f.Dim()
	if len(x) < rows*d || len(logp) < rows || se != nil && len(se) < rows {
		panic("likelihood: slice shorter than its rows")
	}
	if trace.Probes < 0 || trace.Noise != "" && trace.Noise != Rademacher && trace.Noise != Gaussian {
		panic("likelihood: no such trace")
	}
	z := append(make([]float64, 0, rows*d), x[:rows*d]...)
	logdet := make([]float64, rows)
	if err := f.Normalized(z, logdet, transform.Address{First: first}, rows); err != nil {
		return solver.Report{}, err
	}
	q := make([]float64, rows*max(1, trace.Probes))
	var report solver.Report
	var err error
	if f.Field64 != nil {
		report, err = solve(ctx, s, f.Field64, z, q, first, rows, trace)
	} else {
		report, err = solve(ctx, s, f.Field32, z, q, first, rows, trace)
	}
	if err != nil {
		return report, err
	}
	f.Base.LogProb(logp, z, rows)
	k := max(1, trace.Probes)
	for r := range rows {
		// q is the integral from 1 to 0, which is minus that from 0 to 1.
		mean, m2 := 0.0, 0.0
		for p, v := range q[r*k : (r+1)*k] {
			delta := v - mean
			mean += delta / float64(p+1)
			m2 += float64(delta * (v - mean))
		}
		logp[r] = logp[r] + mean + logdet[r]
		if se != nil {
			se[r] = math.Sqrt(m2 / float64(k-1) / float64(k))
			if trace.Probes == 0 {
				se[r] = 0
			}
		}
		if report.Status[r] != solver.OK {
			logp[r] = math.NaN()
			if se != nil {
				se[r] = math.NaN()
			}
		}
	}
	return report, nil
}

// solve takes z from t = 1 to t = 0 in the width of the field, in place, and
// leaves the integrals of the divergence in q.
func solve[T solver.Float](ctx context.Context, s solver.Solver, f model.Field[T], z, q []float64, first int64, rows int, trace Trace) (solver.Report, error) {
	d := f.Dim()
	var field solver.Field[T] = exact[T]{f}
	if trace.Probes > 0 {
		field = newProbed(f, trace)
	}
	x, same := any(z).([]T)
	if !same {
		x = make([]T, rows*d)
		for i := range x {
			x[i] = T(z[i])
		}
	}
	state := solver.State[T]{X: x, Q: q, Rows: rows, Dim: d, Quads: max(1, trace.Probes), FirstID: first}
	report, err := solver.Solve(ctx, s, field, state, 1, 0)
	if !same {
		for i, v := range x {
			z[i] = float64(v)
		}
	}
	return report, err
}

// exact integrates the divergence itself.
type exact[T solver.Float] struct{ model.Field[T] }

// EvalQuad implements solver.Quadrature.
func (e exact[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, _ []int64, rows int) error {
	return e.Divergence(ctx, dx, dq, t, x, nil, rows, 0)
}

// Distant is that of the field; see solver.Distant.
func (e exact[T]) Distant() bool { return solver.Distant[T](e.Field) }

// RoundTrip is the check that a flow is a bijection in the digits that it is
// solved in: every row x [rows][f.Dim()] of data is taken to the base and back,
// and away gets, per row, the distance from where it began, in units of model
// space (the largest coordinate). A row that fails on the way has NaN.
func RoundTrip(ctx context.Context, f *flow.Flow, s solver.Solver, away, x []float64, rows int) error {
	d := f.Dim()
	z := append(make([]float64, 0, rows*d), x[:rows*d]...)
	if err := f.Normalized(z, nil, transform.Address{}, rows); err != nil {
		return err
	}
	if f.Field64 != nil {
		return roundTrip(ctx, s, f.Field64, away, z, rows)
	}
	return roundTrip(ctx, s, f.Field32, away, z, rows)
}

func roundTrip[T solver.Float](ctx context.Context, s solver.Solver, f model.Field[T], away, z []float64, rows int) error {
	d := f.Dim()
	x := make([]T, rows*d)
	for i := range x {
		x[i] = T(z[i])
	}
	state := solver.State[T]{X: x, Rows: rows, Dim: d}
	to, err := solver.Solve(ctx, s, solver.Field[T](f), state, 1, 0)
	if err != nil {
		return err
	}
	from, err := solver.Solve(ctx, s, solver.Field[T](f), state, 0, 1)
	if err != nil {
		return err
	}
	for r := range rows {
		away[r] = 0
		for i := r * d; i < (r+1)*d; i++ {
			away[r] = max(away[r], math.Abs(float64(x[i])-z[i]))
		}
		if to.Status[r] != solver.OK || from.Status[r] != solver.OK {
			away[r] = math.NaN()
		}
	}
	return nil
}
