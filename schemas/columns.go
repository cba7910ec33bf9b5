package schemas

import "fmt"

// Reserved column names. Rows carry the columns of the data file; these are
// the ones that stages add.
const (
	ColumnVector    = "x"           // model space: FixedSizeList<float32>[d], given by transforms
	ColumnLogProb   = "log_prob"    // float64, nats
	ColumnLogProbSE = "log_prob_se" // float64, standard error of an estimated log_prob
	ColumnBits      = "bits_per_dim"
	ColumnStatus    = "status" // utf8; left out of a file when every row is ok
)

// Keys of schema metadata that travel with rows.
const (
	// MetaColumns is a JSON list of Column: the data columns that a vector
	// column was made of, in order.
	MetaColumns = "pathline.columns"
	// MetaTransforms is a JSON list of Transform: what was applied to the data
	// columns, in order, fitted.
	MetaTransforms = "pathline.transforms"
	// MetaOmitWhen on a field: the column is left out of a file when every
	// value equals this. A status column has it, which tells it from a column
	// of the data that happens to have the name.
	MetaOmitWhen = "pathline.omit_when"
	// MetaCondition on a field: the column is no data but what the data is
	// conditional on, a category or a number as the value of the key says.
	MetaCondition = "pathline.condition"
)

// Column describes a data column well enough to make values of it again.
type Column struct {
	Name string `json:"name"`
	// Type is the Arrow type in Arrow's own words: float32, int16,
	// timestamp[us, tz=UTC], uint8 for the elements of a vector.
	Type string `json:"type"`
	// Width is the length of a vector column (fixed-size list), 0 for a scalar.
	Width int `json:"width,omitempty"`
	// Min and Max are the least and greatest value that the type can hold, for
	// integers; values made for the column are rounded and kept inside.
}

// Dims is the number of dimensions that the column counts for.
func (c Column) Dims() int { return max(c.Width, 1) }

// DimensionNames names every dimension of columns: the column, with the place in
// brackets in a vector, as pixels[3].
func DimensionNames(columns []Column) []string {
	var names []string
	for _, c := range columns {
		if c.Width == 0 {
			names = append(names, c.Name)
		}
		for i := range c.Width {
			names = append(names, fmt.Sprintf("%s[%d]", c.Name, i))
		}
	}
	return names
}

// Transform is a fitted transform as files and schemas keep it.
type Transform struct {
	Use   string `json:"use"`
	With  any    `json:"with,omitempty"`
	State any    `json:"state"`
}
