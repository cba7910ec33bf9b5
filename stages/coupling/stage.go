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
}
