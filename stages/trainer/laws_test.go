package trainer

import (
	"bytes"
	"context"
	"errors"
	"math"
	"reflect"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
)

// The laws that every way to train obeys.

// outcome is what must have the same bits: weights and metrics, without speed.
func outcome(r *Result) []any { return outcomeOf(r.Network.Tensors(), r.State) }

func outcomeOf(tensors []model.Tensor, state *State) []any {
	var out []any
	for _, w := range tensors {
		out = append(out, w.Name)
		for _, v := range w.Data {
			out = append(out, math.Float32bits(v))
		}
	}
	for _, p := range state.Points {
		p.RowsPerSecond = 0
		for _, v := range flatten([]Point{p}) {
			out = append(out, math.Float64bits(v))
		}
	}
	return out
}

// training is one way to train, with everything but the options chosen. Its rows
// begin anew each time.
type training func(o Options) ([]model.Tensor, *State, error)

// sameForAnyWorkers: the number of workers changes no bit. options gives those of one
// run.
func sameForAnyWorkers(t *testing.T, name string, workers []int, options func(workers int) Options, run training) {
	t.Helper()
	var want []any
	for _, n := range workers {
		tensors, state, err := run(options(n))
		if err != nil {
			t.Fatal(err)
		}
		got := outcomeOf(tensors, state)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d workers and %d differ", name, n, workers[0])
		}
	}
}

// resumedIsUninterrupted: a training that is stopped after a step, saved, read and
// resumed ends as the whole one did.
func resumedIsUninterrupted(t *testing.T, name string, o Options, whole []any, best *State, stops []int64, run training) {
	t.Helper()
	for _, at := range stops {
		stop := make(chan struct{})
		var file bytes.Buffer
		cut := o
		cut.Stop = stop
		cut.Save = func(s *State) error {
			if s.Step != at {
				t.Errorf("%s: saved at step %d, not %d", name, s.Step, at)
			}
			return WriteCheckpoint(&file, description(), "key", s)
		}
		cut.Schedule = closer{cut.Schedule, at - 1, stop}
		if at == 0 {
			close(stop)
		}
		if _, _, err := run(cut); !errors.Is(err, ErrStopped) {
			t.Fatalf("%s: stopped at %d: %v", name, at, err)
		}
		again := o
		var ok bool
		var err error
		again.Resume, ok, err = ReadCheckpoint(bytes.NewReader(file.Bytes()), int64(file.Len()), "key")
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		tensors, state, err := run(again)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outcomeOf(tensors, state), whole) {
			t.Errorf("%s: resumed at %d, the result differs", name, at)
		}
		if !reflect.DeepEqual(state.Best, best.Best) || state.BestStep != best.BestStep {
			t.Errorf("%s: resumed at %d, the best validation differs", name, at)
		}
	}
}

// averaged: a training with a moving average ends with that of the weights after its
// steps and before the first, and moves as one without.
func averaged(t *testing.T, name string, o Options, first [][]float32, run training) {
	t.Helper()
	const decay = 0.6
	ema, err := optim.NewEMA(decay, true, first)
	if err != nil {
		t.Fatal(err)
	}
	values := func(of []model.Tensor) (w [][]float32) {
		for _, v := range of {
			w = append(w, slices.Clone(v.Data))
		}
		return w
	}
	o.EMA, o.CheckpointEvery = decay, 1
	o.Save = func(s *State) error {
		ema.Update(values(s.Weights))
		return nil
	}
	got, _, err := run(o)
	if err != nil {
		t.Fatal(err)
	}
	o.EMA, o.Save, o.CheckpointEvery = 0, nil, 0
	plain, _, err := run(o)
	if err != nil {
		t.Fatal(err)
	}
	ema.Update(values(plain)) // no checkpoint is made of the last step
	for i, w := range ema.Weights() {
		if !slices.Equal(w, got[i].Data) {
			t.Errorf("%s: %s is not the average of the weights", name, got[i].Name)
		}
		if len(w) > 1 && slices.Equal(w, plain[i].Data) {
			t.Errorf("%s: %s is not averaged", name, got[i].Name)
		}
	}
}

// allocatesNothing: a step does not, after some that may.
func allocatesNothing(t *testing.T, name string, l *loop, warm int) {
	t.Helper()
	if raced {
		t.Skip("pools allocate under the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	defer l.crew.dismiss()
	ctx := context.Background()
	if err := l.begin(ctx); err != nil {
		t.Fatal(err)
	}
	step := func() {
		if err := errors.Join(l.step(ctx), l.between(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	for range warm {
		step()
	}
	if n := testing.AllocsPerRun(50, step); n != 0 {
		t.Errorf("%s: %v allocations per step", name, n)
	}
}
