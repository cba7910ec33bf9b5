package plugins

import (
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

// NewRegistry makes a registry that knows the kinds of stages and has no
// implementation yet: what a plugin starts from.
func NewRegistry() *pipeline.Registry {
	r := pipeline.NewRegistry()
	for _, k := range stages.Builtin().Kinds() {
		r.AddKind(*k)
	}
	return r
}
