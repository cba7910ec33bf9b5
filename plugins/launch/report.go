package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// Report is what is known of a plugin's process, for the report of a crash.
type Report struct {
	Command  []string          `json:"command,omitempty"`
	Address  string            `json:"address,omitempty"`
	Dir      string            `json:"dir,omitempty"`
	Digests  map[string]string `json:"digests,omitempty"` // SHA-256 of the files of the command
	Env      []string          `json:"env,omitempty"`     // names of the variables that the pipeline file sets
	Pid      int               `json:"pid,omitempty"`
	Ended    bool              `json:"ended"`
	Ending   string            `json:"ending,omitempty"` // "was killed by SIGKILL"
	ExitCode int               `json:"exit_code"`
	Signal   string            `json:"signal,omitempty"`
	Stopped  bool              `json:"stopped,omitempty"` // by SIGSTOP, when it was found to hang
	Tail     []string          `json:"tail"`
	Stacks   []string          `json:"stacks,omitempty"`
}

// maxDigested bounds the files whose digest is taken while somebody waits for a
// report.
const maxDigested = 64 << 20

// Report says how the process is now.
func (p *Plugin) Report() Report {
	r := Report{Command: p.config.Command, Address: p.config.Address, Dir: p.config.Dir, Tail: p.Tail()}
	for name := range p.config.Env {
		r.Env = append(r.Env, name)
	}
	sort.Strings(r.Env)
	if p.process == nil {
		return r
	}
	r.Pid = p.Pid()
	r.Digests = p.digests()
	if p.process.ended() {
		<-p.process.drained
		p.lines.Close()
		r.Tail = p.Tail()
		r.Ended, r.Ending = true, p.process.ending()
		if s := p.process.state; s != nil {
			r.ExitCode = s.ExitCode()
			r.Signal, _ = signalOf(s)
		}
	}
	if h := p.hanging(); h != nil {
		r.Tail, r.Stacks, r.Stopped = h.before, h.stacks, h.stopped
	}
	return r
}

// digests are those of the program and of the arguments that are files.
func (p *Plugin) digests() map[string]string {
	out := map[string]string{}
	for i, arg := range p.config.Command {
		name := arg
		switch {
		case i == 0:
			name = p.process.cmd.Path
		case !filepath.IsAbs(name):
			name = filepath.Join(p.config.Dir, name)
		}
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxDigested {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		h := sha256.New()
		if _, err := io.Copy(h, f); err == nil {
			out[arg] = hex.EncodeToString(h.Sum(nil))
		}
		f.Close()
	}
	return out
}

// Name is the name of the plugin in the pipeline file.
func (p *Plugin) Name() string { return p.config.Name }

// Died says that the process has ended without being asked to.
func (p *Plugin) Died() bool {
	p.mu.Lock()
	closing := p.closing
	p.mu.Unlock()
	return p.process != nil && p.process.ended() && !closing && p.hanging() == nil
}

// errEnded is why a plugin that the host has ended does not answer.
var errEnded = errors.New("launch: the host ended it")

// EndedByHost says whether an explanation is that the host closed the plugin:
// nothing is wrong with it.
func EndedByHost(err error) bool { return errors.Is(err, errEnded) }
