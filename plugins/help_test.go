package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
)

// journal is a log that a test reads.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) lines() []map[string]any {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []map[string]any
	for _, l := range strings.Split(j.b.String(), "\n") {
		var m map[string]any
		if json.Unmarshal([]byte(l), &m) == nil {
			out = append(out, m)
		}
	}
	return out
}

// own adds the test's plugin to the kinds without implementations.
func own(t testing.TB, log io.Writer, p Plugin) (*pipeline.Registry, *Host) {
	t.Helper()
	h := newHost(t, log)
	r := NewRegistry()
	if p.Command == nil && p.Address == "" {
		p.Command = command("own")
	}
	if err := h.Add(t.Context(), r, "mine", p); err != nil {
		t.Fatal(err)
	}
	return r, h
}

// ask asks a path of the plugin once.
func ask(t testing.TB, r *pipeline.Registry, use string) error {
	t.Helper()
	p := run(t, build(t, r, "path", use, "{}"), nil).Service.(path.Path)
	return p.Coefficients(make([]path.Coef, 3), times(3))
}

// reason fails the test unless err is of the reason and says all of the words.
func reason(t testing.TB, err error, want schemas.Reason, words ...string) {
	t.Helper()
	var e *schemas.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T: %v", err, err)
	}
	if e.Reason != want {
		t.Errorf("reason is %s, not %s: %v", e.Reason, want, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}
