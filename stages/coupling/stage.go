package coupling

import (
	"context"

	"github.com/pathline/pathline/pipeline"
)

// Register adds the kind coupling with its implementations.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{Name: "coupling", Gives: pipeline.GivesService,
		Doc: "chooses which noise row goes with which data row"})
	pipeline.Register(r, "coupling", "independent", "noise and data are drawn independently of each other", struct{}{},
		func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return Independent{}, nil }), nil
		}).Stateless = true
	pipeline.Register(r, "coupling", "ot", "the pairs of a batch whose squared distances have the least sum: exact optimal transport within the batch (Pooladian et al. 2023, Tong et al. 2024)", struct{}{},
		func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			c := NewOptimal()
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return c, nil }), nil
		}).Stateless = true
	i := pipeline.Register(r, "coupling", "sinkhorn", "pairs drawn from the entropic plan of a batch, found in the log domain (Cuturi 2013, Schmitzer 2019)", DefaultSinkhornConfig(),
		func(_ context.Context, _ pipeline.Env, c SinkhornConfig) (pipeline.Stage, error) {
			s := NewSinkhorn(SinkhornOptions(c))
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return s, nil }), nil
		})
	i.Stateless, i.Example = true, "{reg: 0.05}"
}

// SinkhornConfig is what `with:` of sinkhorn holds.
type SinkhornConfig struct {
	Reg        float64 `yaml:"reg" json:"reg" above:"0" doc:"Weight of the entropy; small is near to ot, large to independent."`
	Relative   bool    `yaml:"relative" json:"relative" doc:"Whether reg is a fraction of the greatest squared distance in the batch; else it has the unit of squared distances (2 sigma² for the bridge of that sigma)."`
	Tolerance  float64 `yaml:"tolerance" json:"tolerance" above:"0" below:"1" doc:"How far the masses of noise rows may be from equal, summed over a batch of total mass 1."`
	Iterations int     `yaml:"iterations" json:"iterations" min:"1" max:"1000000000" doc:"Iterations at most; a plan that is not within the tolerance then is an error."`
}

// DefaultSinkhornConfig has what a file leaves out.
func DefaultSinkhornConfig() SinkhornConfig {
	return SinkhornConfig{Reg: 0.05, Relative: true, Tolerance: 1e-3, Iterations: 10000}
}
