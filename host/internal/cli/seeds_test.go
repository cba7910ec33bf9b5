package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/pathline/pathline/pipeline"
)

// readSweep reads the table of a sweep.
func readSweep(t *testing.T, name string) (s sweep) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// speed is the row of the only metric, whose value is the seed.
func speed(t *testing.T, s sweep) sweepMetric {
	t.Helper()
	if len(s.Metrics) != 1 || s.Metrics[0].Stage != "quality" || s.Metrics[0].Metric != "speed" {
		t.Fatalf("metrics %+v", s.Metrics)
	}
	return s.Metrics[0]
}

func TestSeeds(t *testing.T) {
	in(t)
	code, stdout, stderr := host("run", "good.yaml", "--seeds", "2..4,7", "--set", "stages.quality.with.do=seed")
	if code != 0 || !strings.Contains(stdout, "seed 7 (4 of 4)") || !strings.Contains(stdout, "SEED 3") || !strings.Contains(stdout, "seeds.json") {
		t.Fatalf("%d %s\n%s", code, stderr, stdout)
	}
	s := readSweep(t, "runs/fake/seeds.json")
	m := speed(t, s)
	// 2, 3, 4, 7: mean 4, squares of the distances 4+1+0+9 = 14.
	sd := math.Sqrt(14. / 3)
	if m.N != 4 || *m.Mean != 4 || math.Abs(*m.SD-sd) > 1e-15 || math.Abs(*m.SE-sd/2) > 1e-15 || *m.Floor != 0.25 || *m.Values[3] != 7 {
		t.Errorf("%+v, mean %v, sd %v, se %v, floor %v", m, *m.Mean, *m.SD, *m.SE, *m.Floor)
	}
	for i, seed := range []uint64{2, 3, 4, 7} {
		r, err := pipeline.LoadRecord("runs/fake/" + s.Runs[i].Out)
		if err != nil || r.Seed != seed || s.Runs[i].Status != pipeline.RunDone {
			t.Errorf("run %d: %+v %v", i, s.Runs[i], err)
		}
		if _, err := os.Stat("runs/fake/" + s.Runs[i].Out + "/report.html"); err != nil {
			t.Error(err)
		}
	}

	// The same again: nothing runs, and the table is the same to the byte, with
	// the times that making the results took.
	before, _ := os.ReadFile("runs/fake/seeds.json")
	code, stdout, _ = host("run", "good.yaml", "--seeds", "2..4,7", "--set", "stages.quality.with.do=seed", "--json")
	after, _ := os.ReadFile("runs/fake/seeds.json")
	var result sweep
	d := parseDocument(t, stdout)
	if err := json.Unmarshal(d.Result, &result); err != nil || code != 0 || *speed(t, result).Mean != 4 {
		t.Fatalf("%d %v %s", code, err, stdout)
	}
	if !bytes.Equal(before, after) || s.Runs[0].Seconds["quality"] == 0 {
		t.Errorf("the table changed:\n%s\n%s", before, after)
	}

	// One seed has no spread.
	host("run", "good.yaml", "--seeds", "5", "--set", "stages.quality.with.do=seed", "--out", "one")
	if m := speed(t, readSweep(t, "one/seeds.json")); m.N != 1 || *m.Mean != 5 || m.SD != nil || m.SE != nil {
		t.Errorf("%+v", m)
	}
}

// One seed fails: the others run, and its error names it.
func TestASeedThatFails(t *testing.T) {
	in(t)
	code, _, stderr := host("run", "good.yaml", "--seeds", "12..14", "--set", "stages.quality.with.do=seed", "--out", "o")
	if code != 1 || !strings.Contains(stderr, "seed 13: ") || !strings.Contains(stderr, "infinite at step 3") || strings.Contains(stderr, "seed 12:") {
		t.Errorf("%d %s", code, stderr)
	}
	s := readSweep(t, "o/seeds.json")
	m := speed(t, s)
	if m.N != 2 || *m.Mean != 13 || m.Values[1] != nil || *m.Values[2] != 14 {
		t.Errorf("%+v", m)
	}
	if s.Runs[1].Status != pipeline.RunFailed || s.Runs[1].Error == "" || s.Runs[2].Status != pipeline.RunDone {
		t.Errorf("%+v", s.Runs)
	}
}

// An interrupt ends the sweep at the seed that runs; the same command goes on
// there.
func TestSeedsInterrupted(t *testing.T) {
	in(t)
	write(t, "wait", "")
	args := strings.Fields("run good.yaml --seeds 98..100 --set stages.quality.with.do=seed --out o")
	waiting, signals := make(chan struct{}, 1), make(chan os.Signal, 1)
	go func() {
		<-waiting
		signals <- os.Interrupt
	}()
	var out, errs bytes.Buffer
	code := Main(Process{Args: args, Stdout: &out, Stderr: &errs, Signals: signals, Registry: fake(waiting)})
	if code != 130 || !strings.Contains(errs.String(), "seed 99: ") {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
	if s := readSweep(t, "o/seeds.json"); len(s.Runs) != 2 || s.Runs[1].Status != pipeline.RunInterrupted || speed(t, s).N != 1 || len(speed(t, s).Values) != 3 {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat("o/seed-100"); err == nil {
		t.Error("the sweep went on after the interrupt")
	}
	first, err := pipeline.LoadRecord("o/seed-98")
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Remove("wait"); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := host(append(args, "--resume")...); code != 0 {
		t.Fatal(code, stderr)
	}
	if s := readSweep(t, "o/seeds.json"); len(s.Runs) != 3 || speed(t, s).N != 3 {
		t.Errorf("%+v", s)
	}
	again, err := pipeline.LoadRecord("o/seed-98")
	if err != nil || again.Stages["quality"].Status != pipeline.StatusUpToDate || again.Stages["quality"].Seconds != first.Stages["quality"].Seconds {
		t.Errorf("%+v %v", again.Stages["quality"], err)
	}
}
