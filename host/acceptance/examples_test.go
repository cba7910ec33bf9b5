package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestExamples runs every example with few steps: each ends well, writes what
// its stages promise and a report, and has nothing left to do afterwards.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	files, err := filepath.Glob("../../examples/*/pipeline.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if name == "embed" {
			continue // a module of its own, with tests of its own
		}
		t.Run(name, func(t *testing.T) {
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			run := func(args ...string) outcome {
				p := &process{t: t, cmd: command(dir, args...), args: args}
				p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
				p.cmd.Env = os.Environ() // a plugin is built with the go command
				p.begin()
				r := p.wait()
				if r.code != 0 {
					t.Fatalf("exit %d\n%s", r.code, head(r.stderr))
				}
				return r
			}
			run("run", file, "--set", "params.steps=40", "--out", "out")
			written(t, filepath.Join(dir, "out"))
			var plan struct {
				Stages []struct{ Name, Action string }
			}
			if err := json.Unmarshal(run("plan", file, "--set", "params.steps=40", "--out", "out", "--json").document(t).Result, &plan); err != nil || len(plan.Stages) < 5 {
				t.Fatalf("%v, a plan of %d stages", err, len(plan.Stages))
			}
			for _, s := range plan.Stages {
				if s.Action != "up-to-date" {
					t.Errorf("%s is not up to date after the run: %s", s.Name, s.Action)
				}
			}
		})
	}
}

// written looks for what a run promises: the report, and every output of a stage,
// among them a flow, the course of its training and rows or metrics made with it.
func written(t *testing.T, out string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		Stages map[string]struct {
			Kind    string
			Outputs map[string]any
		}
	}
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	files, kinds := []string{"report.html"}, map[string]int{}
	for name, s := range record.Stages {
		for f := range s.Outputs {
			files = append(files, f)
		}
		kinds[s.Kind] += len(s.Outputs)
		if s.Kind == "trainer" {
			files = append(files, name+".safetensors", name+".metrics.parquet")
		}
	}
	if kinds["trainer"] < 2 || kinds["sampler"]+kinds["likelihood"]+kinds["evaluator"] < 1 {
		t.Errorf("files by kind of stage: %v", kinds)
	}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(out, f)); err != nil {
			t.Error(err)
		}
	}
}
