package plugins_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/stages/path"
)

// Line is a path: four functions of time.
type Line struct{}

// Domain implements path.Path.
func (Line) Domain() (lo, hi float64) { return 0, 1 }

// Coefficients implements path.Path.
func (Line) Coefficients(c []path.Coef, t []float64) error {
	for i, t := range t {
		c[i] = path.Coef{Alpha: t, Sigma: 1 - t, DAlpha: 1, DSigma: -1}
	}
	return nil
}

// The main function of a plugin ends with Serve(r, "line", "1.0.0"); a program
// that embeds pathline uses the same registry without a process.
func Example() {
	r := plugins.NewRegistry()
	pipeline.Register(r, "path", "line", "a straight line", struct{}{},
		func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return Line{}, nil }), nil
		})
	for _, i := range r.Implementations("path") {
		fmt.Println(i.Kind, i.Name+":", i.Doc)
	}
	// Output: path line: a straight line
}
