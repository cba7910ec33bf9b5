package trainer

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
)

// far is a path that is somewhere else.
type far struct {
	path.Path
	calls *atomic.Int64
	at    int64  // the call that goes wrong, 0 never
	how   func() // in which way, nil for an error
}

func (far) Distant() bool { return true }

var errFar = errors.New("no way")

func (f far) Coefficients(c []path.Coef, t []float64) error {
	if f.calls.Add(1) == f.at {
		if f.how == nil {
			return errFar
		}
		f.how()
	}
	return f.Path.Coefficients(c, t)
}

// A training asks a distant path rarely, and gives the weights that it gives
// with the same path here: from its start and from anywhere else, whatever the
// batches are.
func TestDistantPathIsAskedAhead(t *testing.T) {
	for _, c := range []struct {
		batch, accumulate, stop int64
	}{{100, 0, 0}, {3000, 3, 0}, {3000, 2, 13}, {40_000, 0, 3}, {1000, 0, 40}} {
		o := options(41, int(c.batch))
		o.Accumulate, o.Time, o.Workers = int(c.accumulate), Stratified{}, 2
		if c.batch > 10_000 {
			o.Steps = 6
		}
		run := func(o Options) (*Result, error) {
			return Train(context.Background(), network(t, 4), Layout{Dim: 2}, NewMemory(gaussian(333, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), o)
		}
		want, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int64
		o.Path = far{Path: o.Path, calls: &calls}
		if c.stop > 0 {
			stop := make(chan struct{})
			var file bytes.Buffer
			cut := o
			cut.Stop, cut.Schedule = stop, closer{optim.Constant{}, c.stop - 1, stop}
			cut.Save = func(s *State) error { return WriteCheckpoint(&file, description(), "key", s) }
			if _, err := run(cut); !errors.Is(err, ErrStopped) {
				t.Fatal(err)
			}
			var ok bool
			if o.Resume, ok, err = ReadCheckpoint(bytes.NewReader(file.Bytes()), int64(file.Len()), "key"); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}
		got, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outcome(got), outcome(want)) {
			t.Errorf("%+v: other weights", c)
		}
		batches := o.Steps * int64(o.parts())
		// Portions grow from the first to the largest; an interruption begins anew.
		most := 3 + 2*batches*c.batch/firstTimes
		if c.batch < firstTimes && calls.Load() > most || calls.Load() > 2*batches+2 {
			t.Errorf("%+v: %d calls for %d batches, more than %d", c, calls.Load(), batches, most)
		}
	}
}

// What goes wrong while asking ahead is the error, or the panic, of the
// training; nothing goes on in the background.
func TestDistantPathFailsAhead(t *testing.T) {
	for at := range int64(4) {
		for name, how := range map[string]func(){"error": nil, "panic": func() { panic("far away") }} {
			o := options(600, 1000)
			var calls atomic.Int64
			o.Path = far{Path: o.Path, calls: &calls, at: at + 1, how: how}
			func() {
				defer func() {
					if v := recover(); (v != nil) != (how != nil) {
						t.Errorf("%s at call %d: recovered %v", name, at, v)
					}
				}()
				_, err := Train(context.Background(), network(t, 4), Layout{Dim: 2}, NewMemory(gaussian(333, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), o)
				if !errors.Is(err, errFar) {
					t.Errorf("%s at call %d: %v", name, at, err)
				}
			}()
		}
	}
}
