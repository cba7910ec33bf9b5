//go:build unix

package plugins

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// dieAtAMoment makes this process kill or stop itself some time after its start:
// MOMENT is a signal and microseconds.
func dieAtAMoment() {
	what, micros, _ := strings.Cut(os.Getenv("MOMENT"), "/")
	n, err := strconv.Atoi(micros)
	if err != nil {
		panic(err)
	}
	signal := syscall.SIGKILL
	if what == "stop" {
		signal = syscall.SIGSTOP
	}
	time.AfterFunc(time.Duration(n)*time.Microsecond, func() { _ = syscall.Kill(os.Getpid(), signal) })
}

// A plugin that is killed or stopped at any moment of its life is reported by
// name, in time, and leaves nothing; PATHLINE_SOAK=1 tries a thousand moments.
func TestRandomMoments(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	n, seed := 16, uint64(11)
	if os.Getenv("PATHLINE_SOAK") == "1" {
		n, seed = 1000, uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	seen := map[schemas.Reason]int{}
	for k := range n {
		what := []string{"kill", "stop"}[r.IntN(2)]
		// A process starts in about 30 ms and is used for about 100.
		moment := fmt.Sprintf("%s/%d", what, r.IntN(150_000))
		seen[live(t, dir, moment, k%2 == 0)]++
		if t.Failed() {
			t.Fatalf("moment %d: %s", k, moment)
		}
	}
	t.Logf("%v", seen)
	if seen[schemas.PluginCrash] == 0 || seen[schemas.PluginTimeout] == 0 {
		t.Error("the moments are not those of a life")
	}
}

func live(t *testing.T, dir, moment string, abandon bool) schemas.Reason {
	leak, files := goleak.IgnoreCurrent(), openFiles()
	h := NewHost(zerolog.New(io.Discard))
	start := time.Now()
	pid, err := liveWith(t, h, Plugin{Command: command("moment"), Env: map[string]string{"MOMENT": moment},
		StartTimeout: 2 * time.Second, CallTimeout: time.Second, StallTimeout: 500 * time.Millisecond}, abandon)
	if d := time.Since(start); d > 3*time.Second+bound {
		t.Errorf("it took %s", d)
	}
	var e *schemas.Error
	reason := schemas.Reason("")
	if err != nil {
		if !errors.As(err, &e) || !slices.Contains([]schemas.Reason{schemas.PluginStart, schemas.PluginCrash, schemas.PluginTimeout}, e.Reason) || !strings.Contains(e.Message, `"mine"`) {
			t.Errorf("the report is %v", err)
			return ""
		}
		reason = e.Reason
	}
	h.Close()
	if err := goleak.Find(leak); err != nil {
		t.Error(err)
	}
	if pid != 0 {
		if alive := ofGroup(pid); len(alive) > 0 {
			t.Errorf("these still run: %v", alive)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "[^T]*")); len(left) > 0 { // not the test's own
		t.Errorf("left over: %v", left)
	}
	if n := openFiles(); n > files {
		t.Errorf("%d files are open, %d were", n, files)
	}
	return reason
}

// liveWith uses a plugin for a while: calls, calls back, instances. One that is
// abandoned is closed while it does something.
func liveWith(t *testing.T, h *Host, p Plugin, abandon bool) (pid int, err error) {
	r := NewRegistry()
	if err := h.Add(t.Context(), r, "mine", p); err != nil {
		return groupOf(h), err
	}
	pid = groupOf(h)
	start := time.Now()
	for round := 0; time.Since(start) < 120*time.Millisecond; round++ {
		if abandon && round == 3 {
			return pid, nil
		}
		impl, _ := r.Find("solver", "mine/own-midpoint")
		s, err := impl.Build(t.Context(), pipeline.Env{Log: zerolog.Nop()}, nil)
		if err != nil {
			return pid, err
		}
		out, err := s.Run(t.Context(), nil)
		if err != nil {
			return pid, err
		}
		x := solver.State[float64]{X: make([]float64, 64), Rows: 32, Dim: 2}
		if _, err := out.Service.(solver.Solver).Solve64(t.Context(), spin{}, x, 0, 1); err != nil {
			return pid, err
		}
		impl, _ = r.Find("path", "mine/power")
		if s, err = impl.Build(t.Context(), pipeline.Env{Log: zerolog.Nop()}, nil); err != nil {
			return pid, err
		}
		if out, err = s.Run(t.Context(), nil); err != nil {
			return pid, err
		}
		ts := times(100_000)
		if err := out.Service.(path.Path).Coefficients(make([]path.Coef, len(ts)), ts); err != nil {
			return pid, err
		}
	}
	return pid, nil
}
