package acceptance

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPapers runs every pipeline of examples/papers with a few steps: pages say
// how to repeat their figures, and the commands must work.
func TestPapers(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	files, err := filepath.Glob("../../examples/papers/*/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d pipelines, %v", len(files), err)
	}
	// What a few steps need besides: fewer rows to score, and data that are not in
	// the repository.
	further := map[string][]string{
		"density/pipeline.yaml":     {"params.test=0.01", "params.hidden=[16]", "params.field_steps=5", "params.match_steps=20"},
		"ffjord-toys/pipeline.yaml": {"stages.data.with.rows=5000", "params.field_steps=5", "params.further_steps=5", "params.tune_steps=5"},
		"images/pipeline.yaml":      {"params.every=10"},
		"planar/pipeline.yaml":      {"stages.data.with.rows=2000", "params.field_steps=5"},
		"rnode/pipeline.yaml":       {"stages.data.with.rows=3000", "params.path_rows=300", "params.steps=5"},
		"tables/power.yaml":         {"params.data=testdata/power.parquet"},
		"tables/shuttle.yaml":       {"stages.data.with.split.test=0.005"},
		"tables/letter.yaml":        {"stages.data.with.split.test=0.01"},
	}
	for _, file := range files {
		name := filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file)))
		t.Run(name, func(t *testing.T) {
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			args := []string{"run", file, "--seeds", "7", "--out", "out", "--set", "params.steps=20"}
			for _, s := range further[name] {
				args = append(args, "--set", s)
			}
			if r := start(t, dir, args...).wait(); r.code != 0 {
				t.Fatalf("exit %d\n%s", r.code, head(r.stderr))
			}
			if _, err := os.Stat(filepath.Join(dir, "out", "seeds.json")); err != nil {
				t.Error(err)
			}
		})
	}
	for name := range further {
		if _, err := os.Stat(filepath.Join("../../examples/papers", name)); err != nil {
			t.Error(err)
		}
	}
}
