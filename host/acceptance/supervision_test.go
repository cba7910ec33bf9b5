package acceptance

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plugins are the numbers of the plugin processes of a host that works in dir.
func plugins(t *testing.T, dir string) (pids []int) {
	t.Helper()
	for _, line := range mine(dir) {
		if strings.Contains(line, `plugin\x00serve`) {
			pid, err := strconv.Atoi(line[:strings.IndexByte(line, ' ')])
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// A plugin that dies or stops in the middle of a stream ends the run with exit
// code 4, a report that names the stage, the plugin and the cause, and a bundle
// that can be replayed; nothing is left.
func TestPluginEndsInTheMiddle(t *testing.T) {
	slow(t)
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	dir := powerFolder(t)
	for _, c := range []struct {
		name     string
		signal   syscall.Signal
		deadline time.Duration
		reason   string
		words    []string
	}{
		{"kill", syscall.SIGKILL, 0, "plugin_crash", []string{"SIGKILL"}},
		{"stop", syscall.SIGSTOP, 20 * time.Second, "plugin_timeout", []string{"SIGSTOP", "nothing happened for 20s", "goroutine "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.deadline > 0 && !soak {
				t.Skip("waits for the deadline of a stall; PATHLINE_SOAK=1 asks for it")
			}
			var done time.Time
			args := append(runPower("--isolate=sampler", "--out", c.name), "--set", "params.rows=400000")
			p := follow(t, dir, args, func(p *process, e event) {
				if done.IsZero() && e.Type == "stage_progress" && e.Stage == "samples" {
					done = time.Now()
					for _, pid := range plugins(t, dir) {
						_ = syscall.Kill(pid, c.signal)
					}
				}
			})
			p.stacks = c.signal == syscall.SIGSTOP // those of the plugin are what is wanted
			r := p.wait()
			late := time.Since(done) - c.deadline
			t.Logf("the report came %s after the deadline", late.Round(time.Millisecond))
			// A second is what is promised; the rest is for a machine at work.
			if done.IsZero() || late > 4*time.Second {
				t.Errorf("it came %s after the deadline", late)
			}
			for _, w := range append(c.words, "samples", `"isolated/samples"`, "in call", "plugin serve") {
				if !strings.Contains(r.stderr, w) {
					t.Errorf("the report does not say %q", w)
				}
			}
			if r.code != 4 {
				t.Errorf("exit %d\n%s", r.code, head(r.stderr))
			}
			if strings.Contains(r.stderr, "SIGQUIT") || len(r.stderr) > 20_000 {
				t.Errorf("a report of %d bytes, with what nobody needs", len(r.stderr))
			}
			gone(t, dir, c.name)
			found := regexp.MustCompile(`the replay bundle (\S+) holds rows of the data`).FindStringSubmatch(r.stderr)
			if found == nil || !strings.HasPrefix(found[1], filepath.Join(dir, c.name, ".pathline", "samples")) {
				t.Fatalf("no bundle is named\n%s", head(r.stderr))
			}
			// This time nobody kills it.
			again := host(t, dir, "plugin", "replay", found[1])
			if again.code != 0 || !strings.Contains(again.stdout, "did not happen again") {
				t.Errorf("replay: exit %d\n%s\n%s", again.code, head(again.stdout), head(again.stderr))
			}
			gone(t, dir, "a replay")
			if r := host(t, dir, append(runPower("--isolate=sampler", "--out", c.name), "--resume")...); r.code != 0 {
				t.Errorf("afterwards a run fails: exit %d\n%s", r.code, head(r.stderr))
			}
		})
	}
	t.Run("no bundle", func(t *testing.T) {
		killed := false
		args := append(runPower("--isolate=sampler", "--out", "bare", "--no-crash-bundle"), "--set", "params.rows=400000")
		p := follow(t, dir, args, func(p *process, e event) {
			if !killed && e.Type == "stage_progress" && e.Stage == "samples" {
				killed = true
				for _, pid := range plugins(t, dir) {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		})
		if r := p.wait(); r.code != 4 {
			t.Errorf("exit %d\n%s", r.code, head(r.stderr))
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "bare", ".pathline", "*", "crash-*")); len(left) > 0 {
			t.Errorf("it leaves %v", left)
		}
	})
}

// The plugins of a host that is killed are gone within two seconds, and the
// folders of their sockets with the next start.
func TestHostIsKilled(t *testing.T) {
	slow(t)
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	dir := powerFolder(t)
	tmp, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	t.Setenv("TMPDIR", tmp)
	var at time.Time
	p := follow(t, dir, runPower("--isolate", "--out", "x"), func(p *process, e event) {
		if at.IsZero() && e.Type == "stage_progress" && e.Stage == "samples" {
			if len(plugins(t, dir)) == 0 {
				t.Error("no plugin runs")
			}
			at = time.Now()
			p.signal(syscall.SIGKILL)
		}
	})
	_ = p.cmd.Wait()
	p.limit.Stop()
	for len(mine(dir)) > 0 {
		if d := time.Since(at); d > 2*time.Second {
			t.Fatalf("after %s these live on: %v", d, mine(dir))
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("gone after %s", time.Since(at).Round(time.Millisecond))
	if r := host(t, dir, runPower("--isolate", "--out", "y")...); r.code != 0 {
		t.Errorf("exit %d\n%s", r.code, head(r.stderr))
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
