package plugins

import (
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// isolated gives the built-in stages twice: in this process and out of it.
func isolated(t testing.TB) (here, there *pipeline.Registry) {
	here = stages.Builtin()
	there = here.Clone()
	if err := newHost(t, io.Discard).Isolate(there, nil, command("builtin")...); err != nil {
		t.Fatal(err)
	}
	return here, there
}

func times(n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = float64(i) / float64(n-1)
	}
	return t
}

func TestIsolatedPathIsThePath(t *testing.T) {
	here, there := isolated(t)
	for _, i := range here.Implementations("path") {
		a := run(t, build(t, here, "path", i.Name, "{}"), nil).Service.(path.Described)
		b := run(t, build(t, there, "path", i.Name, "{}"), nil).Service.(path.Described)
		if a.Use != b.Use || string(a.Config) != string(b.Config) {
			t.Errorf("%s describes itself as %s %s, not %s %s", i.Name, b.Use, b.Config, a.Use, a.Config)
		}
		lo, hi := a.Domain()
		if lo2, hi2 := b.Domain(); lo != lo2 || hi != hi2 {
			t.Errorf("%s has domain [%v, %v], not [%v, %v]", i.Name, lo2, hi2, lo, hi)
		}
		ts := times(37)
		x, y := make([]path.Coef, 37), make([]path.Coef, 37)
		if err := a.Coefficients(x, ts); err != nil {
			t.Fatal(err)
		}
		if err := b.Coefficients(y, ts); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(x, y) {
			t.Errorf("%s has other coefficients", i.Name)
		}
	}
}

func TestIsolatedSolverIsTheSolver(t *testing.T) {
	here, there := isolated(t)
	for _, i := range here.Implementations("solver") {
		a := run(t, build(t, here, "solver", i.Name, "{}"), nil).Service.(*solver.Method)
		b := run(t, build(t, there, "solver", i.Name, "{}"), nil).Service.(*solver.Method)
		if !reflect.DeepEqual(a.Tableau, b.Tableau) || !reflect.DeepEqual(a.Options, b.Options) {
			t.Errorf("%s is\n%+v %+v, not\n%+v %+v", i.Name, b.Tableau, b.Options, a.Tableau, a.Options)
		}
	}
}

func random32(n int) []float32 {
	x := make([]float32, n)
	random.NewKey(1, "test", "x").Normals32(x, 0, 0)
	return x
}

func TestIsolatedNetworkIsTheNetwork(t *testing.T) {
	here, there := isolated(t)
	const config = `{"hidden":[16,16],"activation":"silu"}`
	var networks [2]model.Network
	for i, r := range []*pipeline.Registry{here, there} {
		d := run(t, build(t, r, "model", "mlp", config), pipeline.Inputs{"path": {Service: path.CondOT{}}}).Service.(model.Definition)
		n, err := d.Build(3)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(random.NewKey(5, "train", "init"))
		networks[i] = n
	}
	a, b := networks[0], networks[1]
	const rows, probes = 41, 2
	ts, x, target, weight, probe := times(rows), random32(rows*3), random32(rows*3), random32(rows), random32(probes*rows*3)
	for round := range 3 {
		for i, u := range a.Tensors() {
			v := b.Tensors()[i]
			if u.Name != v.Name || !reflect.DeepEqual(u.Shape, v.Shape) || !reflect.DeepEqual(u.Data, v.Data) {
				t.Fatalf("round %d: tensor %s differs", round, u.Name)
			}
		}
		va, vb := make([]float32, rows*3), make([]float32, rows*3)
		da, db := make([]float64, rows*probes), make([]float64, rows*probes)
		for _, err := range []error{a.Eval(t.Context(), va, ts, x, rows), b.Eval(t.Context(), vb, ts, x, rows)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(va, vb) {
			t.Fatalf("round %d: eval differs", round)
		}
		for _, k := range []int{0, probes} {
			for _, err := range []error{a.Divergence(t.Context(), va, da, ts, x, probe, rows, k), b.Divergence(t.Context(), vb, db, ts, x, probe, rows, k)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if !reflect.DeepEqual(va, vb) || !reflect.DeepEqual(da, db) {
				t.Fatalf("round %d: divergence with %d probes differs", round, k)
			}
		}
		ga, gb := gradients(a), gradients(b)
		for range 2 { // the second adds to the first
			la, err := a.Gradient(t.Context(), ga, ts, x, target, weight, rows)
			if err != nil {
				t.Fatal(err)
			}
			lb, err := b.Gradient(t.Context(), gb, ts, x, target, weight, rows)
			if err != nil {
				t.Fatal(err)
			}
			if la != lb || !reflect.DeepEqual(ga, gb) {
				t.Fatalf("round %d: gradient differs, losses %v and %v", round, la, lb)
			}
		}
		for i := range ga { // a step
			for j := range ga[i] {
				a.Tensors()[i].Data[j] -= 0.01 * ga[i][j]
				b.Tensors()[i].Data[j] -= 0.01 * gb[i][j]
			}
		}
		a.Changed(nil)
		b.Changed(nil)
	}
}

func gradients(n model.Network) [][]float32 {
	var g [][]float32
	for _, t := range n.Tensors() {
		g = append(g, make([]float32, len(t.Data)))
	}
	return g
}

const mixture = `{"weights":[0.3,0.7],"means":[[-2,0],[1.5,1]],"std":[0.5,0.4]}`

// A mixture whose path, solver and sampler are in other processes too: rows,
// log-densities, summaries and reports are the same.
func TestIsolatedPipelineGivesTheSameBits(t *testing.T) {
	here, there := isolated(t)
	type results struct {
		data, sample, score, plus []arrow.Record
		summaries                 string
	}
	var got [2]results
	for i, r := range []*pipeline.Registry{here, there} {
		p := run(t, build(t, r, "path", "cosine", "{}"), nil)
		exact := run(t, build(t, r, "model", "gmm", mixture), pipeline.Inputs{"path": {Service: p.Service}})
		s := run(t, build(t, r, "solver", "dopri5", `{"rtol":1e-4,"atol":1e-4}`), nil)
		data := run(t, build(t, r, "loader", "generate", `{"name":"moons","rows":3000,"split":{"train":0.5,"test":0.25}}`), nil)
		in := pipeline.Inputs{"flow": {Service: exact.Service}, "solver": {Service: s.Service}}
		sample := run(t, build(t, r, "sampler", "ode", `{"rows":300,"batch":128,"trajectory":[0,0.5,1],"log_prob":true,"trace":"hutchpp","probes":6}`), in)
		named := renamed{data.Rows["test"], exact.Service.(model.Exact).Columns()}
		score := run(t, build(t, r, "likelihood", "ode", `{"trace":"hutchinson","probes":3,"batch":256}`),
			pipeline.Inputs{"flow": in["flow"], "solver": in["solver"], "data": {Rows: named}})
		plus := run(t, build(t, r, "likelihood", "ode", `{"trace":"hutchpp","probes":6,"batch":256,"bits_per_dim":true}`),
			pipeline.Inputs{"flow": in["flow"], "solver": in["solver"], "data": {Rows: named}})
		got[i].plus = all(t, plus.Rows[""])
		got[i].data = all(t, data.Rows["train"])
		got[i].sample = all(t, sample.Rows[""])
		got[i].score = all(t, score.Rows[""])
		raw, err := json.Marshal([]any{sample.Summary, len(sample.Metrics), sample.Report, score.Summary, score.Metrics, score.Report})
		if err != nil {
			t.Fatal(err)
		}
		got[i].summaries = string(raw)
	}
	a, b := got[0], got[1]
	for _, c := range []struct {
		name string
		a, b []arrow.Record
	}{{"data", a.data, b.data}, {"sample", a.sample, b.sample}, {"score", a.score, b.score}, {"hutchpp", a.plus, b.plus}} {
		if len(c.a) != len(c.b) || len(c.a) == 0 {
			t.Errorf("%s has %d batches, not %d", c.name, len(c.b), len(c.a))
			continue
		}
		for i := range c.a {
			if !sameBits(c.a[i], c.b[i]) {
				t.Errorf("batch %d of %s differs", i, c.name)
			}
			if !c.a[i].Schema().Equal(c.b[i].Schema()) {
				t.Errorf("batch %d of %s has schema %v, not %v", i, c.name, c.b[i].Schema(), c.a[i].Schema())
			}
		}
	}
	if a.summaries != b.summaries {
		i := 0
		for i < min(len(a.summaries), len(b.summaries)) && a.summaries[i] == b.summaries[i] {
			i++
		}
		t.Errorf("summaries differ from byte %d on: %.200s, not %.200s", i, b.summaries[i:], a.summaries[i:])
	}
}

// A sampler of this process opens a trained flow whose network is in another.
func TestFlowWithIsolatedModel(t *testing.T) {
	here := stages.Builtin()
	there := here.Clone()
	h := newHost(t, io.Discard)
	if err := h.Isolate(there, []string{"model"}, command("builtin")...); err != nil {
		t.Fatal(err)
	}
	d := run(t, build(t, here, "model", "mlp", `{"hidden":[8]}`), pipeline.Inputs{"path": {Service: path.CondOT{}}}).Service.(model.Definition)
	n, err := d.Build(2)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.NewKey(3, "a", "b"))
	name := filepath.Join(t.TempDir(), "f.safetensors")
	err = flow.Save(name, flow.Description{Version: flow.FormatVersion, Dim: 2, Target: flow.TargetVelocity, BaseStd: 1,
		Columns: []schemas.Column{{Name: "a", Type: "float32"}, {Name: "b", Type: "float64"}},
		Path:    flow.Component{Use: "condot"}, Model: flow.Component{Use: d.Use(), With: d.Config()}}, n.Tensors())
	if err != nil {
		t.Fatal(err)
	}
	var got [2][]arrow.Record
	for i, r := range []*pipeline.Registry{here, there} {
		s := run(t, build(t, r, "solver", "heun", `{"steps":5}`), nil)
		out := run(t, build(t, r, "sampler", "ode", `{"rows":50,"batch":32}`), pipeline.Inputs{"flow": {Flow: &flow.Source{File: name}}, "solver": {Service: s.Service}})
		got[i] = all(t, out.Rows[""])
	}
	for i := range got[0] {
		if !sameBits(got[0][i], got[1][i]) {
			t.Errorf("batch %d differs", i)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.instances) == 0 {
		t.Error("no model ran in another process")
	}
}

func sameBits(a, b arrow.Record) bool {
	for i := range a.NumCols() {
		x, ok := a.Column(int(i)).(*array.Float64)
		y, ok2 := b.Column(int(i)).(*array.Float64)
		if !ok || !ok2 {
			continue
		}
		for j := range x.Len() {
			if math.Float64bits(x.Value(j)) != math.Float64bits(y.Value(j)) {
				return false
			}
		}
	}
	return array.RecordEqual(a, b)
}

func all(t testing.TB, rows pipeline.Rows) []arrow.Record {
	t.Helper()
	var out []arrow.Record
	err := pipeline.Each(t.Context(), rows, func(rec arrow.Record) error {
		rec.Retain()
		out = append(out, rec)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestIsolateRefusesWhatItCannotDo(t *testing.T) {
	h := newHost(t, io.Discard)
	reason(t, h.Isolate(stages.Builtin(), []string{"path", "conductor"}), schemas.Usage, "conductor", "likelihood")
}

func TestIsolatedCouplingIsTheCoupling(t *testing.T) {
	here, there := isolated(t)
	const rows, dim = 70, 3
	x0, x1 := random32(rows*dim), random32(2 * rows * dim)[rows*dim:]
	for _, i := range here.Implementations("coupling") {
		config := `{}`
		if i.Name != "independent" {
			config = `{"batch": 500, "condition_weight": 2.5}`
		}
		a := run(t, build(t, here, "coupling", i.Name, config), nil).Service.(coupling.Coupling)
		b := run(t, build(t, there, "coupling", i.Name, config), nil).Service.(coupling.Coupling)
		if s := coupling.ScopeOf(b); s != coupling.ScopeOf(a) || (s.Batch == 500) != (i.Name != "independent") {
			t.Errorf("%s has the scope %+v in another process", i.Name, s)
		}
		if _, same := a.(coupling.Independent); same != (b == coupling.Coupling(coupling.Independent{})) {
			t.Errorf("%s is %T in another process", i.Name, b)
		}
		for _, n := range []int{0, 10, 1000, 8000} {
			if m := coupling.Memory(a, n); coupling.Memory(b, n) != m || (m == 0) != (n == 0 || i.Name == "independent") {
				t.Errorf("%s: %d rows take %d bytes, in another process %d", i.Name, n, m, coupling.Memory(b, n))
			}
		}
		p, q := make([]int32, rows), make([]int32, rows)
		for _, err := range []error{a.Pair(p, x0, x1, rows, dim), b.Pair(q, x0, x1, rows, dim)} {
			if err != nil {
				t.Fatalf("%s: %v", i.Name, err)
			}
		}
		if !slices.Equal(p, q) {
			t.Errorf("%s pairs other rows", i.Name)
		}
		c, draws := a.(coupling.Drawing)
		d, same := b.(coupling.Drawing)
		if draws != same {
			t.Errorf("%s draws its pairs: %v, and in another process: %v", i.Name, draws, same)
		}
		if !draws || !same {
			continue
		}
		u := make([]float64, rows)
		for k := range u {
			u[k] = float64((k*37)%rows) / rows
		}
		for _, err := range []error{c.Draw(p, x0, x1, rows, dim, u), d.Draw(q, x0, x1, rows, dim, u)} {
			if err != nil {
				t.Fatalf("%s: %v", i.Name, err)
			}
		}
		if !slices.Equal(p, q) {
			t.Errorf("%s draws other rows", i.Name)
		}
	}
}

// Every transform maps rows to the same bits, and is made again from its state.
func TestIsolatedTransformIsTheTransform(t *testing.T) {
	here, there := isolated(t)
	for _, i := range here.Implementations("transform") {
		data := run(t, build(t, here, "loader", "generate", `{"name":"moons","rows":300,"split":{"train":0.5,"test":0.5}}`), nil)
		in := pipeline.Inputs{"data": {Splits: data.Rows}}
		s := build(t, there, "transform", i.Name, "{}")
		a, b := run(t, build(t, here, "transform", i.Name, "{}"), in), run(t, s, in)
		if !a.Rows["test"].Schema().Equal(b.Rows["test"].Schema()) {
			t.Errorf("%s: schema %v, not %v", i.Name, b.Rows["test"].Schema(), a.Rows["test"].Schema())
		}
		x, y := all(t, a.Rows["test"]), all(t, b.Rows["test"])
		for k := range x {
			if !array.RecordEqual(x[k], y[k]) {
				t.Errorf("%s: batch %d differs", i.Name, k)
			}
		}
		var applied []schemas.Transform
		text, _ := b.Rows["test"].Schema().Metadata().GetValue(schemas.MetaTransforms)
		if err := json.Unmarshal([]byte(text), &applied); err != nil {
			t.Fatal(err)
		}
		f, err := transform.Restore(applied[0], 2)
		if err != nil {
			t.Fatal(err)
		}
		state, err := json.Marshal(applied[0].State)
		if err != nil {
			t.Fatal(err)
		}
		g, err := s.(transform.Stage).Fitted(state, 2)
		if err != nil {
			t.Fatal(err)
		}
		const rows = 50
		v, back := make([]float64, 2*rows), [2][]float64{make([]float64, 2*rows), make([]float64, 2*rows)}
		for k, u := range random32(2 * rows) {
			v[k] = float64(u)
		}
		logdet := [2][]float64{make([]float64, rows), make([]float64, rows)}
		for k, f := range []transform.Fitted{f, g} {
			if err := f.Apply(back[k], v, logdet[k], transform.Address{}, rows); err != nil {
				t.Fatal(err)
			}
			if err := f.Invert(back[k], back[k], rows); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(back[0], back[1]) || !reflect.DeepEqual(logdet[0], logdet[1]) {
			t.Errorf("%s: its transform is another in another process", i.Name)
		}
	}
}
