package transform

import (
	"encoding/json"

	"github.com/pathline/pathline/schemas"
)

// Fitted is a bijection between rows x of data and rows z of model space, both
// [rows][Dim] and row-major. Every row is mapped on its own. Implementations
// are values that do not change, safe for concurrent use; slices belong to the
// caller, and z and x may be the same slice.
type Fitted interface {
	// Dim is the number of columns.
	Dim() int
	// Apply writes z for x and adds log|det dz/dx| of every row to logdet
	// [rows], which may be nil.
	Apply(z, x, logdet []float64, rows int)
	// Invert writes x for z.
	Invert(x, z []float64, rows int)
	// State is what Restore needs to make the same transform again, a value
	// that JSON carries without loss.
	State() any
}

// Restore makes a transform again from what a file or the metadata of rows
// says of it. The state is not trusted.
func Restore(t schemas.Transform, dim int) (Fitted, error) {
	raw, err := json.Marshal(t.State)
	if err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "transform %q: %w", t.Use, err)
	}
	switch t.Use {
	case "standardize":
		return restoreStandardize(raw, dim)
	}
	return nil, schemas.Errorf(schemas.UnknownUse, "there is no transform %q", t.Use)
}
