//go:build unix

package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
)

// fate is what a host says of a deed; "" is nothing: the deed is harmless.
type fate = schemas.Reason

const harmless fate = ""

// deeds are what the villain can do, by state, with what becomes of it.
func deeds() map[string]fate {
	out := map[string]fate{}
	ends := map[string]fate{"handshake": schemas.PluginStart, "describe": schemas.PluginCrash, "open": schemas.PluginCrash,
		"call": schemas.PluginCrash, "stream": schemas.PluginCrash, "close": harmless}
	for state, reason := range ends {
		for _, deed := range []string{"kill", "exit-0", "exit-1", "exit-3"} {
			out[state+"/"+deed] = reason
		}
		for _, deed := range []string{"closes-outputs", "message", "long-line", "noise", "flood"} {
			out[state+"/"+deed] = harmless
		}
		late := schemas.PluginTimeout
		if state == "handshake" || state == "close" {
			late = reason
		}
		for _, deed := range []string{"stop", "hang"} {
			out[state+"/"+deed] = late
		}
	}
	for _, deed := range []string{"deep-json", "no-json", "many", "long-digest", "odd-name"} {
		out["describe/"+deed] = schemas.PluginProtocol
	}
	for _, deed := range []string{"deep-json", "nan", "domain", "odd-kind", "nothing", "rows"} {
		out["run/"+deed] = schemas.PluginProtocol
	}
	out["run/large-json"] = harmless
	for _, deed := range []string{"no-body", "second-open", "garbage", "truncated-frame", "ends", "host-call"} {
		for _, state := range []string{"open", "call", "stream"} {
			out[state+"/"+deed] = schemas.PluginProtocol
		}
	}
	for _, deed := range []string{"wrong-seq", "own-seq", "late-call", "truncated", "flipped", "10-GB", "block", "too-large", "schema",
		"wide-schema", "deep-schema", "wrong-columns"} {
		for _, state := range []string{"call", "stream"} {
			out[state+"/"+deed] = schemas.PluginProtocol
		}
	}
	for _, deed := range []string{"wrong-rows", "no-batch", "many-batches"} {
		out["call/"+deed] = schemas.PluginProtocol
	}
	for _, deed := range []string{"wrong-end", "early-end", "item-after-end", "more-rows", "no-rows", "over-credit"} {
		out["stream/"+deed] = schemas.PluginProtocol
	}
	for _, state := range []string{"call", "stream"} {
		for _, deed := range []string{"unknown-object", "progress", "credit", "cancel"} {
			out[state+"/"+deed] = harmless
		}
		out[state+"/fault"], out[state+"/empty-fault"] = schemas.PluginFault, schemas.PluginFault
		out[state+"/many-calls"] = schemas.PluginProtocol
	}
	out["call/nan"] = schemas.NonFinite
	out["deaf/deaf"] = schemas.PluginTimeout
	out["none/none"] = harmless
	return out
}

// after are deeds that are found after the answer was taken: the next call tells.
var after = map[string]fate{"call/duplicate": schemas.PluginProtocol, "stream/two-ends": schemas.PluginProtocol}

// bound is how long after a deadline a report may come. A second is what is
// promised of a machine that has nothing else to do.
const bound = 4 * time.Second

// A plugin can do what it likes in any state: the host says which plugin it was
// and why, in time, with the exit code of the reason, and nothing is left.
func TestMisbehaviour(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	all := deeds()
	for what, reason := range after {
		all[what] = reason
	}
	for what, want := range all {
		t.Run(what, func(t *testing.T) { misbehave(t, dir, what, want) })
	}
}

func misbehave(t *testing.T, dir, what string, want fate) {
	leak := goleak.IgnoreCurrent()
	files := openFiles()
	state, deed, _ := strings.Cut(what, "/")
	p := Plugin{Command: command("villain"), Env: map[string]string{"VILLAIN": what}}
	// Deadlines are short where one is waited for.
	if deed == "stop" || deed == "hang" || deed == "deaf" {
		p.StallTimeout = 500 * time.Millisecond
		switch state {
		case "handshake":
			p.StartTimeout = time.Second
		case "describe":
			p.CallTimeout = time.Second
		}
	}
	h := NewHost(zerolog.New(io.Discard))
	start := time.Now()
	pid, err := use(t, h, p, state, want != harmless && after[what] == "")
	if after[what] != "" && err == nil {
		t.Error("the next call goes through")
	}
	if d := time.Since(start); d > 2*bound+time.Second {
		t.Errorf("it took %s", d)
	}
	var e *schemas.Error
	switch {
	case want == harmless:
		if err != nil {
			t.Errorf("it is no harm, and yet: %v", err)
		}
	case !errors.As(err, &e) || e.Reason != want:
		t.Errorf("%v, and not %s", err, want)
	case want != schemas.NonFinite && want != schemas.PluginFault && (!strings.Contains(e.Message, `"mine"`) || want.Exit() != schemas.ExitPlugin):
		t.Errorf("the plugin is not named, or the exit code is %d: %v", want.Exit(), err)
	case len(e.Message) > 64<<10 || strings.ContainsAny(e.Message, "\x1b\x00"):
		t.Errorf("a message of %d bytes", len(e.Message))
	}
	start = time.Now()
	h.Close()
	if d := time.Since(start); d > 2*bound+closeTimeout {
		t.Errorf("closing took %s", d)
	}
	if err := goleak.Find(leak); err != nil {
		t.Error(err)
	}
	if pid != 0 {
		if alive := ofGroup(pid); len(alive) > 0 {
			t.Errorf("these still run: %v", alive)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if n := openFiles(); n > files {
		t.Errorf("%d files are open, %d were", n, files)
	}
}

// use does all that is done with the plugin until something fails.
func use(t *testing.T, h *Host, p Plugin, state string, once bool) (pid int, err error) {
	r := NewRegistry()
	if err := h.Add(t.Context(), r, "mine", p); err != nil {
		return groupOf(h), err
	}
	pid = groupOf(h)
	kind := "path"
	if state == "stream" {
		kind = "loader"
	}
	impl := r.Implementations(kind)[0]
	env := pipeline.Env{Stage: "the-stage", Dir: ".", Threads: 1, Log: zerolog.Nop(), Config: json.RawMessage("{}"), Emit: func(pipeline.Event) {}}
	s, err := impl.Build(t.Context(), env, json.RawMessage("{}"))
	if err != nil {
		return pid, err
	}
	out, err := s.Run(t.Context(), nil)
	if err != nil {
		return pid, err
	}
	rounds := 2
	if once {
		rounds = 1
	}
	for range rounds {
		if kind == "path" {
			v, ok := out.Service.(path.Path)
			if !ok {
				return pid, schemas.Errorf(schemas.PluginProtocol, `plugin "mine" gives %T`, out.Service)
			}
			n := 2
			if state == "deaf" {
				n = 16 << 20
			}
			err = v.Coefficients(make([]path.Coef, n), times(n))
		} else {
			err = drain(t.Context(), out.Rows[""], state)
		}
		if err != nil {
			return pid, err
		}
	}
	return pid, nil
}

func drain(ctx context.Context, rows pipeline.Rows, _ string) error {
	s, err := rows.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	time.Sleep(50 * time.Millisecond) // what is sent without credit has arrived
	for {
		rec, err := s.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		rec.Release()
	}
}

func groupOf(h *Host) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.running["mine"]; s != nil && s.plugin != nil {
		return s.plugin.Pid()
	}
	return 0
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}
