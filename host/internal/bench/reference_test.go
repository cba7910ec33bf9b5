package bench

import (
	"context"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// double is the flow's field in float64.
func double(t *testing.T, net string) (model.Field[float64], map[string]array, map[string]array) {
	t.Helper()
	f, err := trained(data, net)
	if err != nil {
		t.Fatal(err)
	}
	field, err := f.Field32.(model.Doubled).Float64()
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := readArrays(data, "inputs")
	if err != nil {
		t.Fatal(err)
	}
	refs, err := readArrays(data, "reference")
	if err != nil {
		t.Fatal(err)
	}
	return field, inputs, refs
}

func method(t *testing.T, name string, o solver.Options) *solver.Method {
	t.Helper()
	for _, tab := range solver.Tableaus() {
		if tab.Name == name {
			return &solver.Method{Tableau: tab, Options: o}
		}
	}
	t.Fatal("no such method")
	return nil
}

type exact64 struct{ model.Field[float64] }

func (e exact64) EvalQuad(ctx context.Context, dx, dq, t, x []float64, _ []int64, rows int) error {
	return e.Divergence(ctx, dx, dq, t, x, nil, rows, 0)
}

type probed64 struct {
	model.Field[float64]
	probe []float64
}

func (p probed64) EvalQuad(ctx context.Context, dx, dq, t, x []float64, id []int64, rows int) error {
	d := p.Dim()
	z := make([]float64, 0, rows*d)
	for _, i := range id[:rows] {
		z = append(z, p.probe[int(i)*d:(int(i)+1)*d]...)
	}
	return p.Divergence(ctx, dx, dq, t, x, z, rows, 1)
}

// TestReferences: in float64, with the saved weights and inputs, solves give
// the references, which another library computed in float64. Euler's steps are
// the same arithmetic; what is left in the wide network are its frequencies,
// which the reference rounds to float32. SELU has kinks, at which every method
// loses its order: as the tolerance falls from 1e-10 to 1e-12 these solves stay
// within 2e-7 of each other, and 1.0e-6 from the reference, which was made at
// 1e-9; its log-density is good to 3e-3 at its worst row, as its README states.
func TestReferences(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	ctx := context.Background()
	for _, c := range []struct {
		net, method, reference string
		rows                   int
		options                solver.Options
		bound                  float64
	}{
		{"small", "euler", "euler100_small", 300, solver.Options{Steps: 100}, 1e-13},
		{"wide", "euler", "euler100_wide", 8, solver.Options{Steps: 100}, 1e-7},
		{"small", "dopri5", "samples_small", 60, solver.Options{Rtol: 1e-10, Atol: 1e-10}, 2e-6},
		{"wide", "dop853", "samples_wide", 4, solver.Options{Rtol: 1e-9, Atol: 1e-9}, 2e-7},
	} {
		field, inputs, refs := double(t, c.net)
		x := inputs["x0_"+c.net].first(c.rows).data
		state := solver.State[float64]{X: append([]float64{}, x...), Rows: c.rows, Dim: field.Dim()}
		report, err := method(t, c.method, c.options).Solve64(ctx, field, state, 0, 1)
		if err != nil || allOK(report) != nil {
			t.Fatal(err)
		}
		e := *distance(state.X, refs[c.reference].data)
		t.Logf("%s: rms %.2g over %d rows, %.0f evaluations a row", c.reference, e, c.rows, *evaluations(report))
		if !(e <= c.bound) {
			t.Errorf("%s: rms %.3g, at most %.3g", c.reference, e, c.bound)
		}
	}
	for _, c := range []struct {
		net, reference string
		probes, rows   int
		tolerance      float64
		bound          float64
	}{
		{"small", "logp_small_exact", 0, 30, 1e-7, 3e-3},
		{"wide", "logp_wide_exact", 0, 1, 1e-9, 1e-6},
		{"wide", "logp_wide_hutchinson", 1, 3, 1e-9, 3e-6},
	} {
		field, inputs, refs := double(t, c.net)
		var quad solver.Field[float64] = exact64{field}
		if c.probes > 0 {
			quad = probed64{field, inputs["probe_"+c.net].data}
		}
		state := solver.State[float64]{X: append([]float64{}, inputs["x1_"+c.net].first(c.rows).data...),
			Q: make([]float64, c.rows), Rows: c.rows, Dim: field.Dim(), Quads: 1}
		report, err := method(t, "dopri5", solver.Options{Rtol: c.tolerance, Atol: c.tolerance}).Solve64(ctx, quad, state, 1, 0)
		if err != nil || allOK(report) != nil {
			t.Fatal(err)
		}
		f, err := trained(data, c.net)
		if err != nil {
			t.Fatal(err)
		}
		logp := make([]float64, c.rows)
		f.Base.LogProb(logp, state.X, c.rows)
		for r := range logp {
			logp[r] += state.Q[r]
		}
		e := *distance(logp, refs[c.reference].data)
		t.Logf("%s: rms %.2g over %d rows, %.0f evaluations a row", c.reference, e, c.rows, *evaluations(report))
		if !(e <= c.bound) {
			t.Errorf("%s: rms %.3g, at most %.3g", c.reference, e, c.bound)
		}
	}
}
