//go:build unix

package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/solver"
)

func pidOf(t testing.TB, h *Host, name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.running[name]
	if s == nil || s.plugin == nil {
		t.Fatalf("plugin %s does not run", name)
	}
	return s.plugin.Pid()
}

func TestKilledInTheMiddleOfACall(t *testing.T) {
	r, h := own(t, io.Discard, Plugin{})
	pid := pidOf(t, h, "mine")
	killed := make(chan time.Time, 1)
	go func() {
		time.Sleep(100 * time.Millisecond)
		killed <- time.Now()
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}()
	err := ask(t, r, "mine/hangs")
	if late := time.Since(<-killed); late > time.Second {
		t.Errorf("the news came after %s", late)
	}
	reason(t, err, schemas.PluginCrash, `"mine"`, "SIGKILL", "test-plugin own", "asked")
	// Later calls say the same.
	impl, _ := r.Find("path", "mine/power")
	_, err = impl.Build(t.Context(), pipeline.Env{}, nil)
	reason(t, err, schemas.PluginCrash, "SIGKILL")
}

func TestPanicInAnotherGoroutine(t *testing.T) {
	r, _ := own(t, io.Discard, Plugin{})
	reason(t, ask(t, r, "mine/dies"), schemas.PluginCrash, `"mine"`, "status 2", "panic: in another goroutine")
}

func TestPanicOfAHandlerIsAnErrorOfTheCall(t *testing.T) {
	var log journal
	r, _ := own(t, &log, Plugin{})
	err := ask(t, r, "mine/panics")
	reason(t, err, schemas.Panic, "a mistake of the author")
	if strings.Contains(err.Error(), "goroutine") {
		t.Errorf("the error has a stack: %v", err)
	}
	if err := ask(t, r, "mine/power"); err != nil {
		t.Errorf("the plugin does not live on: %v", err)
	}
}

func TestFault(t *testing.T) {
	r, _ := own(t, io.Discard, Plugin{})
	reason(t, ask(t, r, "mine/fails"), schemas.StageFailed, "out of paint")
	reason(t, ask(t, r, "mine/lies"), schemas.NonFinite, "alpha")
	impl, _ := r.Find("path", "mine/power")
	_, err := impl.Build(t.Context(), pipeline.Env{}, json.RawMessage(`{"power": "x"}`))
	if err == nil {
		t.Error("a wrong configuration was taken")
	}
}

// A plugin that hangs is asked what it is doing, and its processes are ended.
func TestStall(t *testing.T) {
	const patience = 300 * time.Millisecond
	for name, c := range map[string]struct {
		p       Plugin
		stop    bool
		manner  string
		mention []string
	}{
		"stall":   {Plugin{StallTimeout: patience}, false, "own", []string{"stall_timeout", "misbehaving.Coefficients"}},
		"call":    {Plugin{CallTimeout: patience}, false, "own", []string{"call_timeout", "misbehaving.Coefficients"}},
		"stopped": {Plugin{StallTimeout: patience}, true, "own", []string{"stall_timeout", "SIGSTOP", "misbehaving.Coefficients"}},
		"silent":  {Plugin{StallTimeout: patience}, false, "mute", []string{"stall_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.Command = command(c.manner)
			r, h := own(t, io.Discard, c.p)
			pid := pidOf(t, h, "mine")
			if c.stop {
				time.AfterFunc(patience/2, func() { _ = syscall.Kill(pid, syscall.SIGSTOP) })
			}
			reason(t, ask(t, r, "mine/hangs"), schemas.PluginTimeout, append(c.mention, `"mine"`, "test-plugin "+c.manner)...)
			if alive := ofGroup(pid); len(alive) > 0 {
				t.Errorf("these still run: %v", alive)
			}
			// Whoever asks it next gets the same explanation.
			impl, _ := r.Find("path", "mine/power")
			_, err := impl.Build(t.Context(), pipeline.Env{}, nil)
			reason(t, err, schemas.PluginTimeout, c.mention...)
		})
	}
}

// A wrapper does not hide what the plugin behind it is doing.
func TestStallBehindAWrapper(t *testing.T) {
	if len(ofGroup(syscall.Getpgrp())) == 0 {
		t.Skip("processes of a group are found in /proc")
	}
	r, _ := own(t, io.Discard, Plugin{StallTimeout: 300 * time.Millisecond,
		Command: []string{"sh", "-c", `"$0" test-plugin own; exit $?`, os.Args[0]}})
	reason(t, ask(t, r, "mine/hangs"), schemas.PluginTimeout, "misbehaving.Coefficients")
}

func TestWhatAPluginWritesIsHarmless(t *testing.T) {
	var log journal
	r, h := own(t, &log, Plugin{})
	for range 3 {
		if err := ask(t, r, "mine/talks"); err != nil {
			t.Fatal(err)
		}
	}
	h.Close()
	seen := map[string]bool{}
	for _, l := range log.lines() {
		if l["plugin"] != "mine" {
			t.Fatalf("a line does not name its plugin: %v", l)
		}
		m, _ := l["message"].(string)
		switch {
		case m == "5", m == "hc" && l["level"] == "warn", m == "zl" && l["level"] == "error" && l["stage"] == "s", m == "on standard output":
			seen[m] = true
		case strings.HasPrefix(m, "xxxx") && strings.HasSuffix(m, "bytes more)") && len(m) < 2<<20:
			seen["long"] = true
		}
	}
	if len(seen) != 5 {
		t.Errorf("of the lines only these came: %v", seen)
	}
}

// A plugin that logs without end gets its answers through, and every line that
// is not shown is counted.
func TestFloodOfLines(t *testing.T) {
	var log journal
	r, h := own(t, &log, Plugin{})
	if err := ask(t, r, "mine/floods"); err != nil {
		t.Fatal(err)
	}
	h.Close()
	shown, left := 0, 0
	for _, l := range log.lines() {
		if m, _ := l["message"].(string); m == floodLine {
			shown++
		} else if n, ok := l["lines"].(float64); ok {
			left += int(n)
		}
	}
	if shown+left != floodLines || shown > floodLines/4 {
		t.Errorf("of %d lines %d were shown and %d counted", floodLines, shown, left)
	}
}

func TestStartsThatFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		p     Plugin
		words []string
	}{
		{"noise", Plugin{Command: command("noise")}, []string{"hello from an init function", "standard output"}},
		{"certificate", Plugin{Command: command("certificate")}, []string{"handshake"}},
		{"stdout", Plugin{Command: command("babble")}, []string{"yyyy", "standard output"}},
		{"exit", Plugin{Command: command("exits")}, []string{"status 3", "cannot find my device"}},
		{"silence", Plugin{Command: command("silent"), StartTimeout: 300 * time.Millisecond}, []string{"300ms", "start_timeout", "time.Sleep"}},
		{"missing", Plugin{Command: []string{"no-such-program-anywhere"}}, []string{"no-such-program-anywhere"}},
		{"missing file", Plugin{Command: []string{"./absent"}, Dir: t.TempDir()}, []string{"./absent"}},
		{"nothing", Plugin{}, []string{"neither"}},
		{"no plugin", Plugin{Command: []string{"true"}}, []string{"status 0"}},
		{"wrong language", Plugin{Command: []string{"echo", "1|9|unix|/x|grpc|"}}, []string{"version 9", "version 1", "update"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, io.Discard)
			err := h.Add(t.Context(), NewRegistry(), "mine", c.p)
			reason(t, err, schemas.PluginStart, append(c.words, `"mine"`)...)
		})
	}
}

func TestStartGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	h := newHost(t, io.Discard)
	if err := h.Add(ctx, NewRegistry(), "mine", Plugin{Command: command("silent")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	// A grandchild that holds standard error, as wrappers do.
	script := filepath.Join(dir, "wrapper.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsleep 1000 &\n\""+os.Args[0]+"\" test-plugin own\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, h := own(t, io.Discard, Plugin{Command: []string{script}})
	if err := ask(t, r, "mine/power"); err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, h, "mine")
	start := time.Now()
	h.Close()
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("closing took %s", d)
	}
	if alive := ofGroup(pid); len(alive) > 0 {
		t.Errorf("of the group of the plugin these still run: %v", alive)
	}
	left, err := filepath.Glob(filepath.Join(dir, "pl-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v %v", left, err)
	}
	if _, err := h.start(t.Context(), "mine", Plugin{Command: command("own")}); err == nil {
		t.Error("a closed host starts plugins")
	}
}

// ofGroup lists the processes of a group that run; ones that wait for their
// parent to notice that they have ended do not.
func ofGroup(pgid int) []string {
	var out []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// pid (name) state ppid pgrp ...
		_, rest, _ := strings.Cut(string(raw), ") ")
		f := strings.Fields(rest)
		if len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(pgid) {
			out = append(out, string(raw))
		}
	}
	return out
}

// A plugin does not outlive a host that was killed, and the folder of its socket
// does not outlive the start of the next.
func TestHostKilled(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	for _, manner := range []string{"own", "deaf"} {
		cmd := exec.Command(os.Args[0], "test-plugin", "host", manner)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Fscan(out, &pid); err != nil || pid == 0 {
			t.Fatal(pid, err)
		}
		if len(ofGroup(pid)) == 0 {
			t.Fatal("the plugin does not run")
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for start := time.Now(); len(ofGroup(pid)) > 0; time.Sleep(5 * time.Millisecond) {
			if time.Since(start) > 2*time.Second {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
				t.Fatalf("plugin %q outlives its host", manner)
			}
		}
	}
	h := newHost(t, io.Discard)
	if err := h.Add(t.Context(), NewRegistry(), "mine", Plugin{Command: command("own")}); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "pl-*")); err != nil || len(left) != 1 {
		t.Errorf("left over: %v %v", left, err)
	}
	h.Close()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

func TestCancelStopsACall(t *testing.T) {
	r, _ := own(t, io.Discard, Plugin{})
	s := run(t, build(t, r, "solver", "mine/own-midpoint", "{}"), nil).Service.(solver.Solver)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	_, err := s.Solve64(ctx, slow{}, solver.State[float64]{X: make([]float64, 8), Rows: 8, Dim: 1}, 0, 1)
	if !errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

// slow is a field that takes its time.
type slow struct{}

func (slow) Eval(ctx context.Context, dx []float64, _ []float64, _ []float64, _ int) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
