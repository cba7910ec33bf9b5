package loader

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
)

// Kind is the name of the kind.
const Kind = "loader"

// Register adds the kind loader and its implementations.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{
		Name: Kind, SplitKey: "split",
		Doc:   "reads rows from files, or makes rows of a known distribution",
		Gives: pipeline.GivesRows,
	})
	tables := []struct{ name, doc, example string }{
		{"parquet", "reads rows from Parquet files", "path: power.parquet\ncolumns: [voltage, global_active_power]\nsplit: {train: 0.8, valid: 0.1, test: 0.1}"},
		{"arrow", "reads rows from Arrow IPC files and streams", "path: \"parts/*.arrow\"\nnulls: drop"},
	}
	for _, t := range tables {
		i := pipeline.Register(r, Kind, t.name, t.doc, TableDefaults(), func(_ context.Context, env pipeline.Env, c Table) (pipeline.Stage, error) {
			return newTable(env, t.name, c)
		})
		i.Example = t.example
	}
	i := pipeline.Register(r, Kind, "generate", "makes rows of a small known distribution in the plane, columns x and y", GenerateDefaults(),
		func(_ context.Context, env pipeline.Env, c Generate) (pipeline.Stage, error) {
			return newGenerate(env, c)
		})
	i.Example = "name: moons\nrows: 20000\nsplit: {train: 0.9, test: 0.1}"
}

func newTable(env pipeline.Env, format string, c Table) (*tableStage, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	env.Alloc = allocator(env)
	return &tableStage{env: env, config: c, format: format}, nil
}

func newGenerate(env pipeline.Env, c Generate) (*generateStage, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	env.Alloc = allocator(env)
	return &generateStage{env: env, config: c}, nil
}

func allocator(env pipeline.Env) memory.Allocator {
	if env.Alloc == nil {
		return memory.NewGoAllocator()
	}
	return env.Alloc
}
