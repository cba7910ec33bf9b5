package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// right is a pipeline file without a mistake; the table replaces a piece of it.
const right = `version: 1
name: wrong
seed: 7
params:
  size: 64
stages:
  data: {kind: loader, use: parquet, with: {path: data.parquet, columns: [a, b], split: {train: 0.8, test: 0.2}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  path: {kind: path, use: condot}
  field: {kind: model, use: mlp, with: {hidden: [8]}}
  solver: {kind: solver, use: dopri5, with: {rtol: 1e-4}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, path: path, model: field}
    with: {steps: 10, batch: "${params.size}"}
  samples:
    kind: sampler
    use: ode
    from: {flow: train, solver: solver}
    with: {rows: 100}
    to: samples.parquet
  scores:
    kind: likelihood
    use: ode
    from: {flow: train, data: data.test, solver: solver}
    to: scores.parquet
  quality:
    kind: evaluator
    use: two-sample
    from: {data: data.test, sample: samples}
`

const gmm = `{kind: model, use: gmm, from: {path: path}, with: {columns: [a, b], weights: [1], means: [[0, 0]], std: [1]}}`

// mistakes is a table of wrong pipeline files. In replace, « stands where the
// error is to be reported; without one the error has no place.
var mistakes = []struct {
	name, old, replace string
	reason             string
	exit               int
	run                bool // found when it runs, not before
}{
	{name: "misspelt key of a trainer", old: "{steps: 10", replace: "{«stepz: 10", reason: "unknown_key"},
	{name: "misspelt key of a stage", old: "    use: cfm", replace: "    «ues: cfm\n    use: cfm", reason: "unknown_key"},
	{name: "misspelt key of the file", old: "seed: 7", replace: "«sead: 7", reason: "unknown_key"},
	{name: "standardize has no keys", old: "use: standardize, ", replace: "use: standardize, with: {«mean: 0}, ", reason: "unknown_key"},
	{name: "steps for dopri5", old: "{rtol: 1e-4}", replace: "{«steps: 20}", reason: "unknown_key"},
	{name: "rtol for euler", old: "use: dopri5, with: {", replace: "use: euler, with: {«", reason: "unknown_key"},
	{name: "key twice", old: "{steps: 10", replace: "{steps: 10, «steps: 20", reason: "duplicate_key"},
	{name: "stage twice", old: "  path: {", replace: "  path: {kind: path, use: cosine}\n  «path: {", reason: "duplicate_key"},
	{name: "no path of the file", old: "with: {path: data.parquet, columns", replace: "with: «{columns", reason: "missing_key"},
	{name: "no kind", old: "  path: {kind: path, use: condot}", replace: "  path: «{use: condot}", reason: "missing_key"},
	{name: "no rows to sample", old: "    with: {rows: 100}", replace: "    with: «{}", reason: "missing_key"},
	{name: "words for a number", old: "{steps: 10", replace: "{steps: «many", reason: "wrong_type"},
	{name: "a fraction for a whole number", old: "{steps: 10", replace: "{steps: «10.5", reason: "wrong_type"},
	{name: "a number for a list", old: "hidden: [8]", replace: "hidden: «8", reason: "wrong_type"},
	{name: "a word in a list of numbers", old: "hidden: [8]", replace: "hidden: [8, «eight]", reason: "wrong_type"},
	{name: "stages is a list", old: "stages:\n", replace: "stages: «[a, b]\nother:\n", reason: "wrong_type"},
	{name: "no steps", old: "{steps: 10", replace: "{steps: «0", reason: "out_of_range"},
	{name: "no rows", old: "{rows: 100}", replace: "{rows: «0}", reason: "out_of_range"},
	{name: "an empty layer", old: "hidden: [8]", replace: "hidden: [8, «0]", reason: "out_of_range"},
	{name: "a layer too wide", old: "hidden: [8]", replace: "hidden: [8, «100000]", reason: "out_of_range"},
	{name: "negative tolerance", old: "{rtol: 1e-4}", replace: "{rtol: «-1e-4}", reason: "out_of_range"},
	{name: "ema that never learns", old: "{steps: 10", replace: "{ema: «1, steps: 10", reason: "out_of_range"},
	{name: "negative learning rate", old: "{steps: 10", replace: "{optimizer: {use: adam, lr: «-1}, steps: 10", reason: "out_of_range"},
	{name: "negative seed", old: "seed: 7", replace: "seed: «-7", reason: "out_of_range"},
	{name: "splits above one", old: "test: 0.2}", replace: "test: 0.3}", reason: "out_of_range"},
	{name: "an empty split", old: "test: 0.2}", replace: "test: «0}", reason: "out_of_range"},
	{name: "noise rates the wrong way round", old: "use: condot", replace: "use: vp, with: {beta_min: 3, beta_max: «2}", reason: "out_of_range"},
	{name: "unknown activation", old: "{hidden: [8]}", replace: "{hidden: [8], activation: «silou}", reason: "unknown_value"},
	{name: "unknown optimizer", old: "{steps: 10", replace: "{optimizer: «adamm, steps: 10", reason: "unknown_value"},
	{name: "unknown trace", old: "    to: scores.parquet", replace: "    with: {trace: «exactly}\n    to: scores.parquet", reason: "unknown_value"},
	{name: "unknown generated data", old: "use: parquet, with: {path: data.parquet, columns: [a, b],", replace: "use: generate, with: {name: «moon,", reason: "unknown_value"},
	{name: "a name that is no folder", old: "name: wrong", replace: "name: «Wrong Name", reason: "wrong_type"},
	{name: "unknown kind", old: "kind: path,", replace: "kind: «paht,", reason: "unknown_kind"},
	{name: "unknown path", old: "use: condot", replace: "use: «condott", reason: "unknown_use"},
	{name: "a plugin that the file does not have", old: "use: condot", replace: "use: «sine/sine", reason: "unknown_use"},
	{name: "unknown stage", old: "{flow: train, solver: solver}\n    with", replace: "{flow: «trian, solver: solver}\n    with", reason: "unknown_stage"},
	{name: "unknown split", old: "data: scaled.train", replace: "data: «scaled.trane", reason: "unknown_split"},
	{name: "a split where there are none", old: ", split: {train: 0.8, test: 0.2}", replace: "", reason: "unknown_split"},
	{name: "unknown input", old: "{data: scaled.train", replace: "{«dada: scaled.train, data: scaled.train", reason: "unknown_port"},
	{name: "missing input", old: "  samples:\n    kind: sampler\n    use: ode\n    from: {flow: train, solver: solver}", replace: "  «samples:\n    kind: sampler\n    use: ode\n    from: {solver: solver}", reason: "missing_port"},
	{name: "a path for a solver", old: "solver: solver}\n    with", replace: "solver: «path}\n    with", reason: "wrong_port"},
	{name: "a service for rows", old: "data: data.test, solver", replace: "data: «path, solver", reason: "wrong_port"},
	{name: "nothing to train in an exact model", old: "  field: {kind: model, use: mlp, with: {hidden: [8]}}", replace: "  field: " + gmm, reason: "wrong_port"},
	{name: "unknown parameter", old: "${params.size}", replace: "${params.sise}", reason: "unknown_param"},
	{name: "environment that is not set", old: "{path: data.parquet", replace: "{path: «\"${env:NOT_SET_ANYWHERE}/data.parquet\"", reason: "missing_env"},
	{name: "a reference to nothing", old: "{steps: 10", replace: "{steps: «\"${steps}\"", reason: "bad_reference"},
	{name: "a reference that does not end", old: "{steps: 10", replace: "{steps: «\"${params.size\"", reason: "bad_reference"},
	{name: "a parameter of the wrong type", old: "  size: 64", replace: "  size: lots", reason: "wrong_type"},
	{name: "steps and epochs", old: "{steps: 10", replace: "{steps: 10, epochs: 2", reason: "conflict"},
	{name: "probes of an exact trace", old: "    to: scores.parquet", replace: "    with: {trace: exact, probes: 4}\n    to: scores.parquet", reason: "conflict"},
	{name: "more probes than memory", old: "    to: scores.parquet", replace: "    with: {trace: hutchinson, probes: «65536}\n    to: scores.parquet", reason: "too_large"},
	{name: "draws of no noise", old: "    to: scores.parquet", replace: "    with: {draws: «2}\n    to: scores.parquet", reason: "conflict"},
	{name: "steps of no column", old: "use: standardize, ", replace: "use: dequantize, with: {steps: {c: «1}}, ", reason: "unknown_column"},
	{name: "two stages write one file", old: "to: scores.parquet", replace: "to: «samples.parquet", reason: "conflict"},
	{name: "covariances and std", old: "  field: {kind: model, use: mlp, with: {hidden: [8]}}", replace: "  exact: {kind: model, use: gmm, with: {means: [[0]], std: «[1], covariances: [[[1]]]}}\n  field: {kind: model, use: mlp, with: {hidden: [8]}}", reason: "conflict"},
	{name: "stages in a circle", old: "from: {data: data}", replace: "from: {data: scaled}", reason: "cycle"},
	{name: "unknown column", old: "[a, b]", replace: "[a, «bb]", reason: "unknown_column"},
	{name: "a column of text", old: "[a, b]", replace: "[a, «s]", reason: "column_type"},
	{name: "a column of times", old: "[a, b]", replace: "[a, «when]", reason: "column_type"},
	{name: "all columns, one of text", old: "columns: [a, b], ", replace: "", reason: "column_type"},
	{name: "a column twice", old: "[a, b]", replace: "[a, «a]", reason: "conflict"},
	{name: "other columns than the flow", old: "data: data.test, solver", replace: "data: «narrow, solver", reason: "unknown_column"},
	{name: "a singular covariance", old: "  field:", replace: "  exact: {kind: model, use: gmm, with: {means: [[0, 0]], covariances: [«[[1, 1], [1, 1]]]}}\n  field:", reason: "out_of_range"},
	{name: "means of different widths", old: "  field:", replace: "  exact: {kind: model, use: gmm, with: {means: [[0, 0], «[1]], std: [1, 1]}}\n  field:", reason: "dimension_mismatch"},
	{name: "a weight too few", old: "  field:", replace: "  exact: {kind: model, use: gmm, with: {weights: «[1], means: [[0], [1]], std: [1, 1]}}\n  field:", reason: "dimension_mismatch"},
	{name: "absolute output", old: "to: samples.parquet", replace: "to: «/tmp/samples.parquet", reason: "output_path"},
	{name: "output above the folder", old: "to: samples.parquet", replace: "to: «sub/../../samples.parquet", reason: "output_path"},
	{name: "output without a known ending", old: "to: samples.parquet", replace: "to: «samples.xlsx", reason: "output_path"},
	{name: "rows over a record of the run", old: "to: samples.parquet", replace: "to: «run.json", reason: "output_path"},
	{name: "a version to come", old: "version: 1", replace: "version: «2", reason: "version"},
	{name: "no version", old: "version: 1\n", replace: "", reason: "missing_key"},
	{name: "a bracket that does not close", old: "{hidden: [8]}", replace: "{hidden: [8}", reason: "syntax"},
	{name: "tabs", old: "    use: cfm", replace: "\tuse: cfm", reason: "syntax"},
	{name: "an empty file", old: right, replace: "", reason: "syntax"},
	{name: "a list", old: right, replace: "«- a\n", reason: "wrong_type"},
	{name: "two documents", old: "version: 1", replace: "version: 1\n---\nversion: 1", reason: "syntax"},
	{name: "binary", old: right, replace: "\x00\x01\xff\xfe", reason: "syntax"},
	{name: "no data file", old: "path: data.parquet", replace: "path: «date.parquet", reason: "file_not_found", exit: 3},
	{name: "no file fits the pattern", old: "path: data.parquet", replace: "path: «\"d*.arrow\"", reason: "file_not_found", exit: 3},
	{name: "a folder for a file", old: "path: data.parquet", replace: "path: «folder", reason: "file_access", exit: 3},
	{name: "no Parquet", old: "path: data.parquet", replace: "path: «text.parquet", reason: "corrupt_file", exit: 1},
	{name: "an empty Parquet file", old: "path: data.parquet", replace: "path: «empty.parquet", reason: "corrupt_file", exit: 1},
	{name: "Parquet read as Arrow", old: "use: parquet, with: {path: data.parquet", replace: "use: arrow, with: {path: «data.parquet", reason: "corrupt_file", exit: 1},
	{name: "a null", old: "[a, b]", replace: "[a, holes]", reason: "null_value", exit: 1, run: true},
	{name: "not a number", old: "[a, b]", replace: "[a, nan]", reason: "non_finite", exit: 1, run: true},
	{name: "a flow that is not there", old: "flow: train, data: data.test", replace: "flow: {file: «no.safetensors}, data: data.test", reason: "file_not_found", exit: 3},
	{name: "a flow that is no flow", old: "flow: train, data: data.test", replace: "flow: {file: «data.parquet}, data: data.test", reason: "corrupt_file", exit: 1},
}

// wrongTables writes what the table of mistakes reads.
func wrongTables(t *testing.T, dir string) {
	t.Helper()
	null := func(name string, ty arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: ty, Nullable: true}
	}
	schema := arrow.NewSchema([]arrow.Field{
		null("a", arrow.PrimitiveTypes.Float64), null("b", arrow.PrimitiveTypes.Float64), null("s", arrow.BinaryTypes.String),
		null("when", arrow.FixedWidthTypes.Timestamp_us), null("holes", arrow.PrimitiveTypes.Float64), null("nan", arrow.PrimitiveTypes.Float32),
	}, nil)
	writeTable(t, filepath.Join(dir, "data.parquet"), schema, 500, 100, func(b *array.RecordBuilder, from, to int) {
		for i := from; i < to; i++ {
			b.Field(0).(*array.Float64Builder).Append(float64(i % 17))
			b.Field(1).(*array.Float64Builder).Append(float64(i % 13))
			b.Field(2).(*array.StringBuilder).Append("row")
			b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(i))
			if i%50 == 3 {
				b.Field(4).AppendNull()
			} else {
				b.Field(4).(*array.Float64Builder).Append(float64(i % 7))
			}
			v := float32(i % 5)
			if i%50 == 3 {
				v -= v / 0 * v // not a number, or minus infinity
			}
			b.Field(5).(*array.Float32Builder).Append(v)
		}
	})
	place(t, dir, "text.parquet", "a,b\n1,2\n")
	place(t, dir, "empty.parquet", "")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	wrongTables(t, dir)
	place(t, dir, "right.yaml", right)
	must(t, dir, "validate", "right.yaml", "--json")
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(right, c.old) == 0 {
				t.Fatalf("there is no %q to replace", c.old)
			}
			text := strings.Replace(right, c.old, c.replace, 1)
			if strings.Contains(c.replace, "narrow") {
				text = strings.Replace(text, "  scaled:", "  narrow: {kind: loader, use: parquet, with: {path: data.parquet, columns: [a]}}\n  scaled:", 1)
			}
			line, column := 0, 0
			if at := strings.Index(text, "«"); at >= 0 {
				before := text[:at]
				line, column = 1+strings.Count(before, "\n"), at-strings.LastIndex(before, "\n")
				text = strings.Replace(text, "«", "", 1)
			}
			place(t, dir, "p.yaml", text)
			args := []string{"validate", "p.yaml", "--json"}
			if c.run {
				args = []string{"run", "p.yaml", "--json", "--out", "out"}
			}
			r := host(t, dir, args...)
			exit := c.exit
			if exit == 0 {
				exit = 2
			}
			if r.code != exit {
				t.Errorf("exit %d, want %d", r.code, exit)
			}
			if r.code == 0 {
				return
			}
			e := r.document(t)
			m := e.Errors[0]
			if m.Reason != c.reason {
				t.Errorf("reason %s, want %s", m.Reason, c.reason)
			}
			if !c.run && (m.File != "p.yaml" || m.Line == 0 && text != "") {
				t.Errorf("the error has no place: %+v", m)
			}
			if line > 0 && (m.Line != line || m.Column != column) {
				t.Errorf("at %d:%d, want %d:%d", m.Line, m.Column, line, column)
			}
			if t.Failed() {
				t.Log(head(r.stdout))
			}
			// The same for people: position first, on standard error.
			if p := host(t, dir, "validate", "p.yaml"); !c.run && line > 0 {
				if want := fmt.Sprintf("p.yaml:%d:%d: ", line, column); !strings.HasPrefix(p.stderr, want) || !strings.Contains(p.stderr, "^") {
					t.Errorf("people read\n%s\nwant it to begin with %s and a caret", head(p.stderr), want)
				}
			}
		})
	}
}

// Independent mistakes are all reported, in the order of the file.
func TestFourMistakesAtOnce(t *testing.T) {
	dir := t.TempDir()
	wrongTables(t, dir)
	text := strings.NewReplacer(
		"columns: [a, b]", "columns: [a, bb]",
		"use: condot", "use: condott",
		"hidden: [8]", "hidden: [0]",
		"{rtol: 1e-4}", "{steps: 10}",
		"{steps: 10", "{stepz: 10",
		"flow: train, data", "flow: trian, data",
		"to: samples.parquet", "to: ../samples.parquet",
	).Replace(right)
	place(t, dir, "p.yaml", text)
	r := host(t, dir, "validate", "p.yaml", "--json")
	if r.code != 2 {
		t.Errorf("exit %d", r.code)
	}
	var got []string
	last := 0
	for _, m := range r.document(t).Errors {
		got = append(got, m.Reason)
		if place := m.Line*1000 + m.Column; place < last {
			t.Errorf("%d:%d comes after a later one", m.Line, m.Column)
		} else {
			last = place
		}
	}
	want := []string{"unknown_column", "unknown_use", "out_of_range", "unknown_key", "unknown_key", "output_path", "unknown_stage"}
	if !slices.Equal(got, want) {
		t.Errorf("reasons %v\nwant    %v", got, want)
	}
}

// What is wrong about the arguments has exit code 2 too, and no place.
func TestWrongArguments(t *testing.T) {
	dir := t.TempDir()
	wrongTables(t, dir)
	place(t, dir, "right.yaml", right)
	for _, c := range []struct {
		args   string
		reason string
		exit   int
	}{
		{"run right.yaml --thread 1", "usage", 2},
		{"run right.yaml --threads none", "usage", 2},
		{"run right.yaml --threads -1", "usage", 2},
		{"run", "usage", 2},
		{"run right.yaml twice.yaml", "usage", 2},
		{"rum right.yaml", "usage", 2},
		{"run right.yaml --only nobody", "unknown_stage", 2},
		{"run right.yaml --from nobody", "unknown_stage", 2},
		{"run right.yaml --set params.nope=1", "unknown_param", 2},
		{"run right.yaml --set params", "usage", 2},
		{"run right.yaml --set stages.train.with.stepz=1", "unknown_key", 2},
		{"run right.yaml --events xml", "usage", 2},
		{"run missing.yaml", "file_not_found", 3},
		{"validate folder", "file_access", 3},
		{"graph right.yaml --format png", "usage", 2},
		{"show pth/condot", "unknown_kind", 2},
		{"show path/condott", "unknown_use", 2},
		{"sample missing.safetensors --rows 3 --out x.parquet", "file_not_found", 3},
		{"sample data.parquet --rows 3 --out x.parquet", "corrupt_file", 1},
		{"score missing.safetensors data.parquet --out x.parquet", "file_not_found", 3},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := host(t, dir, append(strings.Fields(c.args), "--json")...)
			if r.code != c.exit {
				t.Errorf("exit %d, want %d", r.code, c.exit)
			}
			if r.code == 0 {
				return
			}
			if m := r.document(t).Errors[0]; m.Reason != c.reason {
				t.Errorf("reason %s, want %s: %s", m.Reason, c.reason, m.Message)
			}
			if _, err := os.Stat(filepath.Join(dir, "runs")); err == nil && !strings.Contains(c.args, "--only") {
				t.Error("something was written")
			}
		})
	}
}
