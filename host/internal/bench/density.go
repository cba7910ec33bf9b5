package bench

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// density is W7: the log-density of rows of data, with the exact trace or with
// probes.
func density(net string, probes int) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		f, err := trained(s.Data, net)
		if err != nil {
			return nil, err
		}
		inputs, err := readArrays(s.Data, "inputs")
		if err != nil {
			return nil, err
		}
		refs, err := readArrays(s.Data, "reference")
		if err != nil {
			return nil, err
		}
		x := inputs["x1_"+net].first(s.Rows)
		rows := x.shape[0]
		logp := make([]float64, rows)
		m := s.dopri5()
		trace := likelihood.Trace{Probes: probes, Key: random.NewKey(1, "bench", "probes")}
		var report solver.Report
		t, err := measure(ctx, s, clock(func() (err error) {
			report, err = likelihood.LogProb(ctx, f, m, logp, nil, x.data, 0, rows, trace)
			return err
		}))
		if err != nil {
			return nil, err
		}
		if err := allOK(report); err != nil {
			return nil, err
		}
		kind, flops := "exact", named[net].sizes().exact()
		if probes > 0 {
			kind, flops = "hutchinson", named[net].sizes().probed()
			// The reference has probes of its own: they are put in, for its sake
			// alone and without a clock.
			if logp, err = probedDensity(ctx, f, m, x, inputs["probe_"+net].first(rows)); err != nil {
				return nil, err
			}
		}
		r := Result{Metric: "logp", Rows: rows, NFE: evaluations(report),
			Params:   fmt.Sprintf("net=%s %s rows=%d tol=%g", net, kind, rows, s.tolerance()),
			RMSError: distance(logp, refs["logp_"+net+"_"+kind].data)}
		return []Result{t.seconds(r, float64(rows)**r.NFE*flops)}, nil
	}
}

// probedDensity is likelihood.LogProb with one given probe a row.
func probedDensity(ctx context.Context, f *flow.Flow, m *solver.Method, x, probe array) ([]float64, error) {
	rows := x.shape[0]
	state := solver.State[float32]{X: x.float32s(), Q: make([]float64, rows), Rows: rows, Dim: f.Dim(), Quads: 1}
	report, err := m.Solve32(ctx, &probedField{Field: f.Field32, probe: probe.float32s()}, state, 1, 0)
	if err != nil {
		return nil, err
	}
	if err := allOK(report); err != nil {
		return nil, err
	}
	logp := make([]float64, rows)
	f.Base.LogProb(logp, widened(state.X), rows)
	for r := range logp {
		logp[r] += state.Q[r] // the integral from 1 to 0
	}
	return logp, nil
}

// probedField integrates zᵀ(∂v/∂x)z with the probe z of every row.
type probedField struct {
	model.Field[float32]
	probe []float32 // [rows][d]
}

// EvalQuad writes the velocity and the estimate of its divergence.
func (p *probedField) EvalQuad(ctx context.Context, dx []float32, dq, t []float64, x []float32, id []int64, rows int) error {
	d := p.Dim()
	z := make([]float32, rows*d)
	for r := range rows {
		copy(z[r*d:(r+1)*d], p.probe[int(id[r])*d:])
	}
	return p.Divergence(ctx, dx, dq, t, x, z, rows, 1)
}
