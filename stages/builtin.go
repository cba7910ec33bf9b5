package stages

import (
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/evaluator"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/loader"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/trainer"
	"github.com/pathline/pathline/stages/transform"
	"github.com/pathline/pathline/stages/writer"
)

// Builtin is a registry of everything that pathline brings along.
func Builtin() *pipeline.Registry {
	r := pipeline.NewRegistry()
	parts := Parts()
	loader.Register(r)
	transform.Register(r)
	coupling.Register(r)
	path.Register(r)
	model.Register(r)
	bijection.Register(r)
	solver.Register(r)
	trainer.Register(r, parts)
	sampler.Register(r, parts)
	likelihood.Register(r, parts)
	evaluator.Register(r, parts)
	writer.Register(r)
	return r
}

// Parts are the constructors that a trained flow's file names: what is needed
// to open one without a pipeline.
func Parts() flow.Registry {
	return flow.Registry{Models: model.Builtin(), Bijections: bijection.Builtin(), Paths: path.Builtin()}
}
