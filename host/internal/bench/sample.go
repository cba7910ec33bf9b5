package bench

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/pathline/pathline/stages/solver"
)

// euler is W5: rows through 100 Euler steps from t = 0 to 1.
func euler(net string) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 100, Workers: s.Threads}}
		t, r, err := sample(ctx, s, net, m, "euler100_")
		if err != nil {
			return nil, err
		}
		r.Params, r.Unit = fmt.Sprintf("net=%s rows=%d steps=100", net, r.Rows), "rows/s"
		return []Result{t.rate(r, float64(r.Rows), *r.NFE*named[net].sizes().forward())}, nil
	}
}

// adaptive is W6: the same rows by Dormand and Prince's method.
func adaptive(net string) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		t, r, err := sample(ctx, s, net, s.dopri5(), "samples_")
		if err != nil {
			return nil, err
		}
		r.Params = fmt.Sprintf("net=%s rows=%d tol=%g", net, r.Rows, s.tolerance())
		return []Result{t.seconds(r, float64(r.Rows)**r.NFE*named[net].sizes().forward())}, nil
	}
}

func (s *session) tolerance() float64 {
	if s.Tolerance == 0 {
		return 1e-5
	}
	return s.Tolerance
}

// dopri5 is the adaptive solver of the workloads.
func (s *session) dopri5() *solver.Method {
	tol := s.tolerance()
	return &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: tol, Atol: tol, Workers: s.Threads}}
}

// sample times a solver on the rows x0_NET and compares with the reference.
func sample(ctx context.Context, s *session, net string, m solver.Solver, reference string) (timings, Result, error) {
	r := Result{Metric: "sample"}
	f, err := trained(s.Data, net)
	if err != nil {
		return nil, r, err
	}
	inputs, err := readArrays(s.Data, "inputs")
	if err != nil {
		return nil, r, err
	}
	refs, err := readArrays(s.Data, "reference")
	if err != nil {
		return nil, r, err
	}
	x0 := inputs["x0_"+net].first(s.Rows)
	begin := x0.float32s()
	state := solver.State[float32]{X: make([]float32, len(begin)), Rows: x0.shape[0], Dim: f.Dim()}
	var report solver.Report
	t, err := measure(ctx, s, clock(func() (err error) {
		copy(state.X, begin)
		report, err = m.Solve32(ctx, f.Field32, state, 0, 1)
		return err
	}))
	if err != nil {
		return nil, r, err
	}
	if err := allOK(report); err != nil {
		return nil, r, err
	}
	r.Rows, r.NFE = state.Rows, evaluations(report)
	r.RMSError = distance(widened(state.X), refs[reference+net].data)
	return t, r, nil
}

func allOK(r solver.Report) error {
	for _, s := range r.Status {
		if s != solver.OK {
			return errors.New("bench: a row did not arrive: " + s.String())
		}
	}
	return nil
}

// evaluations is the mean over the rows.
func evaluations(r solver.Report) *float64 {
	sum := 0.0
	for _, n := range r.Evaluations {
		sum += float64(n)
	}
	sum /= float64(len(r.Evaluations))
	return &sum
}

// distance is the root mean square of the differences of as many numbers as both
// have: a reference may hold the first rows only.
func distance(got, want []float64) *float64 {
	n := min(len(got), len(want))
	sum := 0.0
	for i := range n {
		sum += (got[i] - want[i]) * (got[i] - want[i])
	}
	rms := math.Sqrt(sum / float64(n))
	return &rms
}

func widened(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
