package main

import (
	"context"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
)

func main() {
	plugins.Serve(registry(), "spiral", "0.1.0")
}

// registry holds what the plugin implements. A program that embeds pathline
// can add the same implementations to its own registry, without a process.
func registry() *pipeline.Registry {
	r := plugins.NewRegistry()
	pipeline.Register(r, "path", "smoothstep", "leaves noise and reaches data with zero speed: alpha = t²(3-2t)", SmoothstepConfig{Variance: 1}, NewSmoothstep).
		Example = "{variance: 1}"
	pipeline.Register(r, "solver", "ab2", "the two-step Adams-Bashforth method with equal steps", AB2Config{Steps: 100}, NewAB2).
		Example = "{steps: 100}"
	pipeline.Register(r, "model", "triangular", "the normal distribution as a flow: a triangular matrix, learned", TriangularConfig{Std: 1}, NewTriangular).
		Example = "{std: 0.5}"
	return r
}

// give makes a stage of a service.
func give(service any) (pipeline.Stage, error) {
	return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return service, nil }), nil
}
