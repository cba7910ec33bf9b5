package acceptance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// event is a line of --events ndjson.
type event struct {
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	Stage  string    `json:"stage"`
	Status string    `json:"status"`
	Done   int64     `json:"done"`
	Total  int64     `json:"total"`
	File   string    `json:"file"`
}

// follow starts a run in dir and hands every event to see, from one goroutine;
// wait only after it has returned.
func follow(t *testing.T, dir string, args []string, see func(p *process, e event)) *process {
	t.Helper()
	p := &process{t: t, cmd: command(dir, append(args, "--events", "ndjson")...), args: args}
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.begin()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.out.WriteString(lines.Text() + "\n")
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("an event is no JSON: %v\n%s", err, lines.Text())
		} else if e.Time.IsZero() || e.Type == "" {
			t.Errorf("an event without time or type: %s", lines.Text())
		} else {
			see(p, e)
		}
	}
	return p
}

// final says whether a file of the output folder has the name of a result.
func final(name string) bool { return slices.Contains(allOutputs, name) }

var allOutputs = append([]string{"train.metrics.parquet", "run.json", "report.html"}, powerOutputs...)

// complete opens everything in an output folder: what has the name of a result
// is one, and nothing else lies there.
func complete(t *testing.T, dir, out string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, out))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(dir, out, e.Name())
		switch {
		case e.IsDir() && name == ".pathline":
		case !final(name):
			t.Errorf("%s lies in the output folder", name)
		case filepath.Ext(name) == ".parquet":
			if _, err := openTable(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case filepath.Ext(name) == ".json":
			if !json.Valid(content(t, path)) {
				t.Errorf("%s is no JSON", name)
			}
		case filepath.Ext(name) == ".safetensors":
			must(t, dir, "show", filepath.Join(out, name))
		case filepath.Ext(name) == ".html":
			if !strings.Contains(string(content(t, path)), "</html>") {
				t.Errorf("%s is cut", name)
			}
		}
	}
}

// interruptible is what makes power take a second or so in its stages, ten times
// as long as the time between two reports of progress.
var interruptible = []string{"--set", "params.steps=20000", "--set", "params.rows=12000", "--set", "params.batch=256"}

func runPower(verbs ...string) []string {
	return append(append([]string{"run", "power.yaml"}, interruptible...), verbs...)
}

// status is run.json's own word for how the run ended.
func status(t *testing.T, dir, out string) string {
	t.Helper()
	var record struct{ Status string }
	if err := json.Unmarshal(content(t, dir, out, "run.json"), &record); err != nil {
		t.Fatal(err)
	}
	return record.Status
}

// An interrupted run says so, leaves nothing half done, and goes on to the same
// bytes.
func TestInterrupted(t *testing.T) {
	slow(t)
	dir := powerFolder(t)
	must(t, dir, runPower("--out", "whole")...)
	complete(t, dir, "whole")

	inTheMiddle := func(stage string) func(*process, event) bool {
		return func(_ *process, e event) bool {
			return e.Type == "stage_progress" && e.Stage == stage && e.Done > e.Total/10 && e.Done < e.Total*9/10
		}
	}
	for _, c := range []struct {
		name    string
		when    func(*process, event) bool
		signals []syscall.Signal
		code    int
	}{
		{"training", inTheMiddle("train"), []syscall.Signal{syscall.SIGINT}, 130},
		{"sampling", inTheMiddle("samples"), []syscall.Signal{syscall.SIGINT}, 130},
		{"scoring", inTheMiddle("scores"), []syscall.Signal{syscall.SIGINT}, 130},
		{"terminated", inTheMiddle("train"), []syscall.Signal{syscall.SIGTERM}, 143},
		{"terminated while sampling", inTheMiddle("samples"), []syscall.Signal{syscall.SIGTERM}, 143},
		{"twice", inTheMiddle("train"), []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
		{"twice while sampling", inTheMiddle("samples"), []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := strings.ReplaceAll(c.name, " ", "-")
			sent, atSignal := time.Time{}, event{}
			p := follow(t, dir, runPower("--out", out), func(p *process, e event) {
				if sent.IsZero() && c.when(p, e) {
					sent, atSignal = time.Now(), e
					for _, s := range c.signals {
						p.signal(s)
						time.Sleep(2 * time.Millisecond)
					}
				}
			})
			r := p.wait()
			if sent.IsZero() {
				t.Fatal("the moment never came")
			}
			if r.code != c.code {
				t.Errorf("exit %d, want %d\n%s", r.code, c.code, head(r.stderr))
			}
			if took := time.Since(sent); took > 10*time.Second {
				t.Errorf("stopped %v after the signal", took)
			}
			complete(t, dir, out)
			if s := status(t, dir, out); s != "interrupted" {
				t.Errorf("run.json says %q", s)
			}
			if _, err := os.Stat(filepath.Join(dir, out, "quality.json")); err == nil {
				t.Error("the run went on to the end")
			}

			// With one signal, training goes on from where it was and not from
			// the last checkpoint, or from nothing.
			first := int64(-1)
			p = follow(t, dir, runPower("--out", out, "--resume"), func(_ *process, e event) {
				if first < 0 && e.Type == "stage_progress" && e.Stage == "train" {
					first = e.Done
				}
			})
			if r := p.wait(); r.code != 0 {
				t.Fatalf("--resume: exit %d\n%s", r.code, head(r.stderr))
			}
			switch {
			case atSignal.Stage != "train" && first >= 0:
				t.Errorf("training that was done was done again")
			case atSignal.Stage == "train" && len(c.signals) == 1 && first < atSignal.Done:
				t.Errorf("interrupted after step %d, resumed at %d", atSignal.Done, first)
			}
			complete(t, dir, out)
			if s := status(t, dir, out); s != "done" {
				t.Errorf("after --resume run.json says %q", s)
			}
			sameFiles(t, c.name, filepath.Join(dir, "whole"), filepath.Join(dir, out), powerOutputs...)
		})
	}
}

// A signal while a file is being written, seen by the unfinished file itself.
func TestInterruptedWriting(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	place(t, dir, "p.yaml", `
version: 1
name: writing
stages:
  field: {kind: model, use: gmm, with: {columns: [u, v], means: [[0, 0]], std: [1]}}
  solver: {kind: solver, use: euler, with: {steps: 2}}
  samples: {kind: sampler, use: ode, from: {flow: field, solver: solver}, with: {rows: 2000000}, to: samples.parquet}
  table: {kind: sampler, use: ode, from: {flow: field, solver: solver}, with: {rows: 500000, seed: 1}, to: table.csv}
`)
	must(t, dir, "run", "p.yaml", "--out", "whole")
	for _, name := range []string{"samples.parquet", "table.csv"} {
		t.Run(name, func(t *testing.T) {
			out := "cut-" + name
			p := start(t, dir, "run", "p.yaml", "--out", out)
			ctx := deadline(t)
			for unfinished(dir, out, name) < 1<<16 {
				if _, err := os.Stat(filepath.Join(dir, out, name)); err == nil || ctx.Err() != nil {
					t.Fatalf("%s was never seen unfinished", name)
				}
				time.Sleep(time.Millisecond)
			}
			p.signal(syscall.SIGINT)
			if r := p.wait(); r.code != 130 {
				t.Errorf("exit %d\n%s", r.code, head(r.stderr))
			}
			if s := status(t, dir, out); s != "interrupted" {
				t.Errorf("run.json says %q", s)
			}
			entries, err := os.ReadDir(filepath.Join(dir, out))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				switch n := e.Name(); {
				case n == name:
					t.Errorf("%s is there", name)
				case n == "samples.parquet":
					readTable(t, dir, out, n)
				case n != "run.json" && n != "report.html" && n != ".pathline":
					t.Errorf("%s lies in the output folder", n)
				}
			}
			if n := unfinished(dir, out, name); n > 0 {
				t.Errorf("%d bytes of the unfinished file were left", n)
			}
			must(t, dir, "run", "p.yaml", "--out", out, "--resume")
			sameFiles(t, "writing", filepath.Join(dir, "whole"), filepath.Join(dir, out), "samples.parquet", "table.csv")
		})
	}
}

// unfinished is the size of what is being written for name, under whatever
// other name.
func unfinished(dir, out, name string) (size int64) {
	_ = filepath.WalkDir(filepath.Join(dir, out), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == name || !strings.Contains(d.Name(), name) {
			return nil
		}
		if i, err := d.Info(); err == nil {
			size += i.Size()
		}
		return nil
	})
	return size
}

// kill -9 at any moment costs nothing but the time since the last checkpoint.
func TestKilled(t *testing.T) {
	slow(t)
	dir := powerFolder(t)
	run := func(more ...string) []string {
		return append([]string{"run", "power.yaml", "--set", "params.steps=800", "--set", "params.batch=512"}, more...)
	}
	whole := must(t, dir, run("--out", "whole")...)
	kills := 5
	if soak {
		kills = 50
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for i := range kills {
		out := fmt.Sprint("killed", i)
		// Killed once, and every third time again while it resumes.
		for again := range 1 + (i%3)/2 {
			args := run("--out", out)
			if again > 0 {
				args = append(args, "--resume")
			}
			moment := time.Duration(r.Float64() * whole.seconds * float64(time.Second))
			p := start(t, dir, args...)
			time.Sleep(moment)
			p.signal(syscall.SIGKILL)
			if o := p.wait(); o.code != -1 && o.code != 0 {
				t.Errorf("exit %d before the kill after %v\n%s", o.code, moment, head(o.stderr))
			}
			t.Logf("kill %d after %v of %.1f s", i, moment, whole.seconds)
			if _, err := os.Stat(filepath.Join(dir, out)); err == nil {
				finished(t, dir, out)
			}
		}
		must(t, dir, run("--out", out, "--resume")...)
		complete(t, dir, out)
		sameFiles(t, out, filepath.Join(dir, "whole"), filepath.Join(dir, out), powerOutputs...)
		remove(t, dir, out)
	}
}

// finished demands that files under final names are whole; a killed run may
// leave others.
func finished(t *testing.T, dir, out string) {
	t.Helper()
	for _, name := range allOutputs {
		path := filepath.Join(dir, out, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if filepath.Ext(name) == ".parquet" {
			if _, err := openTable(path); err != nil {
				t.Errorf("after a kill %s: %v", name, err)
			}
		}
		if filepath.Ext(name) == ".safetensors" {
			must(t, dir, "show", filepath.Join(out, name))
		}
		if filepath.Ext(name) == ".json" && !json.Valid(content(t, path)) {
			t.Errorf("after a kill %s is no JSON", name)
		}
	}
}
