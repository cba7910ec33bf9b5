package acceptance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the host that all tests run.
var binary string

// soak asks for the long versions.
var soak = os.Getenv("PATHLINE_SOAK") == "1"

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	if binary = os.Getenv("PATHLINE_HOST"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "host-acceptance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "host")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the host does not build:", err)
		return 1
	}
	return m.Run()
}

// outcome is what a run of the host left behind.
type outcome struct {
	code           int
	stdout, stderr string
	seconds        float64
	peak           int64 // bytes of resident memory, see process.wait
}

// process is a running host.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	out     bytes.Buffer
	errs    bytes.Buffer
	args    []string
	started time.Time
	limit   *time.Timer
	late    bool
	stacks  bool // it may show some
}

// limitSeconds bounds every run.
const limitSeconds = 240

// command prepares a host in dir, in a process group of its own, with an
// environment that says nothing but where things are.
func command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}
	if v, ok := os.LookupEnv("PATHLINE_SHARED_MEMORY"); ok {
		cmd.Env = append(cmd.Env, "PATHLINE_SHARED_MEMORY="+v)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// start starts a host whose output is collected.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(dir, args...), args: args}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.begin()
	return p
}

func (p *process) begin() {
	p.t.Helper()
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.limit = time.AfterFunc(limitSeconds*time.Second, func() {
		p.late = true
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	})
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// wait collects what the host left and checks what holds for every run: it
// ended in time, nothing of its process group lives on, nobody saw a stack
// trace.
//
// The peak is the kernel's ru_maxrss. A child starts with its parent's number,
// so it is an upper bound: this test process streams its tables in order not to
// grow itself.
func (p *process) wait() outcome {
	p.t.Helper()
	err := p.cmd.Wait()
	seconds := time.Since(p.started).Seconds()
	p.limit.Stop()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("host %s: %v", strings.Join(p.args, " "), err)
	}
	if p.late {
		p.t.Fatalf("host %s did not end within %d s\n%s\n%s", strings.Join(p.args, " "), limitSeconds, p.out.String(), p.errs.String())
	}
	state := p.cmd.ProcessState
	r := outcome{code: state.ExitCode(), stdout: p.out.String(), stderr: p.errs.String(), seconds: seconds}
	if use, ok := state.SysUsage().(*syscall.Rusage); ok {
		r.peak = use.Maxrss * 1024
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, 0); err == nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		p.t.Errorf("host %s left a process behind", strings.Join(p.args, " "))
	}
	for _, text := range []string{r.stdout, r.stderr} {
		for _, trace := range []string{"goroutine ", "panic", "runtime error", "fatal error:", ".go:"} {
			if strings.Contains(text, trace) && !p.stacks {
				p.t.Errorf("host %s shows its insides (%q):\n%s", strings.Join(p.args, " "), trace, head(text))
			}
		}
	}
	return r
}

// host runs a command to its end.
func host(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	return start(t, dir, args...).wait()
}

// must runs a command that has to succeed.
func must(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	r := host(t, dir, args...)
	if r.code != 0 {
		t.Fatalf("host %s: exit %d\n%s\n%s", strings.Join(args, " "), r.code, head(r.stdout), head(r.stderr))
	}
	return r
}

func head(s string) string {
	if len(s) > 3000 {
		return s[:3000] + " ..."
	}
	return s
}

// mistake is one entry of errors of the --json document.
type mistake struct {
	Reason     string `json:"reason"`
	Message    string `json:"message"`
	File       string `json:"file"`
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	Path       string `json:"path"`
	Suggestion string `json:"suggestion"`
}

// envelope is the document of --json.
type envelope struct {
	OK     *bool           `json:"ok"`
	Result json.RawMessage `json:"result"`
	Errors []mistake       `json:"errors"`
}

// document reads the one document that --json promises on standard output.
func (r outcome) document(t *testing.T) envelope {
	t.Helper()
	var e envelope
	d := json.NewDecoder(strings.NewReader(r.stdout))
	if err := d.Decode(&e); err != nil {
		t.Fatalf("exit %d, standard output is no JSON: %v\n%s\n%s", r.code, err, head(r.stdout), head(r.stderr))
	}
	if d.More() {
		t.Fatalf("standard output holds more than one document:\n%s", head(r.stdout))
	}
	if e.OK == nil || *e.OK != (r.code == 0) {
		t.Fatalf("exit %d, but the document says\n%s", r.code, head(r.stdout))
	}
	if r.code != 0 && len(e.Errors) == 0 {
		t.Fatalf("exit %d without errors\n%s", r.code, head(r.stdout))
	}
	for _, m := range e.Errors {
		if m.Reason == "" || m.Message == "" {
			t.Errorf("an error without reason or message: %+v", m)
		}
	}
	return e
}

// slow skips a test that trains when -short is given.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a training; skipped by -short")
	}
}

// place writes a file into dir.
func place(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// content is a file that must be there.
func content(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameFiles demands the same bytes of the named files in two folders.
func sameFiles(t *testing.T, what, one, two string, names ...string) {
	t.Helper()
	for _, n := range names {
		if a, b := content(t, one, n), content(t, two, n); !bytes.Equal(a, b) {
			t.Errorf("%s: %s differs (%d and %d bytes, first at %d)", what, n, len(a), len(b), firstDifference(a, b))
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// deadline is a context for tests that poll.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limitSeconds*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// digest is the SHA-256 in hexadecimal.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
