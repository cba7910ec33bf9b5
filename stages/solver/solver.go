package solver

import "context"

// Float is the width of the state. Time, tolerances, step sizes, norms and
// quadratures are float64 whatever T is.
type Float interface{ float32 | float64 }

// Field is the right-hand side of dx/dt = f(t, x), for many rows at once.
//
// Eval writes dx [rows][d] for x [rows][d] (row-major) at times t [rows]: every
// row has its own time. It may be called concurrently; arguments belong to the
// caller and are valid during the call only; x and t are not written. The
// result of a row depends on that row alone.
type Field[T Float] interface {
	Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error
}

// Distant says whether an evaluation of f costs a call to somewhere else: such a
// field, and one that is made of it, has a method Distant that says true. It is
// asked for as many rows as possible at a time.
func Distant[T Float](f Field[T]) bool {
	d, ok := f.(interface{ Distant() bool })
	return ok && d.Distant()
}

// Quadrature is an optional extension of a Field: k integrals per row, of
// functions of the state that do not feed back into it (a log-density is the
// integral of a divergence). EvalQuad does what Eval does and also writes the
// integrands dq [rows][k]. id [rows] are the numbers of the rows, State.FirstID
// and the place in the state: rows come in any company, and an integrand that
// holds something fixed for a row over the whole solve (the probes of an
// estimated trace) finds it by number.
type Quadrature[T Float] interface {
	Field[T]
	EvalQuad(ctx context.Context, dx []T, dq []float64, t []float64, x []T, id []int64, rows int) error
}

// State is what a solve moves, in place. The last Held columns stay as they are:
// what a field needs to know of a row beside x, as its conditions.
type State[T Float] struct {
	X       []T       // [Rows][Dim]
	Q       []float64 // [Rows][Quads], or nil when Quads is 0
	Rows    int
	Dim     int
	Held    int // last columns of X, which the field gives no velocity; no part of error norms
	Quads   int
	FirstID int64 // number of row 0 in the caller's table
}

// Solver is a configured method. Implementations are safe for concurrent use.
//
// A solve moves every row from t0 to t1 (either direction), lands exactly on
// t1 and never evaluates the field outside of [t0, t1]. A row that fails keeps
// its last accepted state and says why in Report.Status; the error is for
// failures of the whole solve: the field's error, or ctx's.
type Solver interface {
	Solve32(ctx context.Context, f Field[float32], s State[float32], t0, t1 float64) (Report, error)
	Solve64(ctx context.Context, f Field[float64], s State[float64], t0, t1 float64) (Report, error)
}

// Status says how the solve of one row ended.
type Status uint8

// The statuses of a row.
const (
	OK Status = iota
	MaxEvaluations
	StepUnderflow
	NonFinite
	Cancelled
	MaxSteps
	MaxTime

	statuses // their number
)

// Statuses are all statuses.
func Statuses() []Status {
	all := make([]Status, statuses)
	for i := range all {
		all[i] = Status(i)
	}
	return all
}

// String is the word that is written in a status column: ok, max_evaluations,
// step_underflow, non_finite, cancelled, max_steps, max_time.
func (s Status) String() string {
	return [...]string{"ok", "max_evaluations", "step_underflow", "non_finite", "cancelled", "max_steps", "max_time"}[s]
}

// Report is what a solve says of itself, per row.
type Report struct {
	Status      []Status
	Evaluations []int32 // right-hand sides computed for this row
	Accepted    []int32
	Rejected    []int32
}

// NewReport is the report of rows with which nothing was done: all OK.
func NewReport(rows int) Report {
	return Report{Status: make([]Status, rows), Evaluations: make([]int32, rows), Accepted: make([]int32, rows), Rejected: make([]int32, rows)}
}

// Add adds the report of a later solve of the same rows; the first status of a row that
// is not OK stays.
func (r *Report) Add(later Report) {
	for i := range r.Status {
		if r.Status[i] == OK {
			r.Status[i] = later.Status[i]
		}
		r.Evaluations[i] += later.Evaluations[i]
		r.Accepted[i] += later.Accepted[i]
		r.Rejected[i] += later.Rejected[i]
	}
}
