package loader_test

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/loader"
)

// A loader gives rows by split; nothing is made before rows are opened.
func Example() {
	r := pipeline.NewRegistry()
	loader.Register(r)
	moons, _ := r.Find(loader.Kind, "generate")

	ctx := context.Background()
	stage, err := moons.Build(ctx, pipeline.Env{Stage: "data", Seed: 7},
		[]byte(`{"name": "moons", "rows": 1000, "split": {"train": 0.9, "test": 0.1}}`))
	if err != nil {
		panic(err)
	}
	out, err := stage.Run(ctx, nil)
	if err != nil {
		panic(err)
	}
	read := int64(0)
	for _, split := range []string{"train", "test"} {
		err = pipeline.Each(ctx, out.Rows[split], func(rec arrow.Record) error {
			read += rec.NumRows()
			return nil
		})
		if err != nil {
			panic(err)
		}
	}
	fmt.Println(read, "of", out.Rows[""].Count(), "rows")
	// Output: 1000 of 1000 rows
}
