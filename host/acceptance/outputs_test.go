package acceptance

import (
	"encoding/json"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
)

// Everything that the contract says about the output folder, the record, the
// events, the plan and the commands without a pipeline file.
func TestOutputs(t *testing.T) {
	slow(t)
	dir := powerFolder(t)
	var types []string
	p := follow(t, dir, []string{"run", "power.yaml"}, func(_ *process, e event) { types = append(types, e.Type) })
	if r := p.wait(); r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, head(r.stderr))
	}
	const out = "runs/power" // runs/<name> when --out is not given
	complete(t, dir, out)
	for _, name := range allOutputs {
		if len(content(t, dir, out, name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	if len(types) < 2 || types[0] != "run_started" || types[len(types)-1] != "run_ended" {
		t.Errorf("events %v", types)
	}

	t.Run("columns", func(t *testing.T) {
		data := []arrow.Field{{Name: "volts", Type: arrow.PrimitiveTypes.Float64}, {Name: "amps A", Type: arrow.PrimitiveTypes.Float32},
			{Name: "count", Type: arrow.PrimitiveTypes.Int32}}
		double := func(name string) arrow.Field { return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64} }
		for file, more := range map[string][]arrow.Field{
			"samples.parquet": nil, "scores.parquet": {double("log_prob")}, "guesses.parquet": {double("log_prob"), double("log_prob_se")},
		} {
			got := readTable(t, dir, out, file).schema.Fields()
			want := append(append([]arrow.Field(nil), data...), more...)
			if len(got) != len(want) {
				t.Errorf("%s has the columns %v", file, got)
				continue
			}
			for i := range want {
				if got[i].Name != want[i].Name || !arrow.TypeEqual(got[i].Type, want[i].Type) {
					t.Errorf("%s: column %d is %v, want %v", file, i, got[i], want[i])
				}
			}
		}
	})

	t.Run("scored rows are rows of the data", func(t *testing.T) {
		names := []string{"volts", "amps A", "count"}
		data, scores := readTable(t, dir, "data.parquet").columns(t, names...), readTable(t, dir, out, "scores.parquet").columns(t, names...)
		at := 0
		for i := range scores[0] {
			for at < len(data[0]) && (data[0][at] != scores[0][i] || data[1][at] != scores[1][i] || data[2][at] != scores[2][i]) {
				at++
			}
			if at == len(data[0]) {
				t.Fatalf("scored row %d is no row of the data, or not in its order", i)
			}
			at++
		}
		if n := len(scores[0]); math.Abs(float64(n)-500) > 4*math.Sqrt(5000*0.1*0.9) {
			t.Errorf("a tenth of 5000 rows is %d", n)
		}
	})

	t.Run("record", func(t *testing.T) {
		var r struct {
			Seed   *int64
			Status string
			Host   map[string]any
			File   map[string]any
			Stages map[string]struct {
				Status, Why string
				Rows        *int64
				Seconds     *float64
				Evaluations *float64
				Outputs     map[string]struct{ Sha256 string }
			}
		}
		if err := json.Unmarshal(content(t, dir, out, "run.json"), &r); err != nil {
			t.Fatal(err)
		}
		if r.Seed == nil || *r.Seed != 5 || r.Status != "done" || r.File["stages"] == nil {
			t.Errorf("seed %v, status %q, resolved file %v", r.Seed, r.Status, r.File)
		}
		if r.Host["sha256"] == nil || r.Host["version"] == nil && r.Host["go"] == nil {
			t.Errorf("versions and digests of the host: %v", r.Host)
		}
		for _, name := range []string{"data", "scaled", "field", "train", "samples", "scores", "guesses", "quality"} {
			s, ok := r.Stages[name]
			if !ok || s.Status != "ran" || s.Why == "" || s.Rows == nil || s.Seconds == nil {
				t.Errorf("stage %s: %+v", name, s)
			}
		}
		for file, stage := range map[string]string{"samples.parquet": "samples", "scores.parquet": "scores", "train.safetensors": "train",
			"train.metrics.parquet": "train", "quality.json": "quality"} {
			if d := r.Stages[stage].Outputs[file].Sha256; d != digest(content(t, dir, out, file)) {
				t.Errorf("digest of %s: %q", file, d)
			}
		}
		for _, name := range []string{"samples", "scores"} {
			if e := r.Stages[name].Evaluations; e == nil || *e < 7 {
				t.Errorf("%s has no evaluations", name)
			}
		}
	})

	t.Run("quality", func(t *testing.T) {
		var q struct{ Metrics []map[string]any }
		if err := json.Unmarshal(content(t, dir, out, "quality.json"), &q); err != nil || len(q.Metrics) == 0 {
			t.Fatalf("%v, %v", err, q)
		}
		for _, m := range q.Metrics {
			if _, ok := m["name"].(string); !ok {
				t.Errorf("no name: %v", m)
			}
			for _, key := range []string{"value", "se", "floor"} {
				if _, ok := m[key].(float64); !ok {
					t.Errorf("no %s: %v", key, m)
				}
			}
		}
	})

	t.Run("metrics table", func(t *testing.T) {
		// The validation loss is null where there was no validation.
		m, err := openTable(filepath.Join(dir, out, "train.metrics.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		if names := m.fieldNames(); len(names) < 6 || m.rows == 0 {
			t.Errorf("%d rows of %q; want step, loss, validation loss, gradient norm, learning rate, rows per second", m.rows, names)
		}
	})

	t.Run("report", func(t *testing.T) {
		page := string(content(t, dir, out, "report.html"))
		if found := regexp.MustCompile(`(?i)(src|href|url)\s*[=(]\s*["']?\s*(https?:)?//`).FindString(page); found != "" {
			t.Errorf("the page asks the network: %s", found)
		}
	})

	t.Run("sample and score", func(t *testing.T) {
		// Noise is addressed by (seed, stage, row): `host sample` names its
		// stage samples, so the same seed and solver give a sampler of that
		// name its own rows again. Scores with an exact trace use no noise.
		must(t, dir, "sample", out+"/train.safetensors", "--rows", "2000", "--seed", "5", "--out", "again.parquet")
		sameNumbers(t, "host sample", readTable(t, dir, out, "samples.parquet"), readTable(t, dir, "again.parquet"), "volts", "amps A", "count")
		must(t, dir, "sample", out+"/train.safetensors", "--rows", "700", "--seed", "5", "--out", "fewer.parquet", "--threads", "1")
		fewer, all := readTable(t, dir, "fewer.parquet").columns(t, "volts")[0], readTable(t, dir, out, "samples.parquet").columns(t, "volts")[0]
		for i := range fewer {
			if fewer[i] != all[i] {
				t.Fatalf("row %d depends on how many there are", i)
			}
		}
		must(t, dir, "score", out+"/train.safetensors", out+"/scores.parquet", "--out", "rescored.parquet")
		sameNumbers(t, "host score", readTable(t, dir, out, "scores.parquet"), readTable(t, dir, "rescored.parquet"), "volts", "amps A", "count", "log_prob")
		// The file from which the flow was trained has other columns besides.
		must(t, dir, "score", out+"/train.safetensors", "data.parquet", "--out", "all.parquet", "--json").document(t)
		if n := readTable(t, dir, "all.parquet").rows; n != 5000 {
			t.Errorf("%d of 5000 rows were scored", n)
		}
	})

	t.Run("saved flow", func(t *testing.T) {
		// Input paths are relative to the pipeline file, outputs to where the
		// host runs; a saved flow scores as the trainer's own did.
		place(t, dir, "saved.yaml", `
version: 1
name: saved
seed: 5
stages:
  data: {kind: loader, use: parquet, with: {path: data.parquet, columns: [volts, "amps A", count], split: {train: 0.8, valid: 0.1, test: 0.1}}}
  scores: {kind: likelihood, use: ode, from: {flow: {file: runs/power/train.safetensors}, data: data.test}}
`)
		elsewhere := t.TempDir()
		must(t, elsewhere, "run", filepath.Join(dir, "saved.yaml"))
		sameNumbers(t, "saved flow", readTable(t, dir, out, "scores.parquet"), readTable(t, elsewhere, "runs", "saved", "scores.parquet"),
			"volts", "amps A", "count", "log_prob")
	})

	t.Run("second run", func(t *testing.T) {
		before := content(t, dir, out, "samples.parquet")
		must(t, dir, "run", "power.yaml")
		var r struct {
			Stages map[string]struct{ Status, Why string }
		}
		if err := json.Unmarshal(content(t, dir, out, "run.json"), &r); err != nil {
			t.Fatal(err)
		}
		for name, s := range r.Stages {
			if s.Status != "up-to-date" || s.Why == "" {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if string(before) != string(content(t, dir, out, "samples.parquet")) {
			t.Error("the samples changed")
		}
	})

	t.Run("plan", func(t *testing.T) {
		if r := must(t, dir, "plan", "power.yaml"); strings.Count(r.stdout, "up to date") < 8 || strings.Contains(r.stdout, "will run") {
			t.Errorf("after a run the plan is\n%s", r.stdout)
		}
		r := must(t, dir, "plan", "power.yaml", "--set", "stages.samples.with.rows=50")
		for _, line := range strings.Split(r.stdout, "\n") {
			name, _, _ := strings.Cut(line, " ")
			runs := name == "samples" || name == "quality"
			if name != "STAGE" && strings.Contains(line, "/") && !strings.Contains(line, "outputs go") && strings.Contains(line, "will run") != runs {
				t.Errorf("with other rows: %s", line)
			}
		}
		if !strings.Contains(r.stdout, "rows") {
			t.Errorf("the plan does not say what changed:\n%s", r.stdout)
		}
		must(t, dir, "plan", "power.yaml", "--json").document(t)
	})

	t.Run("envelope", func(t *testing.T) {
		for _, args := range []string{"run power.yaml", "validate power.yaml", "plan power.yaml", "graph power.yaml", "show path/vp", "show " + out + "/train.safetensors",
			"show " + out, "schema", "version", "sample " + out + "/train.safetensors --rows 5 --out few.csv"} {
			if e := must(t, dir, append(strings.Fields(args), "--json")...).document(t); len(e.Result) == 0 || string(e.Result) == "null" {
				t.Errorf("%s: no result", args)
			}
		}
		for _, format := range []string{"text", "mermaid", "dot", "svg"} {
			if r := must(t, dir, "graph", "power.yaml", "--format", format); !strings.Contains(r.stdout, "samples") {
				t.Errorf("graph as %s:\n%s", format, head(r.stdout))
			}
		}
	})

	t.Run("changed data", func(t *testing.T) {
		numbersFile(t, filepath.Join(dir, "other.parquet"), 300)
		place(t, dir, "small.yaml", `
version: 1
name: small
stages:
  data: {kind: loader, use: parquet, with: {path: other.parquet}}
  field: {kind: model, use: gmm, with: {columns: [u, v], means: [[0, 0]], std: [1]}}
  scores: {kind: likelihood, use: ode, from: {flow: field, data: data}}
`)
		must(t, dir, "run", "small.yaml")
		if n := readTable(t, dir, "runs/small", "scores.parquet").rows; n != 300 {
			t.Errorf("%d rows", n)
		}
		numbersFile(t, filepath.Join(dir, "other.parquet"), 301)
		if r := must(t, dir, "plan", "small.yaml"); strings.Count(r.stdout, "will run") < 2 {
			t.Errorf("new data, but the plan is\n%s", r.stdout)
		}
		must(t, dir, "run", "small.yaml")
		if n := readTable(t, dir, "runs/small", "scores.parquet").rows; n != 301 {
			t.Errorf("%d rows after the data changed", n)
		}
	})
}
