package launch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process runs a plugin's command for go-plugin: it implements runner.Runner.
type process struct {
	cmd   *exec.Cmd
	tail  *tail
	rest  io.Writer // what comes on standard output after the first line
	noise *firstLine

	stdin          *os.File // our end: the lifeline
	stdout, stderr *os.File // our ends

	started chan struct{}
	exited  chan struct{} // the process has ended, and its group with it
	drained chan struct{} // what it wrote has been read
	state   *os.ProcessState

	ends   chan struct{} // of the two outputs
	mu     sync.Mutex
	killed bool // by us

	oom      int64 // killed for lack of memory when the process started
	oomKnown bool
}

// drain is how long pipes are read after a process has ended. Only a process
// that left the group can hold them open longer.
const drain = 200 * time.Millisecond

func newProcess(program string, args []string, dir string, tail *tail, rest io.Writer) *process {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	ownGroup(cmd)
	return &process{cmd: cmd, tail: tail, rest: rest, noise: &firstLine{},
		started: make(chan struct{}), exited: make(chan struct{}), drained: make(chan struct{}), ends: make(chan struct{}, 2)}
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errors.New("the start was given up")
	}
	pipes := make([]*os.File, 0, 6)
	closeAll := func() {
		for _, f := range pipes {
			f.Close()
		}
	}
	pipe := func() (r, w *os.File, err error) {
		if r, w, err = os.Pipe(); err == nil {
			pipes = append(pipes, r, w)
		}
		return r, w, err
	}
	stdin, ours, err := pipe()
	if err != nil {
		closeAll()
		return err
	}
	outR, outW, err := pipe()
	if err != nil {
		closeAll()
		return err
	}
	errR, errW, err := pipe()
	if err != nil {
		closeAll()
		return err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, outW, errW
	result := make(chan error, 1)
	go p.run(result)
	err = <-result
	stdin.Close()
	outW.Close()
	errW.Close()
	if err != nil {
		closeAll()
		return err
	}
	p.stdin, p.stdout, p.stderr = ours, outR, errR
	close(p.started)
	return nil
}

// run starts the process and waits for it, on one thread: on Linux the signal
// that a child gets at its parent's death belongs to the thread that made it.
func (p *process) run(result chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	result <- err
	if err != nil {
		return
	}
	<-p.started
	p.oom, p.oomKnown = oomKills("/")
	await(p.cmd)
	p.state = p.cmd.ProcessState
	p.stdin.Close()
	close(p.exited)
	// A reader may have given up before the end: go-plugin's stops at a line that
	// is too long for a handshake.
	t := time.NewTimer(drain)
	defer t.Stop()
	for n := 0; n < cap(p.ends); n++ {
		select {
		case <-p.ends:
			continue
		case <-t.C:
		}
		break
	}
	p.stdout.Close()
	p.stderr.Close()
	close(p.drained)
}

// Wait implements runner.Runner.
func (p *process) Wait(context.Context) error {
	<-p.exited
	if p.state != nil && p.state.Success() {
		return nil
	}
	return errors.New(p.ending())
}

// Kill implements runner.Runner: it ends the whole group, and returns when the
// process has ended.
func (p *process) Kill(context.Context) error {
	if p.ended() {
		return nil
	}
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	if !p.running() {
		return nil
	}
	killGroup(p.cmd.Process.Pid)
	<-p.exited
	return nil
}

// release closes the lifeline, which asks a plugin to exit.
func (p *process) release() {
	if p.running() {
		p.stdin.Close()
	}
}

// running says whether the process was started.
func (p *process) running() bool { return isClosed(p.started) }

// ended says whether it ran and has ended.
func (p *process) ended() bool { return isClosed(p.exited) }

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ending says how the process ended.
func (p *process) ending() string {
	p.mu.Lock()
	killed := p.killed
	p.mu.Unlock()
	if p.state == nil {
		return "ended in an unknown way"
	}
	if name, ok := signalOf(p.state); ok {
		s := "was killed by " + name
		if name == "SIGKILL" && !killed {
			n, known := oomKills("/")
			s += memoryCause(p.oom, p.oomKnown, n, known)
		}
		return s
	}
	s := "exited with status " + strconv.Itoa(p.state.ExitCode())
	if p.state.ExitCode() == 128+9 { // what a shell says of a child
		n, known := oomKills("/")
		s += ", as after SIGKILL" + memoryCause(p.oom, p.oomKnown, n, known)
	}
	return s
}

// Stdout implements runner.Runner: the handshake line comes from it.
func (p *process) Stdout() io.ReadCloser {
	return recorded{p.output(p.stdout), p.noise, p.rest}
}

// Stderr implements runner.Runner.
func (p *process) Stderr() io.ReadCloser { return p.output(p.stderr) }

// output is a pipe that says when it has been read to its end.
func (p *process) output(f *os.File) io.ReadCloser {
	return &output{File: f, end: func() { p.ends <- struct{}{} }}
}

type output struct {
	*os.File
	once sync.Once
	end  func()
}

func (o *output) Read(b []byte) (int, error) {
	n, err := o.File.Read(b)
	if err != nil {
		o.once.Do(o.end)
	}
	return n, err
}

// Name implements runner.Runner.
func (p *process) Name() string { return filepath.Base(p.cmd.Path) }

// ID implements runner.Runner.
func (p *process) ID() string {
	if !p.running() {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return strings.Join(p.tail.last(20), "\n") }

// PluginToHost implements runner.Runner.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

// firstLine keeps the first line that came on standard output.
type firstLine struct {
	mu   sync.Mutex
	line []byte
	over bool // it has come whole
}

func (f *firstLine) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.line)
}

// recorded is standard output. Its first line is kept and is all that go-plugin
// sees: its scanner stops at a long line, and a plugin that writes one would
// wait for a reader. What follows is of the log.
type recorded struct {
	io.ReadCloser
	first *firstLine
	rest  io.Writer
}

func (r recorded) Read(p []byte) (int, error) {
	f := r.first
	for {
		n, err := r.ReadCloser.Read(p)
		f.mu.Lock()
		over, end := f.over, n
		if !over {
			if i := bytes.IndexByte(p[:n], '\n'); i >= 0 {
				f.over, end = true, i+1
			}
			f.line = append(f.line, bytes.TrimRight(p[:min(end, max(0, 200-len(f.line)))], "\r\n")...)
		} else {
			end = 0
		}
		f.mu.Unlock()
		_, _ = r.rest.Write(p[end:n])
		if end > 0 || err != nil {
			return end, err
		}
	}
}
