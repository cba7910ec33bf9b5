package writer

import (
	"context"

	"github.com/pathline/pathline/pipeline"
)

// Kind is the name of the kind.
const Kind = "writer"

// Options configures the writers; there is nothing to set yet.
type Options struct{}

// Register adds the kind writer and its implementations.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{
		Name:  Kind,
		Doc:   "puts rows into a file, and reads them back",
		Gives: pipeline.GivesService,
	})
	docs := map[string]string{
		"parquet": "writes Parquet files, compressed by zstd",
		"arrow":   "writes Arrow IPC files, which other programs map into memory",
		"csv":     "writes CSV files, with a header line",
	}
	for _, f := range formats {
		pipeline.Register(r, Kind, f.name, docs[f.name], Options{}, func(_ context.Context, env pipeline.Env, _ Options) (pipeline.Stage, error) {
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) {
				w, _ := New(f.name, env.Alloc)
				return w, nil
			}), nil
		})
	}
}
