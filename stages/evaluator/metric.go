package evaluator

import (
	"fmt"
	"math"

	"github.com/pathline/pathline/stages/random"
)

// Metric is one figure of a comparison.
type Metric struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"` // data against sample
	SE    float64 `json:"se"`    // standard error of Value
	Floor float64 `json:"floor"` // data against fresh data

	DataRows   int `json:"data_rows"`   // rows of the data that entered
	SampleRows int `json:"sample_rows"` // rows of the sample that entered
}

// Options of a comparison. Zero values mean the defaults.
type Options struct {
	Key           random.Key // of the row choice and of the projections
	QuadraticRows int        // cap per set for metrics over all pairs; 5,000, for d > 64 times sqrt(64/d)
	SlicedRows    int        // cap per set for the sliced distance; 50,000
	ExactRows     int        // cap per set for the exact distance, which takes 4 ExactRows² bytes; 2,000, less than 0: none
	Projections   int        // random directions; 128
	Workers       int        // goroutines; 1. Never changes a bit.

	Raw bool // distances in the data's own units, not in its standard deviations
	MMD Kernel
}

// mostExact bounds ExactRows: such an assignment takes some 10 s.
const mostExact = 10_000

func (o Options) filled(d int) Options {
	quadratic := int(5_000 * min(1, math.Sqrt(64/float64(d))))
	for _, f := range []struct {
		v     *int
		value int
	}{{&o.QuadraticRows, quadratic}, {&o.SlicedRows, 50_000}, {&o.Projections, 128}, {&o.Workers, 1}} {
		if *f.v <= 0 {
			*f.v = f.value
		}
	}
	switch {
	case o.ExactRows == 0:
		o.ExactRows = 2_000
	case o.ExactRows > mostExact:
		o.ExactRows = mostExact
	}
	o.QuadraticRows = max(o.QuadraticRows, 4)
	o.SlicedRows = max(o.SlicedRows, 4)
	return o
}

// Steps of Options.Key: which draws are for what.
const (
	dataPass = iota
	samplePass
	projectionStep
)

// The least numbers of rows: each half of the data, and the sample, must give
// two groups of two rows.
const (
	minData   = 8
	minSample = 4
	groups    = 20
)

// ValueError says which value of which set cannot be compared. Row and Column
// count from 0; Row is -1 when the column as a whole is meant.
type ValueError struct {
	Set         string // "data" or "sample"
	Row, Column int
	Problem     string
}

func (e *ValueError) Error() string {
	if e.Row < 0 {
		return fmt.Sprintf("evaluator: %s, column %d: %s", e.Set, e.Column, e.Problem)
	}
	return fmt.Sprintf("evaluator: %s, row %d, column %d: %s", e.Set, e.Row, e.Column, e.Problem)
}
