package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
)

// Crash is report.json of a replay bundle: a folder that shows the failure of a
// plugin again, with `host plugin replay`. Beside it lies frames.bin, how the
// instance was opened and the calls with their arguments: rows of the data.
type Crash struct {
	Version int       `json:"version"` // of this form: 1
	Time    time.Time `json:"time"`

	Stage  string         `json:"stage"`
	Plugin string         `json:"plugin"` // its name in the pipeline file
	Kind   string         `json:"kind"`
	Use    string         `json:"use"`
	Reason schemas.Reason `json:"reason"`
	Error  string         `json:"error"`

	Call   uint64 `json:"call"` // the last one's number, 0: none was made
	Target string `json:"target,omitempty"`
	Method string `json:"method,omitempty"`

	CallTimeout  time.Duration         `json:"call_timeout_ns"`
	StallTimeout time.Duration         `json:"stall_timeout_ns"`
	Heartbeat    bool                  `json:"heartbeat"`
	Process      launch.Report         `json:"process"`
	Self         pipeline.PluginRecord `json:"self"` // what the plugin said of itself
	Host         pipeline.HostRecord   `json:"host"`
	Config       json.RawMessage       `json:"config,omitempty"`

	Cut    bool   `json:"cut"`    // frames.bin does not hold everything
	Frames string `json:"frames"` // the name of the file
}

const (
	reportFile    = "report.json"
	framesFile    = "frames.bin"
	crashPrefix   = "crash-"
	maxFrames     = 64 << 20 // bytes of frames.bin
	keptBundles   = 5        // of one stage; the oldest go
	maxReportFile = 16 << 20
)

// watch makes the sessions of an instance explain themselves, be recorded, and
// begin again where that is safe.
func (h *Host) watch(p *launch.Plugin, kind, use string, env pipeline.Env, o *remote.Options) {
	w := &witness{h: h, p: p, kind: kind, use: use, env: env, o: *o, recorder: &wire.Recorder{Keep: remote.Keeps}}
	o.Recorder, o.Explain = w.recorder, w.explain
	if o.Stateless {
		again := *o
		o.Restart = func(ctx context.Context) (remote.Life, error) {
			next, err := h.restart(ctx, p)
			if err != nil {
				return remote.Life{}, err
			}
			h.watch(next, kind, use, env, &again)
			return remote.Life{Client: next.Client(), Explain: again.Explain, Recorder: again.Recorder}, nil
		}
	}
}

// witness explains why the sessions of one instance broke.
type witness struct {
	h         *Host
	p         *launch.Plugin
	kind, use string
	env       pipeline.Env
	o         remote.Options
	recorder  *wire.Recorder

	once sync.Once
	err  error
}

func (w *witness) explain(err error) error {
	// What the host has broken itself is no failure of the plugin.
	if status.Code(err) == codes.Canceled {
		return w.p.Explain(err)
	}
	w.once.Do(func() { w.err = w.report(err) })
	return w.err
}

func (w *witness) report(err error) error {
	what := w.kind + "/" + w.use
	if w.env.Stage != "" {
		what = fmt.Sprintf("stage %q (%s)", w.env.Stage, what)
	}
	during := ", opening " + what
	seq, target, method, ok := w.recorder.Last()
	if ok {
		during = fmt.Sprintf(", in call %d (%s) of %s", seq, method, what)
	}
	err = w.p.ExplainDuring(err, during)
	var e *schemas.Error
	if !errors.As(err, &e) || launch.EndedByHost(err) || w.env.State == "" || !w.h.bundles(w.p.Name()) {
		return err
	}
	crash := Crash{Version: 1, Time: time.Now().UTC(), Stage: w.env.Stage, Plugin: w.p.Name(), Kind: w.kind, Use: w.use,
		Reason: e.Reason, Error: e.Message, Call: seq, Target: target, Method: method,
		CallTimeout: w.o.CallTimeout, StallTimeout: w.o.StallTimeout, Heartbeat: w.o.Heartbeat, Process: w.p.Report(),
		Self: w.h.Records()[w.p.Name()], Host: hostRecord(), Config: w.env.Config, Frames: framesFile}
	dir, wrong := crash.write(w.env.State, w.recorder)
	c := *e
	if wrong != nil {
		c.Message += fmt.Sprintf("\nno replay bundle could be written: %v", wrong)
	} else {
		c.Message += "\nthe replay bundle " + dir + " holds rows of the data"
	}
	return &c
}

func (h *Host) bundles(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.running[name]
	return !h.NoBundles && (s == nil || !s.spec.NoBundle)
}

func hostRecord() pipeline.HostRecord {
	code, _ := pipeline.CodeVersion()
	return pipeline.HostRecord{SHA256: code, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
}

// write makes the bundle below the state folder of the stage, readable by its
// owner alone.
func (c *Crash) write(state string, recorder *wire.Recorder) (dir string, err error) {
	if dir, err = newCrashDir(state); err != nil {
		return "", err
	}
	f, err := os.OpenFile(filepath.Join(dir, framesFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	c.Cut, err = recorder.Write(f, maxFrames, c.Reason == schemas.PluginProtocol)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", err
	}
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, reportFile), append(raw, '\n'), 0o600)
}

// newCrashDir makes the next folder crash-N and removes the oldest ones.
func newCrashDir(state string) (string, error) {
	if err := os.MkdirAll(state, 0o777); err != nil {
		return "", err
	}
	names, err := filepath.Glob(filepath.Join(escapeGlob(state), crashPrefix+"*"))
	if err != nil {
		return "", err
	}
	var numbers []int
	for _, n := range names {
		if k, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(n), crashPrefix)); err == nil {
			numbers = append(numbers, k)
		}
	}
	sort.Ints(numbers)
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	for len(numbers) >= keptBundles {
		os.RemoveAll(filepath.Join(state, crashPrefix+strconv.Itoa(numbers[0])))
		numbers = numbers[1:]
	}
	for ; ; next++ { // others may fail at the same time
		dir := filepath.Join(state, crashPrefix+strconv.Itoa(next))
		if err := os.Mkdir(dir, 0o700); err == nil || !errors.Is(err, os.ErrExist) {
			return dir, err
		}
	}
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}
