package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Stages in processes of their own go with the host, however it goes.
func TestIsolatedProcessesEnd(t *testing.T) {
	slow(t)
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	dir := powerFolder(t)
	if r := host(t, dir, "run", "power.yaml", "--isolate", "--out", "probe"); r.code != 0 {
		if strings.Contains(r.stderr, "not available") {
			t.Skip(strings.TrimSpace(r.stderr))
		}
		t.Fatalf("exit %d\n%s", r.code, head(r.stderr))
	}
	gone(t, dir, "a run")
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"interrupt", syscall.SIGINT, 130}, {"terminate", syscall.SIGTERM, 143}, {"kill", syscall.SIGKILL, -1}} {
		t.Run(c.name, func(t *testing.T) {
			seen := 0
			p := follow(t, dir, runPower("--isolate", "--out", c.name), func(p *process, e event) {
				if seen == 0 && e.Type == "stage_progress" && e.Stage == "samples" {
					seen = len(mine(dir))
					p.signal(c.signal)
				}
			})
			if r := p.wait(); r.code != c.code {
				t.Errorf("exit %d, want %d\n%s", r.code, c.code, head(r.stderr))
			}
			if seen < 2 {
				t.Errorf("%d processes while an isolated sampler ran", seen)
			}
			gone(t, dir, c.name)
		})
	}
}

// gone waits a little for the processes that were started for dir to end.
func gone(t *testing.T, dir, after string) {
	t.Helper()
	for wait := 0; wait < 50; wait++ {
		if len(mine(dir)) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("after %s these live on: %v", after, mine(dir))
}

// mine lists the processes of the host that were started for dir, the plugins
// among them: they run the same binary, in dir or with its HOME.
func mine(dir string) (list []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		exe, err := os.Readlink(p + "/exe")
		if err != nil || exe != binary {
			continue
		}
		env, _ := os.ReadFile(p + "/environ")
		cwd, _ := os.Readlink(p + "/cwd")
		if cwd == dir || bytes.Contains(env, []byte("HOME="+dir+"\x00")) {
			cmd, _ := os.ReadFile(p + "/cmdline")
			list = append(list, fmt.Sprintf("%s %q", filepath.Base(p), cmd))
		}
	}
	return list
}
