package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chain = head + `  data: {kind: loader, use: count, with: {rows: 250, split: {a: 0.4}, file: n.txt}}
  twice: {kind: transform, use: double, from: {data: data}}
  made: {kind: sampler, use: slow, from: {data: twice.a}, with: {add: 5}, to: made.csv}
  total: {kind: evaluator, use: sum, from: {data: made}}
`

// setup writes a pipeline file and what it reads into a fresh folder.
func setup(t *testing.T, text string) (file, out string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "pipeline.yaml")
	for name, content := range map[string]string{"pipeline.yaml": text, "n.txt": "one"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return file, filepath.Join(dir, "out")
}

func mustLoad(t *testing.T, file string, f *fakes, set ...string) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Load(context.Background(), file, f.Registry, pipeline.LoadOptions{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options(out string) pipeline.RunOptions {
	return pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}}
}

func actions(t *testing.T, p *pipeline.Pipeline, o pipeline.PlanOptions) string {
	t.Helper()
	plan, err := p.Plan(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, st := range plan.Stages {
		s = append(s, st.Name+" "+st.Action)
	}
	return strings.Join(s, ", ")
}

func TestRun(t *testing.T) {
	file, out := setup(t, chain)
	// What a run that was killed may have left.
	if err := pipeline.WriteFile(filepath.Join(out, "sub", ".old.csv.pathline.partial"), nil); err != nil {
		t.Fatal(err)
	}
	f := newFakes()
	var mu sync.Mutex
	var events []pipeline.Event
	o := options(out)
	o.Events = func(e pipeline.Event) {
		if !mu.TryLock() {
			t.Error("two events at once")
		}
		events = append(events, e)
		mu.Unlock()
	}
	rec, err := mustLoad(t, file, f).Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	// 0, 1, ... 99 plus 5 each: the sampler reads 100 rows.
	if got := rec.Stages["total"].Metrics["sum"]; got != 100*99/2+500 {
		t.Errorf("sum %v", got)
	}
	if s := rec.Stages["made"]; s.Rows != 100 || s.Evaluations != 7 || s.Status != pipeline.StatusRan {
		t.Errorf("made: %+v", s)
	}
	raw, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var saved pipeline.Record
	if err := json.Unmarshal(raw, &saved); err != nil || saved.Status != pipeline.RunDone || len(saved.Stages) != 4 {
		t.Errorf("run.json: %v %s", err, raw)
	}
	if events[0].Type != pipeline.RunStarted || events[len(events)-1].Type != pipeline.RunEnded {
		t.Errorf("events begin with %s and end with %s", events[0].Type, events[len(events)-1].Type)
	}
	for _, name := range []string{"made.csv", "total.json"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*", ".*.partial")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpToDate(t *testing.T) {
	ctx := context.Background()
	file, out := setup(t, chain)
	f := newFakes()
	const all, none = "data run, twice run, made run, total run", "data up-to-date, twice up-to-date, made up-to-date, total up-to-date"
	po := pipeline.PlanOptions{Out: out}
	if got := actions(t, mustLoad(t, file, f), po); got != all {
		t.Errorf("before: %s", got)
	}
	run := func(set ...string) {
		t.Helper()
		if _, err := mustLoad(t, file, f, set...).Run(ctx, options(out)); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if got := actions(t, mustLoad(t, file, f), po); got != none {
		t.Errorf("after: %s", got)
	}
	ran := f.runs.Load()
	run()
	if f.runs.Load() != ran {
		t.Error("a stage that is up to date ran again")
	}
	cases := []struct {
		name, want, why string
		change, undo    func()
		set             []string
		o               pipeline.PlanOptions
	}{
		{name: "configuration", want: "data up-to-date, twice up-to-date, made run, total run", why: "with.add 5 -> 6", set: []string{"stages.made.with.add=6"}},
		{name: "seed", want: all, why: "seed", set: []string{"seed=9"}},
		{name: "data", want: all, why: "the data",
			change: func() { os.WriteFile(filepath.Join(filepath.Dir(file), "n.txt"), []byte("two"), 0o666) },
			undo:   func() { os.WriteFile(filepath.Join(filepath.Dir(file), "n.txt"), []byte("one"), 0o666) }},
		{name: "an output is gone", want: "data up-to-date, twice up-to-date, made up-to-date, total run", why: "missing",
			change: func() { os.Rename(filepath.Join(out, "total.json"), filepath.Join(out, "x")) },
			undo:   func() { os.Rename(filepath.Join(out, "x"), filepath.Join(out, "total.json")) }},
		{name: "an output was edited", want: "data up-to-date, twice up-to-date, made run, total up-to-date", why: "not what the last run wrote",
			change: func() { os.WriteFile(filepath.Join(out, "made.csv"), []byte("edited"), 0o666) },
			undo:   func() { run() }},
		{name: "another file", want: "data up-to-date, twice up-to-date, made run, total up-to-date", why: "another file", set: []string{"stages.made.to=other.csv"}},
		{name: "--from", want: "data up-to-date, twice run, made run, total run", why: "--from", o: pipeline.PlanOptions{From: []string{"twice"}}},
		{name: "--only", want: "data skip, twice skip, made skip, total up-to-date", o: pipeline.PlanOptions{Only: []string{"total"}}},
		{name: "--no-cache", want: all, why: "--no-cache", o: pipeline.PlanOptions{NoCache: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.change != nil {
				c.change()
				defer c.undo()
			}
			c.o.Out = out
			p := mustLoad(t, file, f, c.set...)
			if got := actions(t, p, c.o); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			plan, _ := p.Plan(ctx, c.o)
			var why []string
			for _, s := range plan.Stages {
				if s.Action == pipeline.ActionRun {
					why = append(why, s.Why)
				}
			}
			if !strings.Contains(strings.Join(why, "; "), c.why) {
				t.Errorf("says %q, not %q", why, c.why)
			}
		})
	}
}

func TestOnlyNeedsResults(t *testing.T) {
	file, out := setup(t, chain)
	o := options(out)
	o.Only = []string{"total"}
	_, err := mustLoad(t, file, newFakes()).Run(context.Background(), o)
	errs := schemas.Errors(err, schemas.Panic)
	if len(errs) != 1 || errs[0].Reason != schemas.StaleInput || !strings.Contains(errs[0].Error(), "made") {
		t.Errorf("got %v", err)
	}
	o.Only = []string{"totl"}
	if _, err = mustLoad(t, file, newFakes()).Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), `"total"`) {
		t.Errorf("got %v", err)
	}
}

func TestPanicIsAnError(t *testing.T) {
	file, out := setup(t, chain)
	rec, err := mustLoad(t, file, newFakes(), "stages.total.with.panic=true").Run(context.Background(), options(out))
	var p *pipeline.PanicError
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "stages.total") || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("got %v", err)
	}
	if rec.Status != pipeline.RunFailed || rec.Stages["total"].Status != pipeline.StatusFailed || rec.Stages["made"].Status != pipeline.StatusRan {
		t.Errorf("record: %+v", rec.Stages)
	}
}

func TestInterrupt(t *testing.T) {
	for _, how := range []string{"stop", "cancel"} {
		t.Run(how, func(t *testing.T) {
			file, out := setup(t, chain)
			f := newFakes()
			f.hold, f.held = make(chan struct{}), make(chan struct{})
			stop := make(chan struct{})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() {
				<-f.held
				if how == "stop" {
					close(stop)
				} else {
					cancel()
				}
			}()
			o := options(out)
			o.Stop = stop
			rec, err := mustLoad(t, file, f).Run(ctx, o)
			errs := schemas.Errors(err, schemas.Panic)
			if len(errs) != 1 || errs[0].Reason != schemas.Interrupted || rec.Status != pipeline.RunInterrupted {
				t.Fatalf("got %v", err)
			}
			f.hold = nil
			if got := actions(t, mustLoad(t, file, f), pipeline.PlanOptions{Out: out}); got != "data up-to-date, twice up-to-date, made up-to-date, total run" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

func TestOneRunPerFolder(t *testing.T) {
	file, out := setup(t, chain)
	f := newFakes()
	f.hold, f.held = make(chan struct{}), make(chan struct{})
	stop := make(chan struct{})
	done := make(chan error)
	p := mustLoad(t, file, f)
	go func() {
		o := options(out)
		o.Stop = stop
		_, err := p.Run(context.Background(), o)
		done <- err
	}()
	<-f.held
	_, err := mustLoad(t, file, newFakes()).Run(context.Background(), options(out))
	if err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("got %v", err)
	}
	close(stop)
	<-done
}

func TestRowsThatNobodyTakes(t *testing.T) {
	file, out := setup(t, head+data)
	if _, err := mustLoad(t, file, newFakes()).Run(context.Background(), options(out)); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(out, "data.parquet")); err != nil || st.Size() != 80 {
		t.Errorf("%v %v", st, err)
	}
}

func TestSpecInCode(t *testing.T) {
	_, out := setup(t, "")
	f := newFakes()
	p, err := pipeline.New(context.Background(), pipeline.Spec{Name: "code", Seed: 1<<63 + 1, Stages: []pipeline.StageSpec{
		{Name: "total", Kind: "evaluator", Use: "sum", From: map[string]any{"data": "data"}},
		{Name: "data", Kind: "loader", Use: "count", With: map[string]any{"rows": 4}},
	}}, f.Registry, pipeline.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Seed != 1<<63+1 {
		t.Errorf("seed %d", p.Seed)
	}
	rec, err := p.Run(context.Background(), options(out))
	if err != nil || rec.Stages["total"].Metrics["sum"] != 6 {
		t.Errorf("%v %+v", err, rec)
	}
	_, err = pipeline.New(context.Background(), pipeline.Spec{Name: "code", Stages: []pipeline.StageSpec{{Name: "data", Kind: "loader", Use: "count"}}}, f.Registry, pipeline.LoadOptions{})
	if err == nil || !strings.Contains(err.Error(), "stages.data.with.rows") {
		t.Errorf("got %v", err)
	}
}

func TestOverrides(t *testing.T) {
	const text = "version: 1\nname: t\nparams: {n: 10, word: red}\nstages:\n  data: {kind: loader, use: count, with: {rows: \"${params.n}\", label: \"${params.word}\"}}\n  b: {kind: evaluator, use: sum, from: {data: data}}\n"
	for _, c := range []struct{ set, says string }{
		{"params.n=20", ""},
		{"params.n=1e3", ""},
		{"stages.b.with.steps=9", ""},
		{"stages.b.with.optimizer.lr=0.5", ""},
		{"seed=12", ""},
		{"params.m=20", "no \"m\""},
		{"params.n=many", "whole number"},
		{"params.word=purple", "not one of"},
		{"stages.c.with.steps=9", "no \"c\""},
		{"stages.b.with.stepz=9", `did you mean "steps"`},
		{"stepz=9", "no \"stepz\""},
		{"params.n", "path and a value"},
	} {
		_, err := load(t, text, c.set)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("--set %s: %v", c.set, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	file, _ := setup(t, head+"  data: {kind: loader, use: count, with: {rows: \"${env:N}\", label: \"${env:L:-green}\", file: \"a$${x}-${env:N}\"}}\n")
	env := map[string]string{"N": "12"}
	p, err := pipeline.Load(context.Background(), file, newFakes().Registry, pipeline.LoadOptions{Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.Graph().Nodes {
		if n.Name != "data" || n.Line != 4 {
			t.Errorf("%+v", n)
		}
	}
}

func TestSchemaRoundTrip(t *testing.T) {
	s, err := pipeline.SchemaOf(sumConfig{Steps: 3, Optimizer: optimizer{Use: "adam", LR: 1e-3}, Budget: 5})
	if err != nil {
		t.Fatal(err)
	}
	back, err := pipeline.ParseSchema(s.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := string(s.JSON()), string(back.JSON()); a != b {
		t.Errorf("there %s\nback  %s", a, b)
	}
	for raw, ok := range map[string]bool{`{}`: true, `{"steps": 0}`: false, `{"optimizer": "sgd"}`: true, `{"optimizer": {"use": "x"}}`: false, `{"times": [0, 0.5]}`: true, `{"budget": "2GiB"}`: true, `{"x": 1}`: false} {
		a, e1 := s.Resolve([]byte(raw))
		b, e2 := back.Resolve([]byte(raw))
		if (e1 == nil) != ok || (e2 == nil) != ok || string(a) != string(b) {
			t.Errorf("%s: %s %v, %s %v", raw, a, e1, b, e2)
		}
	}
}

// TestForeignPartials: what a killed run left is removed, files of other people are
// not.
func TestForeignPartials(t *testing.T) {
	file, out := setup(t, chain)
	foreign := filepath.Join(out, ".download.partial")
	if err := pipeline.WriteFile(foreign, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := mustLoad(t, file, newFakes()).Run(context.Background(), options(out)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

// TestNewReader: rows that a file cannot give back are made again when a stage
// begins to read them.
func TestNewReader(t *testing.T) {
	const before = head + "  data: {kind: loader, use: count, with: {rows: 10}}\n  made: {kind: sampler, use: slow, from: {data: data}, with: {add: 5}, to: made.csv}\n"
	file, out := setup(t, before)
	f := newFakes()
	for _, text := range []string{before, before + "  total: {kind: evaluator, use: sum, from: {data: made}}\n"} {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := mustLoad(t, file, f).Run(context.Background(), options(out)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNames: no name of a stage meets a name of the framework.
func TestNames(t *testing.T) {
	file, out := setup(t, head+"  lock: {kind: loader, use: count, with: {rows: 10}}\n")
	if _, err := mustLoad(t, file, newFakes()).Run(context.Background(), options(out)); err != nil {
		t.Error(err)
	}
	_, err := load(t, head+data+"  run: {kind: evaluator, use: sum, from: {data: data}}\n")
	if errs := schemas.Errors(err, schemas.Panic); len(errs) != 1 || errs[0].Reason != schemas.Conflict {
		t.Errorf("got %v", err)
	}
}

// TestPlanUnderLock: a run that waits for the folder does not go by what it saw
// before another run changed it. The fingerprint, which the plan asks for, is
// asked for under the lock.
func TestPlanUnderLock(t *testing.T) {
	file, out := setup(t, chain)
	f := newFakes()
	f.hold, f.held = make(chan struct{}), make(chan struct{})
	stop, done := make(chan struct{}), make(chan error)
	first := mustLoad(t, file, f)
	go func() {
		o := options(out)
		o.Stop = stop
		_, err := first.Run(context.Background(), o)
		done <- err
	}()
	<-f.held
	second := mustLoad(t, file, newFakes())
	if err := os.Remove(filepath.Join(filepath.Dir(file), "n.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Run(context.Background(), options(out)); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("got %v", err)
	}
	close(stop)
	<-done
}

// TestKilledRunHasNoRecord: while a run replaces files there is no record of an
// earlier run beside them.
func TestKilledRunHasNoRecord(t *testing.T) {
	file, out := setup(t, chain)
	f := newFakes()
	for range 2 {
		o := options(out)
		o.NoCache = true
		o.Events = func(e pipeline.Event) {
			if _, err := os.Stat(filepath.Join(out, "run.json")); e.Type != pipeline.RunEnded && err == nil {
				t.Errorf("%s: a record of the run before", e.Type)
			}
		}
		if _, err := mustLoad(t, file, f).Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
	}
}
