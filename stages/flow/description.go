package flow

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/model"
)

// FormatVersion is the version of the description inside of a flow file.
const FormatVersion = 1

// maxDim bounds model space, so that a file cannot ask for absurd memory.
const maxDim = 1 << 20

// The targets: what a network predicts.
const (
	TargetVelocity = "velocity"
	TargetData     = "data"
	TargetNoise    = "noise"
	// TargetBase is that of a discrete flow: its model is a bijection that takes
	// data to the base at once, without a path and a solver.
	TargetBase = "base"
)

// BaseTable is the base of a flow that was trained from rows of a table: x0 of a
// sample are rows of such a table again, and there is no density.
const BaseTable = "table"

// What the rows of noise and data were to each other that a flow was trained on.
const (
	// PairsIndependent is noise that knows nothing of its data row: only then does a
	// velocity say what the noise is in x_t, which a score and fixed columns need.
	PairsIndependent = ""
	// PairsCoupled are those of a coupling, or of another flow.
	PairsCoupled = "coupled"
	// PairsNone is training without pairs, by likelihood: the flow is on no path.
	PairsNone = "none"
)

// Description says everything about a trained flow but its weights. It is
// stored as JSON in the metadata of the safetensors file.
type Description struct {
	Version    int                 `json:"version"`
	Columns    []schemas.Column    `json:"columns"`    // the data file's columns that the flow models, in order
	Transforms []schemas.Transform `json:"transforms"` // from data to model space, in order, fitted
	// Conditions are the columns that the flow is conditional on, in order and
	// fitted. Dropped is the share of training rows whose conditions were left
	// out: above zero the flow also knows the distribution without conditions.
	Conditions condition.Columns `json:"conditions,omitempty"`
	Dropped    float64           `json:"dropped,omitempty"`
	Path       Component         `json:"path"`
	Model      Component         `json:"model"`
	Dim        int               `json:"dim"`    // columns of model space
	Target     string            `json:"target"` // what the network predicts: velocity, data, noise or base
	BaseStd    float64           `json:"base_std"`
	Pairs      string            `json:"pairs,omitempty"`    // PairsIndependent, PairsCoupled or PairsNone
	Base       string            `json:"base,omitempty"`     // BaseTable: x0 are rows of a table, no noise
	Training   map[string]any    `json:"training,omitempty"` // steps, seed, best validation loss, ...: for people
}

// Component is an implementation with its resolved configuration.
type Component struct {
	Use  string          `json:"use"`
	With json.RawMessage `json:"with,omitempty"`
}

// Source is what the port `flow` of a stage receives: a file, or a model that
// is known exactly. While a pipeline is checked the file may not exist yet;
// then Planned holds what is known of it.
type Source struct {
	File    string
	Planned *Description
	Exact   model.Exact
	// Parts are constructors that came with a flow of another process, for what
	// the registry of who opens it does not have; nil for none.
	Parts *Registry
}

// Discrete says whether the flow is a discrete one: a bijection, with no path
// and nothing to solve.
func (d *Description) Discrete() bool { return d.Target == TargetBase }

// CheckIndependent is an error for a flow whose velocity does not say what the noise
// in x_t is: of the stage or key at path, which needs it for what.
func (d *Description) CheckIndependent(path, what string) error {
	if err := d.CheckDensity(path); err != nil {
		return err // x0 is no noise at all
	}
	switch d.Pairs {
	case PairsCoupled:
		return schemas.Errorf(schemas.Conflict, "the flow was trained on noise that was paired with its data: its velocity does not determine %s", what).At(path).
			Suggest("train with coupling: independent for this")
	case PairsNone:
		return schemas.Errorf(schemas.Conflict, "the flow was trained by likelihood and is on no path: its velocity does not determine %s", what).At(path).
			Suggest("train by flow matching (use: cfm) for this")
	}
	return nil
}

// Check reports what makes a description unusable, whatever file it came from.
func (d *Description) Check() error {
	switch {
	case d.Version != FormatVersion:
		return schemas.Errorf(schemas.Version, "the flow is of version %d, this host reads version %d", d.Version, FormatVersion)
	case d.Dim < 1 || d.Dim > maxDim:
		return schemas.Errorf(schemas.CorruptFile, "the flow has %d dimensions, not 1 to %d", d.Dim, maxDim)
	case d.Target == TargetBase && (d.Path.Use != "" || d.BaseStd != 1):
		return schemas.Errorf(schemas.CorruptFile, "the flow has a path or a base of its own, which a discrete flow has not")
	case d.Target != TargetBase && d.Target != TargetVelocity && d.Target != TargetData && d.Target != TargetNoise:
		return schemas.Errorf(schemas.CorruptFile, "the flow predicts %q, not velocity, data, noise or base", d.Target)
	case d.Pairs != PairsIndependent && d.Pairs != PairsCoupled && d.Pairs != PairsNone:
		return schemas.Errorf(schemas.CorruptFile, "the flow was trained on pairs %q, not coupled or none", d.Pairs)
	case !(d.BaseStd > 0) || math.IsInf(d.BaseStd, 0):
		return schemas.Errorf(schemas.CorruptFile, "the flow's base has standard deviation %v", d.BaseStd)
	case d.Base != "" && (d.Base != BaseTable || d.Discrete()):
		return schemas.Errorf(schemas.CorruptFile, "the flow has the base %q, not normal noise or a table", d.Base)
	case d.Model.Use == "" || d.Path.Use == "" && !d.Discrete():
		return schemas.Errorf(schemas.CorruptFile, "the flow does not name its model and its path")
	}
	if !(d.Dropped >= 0 && d.Dropped < 1) {
		return schemas.Errorf(schemas.CorruptFile, "the flow dropped the conditions of %v of its training rows", d.Dropped)
	}
	if err := d.Conditions.Check(); err != nil {
		return schemas.Errorf(schemas.CorruptFile, "the flow's conditions: %w", err)
	}
	if !d.Conditions.Fitted() { // of a file: those of a flow that is still to be trained are not checked here
		return schemas.Errorf(schemas.CorruptFile, "the flow has conditions without what training learned of them")
	}
	for _, c := range d.Conditions {
		if slices.ContainsFunc(d.Columns, func(o schemas.Column) bool { return o.Name == c.Name }) {
			return schemas.Errorf(schemas.CorruptFile, "column %q of the flow is data and a condition", c.Name)
		}
	}
	return checkColumns(d.Columns, d.Dim)
}

// checkColumns allows what the transforms of today keep: the number of
// dimensions.
func checkColumns(columns []schemas.Column, dim int) error {
	names, left := map[string]bool{}, dim
	for _, c := range columns {
		if c.Name == "" || names[c.Name] {
			return schemas.Errorf(schemas.CorruptFile, "the flow names column %q twice or not at all", c.Name)
		}
		if c.Width < 0 || c.Width > left {
			return schemas.Errorf(schemas.CorruptFile, "column %q is %d wide in a flow of %d dimensions", c.Name, c.Width, dim)
		}
		if _, err := c.DataType(); err != nil {
			return err
		}
		names[c.Name], left = true, left-c.Dims()
	}
	if left != 0 {
		return schemas.Errorf(schemas.CorruptFile, "the flow's columns do not make %d dimensions", dim)
	}
	return nil
}

// Names gives every dimension of the data a name; see schemas.DimensionNames.
func (d *Description) Names() []string {
	return schemas.DimensionNames(d.Columns)
}
