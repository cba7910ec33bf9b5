package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/trainer"
)

// python is what a path and a Runge-Kutta method of Python plugins cost, beside
// the same built in, in turn: training as long as the quickstart's, and sampling
// as many rows.
func python(ctx context.Context, s *session) ([]Result, error) {
	h := plugins.NewHost(zerolog.Nop())
	defer h.Close()
	r := stages.Builtin()
	var starts timings
	for _, name := range []string{"reference", "solvers"} {
		begin := time.Now()
		if err := h.Add(ctx, r, name, plugins.Plugin{Command: []string{s.Python, filepath.Join(s.Examples, name+".py")}}); err != nil {
			return nil, err
		}
		starts = append(starts, time.Since(begin).Seconds())
	}
	start := starts.seconds(Result{Metric: "start", Params: "start of a Python plugin"}, 0)

	far, err := serviceOf(ctx, r, "path", "reference/condot", "{}")
	if err != nil {
		return nil, err
	}
	training, err := pathInPython(ctx, s, far.(path.Path))
	if err != nil {
		return nil, err
	}
	method, err := serviceOf(ctx, r, "solver", "solvers/ralston3", `{"steps":50}`)
	if err != nil {
		return nil, err
	}
	sampling, err := tableauInPython(ctx, s, method)
	if err != nil {
		return nil, err
	}
	return []Result{start, training, sampling}, nil
}

func serviceOf(ctx context.Context, r *pipeline.Registry, kind, use, config string) (any, error) {
	i, ok := r.Find(kind, use)
	if !ok {
		return nil, fmt.Errorf("bench: there is no %s %s", kind, use)
	}
	stage, err := i.Build(ctx, pipeline.Env{Stage: kind, Log: zerolog.Nop(), Emit: func(pipeline.Event) {}}, json.RawMessage(config))
	if err != nil {
		return nil, err
	}
	out, err := stage.Run(ctx, nil)
	return out.Service, err
}

// quickSteps is the training of the quickstart.
const quickSteps, quickBatch, quickRows = 5000, 512, 10_000

func pathInPython(ctx context.Context, s *session, far path.Path) (Result, error) {
	x := normals(1<<14, 2)
	def, err := small.definition()
	if err != nil {
		return Result{}, err
	}
	keys := trainer.NewKeys(1, "bench")
	train := func(p path.Path) func() error {
		return func() error {
			rows := trainer.NewMemory(x, 2, keys.Shuffle)
			_, err := trainer.Train(ctx, def, trainer.Layout{Dim: 2}, rows, trainer.Options{
				Steps: quickSteps, Batch: quickBatch, Path: p, Time: trainer.Uniform{}, Rule: optim.DefaultAdamW(), LR: 1e-3,
				LogEvery: quickSteps, Keys: keys, Workers: s.Threads,
			})
			return err
		}
	}
	ratios, err := inTurn(s, train(path.CondOT{}), train(far))
	if err != nil {
		return Result{}, err
	}
	r := ratios.seconds(Result{Metric: "path in Python", Params: fmt.Sprintf("affine path in Python, %d steps of %d rows", quickSteps, quickBatch)}, 0)
	r.Unit = "of built in"
	return r, nil
}

func tableauInPython(ctx context.Context, s *session, service any) (Result, error) {
	far, ok := service.(*solver.Method)
	if !ok {
		return Result{}, fmt.Errorf("bench: %T where a tableau is due", service)
	}
	f, err := trained(s.Data, "small")
	if err != nil {
		return Result{}, err
	}
	near := solver.Heun3()
	begin := normals(quickRows, 2)
	solve := func(m *solver.Method) func() error {
		m.Options.Steps, m.Options.Workers = 50, s.Threads
		return func() error {
			state := solver.State[float32]{X: append([]float32(nil), begin...), Rows: quickRows, Dim: 2}
			_, err := m.Solve32(ctx, f.Field32, state, 0, 1)
			return err
		}
	}
	ratios, err := inTurn(s, solve(&solver.Method{Tableau: near}), solve(far))
	if err != nil {
		return Result{}, err
	}
	r := ratios.seconds(Result{Metric: "tableau in Python", Params: fmt.Sprintf("tableau of 3 stages in Python, 50 steps, %d rows", quickRows), Rows: quickRows}, 0)
	r.Unit = "of built in"
	return r, nil
}

// inTurn times two pieces of work one after the other and gives the ratios of
// the second to the first. The first of each warms up.
func inTurn(s *session, near, far func() error) (timings, error) {
	var ratios timings
	for i := range s.Repeats + 1 {
		var took [2]float64
		for k, work := range []func() error{near, far} {
			begin := time.Now()
			n := 0
			for time.Since(begin) < s.Least || n == 0 {
				if err := work(); err != nil {
					return nil, err
				}
				n++
			}
			took[k] = time.Since(begin).Seconds() / float64(n)
		}
		if i > 0 {
			ratios = append(ratios, took[1]/took[0])
		}
	}
	return ratios, nil
}
