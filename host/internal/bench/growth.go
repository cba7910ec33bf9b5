package bench

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// point is a place on the axes along which the cost of a row is followed.
type point struct {
	shape
	rows int
}

// points are the middle, W3's network with 512 rows, and its neighbours along
// each axis alone.
func points() []point {
	middle := point{mid, 512}
	list := []point{middle}
	along := func(values []int, set func(p *point, v int)) {
		for _, v := range values {
			p := middle
			set(&p, v)
			list = append(list, p)
		}
	}
	along([]int{64, 4096}, func(p *point, v int) { p.rows = v })
	along([]int{32, 512}, func(p *point, v int) { p.width = v })
	along([]int{1, 2, 6}, func(p *point, v int) { p.depth = v })
	along([]int{2, 32, 128}, func(p *point, v int) { p.dim = v })
	return list
}

// grow measures the cost of a row at every point.
func grow(s *session, metric string, at func(p point) (t timings, flops float64, nfe *float64, err error)) ([]Result, error) {
	var out []Result
	for _, p := range points() {
		if s.Rows > 0 {
			p.rows = min(p.rows, s.Rows)
		}
		t, flops, nfe, err := at(p)
		if err != nil {
			return nil, err
		}
		r := Result{Params: fmt.Sprintf("%s rows=%d", p.shape, p.rows), Metric: metric, Rows: p.rows, NFE: nfe}
		micro := make(timings, len(t))
		for i, v := range t {
			micro[i] = v / float64(p.rows)
		}
		r = micro.seconds(r, flops)
		r.Unit, r.Value, r.Min, r.Max = "us/row", 1e6*r.Value, 1e6*r.Min, 1e6*r.Max
		out = append(out, r)
	}
	return out, nil
}

func growTrain(ctx context.Context, s *session) ([]Result, error) {
	return grow(s, "train", func(p point) (timings, float64, *float64, error) {
		t, err := timeTraining(ctx, s, p.shape, normals(1<<13, p.dim), p.rows, optim.DefaultAdam())
		return t, p.sizes().train(), nil, err
	})
}

func growSample(ctx context.Context, s *session) ([]Result, error) {
	m := &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: 100, Workers: s.Threads}}
	return grow(s, "sample", func(p point) (timings, float64, *float64, error) {
		f, err := p.untrained()
		if err != nil {
			return nil, 0, nil, err
		}
		begin := normals(p.rows, p.dim)
		state := solver.State[float32]{X: make([]float32, len(begin)), Rows: p.rows, Dim: p.dim}
		t, err := measure(ctx, s, clock(func() error {
			copy(state.X, begin)
			_, err := m.Solve32(ctx, f.Field32, state, 0, 1)
			return err
		}))
		nfe := 100.0
		return t, nfe * p.sizes().forward(), &nfe, err
	})
}

func growDensity(ctx context.Context, s *session) ([]Result, error) {
	return grow(s, "logp", func(p point) (timings, float64, *float64, error) {
		f, err := p.untrained()
		if err != nil {
			return nil, 0, nil, err
		}
		x, logp := widened(normals(p.rows, p.dim)), make([]float64, p.rows)
		m := s.dopri5()
		var report solver.Report
		t, err := measure(ctx, s, clock(func() (err error) {
			report, err = likelihood.LogProb(ctx, f, m, logp, nil, x, 0, p.rows, likelihood.Trace{})
			return err
		}))
		if err != nil {
			return nil, 0, nil, err
		}
		nfe := evaluations(report)
		return t, *nfe * p.sizes().exact(), nfe, nil
	})
}

// untrained is a flow with the first weights of a training.
func (p point) untrained() (*flow.Flow, error) {
	m, err := p.definition()
	if err != nil {
		return nil, err
	}
	n, err := m.Build(p.dim)
	if err != nil {
		return nil, err
	}
	n.Init(random.NewKey(1, "bench", "weights"))
	return p.open(n.Tensors())
}
