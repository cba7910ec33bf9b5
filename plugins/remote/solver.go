package remote

import (
	"context"
	"encoding/json"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/solver"
)

// A solver: facts {tableau, options} of a Runge-Kutta method, which then runs
// where it is used; without them solve(x, q; t0, t1, field), which calls eval or
// eval_quad of the field on the side that asked.

type solverFacts struct {
	Tableau *tableauFacts `json:"tableau,omitempty"`
	Options *optionFacts  `json:"options,omitempty"`
}

type tableauFacts struct {
	Name          string      `json:"name"`
	Order         int         `json:"order"`
	EmbeddedOrder int         `json:"embedded_order,omitempty"`
	C             []float64   `json:"c"`
	A             [][]float64 `json:"a"`
	B             []float64   `json:"b"`
	BErr          []float64   `json:"b_err,omitempty"`
	BErr3         []float64   `json:"b_err3,omitempty"`

	Interpolant *interpolantFacts `json:"interpolant,omitempty"`
}

type interpolantFacts struct {
	Order int         `json:"order"`
	C     []float64   `json:"c,omitempty"`
	A     [][]float64 `json:"a,omitempty"`
	B     [][]float64 `json:"b"`
}

type optionFacts struct {
	Steps          int       `json:"steps,omitempty"`
	TimeGrid       []float64 `json:"time_grid,omitempty"`
	Rtol           float64   `json:"rtol,omitempty"`
	Atol           float64   `json:"atol,omitempty"`
	Control        string    `json:"control,omitempty"`
	MaxStep        float64   `json:"max_step,omitempty"`
	MaxSteps       int       `json:"max_steps,omitempty"`
	MaxTime        int64     `json:"max_time,omitempty"` // nanoseconds
	Overshoot      bool      `json:"overshoot,omitempty"`
	Controller     []float64 `json:"controller,omitempty"` // p, i, d
	MaxEvaluations int       `json:"max_evaluations,omitempty"`
	Workers        int       `json:"workers,omitempty"`
	Tile           int       `json:"tile,omitempty"`
}

const (
	maxWorkers = 1024
	maxTile    = 1 << 16
)

type solveParams struct {
	Field   string  `json:"field"` // target that evaluates
	T0      float64 `json:"t0"`
	T1      float64 `json:"t1"`
	Dim     int     `json:"dim"`
	Quads   int     `json:"quads"`
	Held    int     `json:"held,omitempty"` // last columns of x, which have no velocity and no part in error norms
	First   int64   `json:"first"`
	Float64 bool    `json:"float64"`
}

func solverBinding() binding {
	return binding{kind: "solver",
		offer: func(p *peer, v any) (any, object, bool) {
			if m, ok := v.(*solver.Method); ok && m.Options.Observe == nil {
				return factsOfMethod(m), nil, true
			}
			s, ok := v.(solver.Solver)
			if !ok {
				return nil, nil, false
			}
			return solverFacts{}, func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
				if method != "solve" {
					return wire.Message{}, noMethod("solver", method)
				}
				var c solveParams
				if err := params(m, &c); err != nil {
					return wire.Message{}, err
				}
				if c.Float64 {
					return answerSolve(ctx, p, s.Solve64, c, m)
				}
				return answerSolve(ctx, p, s.Solve32, c, m)
			}, true
		},
		standIn: func(r remote, raw json.RawMessage, _ naming) (any, error) {
			var f solverFacts
			if err := factsInto(raw, &f); err != nil {
				return nil, err
			}
			if f.Tableau == nil {
				return remoteSolver{r}, nil
			}
			m := f.method()
			if err := m.Check(); err != nil {
				return nil, schemas.Errorf(schemas.PluginProtocol, "%w", err)
			}
			return m, nil
		}}
}

func factsOfMethod(m *solver.Method) solverFacts {
	t, o := m.Tableau, m.Options
	f := solverFacts{
		&tableauFacts{Name: t.Name, Order: t.Order, EmbeddedOrder: t.EmbeddedOrder, C: t.C, A: t.A, B: t.B, BErr: t.BErr, BErr3: t.BErr3},
		&optionFacts{Steps: o.Steps, TimeGrid: o.TimeGrid, Rtol: o.Rtol, Atol: o.Atol, Control: o.Control,
			MaxStep: o.MaxStep, MaxSteps: o.MaxSteps, MaxTime: int64(o.MaxTime), Overshoot: o.Overshoot,
			MaxEvaluations: o.MaxEvaluations, Workers: o.Workers, Tile: o.Tile},
	}
	if in := t.Interpolant; in != nil {
		f.Tableau.Interpolant = &interpolantFacts{in.Order, in.C, in.A, in.B}
	}
	if c := o.Controller; c != (solver.Controller{}) {
		f.Options.Controller = []float64{c.P, c.I, c.D}
	}
	return f
}

func (f solverFacts) method() *solver.Method {
	t := f.Tableau
	m := &solver.Method{Tableau: solver.Tableau{Name: t.Name, Order: t.Order, EmbeddedOrder: t.EmbeddedOrder,
		C: t.C, A: t.A, B: t.B, BErr: t.BErr, BErr3: t.BErr3}}
	if in := t.Interpolant; in != nil {
		m.Tableau.Interpolant = &solver.Interpolant{Order: in.Order, C: in.C, A: in.A, B: in.B}
	}
	if o := f.Options; o != nil {
		m.Options = solver.Options{Steps: o.Steps, TimeGrid: o.TimeGrid, Rtol: o.Rtol, Atol: o.Atol, Control: o.Control,
			MaxStep: o.MaxStep, MaxSteps: o.MaxSteps, MaxTime: time.Duration(o.MaxTime), Overshoot: o.Overshoot, MaxEvaluations: o.MaxEvaluations,
			// Neither changes a result, and neither is the other side's to choose freely.
			Workers: min(max(o.Workers, 0), maxWorkers), Tile: min(max(o.Tile, 0), maxTile)}
		if c := o.Controller; len(c) == 3 {
			m.Options.Controller = solver.Controller{P: c[0], I: c[1], D: c[2]}
		}
	}
	return m
}

// remoteSolver is a solver.Solver that runs on the other side and asks for the
// evaluations that it wants.
type remoteSolver struct{ remote }

// Solve32 implements solver.Solver.
func (s remoteSolver) Solve32(ctx context.Context, f solver.Field[float32], x solver.State[float32], t0, t1 float64) (solver.Report, error) {
	return askSolve(ctx, s.remote, f, x, t0, t1)
}

// Solve64 implements solver.Solver.
func (s remoteSolver) Solve64(ctx context.Context, f solver.Field[float64], x solver.State[float64], t0, t1 float64) (solver.Report, error) {
	return askSolve(ctx, s.remote, f, x, t0, t1)
}

func askSolve[T solver.Float](ctx context.Context, r remote, f solver.Field[T], s solver.State[T], t0, t1 float64) (solver.Report, error) {
	var report solver.Report
	if s.Rows == 0 {
		return report, nil
	}
	if t0 == t1 { // no time is no work, whatever the other side would do
		return solver.NewReport(s.Rows), nil
	}
	target := r.offer("field", fieldObject(r.peer, f, s.Dim, s.Quads))
	defer r.withdraw(target)
	columns := []wire.Column{wire.ColumnOf("x", s.X[:s.Rows*s.Dim], s.Dim)}
	if s.Quads > 0 {
		columns = append(columns, wire.ColumnOf("q", s.Q[:s.Rows*s.Quads], s.Quads))
	}
	_, wide := any(s.X).([]float64)
	out, err := r.call(ctx, "solve", solveParams{target, t0, t1, s.Dim, s.Quads, s.Held, s.FirstID, wide},
		wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil)
	defer out.Release()
	if err != nil {
		return report, err
	}
	if err := batches(out, 1); err != nil {
		return report, r.broke(err)
	}
	rec := out.Batches[0]
	x, err := wire.Values[T](rec, "x", s.Dim, s.Rows)
	if err != nil {
		return report, r.broke(err)
	}
	var q []float64
	if s.Quads > 0 {
		if q, err = wire.Values[float64](rec, "q", s.Quads, s.Rows); err != nil {
			return report, r.broke(err)
		}
	}
	status, err := wire.Values[uint8](rec, "status", 0, s.Rows)
	if err != nil {
		return report, r.broke(err)
	}
	report.Status = make([]solver.Status, s.Rows)
	for i, v := range status {
		if int(v) >= len(solver.Statuses()) {
			return report, r.broke(schemas.Errorf(schemas.PluginProtocol, "row %d has status %d, which does not exist", s.FirstID+int64(i), v))
		}
		report.Status[i] = solver.Status(v)
	}
	for _, c := range []struct {
		name string
		dst  *[]int32
	}{{"evaluations", &report.Evaluations}, {"accepted", &report.Accepted}, {"rejected", &report.Rejected}} {
		v, err := wire.Values[int32](rec, c.name, 0, s.Rows)
		if err != nil {
			return report, r.broke(err)
		}
		*c.dst = append([]int32(nil), v...)
	}
	arrive(s, x, q, report.Status)
	return report, nil
}

// arrive takes the rows that are numbers. One that is not says so in its status
// and stays where it was: the last state that is known of it.
func arrive[T solver.Float](s solver.State[T], x []T, q []float64, status []solver.Status) {
	for r := range s.Rows {
		row, integrals := x[r*s.Dim:(r+1)*s.Dim], q[r*s.Quads:(r+1)*s.Quads]
		if !finiteRow(row) || !finiteRow(integrals) {
			if status[r] == solver.OK {
				status[r] = solver.NonFinite
			}
			continue
		}
		copy(s.X[r*s.Dim:], row)
		copy(s.Q[r*s.Quads:], integrals)
	}
}

func answerSolve[T solver.Float](ctx context.Context, p *peer, solve func(context.Context, solver.Field[T], solver.State[T], float64, float64) (solver.Report, error), c solveParams, m wire.Message) (wire.Message, error) {
	var none wire.Message
	if err := batches(m, 1); err != nil {
		return none, err
	}
	if c.Held < 0 || c.Held >= max(c.Dim, 1) {
		return none, schemas.Errorf(schemas.PluginProtocol, "a solve of %d columns that holds %d", c.Dim, c.Held)
	}
	rec := m.Batches[0]
	x, err := wire.Values[T](rec, "x", c.Dim, -1)
	if err != nil {
		return none, err
	}
	s := solver.State[T]{X: append([]T(nil), x...), Rows: int(rec.NumRows()), Dim: c.Dim, Held: c.Held, Quads: c.Quads, FirstID: c.First}
	field := remoteField[T]{remote{p, c.Field}, c.Dim}
	var f solver.Field[T] = field
	if c.Quads > 0 {
		q, err := wire.Values[float64](rec, "q", c.Quads, s.Rows)
		if err != nil {
			return none, err
		}
		s.Q = append([]float64(nil), q...)
		f = remoteQuadrature[T]{field, c.Quads}
	}
	report, err := solve(ctx, f, s, c.T0, c.T1)
	if err != nil {
		return none, err
	}
	status := make([]uint8, s.Rows)
	for i := range report.Status {
		status[i] = uint8(report.Status[i])
	}
	columns := []wire.Column{wire.ColumnOf("x", s.X, s.Dim), wire.ColumnOf("status", status, 0),
		wire.ColumnOf("evaluations", report.Evaluations, 0), wire.ColumnOf("accepted", report.Accepted, 0), wire.ColumnOf("rejected", report.Rejected, 0)}
	if c.Quads > 0 {
		columns = append(columns, wire.ColumnOf("q", s.Q, s.Quads))
	}
	return wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil
}
