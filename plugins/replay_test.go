//go:build unix

package plugins

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// inState builds a service of a plugin with a state folder, where bundles go.
func inState(t testing.TB, r *pipeline.Registry, state, kind, use, config string) (any, error) {
	t.Helper()
	impl, ok := r.Find(kind, use)
	if !ok {
		t.Fatalf("there is no %s %q", kind, use)
	}
	env := pipeline.Env{Stage: "the-" + kind, Dir: t.TempDir(), State: state, Threads: 2, Log: zerolog.Nop(), Config: json.RawMessage(config)}
	s, err := impl.Build(t.Context(), env, json.RawMessage(config))
	if err != nil {
		return nil, err
	}
	out, err := s.Run(t.Context(), nil)
	return out.Service, err
}

// coefficients asks a path of a plugin, with a state folder.
func coefficients(t testing.TB, r *pipeline.Registry, state, use string, ts ...float64) error {
	t.Helper()
	v, err := inState(t, r, state, "path", use, "{}")
	if err != nil {
		return err
	}
	return v.(path.Path).Coefficients(make([]path.Coef, len(ts)), ts)
}

func bundles(t testing.TB, state string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(state, "crash-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A failure leaves a bundle, the bundle shows the failure again, and a plugin
// that is mended passes it.
func TestReplay(t *testing.T) {
	for use, want := range map[string]schemas.Reason{"dies": schemas.PluginCrash, "hangs": schemas.PluginTimeout, "kills": schemas.PluginCrash} {
		t.Run(use, func(t *testing.T) {
			state := t.TempDir()
			r, h := own(t, io.Discard, Plugin{StallTimeout: 500 * time.Millisecond})
			err := coefficients(t, r, state, "mine/"+use, 0.25, 0.75)
			reason(t, err, want, "in call", "coefficients", `"the-path"`, "path/"+use)
			list := bundles(t, state)
			if len(list) != 1 || !strings.Contains(err.Error(), list[0]) {
				t.Fatalf("bundles: %v of %v", list, err)
			}
			if info, err := os.Stat(list[0]); err != nil || info.Mode().Perm() != 0o700 {
				t.Error("others can read the bundle")
			}
			crash, err := ReadCrash(list[0])
			if err != nil {
				t.Fatal(err)
			}
			if crash.Reason != want || crash.Method != "coefficients" || crash.Call == 0 || crash.Stage != "the-path" || crash.Cut ||
				len(crash.Process.Tail) == 0 || len(crash.Process.Digests) == 0 || crash.Self.Version != "1" || !crash.Process.Ended {
				t.Errorf("the report is %+v", crash)
			}
			h.Close()

			again := newHost(t, io.Discard)
			got, err := again.Replay(t.Context(), list[0])
			if err != nil {
				t.Fatal(err)
			}
			reason(t, got.Err, want, "coefficients")
			if !got.Again {
				t.Errorf("it is not seen to be the same: %v", got.Err)
			}
			mended := newHost(t, io.Discard)
			got, err = mended.Replay(t.Context(), list[0], command("mended")...)
			if err != nil || got.Err != nil || got.Again {
				t.Fatal(got, err)
			}
			if len(got.Answers) != 1 || !strings.HasPrefix(got.Answers[0], "coefficients: 2 rows of (alpha float64") {
				t.Errorf("answers: %q", got.Answers)
			}
		})
	}
}

// What a plugin had asked for is served from the bundle: a solver that dies at
// the eleventh evaluation does so again, and the mended one gets as far.
func TestReplayServesWhatWasAsked(t *testing.T) {
	state := t.TempDir()
	r, h := own(t, io.Discard, Plugin{})
	v, err := inState(t, r, state, "solver", "mine/dies-late", "{}")
	if err != nil {
		t.Fatal(err)
	}
	x := solver.State[float64]{X: []float64{1, 2, 3, 4}, Rows: 2, Dim: 2}
	_, err = v.(solver.Solver).Solve64(t.Context(), spin{}, x, 0, 1)
	reason(t, err, schemas.PluginCrash, "solve", "status 3", "after 11 evaluations")
	h.Close()
	again := newHost(t, io.Discard)
	got, err := again.Replay(t.Context(), bundles(t, state)[0])
	if err != nil || !got.Again {
		t.Fatal(got, err)
	}
	reason(t, got.Err, schemas.PluginCrash, "after 11 evaluations")
}

func TestBundlesCanBeSwitchedOff(t *testing.T) {
	for name, c := range map[string]struct{ host, plugin bool }{"host": {true, false}, "plugin": {false, true}} {
		state := t.TempDir()
		h := newHost(t, io.Discard)
		h.NoBundles = c.host
		r := NewRegistry()
		if err := h.Add(t.Context(), r, "mine", Plugin{Command: command("own"), NoBundle: c.plugin}); err != nil {
			t.Fatal(err)
		}
		reason(t, coefficients(t, r, state, "mine/dies", 0.5), schemas.PluginCrash)
		if list := bundles(t, state); len(list) > 0 {
			t.Errorf("%s: %v", name, list)
		}
	}
}

// Of one stage the last bundles are kept.
func TestBundlesAreFew(t *testing.T) {
	state := filepath.Join(t.TempDir(), "[a]*")
	for n := range keptBundles + 3 {
		dir, err := newCrashDir(state)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(state, crashPrefix+string(rune('1'+n))); dir != want {
			t.Errorf("%s, not %s", dir, want)
		}
	}
	list, err := os.ReadDir(state)
	if err != nil || len(list) != keptBundles || list[0].Name() != crashPrefix+"4" {
		t.Errorf("left: %v %v", list, err)
	}
}

// The process of a stateless implementation is started again, once, and the call
// repeated; a call that kills twice is not tried a third time.
func TestRestart(t *testing.T) {
	var log journal
	state := t.TempDir()
	h := newHost(t, &log)
	r := NewRegistry()
	mark := filepath.Join(t.TempDir(), "died")
	if err := h.Add(t.Context(), r, "mine", Plugin{Command: command("own"), Env: map[string]string{"MARK": mark}}); err != nil {
		t.Fatal(err)
	}
	v, err := inState(t, r, state, "path", "mine/dies-once", `{"power":3}`)
	if err != nil {
		t.Fatal(err)
	}
	first := pidOf(t, h, "mine")
	ts := []float64{0.25, 0.5}
	c := make([]path.Coef, 2)
	if err := v.(path.Path).Coefficients(c, ts); err != nil {
		t.Fatal(err)
	}
	if c[1] != (path.Coef{Alpha: 0.5, Sigma: 0.5, DAlpha: 1, DSigma: -3}) {
		t.Errorf("the second process gives %+v", c)
	}
	if pidOf(t, h, "mine") == first || len(ofGroup(first)) > 0 {
		t.Error("the process is the same")
	}
	if n := h.Records()["mine"].Restarts; n != 1 {
		t.Errorf("the record says %d restarts", n)
	}
	said := false
	for _, l := range log.lines() {
		m, _ := l["message"].(string)
		said = said || strings.Contains(m, "started again") && l["plugin"] == "mine" && l["level"] == "warn"
	}
	if !said {
		t.Error("the log says nothing")
	}
	// Once in a run.
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	reason(t, v.(path.Path).Coefficients(c, ts), schemas.PluginCrash, "status 3", "(coefficients)")
	if n := h.Records()["mine"].Restarts; n != 1 {
		t.Errorf("the record says %d restarts", n)
	}
}

func TestPoisonIsNotTakenTwice(t *testing.T) {
	state := t.TempDir()
	h := newHost(t, io.Discard)
	r := NewRegistry()
	if err := h.Add(t.Context(), r, "mine", Plugin{Command: command("own")}); err != nil {
		t.Fatal(err)
	}
	v, err := inState(t, r, state, "path", "mine/poisoned", "{}")
	if err != nil {
		t.Fatal(err)
	}
	p := v.(path.Path)
	if err := p.Coefficients(make([]path.Coef, 1), []float64{0.5}); err != nil {
		t.Fatal(err)
	}
	reason(t, p.Coefficients(make([]path.Coef, 1), []float64{0.625}), schemas.PluginCrash, "crashed again", "status 3")
	list := bundles(t, state)
	if len(list) != 2 {
		t.Fatalf("bundles: %v", list)
	}
	got, err := newHost(t, io.Discard).Replay(t.Context(), list[1])
	if err != nil || !got.Again {
		t.Error(got, err)
	}
}

// An implementation that does not say that it is stateless is not started again.
func TestNoRestartUnasked(t *testing.T) {
	r, h := own(t, io.Discard, Plugin{})
	pid := pidOf(t, h, "mine")
	reason(t, coefficients(t, r, t.TempDir(), "mine/dies", 0.5), schemas.PluginCrash)
	if pidOf(t, h, "mine") != pid {
		t.Error("it was started again")
	}
}

func TestReplayOfWhatIsNoBundle(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, io.Discard)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want schemas.Reason) {
		t.Helper()
		_, err := h.Replay(t.Context(), dir)
		var e *schemas.Error
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%v, not %s", err, want)
		}
	}
	check(schemas.FileNotFound)
	write(reportFile, "x")
	check(schemas.CorruptFile)
	write(reportFile, `{"version":2}`)
	check(schemas.Version)
	write(reportFile, `{"version":1}`)
	check(schemas.FileNotFound)
	write(framesFile, "\xff\xff\xff\xff\x0f")
	check(schemas.CorruptFile)
}
