package trainer

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
)

// Every row of a source is drawn once per pass, in another order each time, whatever the
// examples are cut into.
func TestSource(t *testing.T) {
	const rows, dim = 37, 2
	s := &Source{X: make([]float32, rows*dim), Dim: dim}
	for i := range s.X {
		s.X[i] = float32(i)
	}
	from := initial{s, random.NewKey(1, "test", "noise")}
	x := make([]float32, 3*rows*dim)
	from.Normals32Rows(x, dim, 0, 3*rows, 0)
	passes := [3]map[float32]int{}
	for i := range 3 * rows {
		if passes[i/rows] == nil {
			passes[i/rows] = map[float32]int{}
		}
		passes[i/rows][x[i*dim]] = i % rows
		if x[i*dim+1] != x[i*dim]+1 {
			t.Fatalf("example %d has parts of two rows", i)
		}
	}
	same := 0
	for v, at := range passes[0] {
		if passes[1][v] == at {
			same++
		}
	}
	if len(passes[0]) != rows || len(passes[1]) != rows || len(passes[2]) != rows || same > 8 {
		t.Errorf("%d, %d and %d rows, %d of them in the same place twice", len(passes[0]), len(passes[1]), len(passes[2]), same)
	}
	y := make([]float32, 5*dim)
	from.Normals32Rows(y, dim, 50, 5, 0)
	for i := range y {
		if y[i] != x[50*dim+i] {
			t.Fatal("examples 50 to 54 depend on what they are drawn with")
		}
	}
}

// From N(1, 2²) to N(0, 1), both given by rows, the least loss is pi/2 s0 s1 a column.
func TestLeastLossBetweenTables(t *testing.T) {
	keys := NewKeys(5, "train")
	keys.Source = &Source{X: gaussian(40_000, 1, 1, 2, "from"), Dim: 1}
	number := make([]int64, 40_000)
	for i := range number {
		number[i] = int64(i)
	}
	valid, err := NewValidation(t.Context(), gaussian(len(number), 1, 0, 1, "to be"), number, Layout{Dim: 1}, len(number), path.CondOT{}, coupling.Independent{}, path.Velocity, keys)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Train(t.Context(), network(t, 32, 32), Layout{Dim: 1}, NewMemory(gaussian(40_000, 1, 0, 1, "to"), 1, keys.Shuffle), Options{
		Steps: 1000, Batch: 256, Path: path.CondOT{}, Time: Stratified{}, Rule: optim.DefaultAdam(), LR: 5e-3, Schedule: optim.Cosine{},
		Valid: valid, Keys: keys, Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	loss, se, least := *r.State.Validation, *r.State.ValidationSE, math.Pi/2*2*1
	t.Logf("loss %.4f +- %.4f, the least is %.4f", loss, se, least)
	if loss < least-4*se || loss > 1.02*least+2*se || se > least/50 {
		t.Errorf("loss %.4f +- %.4f, the least is %.4f", loss, se, least)
	}
}

// The flow of a training with a source says so; the source goes through the data's
// transforms, and paths that begin with something else are refused.
func TestSourceOfAStage(t *testing.T) {
	r := newRun(t)
	plain := r.flow()
	r.in["source"] = pipeline.Input{Rows: given{x: gaussian(300, 2, -1, 1, "source"), dim: 2, size: 64}}
	if string(r.flow()) == string(plain) {
		t.Error("a source changes nothing")
	}
	d, _, err := flow.Load(filepath.Join(r.env.Out, "train.safetensors"))
	if err != nil || d.Base != flow.BaseTable || d.BaseStd != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	for name, c := range map[string]struct {
		change func(in pipeline.Inputs)
		path   string
	}{
		"path": {func(in pipeline.Inputs) {
			ve, err := path.NewVE(0.01, 3)
			if err != nil {
				t.Fatal(err)
			}
			in["path"] = pipeline.Input{Service: path.Described{Path: ve, Use: "ve"}}
		}, "from.path"},
		"transformed": {func(in pipeline.Inputs) { in["source"] = in["data"] }, "from.source"},
		"columns": {func(in pipeline.Inputs) {
			in["source"] = pipeline.Input{Rows: given{x: gaussian(300, 1, 0, 1, "source"), dim: 1, size: 64}}
		}, "from.source"},
	} {
		r := newRun(t)
		r.in["source"] = pipeline.Input{Rows: given{x: gaussian(300, 2, -1, 1, "source"), dim: 2, size: 64}}
		c.change(r.in)
		_, err := r.stage().Check(t.Context(), r.in)
		found := false
		for _, e := range schemas.Errors(err, schemas.StageFailed) {
			found = found || e.Path == c.path
		}
		if !found {
			t.Errorf("%s: %v", name, err)
		}
	}
}
