package sampler

import (
	"context"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Sample writes rows first..first+rows-1 of the flow's sample to dst [rows]
// [f.Dim()], in data space. Row n is the same whatever first and rows are. A
// row whose solve failed keeps its last accepted state, taken back to data
// space; the report has its status.
func Sample(ctx context.Context, f *flow.Flow, s solver.Solver, dst []float64, key random.Key, first int64, rows int) (solver.Report, error) {
	d := f.Dim()
	if len(dst) < rows*d {
		panic("sampler: destination shorter than its rows")
	}
	f.Base.Sample(dst[:rows*d], key, first, rows)
	var report solver.Report
	var err error
	if f.Field64 != nil {
		state := solver.State[float64]{X: dst[:rows*d], Rows: rows, Dim: d, FirstID: first}
		report, err = s.Solve64(ctx, f.Field64, state, 0, 1)
	} else {
		x := narrow(dst[:rows*d])
		report, err = s.Solve32(ctx, f.Field32, solver.State[float32]{X: x, Rows: rows, Dim: d, FirstID: first}, 0, 1)
		widen(dst, x)
	}
	if err != nil {
		return report, err
	}
	return report, f.Generated(dst, nil, rows)
}

// Trajectories are the ways of some rows from noise to data.
type Trajectories struct {
	Columns []string      `json:"columns"` // one name per dimension
	Times   []float64     `json:"times"`
	Values  [][][]float64 `json:"values"` // [row][time][dimension], in data space
	Status  []string      `json:"status"` // per row
}

// Trajectory follows rows first..first+rows-1 through the given times, which
// increase and lie in [0, 1]. Every state is taken to data space by undoing the
// transforms. The states at times between steps are interpolated, so that following
// rows changes none of them: at t = 1 a row has the bits of Sample. (A solver that
// cannot interpolate, as one of a plugin, stops at every time, and one step for a
// whole batch is that of these rows: then the last digits are others.)
func Trajectory(ctx context.Context, f *flow.Flow, s solver.Solver, key random.Key, first int64, rows int, times []float64) (*Trajectories, error) {
	out := &Trajectories{Columns: f.Description.Names(), Times: times, Values: make([][][]float64, rows), Status: make([]string, rows)}
	if len(times) == 0 || rows == 0 {
		return out, nil
	}
	x := make([]float64, rows*f.Dim())
	f.Base.Sample(x, key, first, rows)
	var report solver.Report
	var err error
	if f.Field64 != nil {
		report, err = follow(ctx, f, s, f.Field64, x, first, rows, out)
	} else {
		report, err = follow(ctx, f, s, f.Field32, narrow(x), first, rows, out)
	}
	if err != nil {
		return nil, err
	}
	for r, status := range report.Status {
		out.Status[r] = status.String()
	}
	return out, nil
}

// follow solves from t = 0 to t = 1 and keeps the states at the times of out.
func follow[T solver.Float](ctx context.Context, f *flow.Flow, s solver.Solver, field model.Field[T], x []T, first int64, rows int, out *Trajectories) (solver.Report, error) {
	d := f.Dim()
	at := make([]T, len(out.Times)*len(x))
	state := solver.State[T]{X: x, Rows: rows, Dim: d, FirstID: first}
	report, err := solver.SolveAt(ctx, s, solver.Field[T](field), state, 0, 1, out.Times, at)
	if err != nil {
		return report, err
	}
	z := make([]float64, len(at))
	for i, v := range at {
		z[i] = float64(v)
	}
	if err := f.Generated(z, nil, rows*len(out.Times)); err != nil {
		return report, err
	}
	for i := range rows * len(out.Times) {
		out.Values[i%rows] = append(out.Values[i%rows], z[i*d:(i+1)*d:(i+1)*d])
	}
	return report, nil
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

func widen(dst []float64, x []float32) {
	for i, v := range x {
		dst[i] = float64(v)
	}
}
