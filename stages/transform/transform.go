package transform

import (
	"encoding/json"
	"slices"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
)

// Fitted is a bijection between rows x of data and rows z of model space, both
// [rows][Dim] and row-major. Every row is mapped on its own. Implementations
// are values that do not change, safe for concurrent use; slices belong to the
// caller, and z and x may be the same slice. An error is of the whole call: the
// transform runs in another process that failed. A value that has no image is
// not finite in the result.
type Fitted interface {
	// Dim is the number of columns.
	Dim() int
	// Apply writes z for x and adds log|det dz/dx| of every row to logdet
	// [rows], which may be nil. A transform that draws random numbers takes them
	// from the address of the rows; the others do not look at it.
	Apply(z, x, logdet []float64, at Address, rows int) error
	// Invert writes x for z.
	Invert(x, z []float64, rows int) error
	// State is what Restore needs to make the same transform again, a value
	// that JSON carries without loss.
	State() any
}

// Address says which rows are mapped: row r is number First+r of the table that it
// stands in. Draw tells apart repeated draws for the same row: training rows have
// draw 0, an average over several draws has 0, 1, 2 and so on.
type Address struct {
	First int64
	Draw  uint32
}

// Method is a configured way to make a transform: what stands behind a name.
// Implementations are values.
type Method interface {
	// Fit begins to learn from rows of dim columns.
	Fit(dim int) (Fit, error)
	// Restore makes a fitted transform again from the JSON of its State. The
	// state is not trusted.
	Restore(state json.RawMessage, dim int) (Fitted, error)
}

// Facts are what a fit may want to know beside its rows.
type Facts struct {
	Key     random.Key       // of the stage's random numbers
	Columns []schemas.Column // that the rows are made of
}

// Informed is an optional extension of a Method: before it is used the stage hands
// it the facts of its data, and takes what it gives instead. An error names what
// does not fit; nothing has run yet.
type Informed interface {
	Method
	Informed(f Facts) (Method, error)
}

// Discrete is an optional extension of a Fitted that takes values with gaps
// between them to continuous ones, by random numbers. Its log-determinant is 0, and
// Invert rounds.
type Discrete interface {
	Fitted
	// LogBin is the sum of the logarithms of the distances between neighbouring
	// values, over the dimensions that are discrete: what turns the log-density of
	// a value into the logarithm of its probability.
	LogBin() float64
	// OnLattice is an error that names the first value of x [rows][Dim] that lies
	// in a gap.
	OnLattice(x []float64, at Address, rows int) error
}

// Redrawn is an optional extension of a Discrete whose noise can be exchanged.
type Redrawn interface {
	Discrete
	// Redraw takes rows z, which Apply made with at of values on the lattice and which
	// may be rounded to float32, to what Apply makes of the same values with another
	// draw.
	Redraw(z []float64, at Address, draw uint32, rows int)
}

// Noted is an optional extension of a Fitted with more to say of the fit: what
// the summary of its stage gets, and a warning.
type Noted interface {
	Notes(columns []schemas.Column) (summary map[string]any, warning string)
}

// Fit learns a transform from the training rows, which pass by once and in
// their order. It is used by one goroutine.
type Fit interface {
	// Add takes the next rows, x [rows][dim], which belong to the caller. A value
	// that cannot be used is an error that names its row and column.
	Add(x []float64, rows int) error
	// Fitted ends the pass. The dimensions in which all rows had one value are
	// listed, when the method looks at that: the user is warned of them.
	Fitted() (f Fitted, constant []int, err error)
}

// IsDiscrete says whether the built-in transform of a name is Discrete; those of
// plugins are not.
func IsDiscrete(use string) bool {
	return slices.ContainsFunc(builtins, func(b builtin) bool { return b.name == use && b.discrete })
}

// Restorer makes a fitted transform again from what a flow's file keeps of it:
// the configuration, which may be empty, and the state, neither trusted.
type Restorer func(with, state json.RawMessage, dim int) (Fitted, error)

// Restore makes a built-in transform again from what a file or the metadata of
// rows says of it. The state is not trusted.
func Restore(t schemas.Transform, dim int) (Fitted, error) {
	return RestoreWith(nil, t, dim)
}

// RestoreWith is Restore with transforms that are not built in.
func RestoreWith(others map[string]Restorer, t schemas.Transform, dim int) (Fitted, error) {
	restore := others[t.Use]
	for _, b := range builtins {
		if restore == nil && b.name == t.Use {
			restore = b.restore
		}
	}
	if restore == nil {
		return nil, schemas.Errorf(schemas.UnknownUse, "there is no transform %q", t.Use).
			Suggest("name the plugin that has it under `plugins:`")
	}
	var with, state json.RawMessage
	for _, part := range []struct {
		from any
		to   *json.RawMessage
	}{{t.With, &with}, {t.State, &state}} {
		raw, err := json.Marshal(part.from)
		if err != nil {
			return nil, schemas.Errorf(schemas.CorruptFile, "transform %q: %w", t.Use, err)
		}
		*part.to = raw
	}
	if t.With == nil {
		with = nil
	}
	f, err := restore(with, state, dim)
	if err != nil {
		return nil, err
	}
	if f.Dim() != dim {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "transform %q has %d columns, used on %d", t.Use, f.Dim(), dim)
	}
	return f, nil
}
