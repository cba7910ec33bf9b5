package conform

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pathline/pathline/plugins/launch"
)

func handshakeCases() []Case {
	return []Case{
		{ID: "handshake/by-hand", run: byHand,
			Sentence: "A program that was started by hand says that it is a plugin, on standard error, and ends with a status that is not 0."},
		{ID: "handshake/line", run: handshakeLine,
			Sentence: "Within the start timeout the first and only line on standard output is 1|VERSION|NETWORK|ADDRESS|grpc|, of protocol version 1."},
		{ID: "handshake/socket", run: socketPlace,
			Sentence: "A Unix socket lies in the folder that the host names in PLUGIN_UNIX_SOCKET_DIR."},
		{ID: "handshake/lifeline", run: lifeline,
			Sentence: "The end of standard input is the end of the plugin: it exits within 3 s, and nothing that it started outlives it."},
		{ID: "handshake/leaves-nothing", run: leavesNothing,
			Sentence: "A host that is done leaves no process and no file of the plugin in the folder for temporary files."},
	}
}

// raw is the plugin's process without go-plugin between.
type raw struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	socket string // folder

	mu             sync.Mutex
	stdout, stderr bytes.Buffer
	line           chan string // the first of standard output; closed at its end
	read           sync.WaitGroup
	ended          chan struct{}
	state          *os.ProcessState // once ended
}

// exit is the status of a process that has ended.
func (r *raw) exit() int { return r.state.ExitCode() }

// environment is the host's, less what would tell the plugin that a host started
// this program.
func (s *subject) environment(more ...string) []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, launch.Handshake.MagicCookieKey+"=") && !strings.HasPrefix(kv, "PLUGIN_") {
			out = append(out, kv)
		}
	}
	for k, v := range s.target.Env {
		out = append(out, k+"="+v)
	}
	return append(out, more...)
}

// spawn starts the command as a host does, or with cookie false as a person.
func (s *subject) spawn(cookie bool) (*raw, error) {
	t := s.target
	if t.Address != "" {
		return nil, skipf("it was started by somebody else")
	}
	program := t.Command[0]
	if strings.ContainsRune(program, filepath.Separator) && !filepath.IsAbs(program) {
		abs, err := filepath.Abs(filepath.Join(t.Dir, program))
		if err != nil {
			return nil, err
		}
		program = abs
	}
	r := &raw{cmd: exec.Command(program, t.Command[1:]...), line: make(chan string, 1), ended: make(chan struct{})}
	r.cmd.Dir = t.Dir
	ownGroup(r.cmd)
	r.cmd.Env = s.environment()
	if cookie {
		var err error
		if r.socket, err = os.MkdirTemp("", "pl-"); err != nil {
			return nil, err
		}
		r.cmd.Env = s.environment(launch.Handshake.MagicCookieKey+"="+launch.Handshake.MagicCookieValue,
			fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", launch.Handshake.ProtocolVersion), "PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000",
			"PLUGIN_UNIX_SOCKET_DIR="+r.socket)
	}
	stdin, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r.stdin = stdin
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		os.RemoveAll(r.socket)
		return nil, err
	}
	r.read.Go(func() {
		defer close(r.line)
		b := bufio.NewReader(stdout)
		first, _ := b.ReadString('\n')
		r.keep(&r.stdout, []byte(first))
		r.line <- first
		r.copy(&r.stdout, b)
	})
	r.read.Go(func() { r.copy(&r.stderr, stderr) })
	go func() {
		r.state, _ = r.cmd.Process.Wait()
		close(r.ended)
	}()
	return r, nil
}

// kept bounds what is kept of each output.
const kept = 64 << 10

func (r *raw) keep(b *bytes.Buffer, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.Write(p[:min(len(p), max(kept-b.Len(), 0))])
}

func (r *raw) copy(b *bytes.Buffer, from io.Reader) {
	p := make([]byte, 4096)
	for {
		n, err := from.Read(p)
		r.keep(b, p[:n])
		if err != nil {
			return
		}
	}
}

func (r *raw) text(b *bytes.Buffer) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return b.String()
}

// exits waits for the end of the process.
func (r *raw) exits(within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-r.ended:
		return true
	case <-t.C:
		return false
	}
}

// close ends what is left of the process and its group.
func (r *raw) close() {
	r.stdin.Close()
	endGroup(r.cmd)
	<-r.ended
	r.read.Wait()
	if r.socket != "" {
		os.RemoveAll(r.socket)
	}
}

func (s *subject) startTimeout() time.Duration {
	if s.target.StartTimeout > 0 {
		return s.target.StartTimeout
	}
	return 30 * time.Second
}

func byHand(_ context.Context, s *subject, _ *implementation) error {
	r, err := s.spawn(false)
	if err != nil {
		return err
	}
	defer r.close()
	if !r.exits(s.startTimeout()) {
		return fmt.Errorf("started without %s it still runs after %s", launch.Handshake.MagicCookieKey, s.startTimeout())
	}
	state := r.exit()
	if state == 0 {
		return fmt.Errorf("started without %s it ends with status 0", launch.Handshake.MagicCookieKey)
	}
	time.Sleep(50 * time.Millisecond) // its last words are read
	if out := r.text(&r.stdout); strings.Count(out, "|") >= 4 {
		return fmt.Errorf("started without %s it shakes hands: %q", launch.Handshake.MagicCookieKey, out)
	}
	if strings.TrimSpace(r.text(&r.stderr)) == "" {
		return fmt.Errorf("started without %s it says nothing on standard error", launch.Handshake.MagicCookieKey)
	}
	return nil
}

// shake starts the plugin and waits for its handshake.
func (s *subject) shake() (*raw, []string, error) {
	r, err := s.spawn(true)
	if err != nil {
		return nil, nil, err
	}
	t := time.NewTimer(s.startTimeout())
	defer t.Stop()
	var line string
	select {
	case line = <-r.line:
	case <-t.C:
		r.close()
		return nil, nil, fmt.Errorf("it printed no line on standard output within %s", s.startTimeout())
	}
	parts := strings.Split(strings.TrimRight(line, "\r\n"), "|")
	if len(parts) < 5 || parts[0] != "1" || parts[4] != "grpc" {
		stderr := firstLines(r.text(&r.stderr), 10)
		r.close()
		return nil, nil, fmt.Errorf("the first line on standard output is %q, not 1|1|unix|/path|grpc|; on standard error: %s", line, stderr)
	}
	return r, parts, nil
}

func handshakeLine(_ context.Context, s *subject, _ *implementation) error {
	r, parts, err := s.shake()
	if err != nil {
		return err
	}
	defer r.close()
	if want := fmt.Sprint(launch.Handshake.ProtocolVersion); parts[1] != want {
		return fmt.Errorf("it speaks protocol version %s where the host offers %s", parts[1], want)
	}
	r.stdin.Close()
	r.exits(exitWithin)
	r.close()
	if out := r.text(&r.stdout); strings.Count(out, "\n") > 1 {
		_, rest, _ := strings.Cut(out, "\n")
		return fmt.Errorf("after the handshake there is more on standard output: %.200q", rest)
	}
	return nil
}

func socketPlace(_ context.Context, s *subject, _ *implementation) error {
	r, parts, err := s.shake()
	if err != nil {
		return err
	}
	defer r.close()
	if parts[2] != "unix" {
		return skipf("it listens at %s %s", parts[2], parts[3])
	}
	dir, err := filepath.EvalSymlinks(r.socket)
	if err != nil {
		return err
	}
	at, err := filepath.EvalSymlinks(filepath.Dir(parts[3]))
	if err != nil {
		return fmt.Errorf("the socket %s: %w", parts[3], err)
	}
	if rel, err := filepath.Rel(dir, at); err != nil || strings.HasPrefix(rel, "..") {
		return fmt.Errorf("the socket is %s, which is not in %s", parts[3], dir)
	}
	return nil
}

func lifeline(_ context.Context, s *subject, _ *implementation) error {
	r, _, err := s.shake()
	if err != nil {
		return err
	}
	defer r.close()
	pid := r.cmd.Process.Pid
	r.stdin.Close()
	if !r.exits(exitWithin) {
		return fmt.Errorf("it still runs %s after the end of its standard input", exitWithin)
	}
	time.Sleep(100 * time.Millisecond) // its children hear of its end
	if left := groupOf(pid); len(left) > 0 {
		return fmt.Errorf("it has exited, and of what it started these still run: %s", strings.Join(left, "; "))
	}
	return nil
}

func leavesNothing(ctx context.Context, s *subject, _ *implementation) error {
	if s.target.Address != "" {
		return skipf("it was started by somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "cf-") // short, for the name of a socket
	if err != nil {
		if dir, err = os.MkdirTemp("", "cf-"); err != nil {
			return err
		}
	}
	defer os.RemoveAll(dir)
	own := *s
	own.target.Env = map[string]string{"TMPDIR": dir}
	for k, v := range s.target.Env {
		own.target.Env[k] = v
	}
	p, err := own.start(ctx)
	if err != nil {
		return err
	}
	pid := p.Pid()
	_, err = p.Client().Describe(ctx, describeRequest())
	start := time.Now()
	p.Close()
	if err != nil {
		return err
	}
	if d := time.Since(start); d > exitWithin {
		return fmt.Errorf("ending it took %s, and %s are allowed", d.Round(time.Millisecond), exitWithin)
	}
	if left := groupOf(pid); len(left) > 0 {
		return fmt.Errorf("these processes are left: %s", strings.Join(left, "; "))
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		return fmt.Errorf("%d files are left in the folder for temporary files, %s among them", len(files), f.Name())
	}
	return nil
}
