package bench

import (
	"context"
	"time"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/trainer"
)

// W8: discrete flows of 8 columns, batch 512, standard normal data, ReLU
// conditioners 128-128.
const discreteDim, discreteBatch = 8, 512

// discreteFlow is a flow of W8: MAF of 5 affine transforms, RealNVP of 8 affine
// couplings of alternating columns, NSF of 5 spline couplings of 8 bins. The
// operations are those of the products of its conditioners, for one row and one
// way; of a masked product, those with weights that are not masked.
func discreteFlow(name string) (def bijection.Definition, flops float64, err error) {
	hidden := []int{128, 128}
	products := func(transforms, in, out int) float64 {
		return 2 * float64(transforms*(in*128+128*128+128*out))
	}
	switch name {
	case "maf":
		def, err = bijection.NewMAF(bijection.Config{Transforms: 5, Hidden: hidden})
		return def, 5 * masked(discreteDim, hidden, 2), err
	case "realnvp":
		def, err = bijection.NewRealNVP(bijection.RealNVPConfig{Config: bijection.Config{Transforms: 8, Hidden: hidden}})
		return def, products(8, discreteDim/2, discreteDim), err
	}
	def, err = bijection.NewNSF(bijection.SplineConfig{Config: bijection.Config{Transforms: 5, Mix: "none", Hidden: hidden}, Kind: "coupling", Bins: 8})
	return def, products(5, discreteDim/2, 23*discreteDim/2), err
}

// masked is the operations of a masked network for one row: two for each pair of
// units of which one sees the other. Columns have the degrees 1 to d, units of hidden
// layers 1 to d-1 in turn, and the outputs of a column see units of degrees below its
// own (Germain et al. 2015, eqs. 8 and 9).
func masked(d int, hidden []int, outputs int) (flops float64) {
	from := make([]int, d)
	for i := range from {
		from[i] = i + 1
	}
	for l := range len(hidden) + 1 {
		last := l == len(hidden)
		var to []int
		if last {
			for range outputs {
				for i := range d {
					to = append(to, i)
				}
			}
		} else {
			for j := range hidden[l] {
				to = append(to, 1+j%(d-1))
			}
		}
		for _, t := range to {
			for _, f := range from {
				if f <= t {
					flops += 2
				}
			}
		}
		from = to
	}
	return flops
}

// discreteTrain times steps of maximum likelihood with Adam.
func discreteTrain(name string) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		def, flops, err := discreteFlow(name)
		if err != nil {
			return nil, err
		}
		x, keys := normals(1<<16, discreteDim), trainer.NewKeys(1, "bench")
		t, err := measure(ctx, s, func(n int) (time.Duration, error) {
			rows := &stopwatch{Rows: trainer.NewMemory(x, discreteDim, keys.Shuffle)}
			_, err := trainer.MaximumLikelihood(ctx, def, trainer.Layout{Dim: discreteDim}, rows, nil, trainer.Options{
				Steps: int64(n), Batch: discreteBatch, Rule: optim.DefaultAdam(), LR: 1e-3, LogEvery: int64(n), Keys: keys, Workers: s.Threads,
			})
			return time.Since(rows.begin), err
		})
		if err != nil {
			return nil, err
		}
		return []Result{t.rate(Result{Params: name + " d=8 batch=512", Metric: "train", Unit: "rows/s"}, discreteBatch, 3*flops)}, nil
	}
}

// discreteCall times calls of 512 rows: log-densities, or samples.
func discreteCall(name, metric string) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		def, flops, err := discreteFlow(name)
		if err != nil {
			return nil, err
		}
		net, err := def.Bijection(discreteDim)
		if err != nil {
			return nil, err
		}
		net.Init(key)
		f := &flow.Flow{Bijection: net, Base: net.Base(), Workers: s.Threads, Description: flow.Description{Dim: discreteDim}}
		x, logp, draw := make([]float64, discreteBatch*discreteDim), make([]float64, discreteBatch), int64(0)
		for i, v := range normals(discreteBatch, discreteDim) {
			x[i] = float64(v)
		}
		t, err := measure(ctx, s, clock(func() error {
			if metric == "log_prob" {
				_, err := likelihood.LogProb(ctx, f, nil, logp, nil, x, 0, discreteBatch, likelihood.Trace{})
				return err
			}
			_, err := sampler.Sample(ctx, f, nil, x, key, draw, discreteBatch)
			draw += discreteBatch
			return err
		}))
		if err != nil {
			return nil, err
		}
		return []Result{t.rate(Result{Params: name + " d=8 batch=512", Metric: metric, Unit: "rows/s"}, discreteBatch, flops)}, nil
	}
}

// discreteWorkloads are all of W8.
func discreteWorkloads() (list []Workload) {
	for _, name := range []string{"maf", "realnvp", "nsf"} {
		list = append(list,
			Workload{Name: "w8-" + name + "-train", Title: "maximum likelihood of " + name + ", 8 columns, batch 512", run: discreteTrain(name)},
			Workload{Name: "w8-" + name + "-log-prob", Title: "log-densities of " + name + ", 512 rows", run: discreteCall(name, "log_prob")},
			Workload{Name: "w8-" + name + "-sample", Title: "samples of " + name + ", 512 rows", run: discreteCall(name, "sample")})
	}
	return list
}
