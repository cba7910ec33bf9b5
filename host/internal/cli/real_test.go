package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages"
)

// real runs a command with the built-in stages.
func real(t *testing.T, args string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Main(Process{Args: strings.Fields(args), Stdout: &out, Stderr: &errs, Registry: stages.Builtin}); code != 0 {
		t.Fatalf("host %s: exit code %d\n%s%s", args, code, &out, &errs)
	}
	return out.String()
}

// TestTheWholeWay trains a tiny flow and uses it with every command that takes
// one.
func TestTheWholeWay(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", `version: 1
name: tiny
seed: 1
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 300, split: {train: 0.8, valid: 0.1, test: 0.1}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: [8]}}
  solver: {kind: solver, use: euler, with: {steps: 5}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, valid: scaled.valid, model: field}
    with: {steps: 5, batch: 32}
  samples:
    kind: sampler
    use: ode
    from: {flow: train, solver: solver}
    with: {rows: 200, trajectory: [0, 0.5, 1]}
    to: samples.parquet
  scores:
    kind: likelihood
    use: ode
    from: {flow: train, data: data.test, solver: solver}
    to: scores.parquet
`)
	real(t, "run p.yaml --quiet")
	page, err := os.ReadFile("runs/tiny/report.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Samples against data", "Log-likelihood", "Trajector", "Training", "use: generate"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the report has no %q", want)
		}
	}
	if i := bytes.Index(page, []byte("not drawn")); i >= 0 {
		t.Errorf("the report says: %s", page[max(0, i-80):min(len(page), i+200)])
	}

	var flow struct {
		Result struct {
			Checksum    string
			Parameters  int
			Description struct{ Columns []struct{ Name string } }
		}
	}
	if err := json.Unmarshal([]byte(real(t, "show runs/tiny/train.safetensors --json")), &flow); err != nil {
		t.Fatal(err)
	}
	if flow.Result.Checksum != "ok" || flow.Result.Parameters == 0 || len(flow.Result.Description.Columns) != 2 {
		t.Errorf("%+v", flow.Result)
	}
	if text := real(t, "show runs/tiny/train.safetensors"); !strings.Contains(text, "checksum ok") {
		t.Error(text)
	}

	real(t, "sample runs/tiny/train.safetensors --rows 7 --seed 4 --solver euler,steps=3 --out new/a.csv")
	csv, err := os.ReadFile("new/a.csv")
	if err != nil || bytes.Count(csv, []byte("\n")) != 8 || !bytes.HasPrefix(csv, []byte("x,y\n")) {
		t.Errorf("%v\n%s", err, csv)
	}
	real(t, "sample runs/tiny/train.safetensors --rows 7 --seed 4 --solver euler,steps=3 --out b.csv")
	if again, _ := os.ReadFile("b.csv"); !bytes.Equal(csv, again) {
		t.Error("equal seeds give other rows")
	}
	real(t, "score runs/tiny/train.safetensors runs/tiny/samples.parquet --solver euler,steps=3 --out scored.csv")
	if scored, err := os.ReadFile("scored.csv"); err != nil || !bytes.HasPrefix(scored, []byte("x,y,log_prob")) || bytes.Count(scored, []byte("\n")) != 201 {
		t.Errorf("%v\n%s", err, scored)
	}
	left, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), ".") {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

// TestShowEverything: every built-in can be shown, has help and an example
// that says its kind.
func TestShowEverything(t *testing.T) {
	r := stages.Builtin()
	for _, what := range showable(r) {
		text := real(t, "show "+what)
		if strings.Contains(what, "/") && !strings.Contains(text, "kind: "+strings.Split(what, "/")[0]) {
			t.Errorf("%s has no example:\n%s", what, text)
		}
		real(t, "show "+what+" --json")
	}
	for _, p := range r.Implementations("path") {
		real(t, "show path/"+p.Name+" --at 0,0.5,1 --json")
	}
}
