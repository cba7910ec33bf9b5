package likelihood

import (
	"errors"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// The traces of a configuration.
const (
	Exact      = "exact"
	Hutchinson = "hutchinson"
	HutchPP    = "hutchpp"
)

// TraceConfig are the keys by which a stage chooses a [Trace].
type TraceConfig struct {
	Trace  string `yaml:"trace" json:"trace" doc:"how the divergence is computed: exact, or estimated with a standard error, by hutchinson or, where the Jacobian is nearly of low rank, better by hutchpp" enum:"exact,hutchinson,hutchpp"`
	Probes *int   `yaml:"probes" json:"probes,omitempty" doc:"random directions per row, for hutchinson (default 8) and for hutchpp, a multiple of 3 (default 12)" min:"1" max:"65536"`
	Noise  string `yaml:"noise" json:"noise,omitempty" doc:"distribution of the directions (default rademacher)" enum:"rademacher,gaussian"`
}

// Validate refuses keys that would say nothing.
func (c TraceConfig) Validate() error {
	var errs []error
	if c.Trace == Exact {
		if c.Probes != nil {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "an exact trace has no probes").At("probes").Suggest("write trace: hutchinson, or leave probes out"))
		}
		if c.Noise != "" {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "an exact trace has no noise").At("noise").Suggest("write trace: hutchinson, or leave noise out"))
		}
	}
	if c.Trace == HutchPP && c.Probes != nil && *c.Probes%3 != 0 {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "hutchpp uses its probes by thirds, and %d is no multiple of 3", *c.Probes).At("probes").Suggest("write 6, 9, 12 or more"))
	}
	return errors.Join(errs...)
}

// With is the trace of the configuration, whose probes key draws.
func (c TraceConfig) With(key random.Key) Trace {
	t := Trace{Noise: c.Noise, Key: key}
	switch c.Trace {
	case Exact:
		return Trace{}
	case Hutchinson:
		t.Probes = 8
	case HutchPP:
		t.Probes, t.HutchPP = 12, true
	}
	if c.Probes != nil {
		t.Probes = *c.Probes
	}
	return t
}

// Fits is an error when a flow's field cannot do what the trace asks for.
func (c TraceConfig) Fits(f *flow.Flow) error {
	if c.Trace != HutchPP || f.Field32 != nil && linear(f.Field32) || f.Field64 != nil && linear(f.Field64) {
		return nil
	}
	return schemas.Errorf(schemas.Conflict, "trace hutchpp needs products of the field's Jacobian with vectors, which the model of this flow does not give").
		At("trace").Suggest("write trace: hutchinson")
}

func linear[T solver.Float](f model.Field[T]) bool {
	_, ok := model.Products(f)
	return ok
}

// CheckDiscrete says before anything runs that a discrete flow has no trace to
// estimate.
func (c TraceConfig) CheckDiscrete(d flow.Description) error {
	if !d.Discrete() || c.Trace == Exact {
		return nil
	}
	return schemas.Errorf(schemas.Conflict, "the log-determinant of a discrete flow (model %s) is exact, there is no trace to estimate", d.Model.Use).
		At("trace").Suggest("leave the key out")
}
