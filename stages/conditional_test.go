package stages_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/random"
)

// person is a row of these tests: x is normal around the mean of its label plus
// its shift, with the standard deviation spread.
type person struct {
	x     float64
	label string
	shift float64
}

var means = map[string]float64{"low": -3, "mid": 0, "high": 4}

const spread = 0.5

// people are drawn from that law.
func people(rows int) []person {
	key := random.NewKey(4, "people", "rows")
	out, z := make([]person, rows), make([]float64, 2)
	for r := range out {
		key.Normals64(z, uint64(r), 0)
		label := []string{"low", "mid", "high"}[r%3]
		out[r] = person{means[label] + z[1] + spread*z[0], label, z[1]}
	}
	return out
}

// writePeople writes an Arrow file; null is a row whose label is null, or -1.
func writePeople(t *testing.T, name string, rows []person, null int) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "label", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "shift", Type: arrow.PrimitiveTypes.Float32, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, p := range rows {
		b.Field(0).(*array.Float64Builder).Append(p.x)
		if i == null {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(p.label)
		}
		b.Field(2).(*array.Float32Builder).Append(float32(p.shift))
	}
	rec := b.NewRecord()
	defer rec.Release()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema))
	if err == nil {
		err = w.Write(rec)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// runFile runs a pipeline of these stages; dir holds its data.
func runFile(t *testing.T, dir, out string, threads int, text string) (*pipeline.Record, error) {
	t.Helper()
	file := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nname: test\nseed: 5\nstages:\n"+text), 0o666); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.Load(context.Background(), file, stages.Builtin(), pipeline.LoadOptions{})
	if err != nil {
		return nil, err
	}
	return p.Run(context.Background(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out, NoCache: true}, Threads: threads})
}

const (
	peopleStages = `
  data: {kind: loader, use: arrow, with: {path: people.arrow, columns: [x], conditions: [label, shift], batch: 97}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [48, 48], embedding: 8}}
`
	trainStage = `
  train:
    kind: trainer
    use: cfm
    from: {data: scaled, valid: scaled, model: field}
    with: {steps: %d, batch: 128, optimizer: {use: adam, lr: 3e-3}, schedule: cosine, drop_conditions: 0.2, validation_rows: 200%s}
`
)

// column reads a column of numbers of a file that a run wrote.
func column(t *testing.T, file, name string) []float64 {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []float64
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		at := rec.Schema().FieldIndices(name)
		if len(at) != 1 {
			t.Fatalf("%s has no column %q", file, name)
		}
		for k := range int(rec.NumRows()) {
			switch c := rec.Column(at[0]).(type) {
			case *array.Float64:
				out = append(out, c.Value(k))
			case *array.Float32:
				out = append(out, float64(c.Value(k)))
			}
		}
	}
	return out
}

func moments(x []float64) (mean, std float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		std += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(std)
}

// A conditional flow makes the conditional distribution, whose density is one in
// sum; rows by a table are rows by given values, one by one; guidance of 1 and of
// 0 are the flow with and without its conditions; neither workers nor batches
// change a bit.
func TestConditionalFlow(t *testing.T) {
	dir := t.TempDir()
	writePeople(t, filepath.Join(dir, "people.arrow"), people(3000), -1)
	var flows [][]byte
	for i, c := range []struct {
		threads int
		more    string
	}{{1, ""}, {3, ""}} {
		out := filepath.Join(dir, fmt.Sprint("train", i))
		if _, err := runFile(t, dir, out, c.threads, peopleStages+fmt.Sprintf(trainStage, 1500, c.more)); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(out, "train.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, raw)
	}
	if !bytes.Equal(flows[0], flows[1]) {
		t.Error("the number of workers changes a conditional flow")
	}
	flow := `{file: train0/train.safetensors}`
	run := func(name, stages string) string {
		t.Helper()
		out := filepath.Join(dir, name)
		if _, err := runFile(t, dir, out, 2, stages); err != nil {
			t.Fatal(name, err)
		}
		return out
	}
	sample := func(name, from, with string) []float64 {
		t.Helper()
		out := run(name, "\n  people: {kind: loader, use: arrow, with: {path: some.arrow, columns: [x], conditions: [label, shift]}}\n"+
			"  samples: {kind: sampler, use: ode, from: {flow: "+flow+from+"}, with: {"+with+"}, to: samples.arrow}\n")
		return column(t, filepath.Join(out, "samples.arrow"), "x")
	}
	some := people(9)[2:]
	writePeople(t, filepath.Join(dir, "some.arrow"), some, -1)

	// What was learned.
	const shift = 0.5
	byLabel := map[string][]float64{}
	for label, mean := range means {
		x := sample("given-"+label, "", fmt.Sprintf("rows: 2000, given: {label: %s, shift: %v}", label, shift))
		byLabel[label] = x
		if m, s := moments(x); math.Abs(m-mean-shift) > 0.15 || math.Abs(s-spread) > 0.12 {
			t.Errorf("%s: mean %.3f and deviation %.3f, the law has %.3f and %.3f", label, m, s, mean+shift, spread)
		}
	}
	all := sample("none", "", "rows: 2000")
	if _, s := moments(all); s < 2.5 || s > 3.7 { // that of the mixture is 3.09
		t.Errorf("without conditions the deviation is %.3f", s)
	}

	// A table, whose rows begin again when it ends.
	table := sample("table", ", cond: people", "rows: 17, batch: 5")
	if n := sample("as-many", ", cond: people", "batch: 3"); len(n) != len(some) || !slices.Equal(n, table[:len(some)]) {
		t.Errorf("%d rows for a table of %d, or others than with rows given", len(n), len(some))
	}
	for i, v := range table {
		p := some[i%len(some)]
		x := sample("one", "", fmt.Sprintf("rows: %d, given: {label: %s, shift: %v}", i+1, p.label, float32(p.shift)))
		if x[i] != v {
			t.Errorf("row %d of a table is %v, by given values %v", i, v, x[i])
		}
	}

	// Guidance.
	if x := sample("one-fold", "", "rows: 2000, given: {label: low, shift: 0.5}, guidance: 1"); !slices.Equal(x, byLabel["low"]) {
		t.Error("guidance of 1 changes rows")
	}
	if x := sample("zero-fold", "", "rows: 2000, given: {label: low, shift: 0.5}, guidance: 0"); !slices.Equal(x, all) {
		t.Error("guidance of 0 is not the flow without conditions")
	}
	once, _ := moments(byLabel["low"])
	if m, _ := moments(sample("two-fold", "", "rows: 2000, given: {label: low, shift: 0.5}, guidance: 2")); m > once-0.1 {
		t.Errorf("guidance of 2 has the mean %v, not below the %v of 1", m, once)
	}

	// The density, with guidance too, and beside new rows.
	var grid []person
	const step = 0.02
	for x := -12.0; x < 12; x += step {
		grid = append(grid, person{x, "mid", 0.25})
	}
	writePeople(t, filepath.Join(dir, "grid.arrow"), grid, -1)
	for _, w := range []string{"0", "1", "1.5"} {
		out := run("scores"+w, "\n  grid: {kind: loader, use: arrow, with: {path: grid.arrow, columns: [x], conditions: [label, shift]}}\n"+
			"  solver: {kind: solver, use: dopri5, with: {rtol: 1e-4, atol: 1e-5}}\n"+
			"  scores: {kind: likelihood, use: ode, from: {flow: "+flow+", data: grid, solver: solver}, with: {guidance: "+w+"}, to: scores.arrow}\n")
		var sum float64
		for _, v := range column(t, filepath.Join(out, "scores.arrow"), "log_prob") {
			sum += step * math.Exp(v)
		}
		if math.Abs(sum-1) > 5e-3 {
			t.Errorf("guidance %s: the density adds up to %v", w, sum)
		}
	}
	out := run("beside", "\n  samples: {kind: sampler, use: ode, from: {flow: "+flow+"}, with: {rows: 40, log_prob: true, given: {label: mid, shift: 0.25}}, to: samples.arrow}\n")
	beside := column(t, filepath.Join(out, "samples.arrow"), "log_prob")
	out = run("again", "\n  made: {kind: loader, use: arrow, with: {path: beside/samples.arrow, columns: [x], conditions: [label, shift]}}\n"+
		"  scores: {kind: likelihood, use: ode, from: {flow: "+flow+", data: made}, to: scores.arrow}\n")
	for i, v := range column(t, filepath.Join(out, "scores.arrow"), "log_prob") {
		if math.Abs(v-beside[i]) > 1e-2 {
			t.Errorf("row %d was made with log p = %v and is scored with %v", i, beside[i], v)
		}
	}
}

// Conditions move with their rows through a window and through couplings, those
// that look at conditions too: the same bits with any number of workers.
func TestConditionsGoWithTheirRows(t *testing.T) {
	dir := t.TempDir()
	writePeople(t, filepath.Join(dir, "people.arrow"), people(400), -1)
	for name, with := range map[string]string{"independent": "independent", "ot": "ot", "of conditions": "ot, with: {condition_weight: 2}"} {
		for _, more := range []string{"", ", window: 50", ", accumulate: 2"} {
			var flows [][]byte
			for _, threads := range []int{1, 3} {
				out := filepath.Join(dir, "out")
				text := peopleStages + "\n  pairs: {kind: coupling, use: " + with + "}\n" +
					strings.Replace(fmt.Sprintf(trainStage, 10, more), "model: field", "model: field, coupling: pairs", 1)
				if _, err := runFile(t, dir, out, threads, text); err != nil {
					t.Fatal(name, more, err)
				}
				raw, err := os.ReadFile(filepath.Join(out, "train.safetensors"))
				if err != nil {
					t.Fatal(err)
				}
				flows = append(flows, raw)
			}
			if !bytes.Equal(flows[0], flows[1]) {
				t.Errorf("%s%s: the number of workers changes the flow", name, more)
			}
		}
	}
}

// What does not fit is said before anything runs where it can be known, and always
// with its place.
func TestConditionsRefuse(t *testing.T) {
	dir := t.TempDir()
	writePeople(t, filepath.Join(dir, "people.arrow"), people(300), -1)
	writePeople(t, filepath.Join(dir, "strange.arrow"), []person{{0, "mid", 0}, {0, "odd", 0}}, -1)
	writePeople(t, filepath.Join(dir, "null.arrow"), people(9), 4)
	writePeople(t, filepath.Join(dir, "nan.arrow"), []person{{0, "mid", 0}, {0, "mid", math.NaN()}}, -1)
	short := fmt.Sprintf(trainStage, 20, "")
	if _, err := runFile(t, dir, filepath.Join(dir, "saved"), 1, peopleStages+short); err != nil {
		t.Fatal(err)
	}
	if _, err := runFile(t, dir, filepath.Join(dir, "always"), 1, peopleStages+strings.Replace(short, "drop_conditions: 0.2", "drop_conditions: 0", 1)); err != nil {
		t.Fatal(err)
	}
	load := func(path, more string) string {
		return "\n  data: {kind: loader, use: arrow, with: {path: " + path + ".arrow, columns: [x]" + more + "}}\n"
	}
	const conditions = ", conditions: [label, shift]"
	sampler := func(file, from, with string) string {
		return "\n  samples: {kind: sampler, use: ode, from: {flow: {file: " + file + "/train.safetensors}" + from + "}, with: {rows: 2" + with + "}}\n"
	}
	score := "\n  scores: {kind: likelihood, use: ode, from: {flow: {file: saved/train.safetensors}, data: data}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"twice":              {load("people", ", conditions: [x]"), `stages.data.with.conditions[0]: column "x" is listed twice`},
		"no such column":     {load("people", ", conditions: [labl]"), `no column "labl"; did you mean "label"?`},
		"text as a number":   {load("people", ", conditions: [{use: label, as: number}]"), `column "label" has type utf8, whose values are no numbers`},
		"no kind":            {load("people", ", conditions: [{use: label, as: word}]"), "conditions[0].as"},
		"null":               {load("null", conditions) + score, `column "label" is null in row 4`},
		"nothing to drop":    {load("people", "") + "\n  field: {kind: model, use: mlp}\n" + strings.ReplaceAll(short, "scaled", "data"), "stages.train.with.drop_conditions: the rows have no conditions to drop"},
		"unknown category":   {load("strange", conditions) + score, `row 1: column "label" has the category "odd", which the training rows do not have; they have "high", "low", "mid"`},
		"not a number":       {load("nan", conditions) + score, `row 1: column "shift" has NaN`},
		"missing condition":  {load("people", ", conditions: [label]") + score, `no column "shift", which the flow is conditional on`},
		"nothing given":      {sampler("always", "", ""), "samples.with.given: the flow is conditional on label, shift, and nothing says"},
		"half given":         {sampler("saved", "", ", given: {label: mid}"), `samples.with.given: the value of the condition "shift" is missing`},
		"another name":       {sampler("saved", "", ", given: {label: mid, shift: 1, shaft: 2}"), `samples.with.given.shaft: the flow has no condition "shaft"; did you mean "shift"?`},
		"another category":   {sampler("saved", "", ", given: {label: odd, shift: 1}"), `samples.with.given.label: column "label" has the category "odd"`},
		"text for a number":  {sampler("saved", "", ", given: {label: mid, shift: much}"), "samples.with.given.shift: column \"shift\" is made of numbers, and much is none"},
		"two ways":           {load("people", conditions) + sampler("saved", ", cond: data", ", given: {label: mid, shift: 1}"), "given and the input cond both say"},
		"table without them": {load("people", "") + sampler("saved", ", cond: data", ""), `samples.from.cond: the rows have no column "label"`},
		"table of others":    {load("strange", conditions) + sampler("saved", ", cond: data", ""), `category "odd"`},
		"guided by nothing":  {sampler("saved", "", ", guidance: 2"), "samples.with.guidance: rows without conditions have nothing"},
		"fixed column":       {sampler("saved", "", ", given: {label: mid, shift: 1}, fix: {y: 1}"), `samples.with.fix.y: the flow has no column "y"`},
		"all fixed":          {sampler("saved", "", ", given: {label: mid, shift: 1}, fix: {x: 1}"), "samples.with.fix: 1 of 1 columns are fixed"},
		"density of fixed":   {sampler("saved", "", ", given: {label: mid, shift: 1}, fix: {x: 1}, log_prob: true"), "rows with fixed columns have no density"},
		"never dropped":      {sampler("always", "", ", given: {label: mid, shift: 1}, guidance: 2"), "samples.with.guidance: the flow was always trained with its conditions"},
		"training category":  {load("people", conditions) + "\n  other: {kind: loader, use: arrow, with: {path: strange.arrow, columns: [x]" + conditions + "}}\n  field: {kind: model, use: mlp}\n" + strings.NewReplacer("valid: scaled", "valid: other", "scaled", "data").Replace(short), `category "odd"`},
		"other conditions":   {load("people", conditions) + "\n  other: {kind: loader, use: arrow, with: {path: people.arrow, columns: [x], conditions: [label]}}\n  field: {kind: model, use: mlp}\n" + strings.NewReplacer("valid: scaled", "valid: other", "scaled", "data").Replace(short), "other conditions than the training rows"},
	} {
		_, err := runFile(t, dir, filepath.Join(dir, "out"), 1, c.text)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\n", " "), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

// A conditional flow that is trained by likelihood makes the conditional distribution,
// whose density is one in sum; rows by a table are rows by given values, one by one; workers change no
// bit, of the flow and of its rows; the density of a made row is that of the row.
func TestConditionalLikelihood(t *testing.T) {
	dir := t.TempDir()
	writePeople(t, filepath.Join(dir, "people.arrow"), people(3000), -1)
	some := people(9)[2:]
	writePeople(t, filepath.Join(dir, "some.arrow"), some, -1)
	var grid []person
	const step = 0.02
	for x := -12.0; x < 12; x += step {
		grid = append(grid, person{x, "mid", 0.25})
	}
	writePeople(t, filepath.Join(dir, "grid.arrow"), grid, -1)
	run := func(name string, threads int, text string) string {
		t.Helper()
		out := filepath.Join(dir, name)
		if _, err := runFile(t, dir, out, threads, text); err != nil {
			t.Fatal(name, err)
		}
		return out
	}
	load := func(name string) string {
		return "\n  " + name + ": {kind: loader, use: arrow, with: {path: " + name + ".arrow, columns: [x], conditions: [label, shift]}}\n"
	}
	train := func(model string) string {
		text := load("people") + "  scaled: {kind: transform, use: standardize, from: {data: people}}\n" +
			"  flow: {kind: model, " + model + "}\n" +
			"  train: {kind: trainer, use: mle, from: {data: scaled, valid: scaled, model: flow}, with: {steps: 800, batch: 128, optimizer: {use: adam, lr: 1e-2}, schedule: cosine, ema: 0.9, validation_rows: 200}}\n"
		if strings.Contains(model, "ffjord") { // an update costs more, and may be larger
			return "\n  few: {kind: solver, use: rk4, with: {steps: 3}}" + strings.NewReplacer("model: flow", "model: flow, solver: few", "steps: 800", "steps: 400", "1e-2", "2e-2").Replace(text)
		}
		return text
	}
	const shift = 0.5
	for name, model := range map[string]string{
		"maf":    "use: maf, with: {transforms: 1, hidden: [16, 16]}",
		"nsf":    "use: nsf, with: {transforms: 1, hidden: [16, 16], bins: 3}",
		"ffjord": "use: ffjord, with: {hidden: [16, 16]}",
	} {
		t.Run(name, func(t *testing.T) {
			var files [][]byte
			for _, threads := range []int{1, 3} {
				raw, err := os.ReadFile(filepath.Join(run(fmt.Sprint(name, threads), threads, train(model)), "train.safetensors"))
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, raw)
			}
			if !bytes.Equal(files[0], files[1]) {
				t.Error("the number of workers changes a conditional flow")
			}
			flow := "{file: " + name + "1/train.safetensors}"
			sample := func(from, with string) []float64 {
				t.Helper()
				out := run("samples", 2, load("some")+"  samples: {kind: sampler, use: ode, from: {flow: "+flow+from+"}, with: {"+with+"}, to: samples.arrow}\n")
				return column(t, filepath.Join(out, "samples.arrow"), "x")
			}
			for label, mean := range means {
				x := sample("", fmt.Sprintf("rows: 2000, given: {label: %s, shift: %v}", label, shift))
				if m, s := moments(x); math.Abs(m-mean-shift) > 0.1 || math.Abs(s-spread) > 0.08 {
					t.Errorf("%s: mean %.3f and deviation %.3f, the law has %.3f and %.3f", label, m, s, mean+shift, spread)
				}
			}
			table := sample(", cond: some", "rows: 17, batch: 5")
			if n := sample(", cond: some", "batch: 3"); !slices.Equal(n, table[:len(some)]) {
				t.Errorf("%d rows for a table of %d, or others than with rows given", len(n), len(some))
			}
			for _, i := range []int{0, 5, 16} {
				p, v := some[i%len(some)], table[i]
				if x := sample("", fmt.Sprintf("rows: %d, given: {label: %s, shift: %v}", i+1, p.label, float32(p.shift))); x[i] != v {
					t.Errorf("row %d of a table is %v, by given values %v", i, v, x[i])
				}
			}
			scores := func(data string) []float64 {
				t.Helper()
				out := run("scores", 2, data+"  scores: {kind: likelihood, use: ode, from: {flow: "+flow+", data: grid}, to: scores.arrow}\n")
				return column(t, filepath.Join(out, "scores.arrow"), "log_prob")
			}
			var sum float64
			for _, v := range scores(load("grid")) {
				sum += step * math.Exp(v)
			}
			if math.Abs(sum-1) > 1e-3 {
				t.Errorf("the density adds up to %v", sum)
			}
			out := run("beside", 1, "\n  samples: {kind: sampler, use: ode, from: {flow: "+flow+"}, with: {rows: 40, log_prob: true, given: {label: mid, shift: 0.25}}, to: samples.arrow}\n")
			beside := column(t, filepath.Join(out, "samples.arrow"), "log_prob")
			for i, v := range scores("\n  grid: {kind: loader, use: arrow, with: {path: beside/samples.arrow, columns: [x], conditions: [label, shift]}}\n") {
				if math.Abs(v-beside[i]) > 1e-4 {
					t.Errorf("row %d was made with log p = %v and is scored with %v", i, beside[i], v)
				}
			}
		})
	}
	flow := "\n  samples: {kind: sampler, use: ode, from: {flow: {file: maf1/train.safetensors}}, with: {rows: 2"
	for name, c := range map[string]struct{ text, want string }{
		"nothing given":     {flow + "}}\n", "samples.with.given: the flow is conditional on label, shift, and nothing says"},
		"guided":            {flow + ", given: {label: mid, shift: 1}, guidance: 2}}\n", "samples.with.guidance: the flow is discrete (model maf): there is no field to guide"},
		"one column":        {strings.Replace(train("use: realnvp"), "steps: 800", "steps: 1", 1), "train.from.model: bijection: realnvp: a coupling needs two columns"},
		"nothing to drop":   {strings.Replace(train("use: maf"), "steps: 800", "steps: 1, drop_conditions: 0.1", 1), `train.with.drop_conditions`},
		"missing condition": {"\n  data: {kind: loader, use: arrow, with: {path: people.arrow, columns: [x], conditions: [label]}}\n  scores: {kind: likelihood, use: ode, from: {flow: {file: maf1/train.safetensors}, data: data}}\n", `no column "shift", which the flow is conditional on`},
	} {
		_, err := runFile(t, dir, filepath.Join(dir, "out"), 1, c.text)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\n", " "), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

// A vector field that is trained on keeps the conditions of its flow, which rows have
// that are not those it was fitted to: a step of next to no length changes next to
// nothing, for a category, too, that the rows do not have. The flow may be a file or
// another stage.
func TestConditionalFlowIsTrainedOn(t *testing.T) {
	dir := t.TempDir()
	rows := people(300)
	writePeople(t, filepath.Join(dir, "people.arrow"), rows, -1)
	some := slices.DeleteFunc(slices.Clone(rows), func(p person) bool { return p.label == "high" || p.shift < 0 })
	writePeople(t, filepath.Join(dir, "some.arrow"), some, -1)
	const first = `
  field: {kind: model, use: ffjord, with: {hidden: [8]}}
  train: {kind: trainer, use: cfm, from: {data: %s, model: field}, with: {steps: 200, optimizer: {lr: 1e-2}, drop_conditions: 0.2}}
`
	const on = `
  few: {kind: solver, use: rk4, with: {steps: 3}}
  tuned: {kind: trainer, use: mle, from: {data: %s, valid: %[1]s, flow: %s, solver: few}, with: {steps: 1, batch: 50, optimizer: {use: sgd, lr: 1e-9}, validation_rows: 30}}
`
	load := func(name, conditions string) string {
		return "\n  " + name + ": {kind: loader, use: arrow, with: {path: " + name + ".arrow, columns: [x], conditions: " + conditions + "}}\n"
	}
	both := load("people", "[label, shift]") + load("some", "[label, shift]")
	run := func(name, text string) {
		t.Helper()
		if _, err := runFile(t, dir, filepath.Join(dir, name), 1, text); err != nil {
			t.Fatal(name, err)
		}
	}
	run("before", both+fmt.Sprintf(first, "people")+fmt.Sprintf(on, "some", "train"))
	run("after", both+fmt.Sprintf(on, "some", "{file: before/train.safetensors}"))
	sample := func(file string) []float64 {
		t.Helper()
		run("samples", "\n  samples: {kind: sampler, use: ode, from: {flow: {file: "+file+"}}, with: {rows: 20, given: {label: high, shift: -1}}, to: samples.arrow}\n")
		return column(t, filepath.Join(dir, "samples", "samples.arrow"), "x")
	}
	want := sample("before/train.safetensors")
	for _, file := range []string{"before/tuned.safetensors", "after/tuned.safetensors"} {
		for i, x := range sample(file) {
			if math.Abs(x-want[i]) > 1e-4 {
				t.Errorf("%s: row %d is %v and was %v", file, i, x, want[i])
			}
		}
	}
	// The transforms of a file are those of rows that are to be fitted to, and have to be
	// when they are.
	scaled := func(by string) string {
		return "\n  scaled: {kind: transform, use: standardize, from: {data: " + by + "}}"
	}
	run("scaled", both+scaled("people")+fmt.Sprintf(first, "scaled"))
	const file = "{file: scaled/train.safetensors}"
	run("on", both+scaled("people")+fmt.Sprintf(on, "scaled", file))
	for name, text := range map[string]string{
		"conditions": load("some", "[label]") + fmt.Sprintf(on, "some", "{file: before/train.safetensors}"),
		"transforms": both + fmt.Sprintf(on, "people", file),
		"rows":       both + scaled("some") + fmt.Sprintf(on, "scaled", file),
	} {
		_, err := runFile(t, dir, filepath.Join(dir, "out"), 1, text)
		if err == nil || !strings.Contains(err.Error(), "other columns, transforms or conditions") {
			t.Errorf("other %s: %v", name, err)
		}
	}
}
