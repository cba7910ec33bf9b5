package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages"
)

// withStages runs a command with the built-in stages.
func withStages(t *testing.T, args string) string {
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
	withStages(t, "run p.yaml --quiet")
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

	// In processes of their own the stages give the same bytes.
	withStages(t, "run p.yaml --quiet --isolate --out isolated --threads 2")
	for _, f := range []string{"train.safetensors", "samples.parquet", "scores.parquet"} {
		a, errA := os.ReadFile("runs/tiny/" + f)
		b, errB := os.ReadFile("isolated/" + f)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs with --isolate: %v %v", f, errA, errB)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, "plugin.yaml", "version: 1\nname: p\nplugins:\n  other: {command: ["+self+", plugin, serve]}\nstages:\n  p: {kind: path, use: other/vp}\n")
	withStages(t, "validate plugin.yaml")
	for _, args := range []string{"plugin list plugin.yaml", "plugin inspect plugin.yaml other", "plugin inspect -- " + self + " plugin serve"} {
		if text := withStages(t, args); !strings.Contains(text, "variance preserving") {
			t.Errorf("host %s:\n%s", args, text)
		}
	}
	if withStages(t, "show path/other/vp --with-plugins plugin.yaml --at 0.5") != withStages(t, "show path/vp --at 0.5") {
		t.Error("a path in a plugin has other coefficients")
	}

	var flow struct {
		Result struct {
			Checksum    string
			Parameters  int
			Description struct{ Columns []struct{ Name string } }
		}
	}
	if err := json.Unmarshal([]byte(withStages(t, "show runs/tiny/train.safetensors --json")), &flow); err != nil {
		t.Fatal(err)
	}
	if flow.Result.Checksum != "ok" || flow.Result.Parameters == 0 || len(flow.Result.Description.Columns) != 2 {
		t.Errorf("%+v", flow.Result)
	}
	if text := withStages(t, "show runs/tiny/train.safetensors"); !strings.Contains(text, "checksum ok") {
		t.Error(text)
	}

	withStages(t, "sample runs/tiny/train.safetensors --rows 7 --seed 4 --solver euler,steps=3 --out new/a.csv")
	csv, err := os.ReadFile("new/a.csv")
	if err != nil || bytes.Count(csv, []byte("\n")) != 8 || !bytes.HasPrefix(csv, []byte("x,y\n")) {
		t.Errorf("%v\n%s", err, csv)
	}
	withStages(t, "sample runs/tiny/train.safetensors --rows 7 --seed 4 --solver euler,steps=3 --out b.csv")
	if again, _ := os.ReadFile("b.csv"); !bytes.Equal(csv, again) {
		t.Error("equal seeds give other rows")
	}
	withStages(t, "score runs/tiny/train.safetensors runs/tiny/samples.parquet --solver euler,steps=3 --out scored.csv")
	if scored, err := os.ReadFile("scored.csv"); err != nil || !bytes.HasPrefix(scored, []byte("x,y,log_prob")) || bytes.Count(scored, []byte("\n")) != 201 {
		t.Errorf("%v\n%s", err, scored)
	}
	withStages(t, "score runs/tiny/train.safetensors runs/tiny/samples.parquet --solver euler,steps=3 --trace hutchpp --probes 6 --bits-per-dim --out bits.csv")
	if scored, err := os.ReadFile("bits.csv"); err != nil || !bytes.HasPrefix(scored, []byte("x,y,log_prob,log_prob_se,bits_per_dim")) {
		t.Errorf("%v\n%s", err, scored)
	}
	withStages(t, "sample runs/tiny/train.safetensors --rows 7 --seed 4 --solver euler,steps=3 --log-prob --out density.csv")
	if made, err := os.ReadFile("density.csv"); err != nil || !bytes.HasPrefix(made, []byte("x,y,log_prob\n")) {
		t.Errorf("%v\n%s", err, made)
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
		text := withStages(t, "show "+what)
		if strings.Contains(what, "/") && !strings.Contains(text, "kind: "+strings.Split(what, "/")[0]) {
			t.Errorf("%s has no example:\n%s", what, text)
		}
		withStages(t, "show "+what+" --json")
	}
	for _, p := range r.Implementations("path") {
		withStages(t, "show path/"+p.Name+" --at 0,0.5,1 --json")
	}
}
