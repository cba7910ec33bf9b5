package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/trainer"
)

// The steps of W9 begin from the weights of a file, ten at a time: a flow that goes
// on being trained would need more and more evaluations.
const (
	continuousSteps = 10
	continuousBatch = 512
)

// continuous is W9: steps of maximum likelihood of a vector field, with the exact
// trace. The network is that of W1 with tanh, the rows are those of W1 divided by 4.
func continuous(way string) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		arrays, err := readArrays(s.Data, "eight_gaussians")
		if err != nil {
			return nil, err
		}
		x := arrays["x"].float32s()
		for i := range x {
			x[i] /= 4
		}
		def, err := model.NewMLP(model.MLPConfig{Hidden: []int{64, 64, 64}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
		if err != nil {
			return nil, err
		}
		start, err := startOf(s.Data, def)
		if err != nil {
			return nil, err
		}
		c := trainer.Continuous{Loss: cnf.Loss{Base: flow.Normal{Dim: 2, Std: 1}, Solver: s.dopri5()}}
		params := fmt.Sprintf("%s tanh batch=%d %s", small, continuousBatch, way)
		switch way {
		case "rk4":
			// The peers' rk4 is the 3/8 rule.
			c.Loss.Solver = &solver.Method{Tableau: solver.RK438(), Options: solver.Options{Steps: 20}}
			params += " steps=20"
		case "adjoint":
			c.Loss.Adjoint = s.dopri5()
			fallthrough
		default:
			params += fmt.Sprintf(" tol=%g", s.tolerance())
		}
		keys := trainer.NewKeys(1, "bench")
		t, err := measure(ctx, s, func(n int) (took time.Duration, err error) {
			for range n {
				rows := &stopwatch{Rows: trainer.NewMemory(x, 2, keys.Shuffle)}
				_, err = trainer.ContinuousLikelihood(ctx, def, trainer.Layout{Dim: 2}, rows, nil, c, trainer.Options{
					Start: start.Tensors(),
					Steps: continuousSteps, Batch: continuousBatch, Rule: optim.DefaultAdam(), LR: 1e-3,
					LogEvery: continuousSteps, Keys: keys, Workers: s.Threads,
				})
				if err != nil {
					return 0, err
				}
				took += time.Since(rows.begin)
			}
			return took, nil
		})
		if err != nil {
			return nil, err
		}
		nfe, err := evaluationsOf(ctx, start, c.Loss, x[:2*continuousBatch])
		if err != nil {
			return nil, err
		}
		r := Result{Params: params, Metric: "train", Unit: "steps/s", NFE: &nfe}
		n := small.sizes()
		flops := nfe * 3 * n.exact() // the way back: the trace and its derivatives
		if way == "rk4" {
			flops += nfe * n.forward() // the way there: the state alone
		} else {
			flops += nfe * n.exact() // and for the error estimate the trace
		}
		return []Result{t.rate(r, continuousSteps, continuousBatch*flops)}, nil
	}
}

// startOf is the network with the weights of the file.
func startOf(folder string, def model.MLP) (model.Network, error) {
	arrays, err := readArrays(folder, "cnf_weights")
	if err != nil {
		return nil, err
	}
	net, err := def.Build(2)
	if err != nil {
		return nil, err
	}
	for _, t := range net.Tensors() {
		copy(t.Data, arrays[t.Name].float32s())
	}
	net.Changed(nil)
	return net, nil
}

// evaluationsOf is the mean number of evaluations on the way there. The way back is
// counted as as many, though the adjoint takes others and rejected steps are not
// gone back along.
func evaluationsOf(ctx context.Context, net model.Network, l cnf.Loss, x []float32) (float64, error) {
	if o := l.Solver.Options; o.Steps > 0 {
		return float64(o.Steps * l.Solver.Tableau.Stages()), nil
	}
	g, err := cnf.New(net.(model.Reversible[float32]), l)
	if err != nil {
		return 0, err
	}
	var grad [][]float32
	for _, t := range net.Tensors() {
		grad = append(grad, make([]float32, len(t.Data)))
	}
	sums, err := g.Add(ctx, grad, nil, x, nil, 0, len(x)/2)
	return float64(sums.Evaluations) / float64(len(x)/2), err
}
