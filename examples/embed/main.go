// Command embed runs a pipeline file inside of a Go program and prints what
// happens.
//
//	go run . pipeline.yaml /tmp/embed
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: embed FILE OUT")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, file, out string) error {
	p, err := pipeline.Load(ctx, file, stages.Builtin(), pipeline.LoadOptions{})
	if err != nil {
		return err // every error of the file, each with its line and column
	}
	record, err := p.Run(ctx, pipeline.RunOptions{
		PlanOptions: pipeline.PlanOptions{Out: out},
		Events:      func(e pipeline.Event) { fmt.Fprintln(w, e.Type, e.Stage, e.Done, e.Total) },
	})
	if err == nil {
		fmt.Fprintln(w, record.Stages["quality"].Metrics)
	}
	return err
}
