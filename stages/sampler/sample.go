package sampler

import (
	"context"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Sample writes rows first..first+rows-1 of the flow's sample to dst [rows]
// [f.Width()]: the first f.Dim() columns, in data space. Of a flow with conditions
// dst holds those, encoded, in the columns behind, where they stay as they are.
// Row n is the same whatever first and rows are. A row whose solve failed keeps
// its last accepted state, taken back to data space; the report has its status. A
// discrete flow needs no solver.
func Sample(ctx context.Context, f *flow.Flow, s solver.Solver, dst []float64, key random.Key, first int64, rows int) (solver.Report, error) {
	w, held := f.Width(), f.Held()
	if len(dst) < rows*w {
		panic("sampler: destination shorter than its rows")
	}
	dst = dst[:rows*w]
	draw(f, dst, key, first, rows)
	var report solver.Report
	var err error
	if f.Bijection != nil {
		report, err = f.Generate(ctx, dst, nil, rows)
	} else if f.Field64 != nil {
		state := solver.State[float64]{X: dst, Rows: rows, Dim: w, Held: held, FirstID: first}
		report, err = s.Solve64(ctx, f.Field64, state, 0, 1)
	} else {
		x := narrow(dst)
		report, err = s.Solve32(ctx, f.Field32, solver.State[float32]{X: x, Rows: rows, Dim: w, Held: held, FirstID: first}, 0, 1)
		widen(dst, x)
	}
	if err != nil {
		return report, err
	}
	return report, generated(f, dst, rows)
}

// draw writes draws of the base to the first columns of dst [rows][f.Width()].
func draw(f *flow.Flow, dst []float64, key random.Key, first int64, rows int) {
	if f.Held() == 0 {
		f.Base.Sample(dst, key, first, rows)
		return
	}
	x := make([]float64, rows*f.Dim())
	f.Base.Sample(x, key, first, rows)
	f.SetData(dst, x)
}

// generated takes the first columns of z [rows][f.Width()] to data space.
func generated(f *flow.Flow, z []float64, rows int) error {
	if f.Held() == 0 {
		return f.Generated(z, nil, rows)
	}
	x := f.Data(z)
	if err := f.Generated(x, nil, rows); err != nil {
		return err
	}
	f.SetData(z, x)
	return nil
}

// Trajectories are the ways of some rows from noise to data.
type Trajectories struct {
	Columns []string      `json:"columns"` // one name per dimension
	Times   []float64     `json:"times"`
	Values  [][][]float64 `json:"values"` // [row][time][dimension], in data space
	Status  []string      `json:"status"` // per row
}

// Trajectory follows rows first..first+rows-1 through the given times, which
// increase and lie in [0, 1]. held are their conditions [rows][f.Held()], encoded.
// Every state is taken to data space by undoing the transforms. The states at times between steps are interpolated, so that following
// rows changes none of them: at t = 1 a row has the bits of Sample. (A solver that
// cannot interpolate, as one of a plugin, stops at every time, and one step for a
// whole batch is that of these rows: then the last digits are others.)
func Trajectory(ctx context.Context, f *flow.Flow, s solver.Solver, key random.Key, first int64, rows int, times []float64, held []float32) (*Trajectories, error) {
	out := &Trajectories{Columns: f.Description.Names(), Times: times, Values: make([][][]float64, rows), Status: make([]string, rows)}
	if len(times) == 0 || rows == 0 {
		return out, nil
	}
	x := make([]float64, rows*f.Width())
	f.SetConditions(x, held)
	draw(f, x, key, first, rows)
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
	d, w := f.Dim(), f.Width()
	at := make([]T, len(out.Times)*len(x))
	state := solver.State[T]{X: x, Rows: rows, Dim: w, Held: w - d, FirstID: first}
	report, err := solver.SolveAt(ctx, s, solver.Field[T](field), state, 0, 1, out.Times, at)
	if err != nil {
		return report, err
	}
	z := make([]float64, len(at))
	for i, v := range at {
		z[i] = float64(v)
	}
	z = f.Data(z)
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
