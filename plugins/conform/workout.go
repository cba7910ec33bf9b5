package conform

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// A workout does with an instance what its kind is for and gives the bytes that
// came out: what two instances, two processes and both ways to carry a payload
// must agree on.

// workout opens an instance, works with it and closes it.
func (s *subject) workout(ctx context.Context, i *implementation) ([]byte, error) {
	work, err := s.workoutOf(i)
	if err != nil {
		return nil, err
	}
	in, err := s.open(ctx, i, s.quick(i))
	if err != nil {
		return nil, err
	}
	defer in.shut()
	return work(ctx, in)
}

// quick is a configuration that asks for little work, where the schema has the
// keys; nil for the implementation's own.
func (s *subject) quick(i *implementation) []byte {
	values := map[string]map[string]any{
		"sampler":   {"rows": 300},
		"trainer":   {"steps": 60, "batch": 64, "epochs": nil},
		"evaluator": {"rows": 200},
	}[i.kind]
	if values == nil {
		return nil
	}
	if config, ok := i.with(values); ok {
		return config
	}
	return nil
}

func (s *subject) workoutOf(i *implementation) (func(context.Context, *instance) ([]byte, error), error) {
	work := map[string]func(context.Context, hash.Hash, *instance, pipeline.Outputs) error{
		"path": workPath, "coupling": workCoupling, "solver": workSolver, "model": workModel,
		"loader": workRows, "transform": workRows, "sampler": workRows, "likelihood": workRows,
		"trainer": workTrainer, "evaluator": workEvaluator, "writer": workWriter,
	}[i.kind]
	if work == nil {
		return nil, skipf("the kit does not know what a %s is for", i.kind)
	}
	return func(ctx context.Context, in *instance) ([]byte, error) {
		out, err := in.run(ctx, s.ports(i))
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		if err := work(ctx, h, in, out); err != nil {
			return nil, err
		}
		return h.Sum(nil), nil
	}, nil
}

// largeRows make payloads of several hundred KiB, which travel in shared memory where
// both sides have it.
const largeRows = 40_000

// Moments of the toy data.
var (
	toyMean = []float64{0.5, -1}
	toyStd  = []float64{0.8, 0.3}
)

// ports joins every port of a kind to something of this process.
func ports(kind string) pipeline.Inputs {
	in := inputs(kind)
	data := toy(1, 1500, toyMean, toyStd)
	switch kind {
	case "transform":
		in["data"] = pipeline.Input{From: "data", Splits: map[string]pipeline.Rows{"train": data, "test": toy(2, 400, toyMean, toyStd)}}
	case "sampler":
		in["flow"], in["solver"] = pipeline.Input{From: "gaussian", Service: gaussian()}, pipeline.Input{From: "dopri5", Service: precise()}
	case "likelihood":
		in = ports("sampler")
		in["data"] = pipeline.Input{From: "data", Rows: data}
	case "evaluator":
		in = ports("sampler") // of an evaluator that follows a flow
		in["data"], in["sample"] = pipeline.Input{From: "data", Rows: data}, pipeline.Input{From: "sample", Rows: toy(3, 1200, toyMean, toyStd)}
		in["train"] = in["sample"] // of one that fits a baseline
	case "trainer":
		in["data"] = pipeline.Input{From: "data", Split: "train", Rows: data}
		in["path"] = pipeline.Input{Service: path.Described{Path: path.CondOT{}, Use: "condot"}}
		in["coupling"] = pipeline.Input{Service: coupling.Independent{}}
		in["model"] = pipeline.Input{Service: smallNetwork()}
	}
	return in
}

// gaussian is the exact model of the toy data.
func gaussian() model.Exact { return gaussianOf(toyMean, toyStd) }

func gaussianOf(mean, std []float64) model.Exact {
	v := func(i int) float64 { return std[i] * std[i] }
	g, err := model.NewGMM(model.GMMConfig{Columns: []string{"a", "b"}, Means: [][]float64{mean},
		Covariances: [][][]float64{{{v(0), 0}, {0, v(1)}}}}, path.CondOT{})
	if err != nil {
		panic("conform: " + err.Error())
	}
	return g
}

func precise() solver.Solver {
	return &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-6, Atol: 1e-6, Workers: 1}}
}

func smallFlow() bijection.Definition {
	d, err := bijection.NewMAF(bijection.Config{Transforms: 2, Hidden: []int{16}})
	if err != nil {
		panic("conform: " + err.Error())
	}
	return d
}

func smallNetwork() model.Definition {
	c := model.DefaultMLPConfig()
	c.Hidden = []int{16, 16}
	m, err := model.NewMLP(c)
	if err != nil {
		panic("conform: " + err.Error())
	}
	return m
}

func put(h hash.Hash, v any) { _ = binary.Write(h, binary.LittleEndian, v) }

func wrongService(kind string, v any) error {
	return fmt.Errorf("it gives %T where a %s is due", v, kind)
}

func workPath(_ context.Context, h hash.Hash, _ *instance, out pipeline.Outputs) error {
	p, ok := out.Service.(path.Path)
	if !ok {
		return wrongService("path", out.Service)
	}
	if c, ok := path.SamplerOf(p); ok {
		e := curvedSetting(100)
		xt, ut := make([]float32, len(e.x0)), make([]float32, len(e.x0))
		err := c.Sample(xt, ut, e.x0, e.x1, slices.Repeat([]float64{0.3}, e.rows), e.rows, e.dim)
		put(h, xt)
		put(h, ut)
		return err
	}
	times := make([]float64, largeRows)
	for i := range times {
		times[i] = float64(i) / (largeRows - 1)
	}
	c := make([]path.Coef, len(times))
	err := p.Coefficients(c, times)
	put(h, c)
	return err
}

func workCoupling(_ context.Context, h hash.Hash, _ *instance, out pipeline.Outputs) error {
	c, ok := out.Service.(coupling.Coupling)
	if !ok {
		return wrongService("coupling", out.Service)
	}
	g := rand.New(rand.NewPCG(1, 2))
	const rows, dim = 70, 3
	index := make([]int32, rows)
	err := c.Pair(index, normals(g, rows*dim), normals(g, rows*dim), rows, dim)
	put(h, index)
	return err
}

func workSolver(ctx context.Context, h hash.Hash, _ *instance, out pipeline.Outputs) error {
	s, ok := out.Service.(solver.Solver)
	if !ok {
		return wrongService("solver", out.Service)
	}
	x := make([]float64, 2*largeRows)
	for i := range x {
		x[i] = float64(i)/largeRows - 1
	}
	r, err := s.Solve64(ctx, turning[float64]{}, solver.State[float64]{X: x, Rows: largeRows, Dim: 2}, 1, 0.25)
	put(h, x)
	put(h, r.Evaluations)
	return err
}

func workModel(ctx context.Context, h hash.Hash, _ *instance, out pipeline.Outputs) error {
	switch m := out.Service.(type) {
	case model.Exact:
		d := m.Dim()
		x, v, div := make([]float64, 50*d), make([]float64, 50*d), make([]float64, 50)
		t := make([]float64, 50)
		for r := range t {
			t[r] = (float64(r) + 0.5) / 50
		}
		m.Sample(x, random.NewKey(1, "conform", "work"), 3, 50)
		err := m.Divergence(ctx, v, div, t, x, nil, 50, 0)
		put(h, x)
		put(h, v)
		put(h, div)
		return err
	case model.Definition:
		n, err := shaken(m, modelDim)
		if err != nil {
			return err
		}
		rows := rowsFor(modelDim, largeRows)
		g, v := zeros(n), make([]float32, len(rows.x))
		if err := n.Eval(ctx, v, rows.t, rows.x, rows.rows); err != nil {
			return err
		}
		loss, err := n.Gradient(ctx, g, rows.t, rows.x, rows.target, nil, rows.rows)
		put(h, v)
		put(h, loss)
		for _, p := range g {
			put(h, p)
		}
		return err
	case bijection.Definition:
		return workBijection(ctx, h, m)
	}
	return wrongService("model", out.Service)
}

func workBijection(ctx context.Context, h hash.Hash, d bijection.Definition) error {
	return law.Run(ctx, func(t law.T) {
		b := shakenFlow(t, d, 0)
		x := b.rows(largeRows * modelDim / b.dim)
		z, logdet := b.normalize(t, x)
		y, back := b.generate(t, x[:min(len(x), 2000*b.dim)])
		g, loss := zeros(b), make([]float64, len(logdet))
		if _, err := b.Gradient(ctx, g, loss, x, nil, len(loss)); err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{z, logdet, y, back, loss} {
			put(h, v)
		}
		for _, p := range g {
			put(h, p)
		}
	})
}

func workRows(ctx context.Context, h hash.Hash, _ *instance, out pipeline.Outputs) error {
	for _, name := range slices.Sorted(maps.Keys(out.Rows)) {
		fmt.Fprintln(h, name)
		if _, err := digest(ctx, h, out.Rows[name]); err != nil {
			return err
		}
	}
	return nil
}

// workTrainer takes the weights: what else a file says (times, speeds) may
// differ.
func workTrainer(_ context.Context, h hash.Hash, in *instance, out pipeline.Outputs) error {
	src, ok := out.Flow.(*flow.Source)
	if !ok {
		return fmt.Errorf("it gives %T where a flow is due", out.Flow)
	}
	_, tensors, err := flow.Load(src.File)
	if err != nil {
		return err
	}
	for _, t := range tensors {
		fmt.Fprintln(h, t.Name, t.Shape)
		put(h, t.Data)
	}
	return nil
}

func workEvaluator(_ context.Context, h hash.Hash, _ *instance, out pipeline.Outputs) error {
	for _, name := range slices.Sorted(maps.Keys(out.Metrics)) {
		fmt.Fprintln(h, name)
		put(h, out.Metrics[name])
	}
	return nil
}

func workWriter(ctx context.Context, h hash.Hash, in *instance, out pipeline.Outputs) error {
	w, ok := out.Service.(pipeline.RowFile)
	if !ok {
		return wrongService("writer", out.Service)
	}
	name := filepath.Join(in.env.Out, "rows")
	n, err := w.Write(ctx, name, toy(1, 1500, toyMean, toyStd))
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(name)
	put(h, n)
	h.Write(raw)
	return err
}
