package coupling

import (
	"context"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// Register adds the kind coupling with its implementations.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{Name: "coupling", Gives: pipeline.GivesService,
		Doc: "chooses which noise row goes with which data row"})
	pipeline.Register(r, "coupling", "independent", "noise and data are drawn independently of each other", struct{}{},
		func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return Independent{}, nil }), nil
		}).Stateless = true
	i := pipeline.Register(r, "coupling", "ot", "the pairs of a batch whose squared distances have the least sum: exact optimal transport within the batch (Pooladian et al. 2023, Tong et al. 2024)", ScopeConfig{},
		func(_ context.Context, env pipeline.Env, s ScopeConfig) (pipeline.Stage, error) {
			c := NewOptimal().Within(s.scope())
			if err := Fits(c, s.Batch, env); err != nil {
				return nil, err.At("batch")
			}
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return c, nil }), nil
		})
	i.Stateless, i.Example = true, "{batch: 1024}"
	i = pipeline.Register(r, "coupling", "sinkhorn", "pairs drawn from the entropic plan of a batch, found in the log domain (Cuturi 2013, Schmitzer 2019)", DefaultSinkhornConfig(),
		func(_ context.Context, env pipeline.Env, c SinkhornConfig) (pipeline.Stage, error) {
			scope := ScopeConfig{c.Batch, c.ConditionWeight}.scope()
			s := NewSinkhorn(SinkhornOptions{Reg: c.Reg, Relative: c.Relative, Tolerance: c.Tolerance, Iterations: c.Iterations}).Within(scope)
			if err := Fits(s, c.Batch, env); err != nil {
				return nil, err.At("batch")
			}
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return s, nil }), nil
		})
	i.Stateless, i.Example = true, "{reg: 0.05}"
}

// ScopeConfig is what `with:` of ot holds.
type ScopeConfig struct {
	Batch           int     `yaml:"batch" json:"batch" min:"0" max:"65536" doc:"Rows that are paired at a time, which takes up to 8 bytes for each pair of them; 0 is a batch of the training."`
	ConditionWeight float64 `yaml:"condition_weight" json:"condition_weight" min:"0" doc:"Weight in the cost of the squared distance between conditions: the noise of a row then tends to come from rows with like conditions; 0 looks at x alone."`
}

func (c ScopeConfig) scope() Scope { return Scope{Batch: c.Batch, Conditions: c.ConditionWeight} }

// Fits says whether rows that are paired at a time have room in a run: [Sized] ones may
// take half of its memory.
func Fits(c Coupling, rows int, env pipeline.Env) *schemas.Error {
	if need := Memory(c, rows); env.Memory > 0 && need > env.Memory/2 {
		return schemas.Errorf(schemas.TooLarge, "the pairs of %d rows take %d MiB, which is more than half of the memory of the run, %d MiB", rows, need>>20, env.Memory>>20).
			Suggest("pair fewer rows at a time (batch of the coupling), or allow the run more memory")
	}
	return nil
}

// SinkhornConfig is what `with:` of sinkhorn holds.
type SinkhornConfig struct {
	Reg        float64 `yaml:"reg" json:"reg" above:"0" doc:"Weight of the entropy; small is near to ot, large to independent."`
	Relative   bool    `yaml:"relative" json:"relative" doc:"Whether reg is a fraction of the greatest squared distance in the batch; else it has the unit of squared distances (2 sigma² for the bridge of that sigma)."`
	Tolerance  float64 `yaml:"tolerance" json:"tolerance" above:"0" below:"1" doc:"How far the masses of noise rows may be from equal, summed over a batch of total mass 1."`
	Iterations int     `yaml:"iterations" json:"iterations" min:"1" max:"1000000000" doc:"Iterations at most; a plan that is not within the tolerance then is an error."`

	Batch           int     `yaml:"batch" json:"batch" min:"0" max:"65536" doc:"As of ot."`
	ConditionWeight float64 `yaml:"condition_weight" json:"condition_weight" min:"0" doc:"As of ot."`
}

// DefaultSinkhornConfig has what a file leaves out.
func DefaultSinkhornConfig() SinkhornConfig {
	return SinkhornConfig{Reg: 0.05, Relative: true, Tolerance: 1e-3, Iterations: 10000}
}
