package model_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pathline/pathline/stages/model"
)

// networks are those of the benchmarks page.
var networks = []struct {
	name   string
	dim    int
	config model.MLPConfig
}{
	{"small", 2, model.MLPConfig{Hidden: []int{64, 64, 64}, Activation: "selu", Time: model.TimeConfig{Use: "concat"}}},
	{"mid", 8, model.MLPConfig{Hidden: []int{128, 128, 128}}},
	{"wide", 21, model.MLPConfig{Hidden: []int{512, 512, 512, 512}}},
}

// BenchmarkNetwork gives the time of a row, and the arithmetic of its products
// (two operations for each weight and pass, without those for the derivative of
// the input) in a second.
func BenchmarkNetwork(b *testing.B) {
	ctx := context.Background()
	for _, c := range networks {
		n := build(b, c.config, c.dim)
		n.Init(1)
		weights, first := 0, 0
		for i, t := range n.Tensors() {
			if len(t.Shape) == 2 {
				weights += len(t.Data)
			}
			if i == 0 {
				first = len(t.Data)
			}
		}
		grad := zeros(n)
		for _, rows := range []int{64, 256} {
			x, v, t, div := make([]float32, rows*c.dim), make([]float32, rows*c.dim), make([]float64, rows), make([]float64, rows)
			for i := range x {
				x[i] = float32(i%7) / 7
			}
			for i := range t {
				t[i] = float64(i) / float64(rows)
			}
			same := make([]float64, rows)
			run := func(name string, flop int, f func() error) {
				b.Run(fmt.Sprintf("%s/%s/%d", c.name, name, rows), func(b *testing.B) {
					for range b.N {
						if err := f(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
					b.ReportMetric(float64(flop)*float64(b.N*rows)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
			run("eval", 2*weights, func() error { return n.Eval(ctx, v, t, x, rows) })
			run("eval-shared-time", 2*weights, func() error { return n.Eval(ctx, v, same, x, rows) })
			run("divergence", 2*weights+2*c.dim*(weights-first-c.dim*c.config.Hidden[0]), func() error { return n.Divergence(ctx, v, div, t, x, nil, rows, 0) })
			run("probe", 4*weights, func() error { return n.Divergence(ctx, v, div, t, x, x, rows, 1) })
			run("gradient", 6*weights-2*first, func() error {
				_, err := n.Gradient(ctx, grad, t, x, v, nil, rows)
				return err
			})
		}
	}
}
