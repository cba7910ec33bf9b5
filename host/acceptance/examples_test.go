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
			for _, f := range []string{"run.json", "report.html", "train.safetensors", "train.metrics.parquet", "quality.json"} {
				if _, err := os.Stat(filepath.Join(dir, "out", f)); err != nil {
					t.Error(err)
				}
			}
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
