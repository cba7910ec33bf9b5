package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
)

// TestMain lets this program be the host that --isolate starts: a process with
// the handshake of a plugin serves.
func TestMain(m *testing.M) {
	// Also one that is started by hand must not run the tests: one of them would
	// start it again.
	byHand := len(os.Args) > 2 && os.Args[1] == "plugin"
	if byHand || os.Getenv(launch.Handshake.MagicCookieKey) == launch.Handshake.MagicCookieValue {
		os.Exit(Main(Process{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.LookupEnv, Registry: stages.Builtin}))
	}
	// The conformance kit also starts it by hand, without the handshake. It must not
	// run the tests then: one of them starts the kit, which starts it by hand.
	if len(os.Args) > 2 && os.Args[1] == "plugin" && os.Args[2] == "serve" {
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// commands is every way to call host that the tests know, with the exit code.
// Files are those of in().
var commands = []struct {
	args string
	code int
}{
	{"", 0},
	{"--help", 0},
	{"--version", 0},
	{"help", 0},
	{"help plugin list", 0},
	{"version", 0},
	{"validate good.yaml", 0},
	{"validate good.yaml --set params.rows=7", 0},
	{"plan good.yaml", 0},
	{"graph good.yaml", 0},
	{"graph good.yaml --format mermaid", 0},
	{"graph good.yaml --format dot", 0},
	{"graph good.yaml --format svg", 0},
	{"show", 0},
	{"show loader", 0},
	{"show evaluator/work", 0},
	{"show path/condot", 0},
	{"show path/condot --at 0,0.25,1", 0},
	{"schema", 0},
	{"schema --with-plugins good.yaml", 0},
	{"doctor", 0},
	{"doctor --with-plugins good.yaml", 0},
	{"bench --list", 0},
	{"bench w11-256x64x64 --repeats 1 --seconds 0.001", 0},
	{"plugin", 0},
	{"plugin list good.yaml", 0},
	{"plugin test --list", 0},
	{"plugin new --lang go --kind path new-path", 0},
	{"plugin new --lang go --kind pth new-other", 2},
	{"plugin new --lang go new-other", 2},
	{"plugin new --lang perl --kind path new-other", 2},
	{"plugin new --kind path .", 2},
	{"plugin test", 2},
	{"plugin test a b", 2},
	{"plugin test good.yaml", 2},
	{"plugin test nofolder", 3},
	{"plugin test .", 2},
	{"plugin test --kind pth -- x", 2},
	{"plugin test -- /nosuch/program", 4},
	{"plugin docs nofolder", 3},
	{"plugin docs -- /nosuch/program", 4},
	{"plugin pin good.yaml", 2},
	{"plugin pin plugin.yaml", 4},
	{"completion bash", 0},
	{"run good.yaml", 0},
	{"run good.yaml --out o --threads 1 --memory 64MiB --only samples --no-cache", 0},
	{"run good.yaml --seeds 1..2 --out sweep", 0},

	{"run good.yaml --seeds 2..1", 2},
	{"run good.yaml --seeds two", 2},
	{"run good.yaml --seeds 1,,2", 2},
	{"run good.yaml --seeds 1,0..3", 2},
	{"run good.yaml --seeds 0..18446744073709551615", 2},
	{"run good.yaml --seeds 1..2 --set seed=7", 2},
	{"run bad.yaml --seeds 1..2", 2},
	{"run good.yaml --seeds 1..2 --out good.yaml/x", 3},
	{"run good.yaml --seeds 12..14 --set stages.quality.with.do=seed", 1},
	{"validate", 2},
	{"validate good.yaml extra", 2},
	{"validate bad.yaml", 2},
	{"validate missing.yaml", 3},
	{"validate .", 3},
	{"validate good.yaml --set params.rowz=7", 2},
	{"validate good.yaml --set params.rows", 2},
	{"validat good.yaml", 2},
	{"help nonsense", 2},
	{"completion nonsense", 2},
	{"plugin nonsense", 2},
	{"plugin inspect good.yaml sine", 2},
	{"run good.yaml --thread 2", 2},
	{"run good.yaml -Z", 2},
	{"run good.yaml --threads 0", 2},
	{"run good.yaml --threads two", 2},
	{"run good.yaml --threads", 2},
	{"run good.yaml --memory much", 2},
	{"run good.yaml --memory 1KiB", 2},
	{"run good.yaml --events xml", 2},
	{"run good.yaml --log-level inof", 2},
	{"run good.yaml --only nobody", 2},
	{"run good.yaml --from nobody", 2},
	{"run good.yaml --isolate=pth", 2},
	{"run bad.yaml", 2},
	{"run missing.yaml", 3},
	{"run good.yaml --out good.yaml/x", 3},
	{"run good.yaml --set stages.quality.with.do=fail", 1},
	{"run good.yaml --set stages.quality.with.do=panic", 1},
	{"graph good.yaml --format png", 2},
	{"show pth", 2},
	{"show path/condt", 2},
	{"show path/condot --at 2", 2},
	{"show path/condot --at x", 2},
	{"show path/condot --at 0 --with foo=1", 2},
	{"show loader/count --at 0", 2},
	{"show loader --with a=1", 2},
	{"show missing.safetensors", 3},
	{"show nofolder/x", 3},
	{"show .", 3},
	{"show good.yaml", 1},
	{"sample missing.safetensors --rows 3 --out x.parquet", 3},
	{"sample good.yaml --rows 3 --out x.parquet", 1},
	{"sample", 2},
	{"sample a.safetensors --out x.parquet", 2},
	{"sample a.safetensors --rows 0 --out x.parquet", 2},
	{"sample a.safetensors --rows 3", 2},
	{"sample a.safetensors --rows 3 --out x.xlsx", 2},
	{"score a.safetensors", 2},
	{"score a.safetensors b.txt --out x.parquet", 2},
	{"score a.safetensors b.parquet --out x.parquet", 3},
	{"score a.safetensors b.parquet --out x.parquet --trace exac", 2},
	{"schema --with-plugins bad.yaml", 2},
	{"validate plugin.yaml", 4},
	{"plugin list plugin.yaml", 4},
	{"plugin inspect plugin.yaml broken", 4},
	{"plugin inspect plugin.yaml brokn", 2},
	{"plugin inspect -- /nosuch/program", 4},
	{"plugin inspect good.yaml", 2},
	{"plugin serve", 2},
	{"doctor --with-plugins plugin.yaml", 3},
	{"bench w99", 2},
	{"bench --repeats 0", 2},
	{"bench --seconds 0", 2},
	{"bench --threads 0", 2},
	{"bench --rows -1", 2},
	{"bench --tolerance 0", 2},
	{"bench w5-small --data nofolder", 3},
}

func TestExitCodes(t *testing.T) {
	for _, c := range commands {
		t.Run("host "+c.args, func(t *testing.T) {
			in(t)
			code, stdout, stderr := host(strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			if c.code == 0 && (stdout == "" || stderr != "" && !strings.Contains(stderr, "warn")) {
				t.Errorf("standard output %q, standard error %q", stdout, stderr)
			}
			if c.code != 0 && stderr == "" {
				t.Error("an error without a word on standard error")
			}
			noStack(t, stdout+stderr)
		})
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range commands {
		t.Run("host "+c.args+" --json", func(t *testing.T) {
			in(t)
			args := append(strings.Fields(c.args), "--json")
			if slices.Contains(args, "--") { // what follows is another command's
				args = append([]string{"--json"}, args[:len(args)-1]...)
			}
			code, stdout, stderr := host(args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			noStack(t, stdout+stderr)
			d := parseDocument(t, stdout)
			if *d.OK != (c.code == 0) {
				t.Errorf("ok is %v at exit code %d", *d.OK, c.code)
			}
			if *d.OK && (len(d.Result) == 0 || string(d.Result) == "null" || len(d.Errors) > 0) {
				t.Errorf("a success needs a result and no errors:\n%s", stdout)
			}
			if !*d.OK && (len(d.Result) > 0 || len(d.Errors) == 0) {
				t.Errorf("a failure needs errors and no result:\n%s", stdout)
			}
			for _, raw := range d.Errors {
				var e map[string]any
				if err := json.Unmarshal(raw, &e); err != nil {
					t.Fatal(err)
				}
				for _, k := range []string{"reason", "message", "file", "line", "column", "path", "suggestion"} {
					if _, ok := e[k]; !ok {
						t.Errorf("an error without %q: %s", k, raw)
					}
				}
				if e["message"] == "" || schemas.Reason(e["reason"].(string)).Exit() != c.code {
					t.Errorf("reason and exit code %d do not fit: %s", c.code, raw)
				}
			}
		})
	}
}

func noStack(t *testing.T, text string) {
	t.Helper()
	for _, s := range []string{"goroutine ", ".go:", "runtime."} {
		if strings.Contains(text, s) {
			t.Errorf("a stack trace:\n%s", text)
		}
	}
}

// TestErrorText is the contract's picture of an error.
func TestErrorText(t *testing.T) {
	in(t)
	_, _, stderr := host("validate", "bad.yaml")
	for _, want := range []string{
		"bad.yaml:11:12: stages.samples.with.rowz: unknown key \"rowz\"; did you mean \"rows\"?\n   11 |     with: {rowz: 40}\n      |            ^~~~\n",
		"bad.yaml:17:16: stages.quality.with.do:",
		"\n   17 |     with: {do: nothin, speed: 0}\n      |                ^~~~~~\n",
		"bad.yaml:17:31: stages.quality.with.speed:",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("not found:\n%s\nin\n%s", want, stderr)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	in(t)
	for args, want := range map[string]string{
		"validat good.yaml":             `"validate"`,
		"plugin lst":                    `"list"`,
		"run good.yaml --thread 2":      `"--threads"`,
		"run good.yaml --log-level inf": `"info"`,
		"run good.yaml --isolate=pat":   `"path"`,
		"show evaluatr":                 `"evaluator"`,
		"show path/condt":               `"condot"`,
		"graph good.yaml --format sgv":  `"svg"`,
	} {
		if _, _, stderr := host(strings.Fields(args)...); !strings.Contains(stderr, "did you mean "+want) {
			t.Errorf("host %s: no %s in %s", args, want, stderr)
		}
	}
}

func TestEveryCommandAndFlagIsExplained(t *testing.T) {
	a := &app{Process: Process{Registry: fake(nil)}}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s has no help", c.CommandPath())
		}
		if strings.Contains(c.Use, " ") && c.Args == nil && c.Name() != "help" {
			t.Errorf("%s takes any arguments", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no help", c.CommandPath(), f.Name)
			}
		})
		for _, s := range c.Commands() {
			visit(s)
		}
	}
	root := a.newRoot()
	addCompletion(root)
	visit(root)
}

func TestRun(t *testing.T) {
	in(t)
	code, stdout, stderr := host("run", "good.yaml")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"samples", "40 rows", "samples.parquet", "warning: mind the <gap>", filepath.Join("runs", "fake", "report.html")} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	page, err := os.ReadFile("runs/fake/report.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "speed", "mind the &lt;gap&gt;", "kind: loader"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q in the report", want)
		}
	}
	if bytes.Contains(page, []byte("not drawn")) || bytes.Contains(page, []byte("<gap>")) {
		t.Error("the report has a warning of its own, or unescaped text")
	}

	code, stdout, stderr = host("run", "good.yaml", "--json")
	var r struct {
		Result struct {
			Seed   int
			Out    string
			Report string
			Stages map[string]struct{ Status string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != 0 || stderr != "" {
		t.Fatal(code, err, stderr)
	}
	if r.Result.Seed != 3 || r.Result.Stages["quality"].Status != "up-to-date" || r.Result.Report == "" {
		t.Errorf("%+v", r.Result)
	}

	if _, stdout, _ := host("show", "runs/fake"); !strings.Contains(stdout, "fake: done") || !strings.Contains(stdout, "speed") {
		t.Errorf("show of a run:\n%s", stdout)
	}
	if _, stdout, _ := host("plan", "good.yaml", "--set", "stages.quality.with.speed=2"); !strings.Contains(stdout, "with.speed 1 -> 2") {
		t.Errorf("plan does not say what changed:\n%s", stdout)
	}
}

func TestQuiet(t *testing.T) {
	in(t)
	if code, stdout, stderr := host("run", "good.yaml", "--quiet"); code != 0 || stdout != "" || stderr != "" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if _, _, stderr := host("run", "good.yaml", "--quiet", "--set", "stages.quality.with.do=fail"); !strings.Contains(stderr, "the loss is infinite at step 3; lower the learning rate") {
		t.Errorf("no error: %q", stderr)
	}
}

func TestEvents(t *testing.T) {
	in(t)
	code, stdout, stderr := host("run", "good.yaml", "--events", "ndjson")
	if code != 0 {
		t.Fatal(stderr)
	}
	seen := map[pipeline.EventType]int{}
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var e pipeline.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[e.Type]++
	}
	if seen[pipeline.RunStarted] != 1 || seen[pipeline.RunEnded] != 1 || seen[pipeline.StageStarted] != 3 || seen[pipeline.StageProgress] != 1 {
		t.Errorf("%v", seen)
	}
	if code, stdout, _ := host("run", "good.yaml", "--events", "ndjson", "--json"); code != 2 || !strings.Contains(stdout, "--events") {
		t.Errorf("--json and --events: %d %s", code, stdout)
	}
}

func TestAFailedRunLeavesAReport(t *testing.T) {
	in(t)
	host("run", "good.yaml", "--set", "stages.quality.with.do=fail")
	page, err := os.ReadFile("runs/fake/report.html")
	if err != nil || !bytes.Contains(page, []byte("the loss is infinite at step 3")) {
		t.Errorf("no report of the failure: %v", err)
	}
}

func TestSignals(t *testing.T) {
	for _, c := range []struct {
		do   string
		sent []os.Signal
		code int
		said bool
	}{
		{"wait", []os.Signal{os.Interrupt}, 130, true},
		{"wait", []os.Signal{syscall.SIGTERM}, 143, true},
		{"hang", []os.Signal{os.Interrupt, os.Interrupt}, 130, true},
	} {
		in(t)
		waiting, signals := make(chan struct{}, 1), make(chan os.Signal, 2)
		go func() {
			<-waiting
			for _, s := range c.sent {
				signals <- s
			}
		}()
		var out, errs bytes.Buffer
		start := time.Now()
		code := Main(Process{Args: []string{"run", "good.yaml", "--set", "stages.quality.with.do=" + c.do}, Stdout: &out, Stderr: &errs, Signals: signals, Registry: fake(waiting)})
		if code != c.code || time.Since(start) > 20*time.Second {
			t.Errorf("%s %v: exit code %d\n%s%s", c.do, c.sent, code, &out, &errs)
		}
		if strings.Contains(errs.String(), "stopping at the next safe point; press Ctrl-C again to stop at once\n") != c.said {
			t.Errorf("%s: %s", c.do, &errs)
		}
		r, err := pipeline.LoadRecord("runs/fake")
		if err != nil || r.Status != pipeline.RunInterrupted {
			t.Errorf("%s: run.json says %v %v", c.do, r, err)
		}
	}
}

// shut is a pipe whose reader has gone away.
type shut struct{}

func (shut) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestBrokenPipe(t *testing.T) {
	in(t)
	var errs bytes.Buffer
	code := Main(Process{Args: []string{"run", "good.yaml"}, Stdout: shut{}, Stderr: &errs, Registry: fake(nil)})
	if code != 141 || strings.Contains(errs.String(), "error") {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
	if r, err := pipeline.LoadRecord("runs/fake"); err != nil || r.Status != pipeline.RunInterrupted {
		t.Errorf("run.json says %v %v", r, err)
	}
	if code := Main(Process{Args: []string{"version"}, Stdout: shut{}, Stderr: &errs, Registry: fake(nil)}); code != 141 {
		t.Errorf("exit code %d", code)
	}
}

func TestCoefficients(t *testing.T) {
	code, stdout, _ := host("show", "path/condot", "--at", "0,0.25", "--json")
	var d struct{ Result []map[string]float64 }
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || code != 0 || len(d.Result) != 2 {
		t.Fatal(code, err, stdout)
	}
	want := map[string]float64{"t": 0.25, "alpha": 0.25, "sigma": 0.75, "dalpha": 1, "dsigma": -1}
	for k, v := range want {
		if d.Result[1][k] != v {
			t.Errorf("%s is %v, want %v", k, d.Result[1][k], v)
		}
	}
	if len(d.Result[1]) != len(want) {
		t.Errorf("more than asked for: %v", d.Result[1])
	}
}

func TestDocumentHasNoColour(t *testing.T) {
	in(t)
	for _, args := range []string{"validate bad.yaml", "run good.yaml", "graph good.yaml"} {
		if _, stdout, stderr := host(strings.Fields(args)...); strings.Contains(stdout+stderr, "\x1b") {
			t.Errorf("host %s: escapes outside of a terminal", args)
		}
	}
}
