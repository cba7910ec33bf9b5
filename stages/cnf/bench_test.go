package cnf_test

import (
	"fmt"
	"testing"

	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// BenchmarkGradient is what a gradient of 256 rows costs on one thread, by gradient,
// trace, regularisers and columns: three layers of 64 with tanh. With an adaptive solver it
// also says how often the field of a row is evaluated on the way out; ten steps of RK4 are 40.
func BenchmarkGradient(b *testing.B) {
	const rows = 256
	rk4, dopri5 := steps(solver.RK4(), 10), adaptive(1e-5)
	for _, d := range []int{2, 10, 43} {
		for _, c := range []struct {
			name string
			loss cnf.Loss
		}{
			{"rk4", cnf.Loss{Solver: rk4}},
			{"rk4-probe", cnf.Loss{Solver: rk4, Probes: 1}},
			{"rk4-probe-regular", cnf.Loss{Solver: rk4, Probes: 1, Kinetic: 0.01, Jacobian: 0.01}},
			{"dopri5-probe", cnf.Loss{Solver: dopri5, Probes: 1}},
			{"dopri5-probe-adjoint", cnf.Loss{Solver: dopri5, Probes: 1, Adjoint: dopri5}},
		} {
			b.Run(fmt.Sprintf("%d-columns/%s", d, c.name), func(b *testing.B) {
				m, err := model.NewMLP(model.MLPConfig{Hidden: []int{64, 64, 64}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
				if err != nil {
					b.Fatal(err)
				}
				n, err := model.Build(m, d, 0)
				if err != nil {
					b.Fatal(err)
				}
				n.Init(random.Key(4))
				n.Changed(nil)
				f := n.(model.Reversible[float32])
				c.loss.Base = flow.Normal{Dim: d, Std: 1}
				g, err := cnf.New(f, c.loss)
				if err != nil {
					b.Fatal(err)
				}
				x, grad := points[float32](rows, d), zeros(f)
				var sums cnf.Sums
				for b.Loop() {
					if sums, err = g.Add(ctx, grad, nil, x, nil, 0, rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/row")
				if sums.Evaluations > 0 {
					b.ReportMetric(float64(sums.Evaluations)/rows, "evaluations/row")
				}
			})
		}
	}
}
