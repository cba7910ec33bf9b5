package conform

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// mistake is a plugin with one, and the case that must find it.
type mistake struct {
	name  string
	kind  string
	build func() any // the service, or with kind "" the whole implementation through add
	add   func(r *pipeline.Registry)
	fails string // ID of a case that fails
	says  string // in its message
}

// wrong are plugins with one mistake each.
var wrong = append(crookedFlows(), []mistake{
	{name: "derivative", kind: "path", fails: "path/derivative", says: "dsigma is",
		build: func() any { return bent{path.CondOT{}, func(c *path.Coef, _ float64) { c.DSigma = -0.9 }} }},
	{name: "endpoints", kind: "path", fails: "path/endpoints", says: "alpha is 0.5 at the data end",
		build: func() any {
			return bent{path.CondOT{}, func(c *path.Coef, _ float64) { c.Alpha, c.DAlpha = c.Alpha/2, c.DAlpha/2 }}
		}},
	{name: "infinite", kind: "path", fails: "path/finite", says: "alpha at t = 0.",
		build: func() any {
			return bent{path.CondOT{}, func(c *path.Coef, t float64) {
				if t > 0.4 && t < 0.6 {
					c.Alpha = math.Inf(1)
				}
			}}
		}},
	{name: "company", kind: "path", fails: "path/pure", says: "in one order", build: func() any { return &company{} }},
	{name: "stateful", kind: "path", fails: "session/deterministic", says: "byte 0 is the first that differs",
		build: func() any {
			n := float64(instances.Add(1))
			return bent{path.CondOT{}, func(c *path.Coef, _ float64) { c.Gamma = 1e-9 * n }}
		}},
	{name: "curve", kind: "path", fails: "path/curved-derivative", says: "differences of x_t give", build: func() any { return arc{speed: 1.1} }},
	{name: "shared", kind: "coupling", fails: "coupling/permutation", says: "permutation", build: func() any { return pairing(func(index []int32) { index[0] = index[len(index)-1] }) }},
	{name: "random", kind: "coupling", fails: "coupling/pure", says: "and then", build: func() any {
		return pairing(func(index []int32) {
			if n := len(index); n > 1 {
				k := int(instances.Add(1)) % n
				index[0], index[k] = index[k], index[0]
			}
		})
	}},
	{name: "order", kind: "solver", fails: "solver/tableau-order", says: "conditions of order 3 of 3 are off", build: func() any {
		b := solver.Midpoint()
		b.Order = 3
		return &solver.Method{Tableau: b, Options: solver.Options{Steps: 100}}
	}},
	{name: "row-sums", kind: "solver", fails: "solver/tableau-row-sums", says: "row 1 sums to", build: func() any {
		b := solver.Midpoint()
		b.C = []float64{0, 0.6}
		return &solver.Method{Tableau: b, Options: solver.Options{Steps: 100}}
	}},
	{name: "slow-order", fails: "solver/order", says: "order 1.", add: func(r *pipeline.Registry) {
		pipeline.Register(r, "solver", "slow-order", "calls Euler's method one of second order", stepsConfig{100},
			func(_ context.Context, _ pipeline.Env, c stepsConfig) (pipeline.Stage, error) {
				b := solver.Euler()
				b.Order = 2
				return give(&solver.Method{Tableau: b, Options: solver.Options{Steps: c.Steps}}), nil
			})
	}},
	{name: "outside", kind: "solver", fails: "solver/ends64", says: "outside of [", build: func() any { return marching{outside: true} }},
	{name: "short", kind: "solver", fails: "solver/ends64", says: "clock", build: func() any { return marching{short: true} }},
	{name: "miscount", kind: "solver", fails: "solver/evaluations", says: "the field saw", build: func() any { return marching{miscount: true} }},
	{name: "swallow", kind: "solver", fails: "solver/field-error", says: "and the solve did not", build: func() any { return marching{swallow: true} }},
	{name: "divergence", kind: "model", fails: "model/exact-divergence", says: "finite differences", build: func() any {
		return biased{oracle(), 1.05, 0}
	}},
	{name: "density", kind: "model", fails: "model/exact-base", says: "not to 1", build: func() any { return biased{oracle(), 1, 0.5} }},
	{name: "gradient", kind: "model", fails: "model/network-gradient", says: "differences of the loss give", build: func() any { return halved{tiny()} }},
	{name: "unseeded", kind: "model", fails: "model/network-init", says: "the same key gives other weights", build: func() any { return unseeded{tiny()} }},
	{name: "loss-of-rows", fails: "loader/count", says: "a table of 100 rows ended after 90", add: func(r *pipeline.Registry) {
		pipeline.Register(r, "loader", "loss-of-rows", "says more than it has", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return giveRows(map[string]pipeline.Rows{"": claims{toy(1, 90, toyMean, toyStd)}}), nil
		})
	}},
	{name: "leak", fails: "loader/splits", says: "is row 0 of", add: func(r *pipeline.Registry) {
		pipeline.Register(r, "loader", "leak", "gives the same rows to both splits", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return giveRows(map[string]pipeline.Rows{"train": toy(1, 90, toyMean, toyStd), "test": toy(1, 20, toyMean, toyStd)}), nil
		})
	}},
	{name: "constant", fails: "transform/one-to-one", says: "are both mapped to", add: func(r *pipeline.Registry) {
		addTransform(r, "constant", func(float64) float64 { return 0 })
	}},
	{name: "undocumented", fails: "describe/documentation", says: "steps", add: func(r *pipeline.Registry) {
		pipeline.Register(r, "path", "undocumented", "has a key without a word", struct {
			Steps int `yaml:"steps" json:"steps"`
		}{}, func(context.Context, pipeline.Env, struct {
			Steps int `yaml:"steps" json:"steps"`
		}) (pipeline.Stage, error) {
			return give(path.CondOT{}), nil
		})
	}},
	{name: "example", fails: "describe/example", says: "unknown key", add: func(r *pipeline.Registry) {
		pipeline.Register(r, "path", "example", "shows what it refuses", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return give(path.CondOT{}), nil
		}).Example = "{gamma: 1}"
	}},
	{name: "careless", fails: "validate/unknown-key", says: "it accepts", add: func(r *pipeline.Registry) {
		i := pipeline.Register(r, "path", "careless", "takes any configuration", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return give(path.CondOT{}), nil
		})
		i.Build = func(context.Context, pipeline.Env, json.RawMessage) (pipeline.Stage, error) {
			return give(path.CondOT{}), nil
		}
	}},
	{name: "blind", fails: "evaluator/metrics", says: "the same metrics", add: func(r *pipeline.Registry) {
		pipeline.Register(r, "evaluator", "blind", "says 1 of everything", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return stage{func(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
				return pipeline.Outputs{Metrics: map[string]float64{"one": 1}}, nil
			}}, nil
		})
	}},
}...)

type stepsConfig struct {
	Steps int `yaml:"steps" json:"steps" doc:"equal steps" min:"1"`
}

// instances counts what was built or asked in this process.
var instances atomic.Int64

func wrongRegistry(name string) *pipeline.Registry {
	r := plugins.NewRegistry()
	for _, w := range wrong {
		if w.name != name {
			continue
		}
		if w.add != nil {
			w.add(r)
			continue
		}
		pipeline.Register(r, w.kind, w.name, "has a mistake", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return give(w.build()), nil
		})
	}
	return r
}

func give(v any) pipeline.Stage {
	return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return v, nil })
}

type stage struct {
	do func(context.Context, pipeline.Inputs) (pipeline.Outputs, error)
}

func (s stage) Check(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.do(ctx, in)
}
func (s stage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.do(ctx, in)
}

func giveRows(rows map[string]pipeline.Rows) pipeline.Stage {
	return stage{func(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
		return pipeline.Outputs{Rows: rows}, nil
	}}
}

// Every mistake is caught by the case with the right name.
func TestWrongPlugins(t *testing.T) {
	for _, w := range wrong {
		t.Run(w.name, func(t *testing.T) {
			report, err := Run(t.Context(), Target{Command: command(w.name)}, Options{Only: []string{w.fails}})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Results) != 1 || report.Conforms() {
				t.Fatalf("%s did not catch it: %+v", w.fails, report.Results)
			}
			if r := report.Results[0]; r.Status != Fail || !strings.Contains(r.Message, w.says) {
				t.Errorf("%s says %q, want %q in it", r.ID, r.Message, w.says)
			}
		})
	}
}

// bent is a path with a mistake.
type bent struct {
	path.Path
	do func(c *path.Coef, t float64)
}

func (b bent) Coefficients(c []path.Coef, t []float64) error {
	if err := b.Path.Coefficients(c, t); err != nil {
		return err
	}
	for i := range c {
		b.do(&c[i], t[i])
	}
	return nil
}

// company is a path whose coefficients know what else was asked for.
type company struct{ path.CondOT }

func (p *company) Coefficients(c []path.Coef, t []float64) error {
	err := p.CondOT.Coefficients(c, t)
	for i := range c {
		c[i].Gamma = 1e-7 * float64(len(t))
	}
	return err
}

// arc is x_t = x0 cos(pi t/2) + x1 sin(pi t/2), whose speed is wrong by a factor.
type arc struct {
	path.Curved
	speed float64
}

func (a arc) Sample(xt, ut, x0, x1 []float32, t []float64, rows, dim int) error {
	for r := range rows {
		s, c := math.Sincos(math.Pi / 2 * t[r])
		for j := r * dim; j < (r+1)*dim; j++ {
			xt[j] = float32(c)*x0[j] + float32(s)*x1[j]
			ut[j] = float32(a.speed*math.Pi/2) * (float32(c)*x1[j] - float32(s)*x0[j])
		}
	}
	return nil
}

// pairing is a coupling with a mistake.
type pairing func(index []int32)

func (p pairing) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	if err := (coupling.Independent{}).Pair(index, x0, x1, rows, dim); err != nil {
		return err
	}
	if rows > 1 {
		p(index)
	}
	return nil
}

// marching is Euler's method, written as a stranger would, with a mistake.
type marching struct{ outside, short, miscount, swallow bool }

func (m marching) Solve32(ctx context.Context, f solver.Field[float32], s solver.State[float32], t0, t1 float64) (solver.Report, error) {
	return march(ctx, m, f, s, t0, t1)
}

func (m marching) Solve64(ctx context.Context, f solver.Field[float64], s solver.State[float64], t0, t1 float64) (solver.Report, error) {
	return march(ctx, m, f, s, t0, t1)
}

func march[T solver.Float](ctx context.Context, m marching, f solver.Field[T], s solver.State[T], t0, t1 float64) (solver.Report, error) {
	const steps = 50
	report := solver.Report{Status: make([]solver.Status, s.Rows), Evaluations: make([]int32, s.Rows), Accepted: make([]int32, s.Rows), Rejected: make([]int32, s.Rows)}
	h := (t1 - t0) / steps
	last := steps
	if m.short {
		last--
	}
	t, id := make([]float64, s.Rows), make([]int64, s.Rows)
	dx, dq := make([]T, s.Rows*s.Dim), make([]float64, s.Rows*s.Quads)
	for k := range last {
		for r := range t {
			t[r], id[r] = t0+float64(k)*h, s.FirstID+int64(r)
			if m.outside {
				t[r] = t0 + float64(k+1)*h*1.01
			}
			report.Evaluations[r]++
			if m.miscount {
				report.Evaluations[r]++
			}
		}
		var err error
		if q, ok := f.(solver.Quadrature[T]); ok && s.Quads > 0 {
			err = q.EvalQuad(ctx, dx, dq, t, s.X, id, s.Rows)
		} else {
			err = f.Eval(ctx, dx, t, s.X, s.Rows)
		}
		if err != nil && !m.swallow {
			return report, err
		}
		for i := range dx {
			s.X[i] += T(h) * dx[i]
		}
		for i := range dq {
			s.Q[i] += h * dq[i]
		}
	}
	return report, nil
}

func oracle() *model.GMM {
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{-1, 0}, {1, 0.5}}, Std: []float64{0.6, 0.5}}, path.CondOT{})
	if err != nil {
		panic(err)
	}
	return g
}

// biased is an exact model whose divergence or density is wrong.
type biased struct {
	*model.GMM
	factor, shift float64
}

func (b biased) Divergence(ctx context.Context, v []float64, div []float64, t []float64, x, probe []float64, rows, probes int) error {
	err := b.GMM.Divergence(ctx, v, div, t, x, probe, rows, probes)
	for i := range div {
		div[i] *= b.factor
	}
	return err
}

func (b biased) LogProb(logp []float64, x []float64, rows int) {
	b.GMM.LogProb(logp, x, rows)
	for i := range logp {
		logp[i] += b.shift
	}
}

func tiny() model.Definition { return smallNetwork() }

// halved is a network whose gradient is half of what it should be.
type halved struct{ model.Definition }

func (d halved) Build(dim int) (model.Network, error) {
	n, err := d.Definition.Build(dim)
	return halfGradient{n}, err
}

type halfGradient struct{ model.Network }

func (n halfGradient) Gradient(ctx context.Context, grad [][]float32, t []float64, x, target []float32, weight []float32, rows int) (float64, error) {
	loss, err := n.Network.Gradient(ctx, grad, t, x, target, weight, rows)
	for k := range grad {
		for i := range grad[k] {
			grad[k][i] /= 2
		}
	}
	return loss, err
}

// unseeded is a network that draws its weights from a clock of its own.
type unseeded struct{ model.Definition }

func (d unseeded) Build(dim int) (model.Network, error) {
	n, err := d.Definition.Build(dim)
	return clockInit{n}, err
}

type clockInit struct{ model.Network }

func (n clockInit) Init(random.Key) {
	n.Network.Init(random.NewKey(uint64(instances.Add(1)), "a", "b"))
}

// claims says that it has more rows than there are.
type claims struct{ *table }

func (claims) Count() int64 { return 100 }

// addTransform adds a transform of numbers, column by column, without a name for
// what it did: only its rows are looked at.
func addTransform(r *pipeline.Registry, name string, do func(float64) float64) {
	pipeline.Register(r, "transform", name, "has a mistake", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
		return stage{func(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
			out := map[string]pipeline.Rows{}
			for split, rows := range in["data"].Splits {
				if rows.Count() < 0 {
					return pipeline.Outputs{}, errors.New("no count")
				}
				x := toy(1, int(rows.Count()), toyMean, []float64{do(toyStd[0]), do(toyStd[1])})
				out[split] = x
			}
			return pipeline.Outputs{Rows: out}, nil
		}}, nil
	})
}
