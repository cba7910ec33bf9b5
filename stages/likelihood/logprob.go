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
//
// An estimate by K probes z of covariance I has, for a Jacobian with the symmetric
// part A, the variance (Avron and Toledo 2011, table 1)
//
//	Rademacher:  2 (|A|² - sum_i A_ii²) / K    Gaussian:  2 |A|² / K
//
// in the Frobenius norm. HutchPP asks for the estimate of Meyer et al. 2021, which
// needs a field that is model.Linearized; see deflated.
type Trace struct {
	Probes  int    // 0 is exact; a multiple of 3 for Hutch++, of which at most 3 a column are used
	Noise   string // Rademacher (also when empty) or Gaussian
	HutchPP bool
	// Key draws the probes: probe p of row n is addressed by (n, step p).
	Key random.Key

	step uint32 // added to the step
}

// quads is how many integrals a solve has.
func (t Trace) quads() int {
	if t.HutchPP {
		return max(1, t.Probes/3)
	}
	return max(1, t.Probes)
}

// within is the trace for rows of dim columns: more directions than make Hutch++ exact
// are left out. Two remain, so that there is a standard error, of 0.
func (t Trace) within(dim int) Trace {
	if most := 3 * max(2, dim); t.HutchPP && t.Probes > most {
		t.Probes = most
	}
	return t
}

func (t Trace) mustBe() {
	if t.Probes < 0 || t.Noise != "" && t.Noise != Rademacher && t.Noise != Gaussian || t.HutchPP && (t.Probes == 0 || t.Probes%3 != 0) {
		panic("likelihood: no such trace")
	}
}

// LogProb writes the log-density of rows x [rows][f.Width()] of data, in nats, to
// logp [rows]: f.Dim() columns of data and, where the flow has conditions, those,
// encoded, which give log p(x | c). With probes, se [rows] gets its standard error,
// the standard deviation over the K probes divided by sqrt(K) (NaN for one probe;
// for Hutch++ a third of the probes count); it may be nil. x is not written. Row r is
// row number first+r of the caller's table, which is the address of its probes and
// of what the transforms draw.
//
// The score of a row whose solve failed is NaN; the report has its status.
func LogProb(ctx context.Context, f *flow.Flow, s solver.Solver, logp, se, x []float64, first int64, rows int, trace Trace) (solver.Report, error) {
	return logProb(ctx, f, s, logp, se, x, transform.Address{First: first}, rows, trace)
}

// LogMeanProb is LogProb averaged over draws of the transforms' random numbers:
//
//	log 1/K sum_k p(x_k),    x_k the row dequantised by draw k
//
// For values of a lattice that is, with the logarithm of a bin's width, a lower
// bound of the logarithm of their probability, which rises with K, in the mean over
// draws (Lipman et al. 2023, table 4; Burda et al. 2016, theorem 1). One draw is
// LogProb. Probes are other ones in every draw, and se is that of probes alone: it
// does not say how far the K draws are from all.
func LogMeanProb(ctx context.Context, f *flow.Flow, s solver.Solver, logp, se, x []float64, first int64, rows, draws int, trace Trace) (solver.Report, error) {
	if draws < 1 {
		panic("likelihood: no draws")
	}
	if draws == 1 {
		return LogProb(ctx, f, s, logp, se, x, first, rows, trace)
	}
	trace = trace.within(f.Dim())
	one, errs, mean := make([]float64, rows), make([]float64, rows), newAverage(rows)
	var total solver.Report
	for k := range draws {
		trace.step = uint32(k * trace.Probes)
		report, err := logProb(ctx, f, s, one, errs, x, transform.Address{First: first, Draw: uint32(k)}, rows, trace)
		if err != nil {
			return report, err
		}
		mean.add(one, errs)
		if k == 0 {
			total = report
			continue
		}
		total.Add(report)
	}
	mean.write(logp, se, draws)
	return total, nil
}

func logProb(ctx context.Context, f *flow.Flow, s solver.Solver, logp, se, x []float64, at transform.Address, rows int, trace Trace) (solver.Report, error) {
	w := f.Width()
	if len(x) < rows*w || len(logp) < rows || se != nil && len(se) < rows {
		panic("likelihood: slice shorter than its rows")
	}
	trace.mustBe()
	trace = trace.within(f.Dim())
	z := append(make([]float64, 0, rows*w), x[:rows*w]...)
	logdet := make([]float64, rows)
	if err := normalized(f, z, logdet, at, rows); err != nil {
		return solver.Report{}, err
	}
	q := make([]float64, rows*trace.quads())
	report, err := solve(ctx, f, s, z, q, at.First, rows, 1, 0, trace)
	if err != nil {
		return report, err
	}
	f.Base.LogProb(logp, f.Data(z), rows)
	add(logp, se, q, logdet, 1, report, trace)
	return report, model.Failure(f.Base)
}

// normalized takes the data of rows z [rows][f.Width()] to model space, in place.
func normalized(f *flow.Flow, z, logdet []float64, at transform.Address, rows int) error {
	x := f.Data(z)
	err := f.Normalized(x, logdet, at, rows)
	f.SetData(z, x)
	return err
}

// Generate takes rows x [rows][f.Width()] of the base, with their conditions behind
// where the flow has some, to data, in place, and writes
// the log-density of what they become to logp [rows] and, as LogProb does, its
// standard error to se:
//
//	log p(x) = log p0(x(0)) - ∫_0^1 div v(t, x(t)) dt + log|det dz/dx|
//
// integrated on the way, so that it costs one solve. It is the density of the row
// before a Discrete transform, or a column of whole numbers, rounded it.
func Generate(ctx context.Context, f *flow.Flow, s solver.Solver, x, logp, se []float64, first int64, rows int, trace Trace) (solver.Report, error) {
	w := f.Width()
	if len(x) < rows*w || len(logp) < rows || se != nil && len(se) < rows {
		panic("likelihood: slice shorter than its rows")
	}
	trace.mustBe()
	trace = trace.within(f.Dim())
	if f.Field64 == nil { // the solve begins at numbers of float32
		for i, v := range x[:rows*w] {
			x[i] = float64(float32(v))
		}
	}
	f.Base.LogProb(logp, f.Data(x[:rows*w]), rows)
	q, logdet := make([]float64, rows*trace.quads()), make([]float64, rows)
	report, err := solve(ctx, f, s, x, q, first, rows, 0, 1, trace)
	if err != nil {
		return report, err
	}
	data := f.Data(x[:rows*w])
	if err := f.Generated(data, logdet, rows); err != nil {
		return report, err
	}
	f.SetData(x, data)
	add(logp, se, q, logdet, -1, report, trace)
	return report, nil
}

// add completes logp with the integrals q, which have a sign, and the
// log-determinants.
func add(logp, se, q, logdet []float64, sign float64, report solver.Report, trace Trace) {
	k := trace.quads()
	for r := range logdet {
		mean, m2 := 0.0, 0.0
		for p, v := range q[r*k : (r+1)*k] {
			delta := v - mean
			mean += delta / float64(p+1)
			m2 += float64(delta * (v - mean))
		}
		logp[r] = logp[r] + sign*mean + logdet[r]
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
}

// apply is solve for a discrete flow: its log-determinant stands for the
// integral, and for each of its estimates.
func apply(ctx context.Context, f *flow.Flow, z, q []float64, rows int, normalize bool, quads int) (solver.Report, error) {
	do := f.Generate
	if normalize {
		do = f.Normalize
	}
	logdet := make([]float64, rows)
	report, err := do(ctx, z, logdet, rows)
	for i := range q[:rows*quads] {
		q[i] = logdet[i/quads]
	}
	return report, err
}

// solve takes z from t0 to t1 in the width of the flow's field, in place, and
// leaves the integrals of the divergence in q. Conditions are held.
func solve(ctx context.Context, f *flow.Flow, s solver.Solver, z, q []float64, first int64, rows int, t0, t1 float64, trace Trace) (solver.Report, error) {
	if f.Bijection != nil {
		return apply(ctx, f, z, q, rows, t0 > t1, trace.quads())
	}
	if f.Field64 != nil {
		return solveIn(ctx, s, f.Field64, f.Held(), z, q, first, rows, t0, t1, trace)
	}
	return solveIn(ctx, s, f.Field32, f.Held(), z, q, first, rows, t0, t1, trace)
}

func solveIn[T solver.Float](ctx context.Context, s solver.Solver, f model.Field[T], held int, z, q []float64, first int64, rows int, t0, t1 float64, trace Trace) (solver.Report, error) {
	d := f.Dim()
	var field solver.Field[T] = exact[T]{f}
	switch {
	case trace.HutchPP:
		l, ok := model.Products(f)
		if !ok {
			return solver.Report{}, model.ErrNoProduct
		}
		field = newDeflated(l, trace)
	case trace.Probes > 0:
		field = newProbed(f, trace)
	}
	x, same := any(z).([]T)
	if !same {
		x = make([]T, rows*d)
		for i := range x {
			x[i] = T(z[i])
		}
	}
	state := solver.State[T]{X: x, Q: q, Rows: rows, Dim: d, Held: held, Quads: trace.quads(), FirstID: first}
	report, err := solver.Solve(ctx, s, field, state, t0, t1)
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
// solved in: every row x [rows][f.Width()], as LogProb has them, is taken to the
// base and back,
// and away gets, per row, the distance from where it began, in units of model
// space (the largest coordinate). A row that fails on the way has NaN. Row r is row
// number first+r of its table, as in LogProb.
func RoundTrip(ctx context.Context, f *flow.Flow, s solver.Solver, away, x []float64, first int64, rows int) error {
	w := f.Width()
	z := append(make([]float64, 0, rows*w), x[:rows*w]...)
	if err := normalized(f, z, nil, transform.Address{First: first}, rows); err != nil {
		return err
	}
	if f.Bijection != nil {
		return discreteRoundTrip(ctx, f, away, z, rows)
	}
	if f.Field64 != nil {
		return roundTrip(ctx, s, f.Field64, f.Held(), away, z, rows)
	}
	return roundTrip(ctx, s, f.Field32, f.Held(), away, z, rows)
}

func roundTrip[T solver.Float](ctx context.Context, s solver.Solver, f model.Field[T], held int, away, z []float64, rows int) error {
	d := f.Dim()
	x := make([]T, rows*d)
	for i := range x {
		x[i] = T(z[i])
	}
	state := solver.State[T]{X: x, Rows: rows, Dim: d, Held: held}
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

// discreteRoundTrip is that of a bijection, from z of model space.
func discreteRoundTrip(ctx context.Context, f *flow.Flow, away, z []float64, rows int) error {
	d := f.Width()
	x := append([]float64(nil), z...)
	if _, err := f.Normalize(ctx, x, nil, rows); err != nil {
		return err
	}
	back, err := f.Generate(ctx, x, nil, rows)
	if err != nil {
		return err
	}
	for r := range rows {
		away[r] = 0
		for i := r * d; i < (r+1)*d; i++ {
			// z is narrowed on the way in.
			away[r] = max(away[r], math.Abs(x[i]-float64(float32(z[i]))))
		}
		if back.Status[r] != solver.OK {
			away[r] = math.NaN()
		}
	}
	return nil
}
