package trainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
)

// scoped is a coupling with another scope.
type scoped struct {
	coupling.Coupling
	scope coupling.Scope
}

func (s scoped) Scope() coupling.Scope { return s.scope }

// Pairs of more rows than a batch has are a function of the number of the example:
// the weights have the same bits for any number of workers, for rows in memory and
// in a window, and after a stop at any step, which falls into the middle of a portion
// for most.
func TestPortionsOfPairs(t *testing.T) {
	const steps = 7
	x := gaussian(333, 3, 1, 0.5, "data")
	for name, couple := range map[string]coupling.Coupling{
		"ot": coupling.NewOptimal().Within(coupling.Scope{Batch: 100}), "odd": coupling.NewOptimal().Within(coupling.Scope{Batch: 77, Conditions: 2}),
		"few": scoped{backwards{}, coupling.Scope{Batch: 9}}, "sinkhorn": entropic().(coupling.Sinkhorn).Within(coupling.Scope{Batch: 160}),
		"batch": coupling.NewOptimal(),
	} {
		for source, open := range sources(x, 3) {
			layout := Layout{Dim: 2, Held: 1}
			run := func(workers int, stopAt int64) []any {
				o := options(steps, 20)
				o.Coupling, o.Workers, o.Accumulate, o.LogEvery = couple, workers, 2, 3
				train := func(o Options) (*Result, error) {
					rows := open(o.Keys)
					defer rows.Close()
					return Train(context.Background(), network(t, 5), layout, rows, o)
				}
				if stopAt > 0 {
					var file bytes.Buffer
					stop := make(chan struct{})
					cut := o
					cut.Stop, cut.Schedule = stop, closer{optim.Constant{}, stopAt - 1, stop}
					cut.Save = func(s *State) error { return WriteCheckpoint(&file, description(), "key", s) }
					if _, err := train(cut); !errors.Is(err, ErrStopped) {
						t.Fatal(err)
					}
					var err error
					if o.Resume, _, err = ReadCheckpoint(bytes.NewReader(file.Bytes()), int64(file.Len()), "key"); err != nil {
						t.Fatal(err)
					}
				}
				r, err := train(o)
				if err != nil {
					t.Fatal(err)
				}
				return outcome(r)
			}
			want := run(1, 0)
			for _, workers := range []int{1, 2, 5} {
				for _, stopAt := range []int64{0, 1, 2, 3, 5} {
					if got := run(workers, stopAt); !slices.Equal(got, want) {
						t.Errorf("%s, %s, %d workers, stopped at %d: other weights", name, source, workers, stopAt)
					}
				}
			}
		}
	}
}

// The pairs of a portion are those of the coupling for its rows and their noise, and
// the batches take them in order.
func TestPortionsGiveTheirPairs(t *testing.T) {
	const batch, paired, steps = 30, 75, 5 // two portions
	o := options(steps, batch)
	o.Target = path.Noise
	plain := make([]float64, 0, 2*batch*steps)
	x1, x0 := make([]float32, 0, batch*steps), make([]float32, 0, batch*steps)
	take := func(o Options) (noise []float64) {
		rows, crew := normal(1), newCrew(2)
		defer crew.dismiss()
		x := newExamples(&o, rows, Layout{Dim: 1}, crew)
		defer x.coupled.Close()
		tile := newTile(batch, x.layout)
		for step := range int64(steps) {
			if err := x.next(context.Background(), step, 0); err != nil {
				t.Fatal(err)
			}
			if err := x.fill(tile, 0, batch); err != nil {
				t.Fatal(err)
			}
			for i, n := range x.number {
				noise = append(noise, float64(tile.target[i]))
				if o.Coupling == nil {
					x1, x0 = append(x1, rows.x[n]), append(x0, tile.target[i])
				}
			}
		}
		return noise
	}
	plain = append(plain, take(o)...)
	ot := coupling.NewOptimal()
	o.Coupling = ot.Within(coupling.Scope{Batch: paired})
	got := take(o)
	for lo := 0; lo < batch*steps; lo += paired {
		index := make([]int32, paired)
		if err := ot.Pair(index, x0[lo:lo+paired], x1[lo:lo+paired], paired, 1); err != nil {
			t.Fatal(err)
		}
		for i, j := range index {
			if got[lo+i] != plain[lo+int(j)] {
				t.Fatalf("example %d has the noise %v, not %v", lo+i, got[lo+i], plain[lo+int(j)])
			}
		}
	}
}

// What a point says of transport: the distances before and after, and the drift of
// labels, which a weight above all distances brings to nothing.
func TestTransportIsMeasured(t *testing.T) {
	const rows = 200
	table := make([]float32, 0, 4*rows) // x1, and which of two categories
	x := gaussian(rows, 2, 0, 0.1, "data")
	for r := range rows {
		label := float32(r % 2)
		table = append(table, x[2*r]+4*label, x[2*r+1], label, 1-label)
	}
	layout := Layout{Dim: 2, Held: 2}
	points := map[float64]Point{}
	for _, weight := range []float64{0, 1e4} {
		o := options(4, 100)
		o.LogEvery, o.Coupling = 4, coupling.NewOptimal().Within(coupling.Scope{Conditions: weight})
		r, err := Train(context.Background(), network(t, 5), layout, NewMemory(table, 4, o.Keys.Shuffle), o)
		if err != nil {
			t.Fatal(err)
		}
		p := r.State.Points[0]
		points[weight] = p
		// E|x1 - x0|² = 2 + 2 (0.1)² + 4²/2, within five standard errors of 400 rows.
		if p.TransportBefore == nil || math.Abs(*p.TransportBefore-10.02) > 5*10/20.0 {
			t.Errorf("weight %v: transport before %v", weight, *p.TransportBefore)
		}
		if !(*p.TransportAfter < *p.TransportBefore) {
			t.Errorf("weight %v: transport from %v to %v", weight, *p.TransportBefore, *p.TransportAfter)
		}
	}
	free, kept := points[0], points[1e4]
	// Without a weight noise goes to the nearer category, half of it to the other one
	// than it was drawn with, which counts 2.
	if d := *free.ConditionDrift; math.Abs(d-1) > 0.25 {
		t.Errorf("drift %v where conditions do not count", d)
	}
	if d := *kept.ConditionDrift; d != 0 {
		t.Errorf("drift %v where they count more than all else", d)
	}
	if !(*free.TransportAfter < *kept.TransportAfter) || *free.TransportBefore != *kept.TransportBefore {
		t.Errorf("transport %v and %v", *free.TransportAfter, *kept.TransportAfter)
	}
	if plain, _ := trainPoints(t, options(3, 20)); plain[0].TransportBefore != nil || plain[0].ConditionDrift != nil {
		t.Error("transport of a training without a coupling")
	}
}

func trainPoints(t *testing.T, o Options) ([]Point, error) {
	r, err := Train(context.Background(), network(t, 4), Layout{Dim: 2}, normal(2), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.State.Points, nil
}

// What goes wrong ahead is told when its turn comes, though it would go well a second
// time, and a panic is raised by the training: after as many steps as with one worker.
func TestFailureOfAPortionIsReported(t *testing.T) {
	for _, panics := range []bool{false, true} {
		for _, workers := range []int{1, 3} {
			calls, steps := 0, int64(0)
			o := options(10, 20)
			o.Workers, o.Coupling = workers, failing{at: 3, panics: panics, calls: &calls}
			o.CheckpointEvery, o.Save = 1, func(s *State) error { steps = s.Step; return nil }
			err := func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = fmt.Errorf("panic: %v", v)
					}
				}()
				_, err = Train(context.Background(), network(t, 4), Layout{Dim: 2}, normal(2), o)
				return err
			}()
			want := "no pairs"
			if panics {
				want = "panic: no pairs"
			}
			if err == nil || err.Error() != want {
				t.Errorf("%d workers: %v", workers, err)
			}
			if steps != 2 || calls > 3 {
				t.Errorf("%d workers: %d steps before the third portion failed, %d portions", workers, steps, calls)
			}
		}
	}
}

// failing gives no pairs at one call, and gives them at all others.
type failing struct {
	at     int
	panics bool
	calls  *int
}

func (f failing) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	if *f.calls++; *f.calls != f.at {
		return backwards{}.Pair(index, x0, x1, rows, dim)
	}
	if f.panics {
		panic("no pairs")
	}
	return errors.New("no pairs")
}

// patient waits for the end of its context at one call.
type patient struct {
	backwards
	at    int
	calls *int
	waits chan struct{}
}

func (p patient) PairContext(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, _ []float64) error {
	if *p.calls++; *p.calls == p.at {
		close(p.waits)
		<-ctx.Done()
		return ctx.Err()
	}
	return p.Pair(index, x0, x1, rows, dim)
}

// A training whose pairs take long ends with its context; and when it stops, it does
// not wait for the pairs of steps to come.
func TestTrainingDoesNotWaitForPairs(t *testing.T) {
	for _, workers := range []int{1, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		calls, waits := 0, make(chan struct{})
		o := options(10, 20)
		o.Workers, o.Coupling = workers, patient{at: 3, calls: &calls, waits: waits}
		go func() { <-waits; cancel() }()
		if _, err := Train(ctx, network(t, 4), Layout{Dim: 2}, normal(2), o); !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
	calls, waits, stop := 0, make(chan struct{}), make(chan struct{})
	o := options(10, 20)
	o.Workers, o.Coupling, o.Stop = 2, patient{at: 3, calls: &calls, waits: waits}, stop
	o.CheckpointEvery, o.Save = 2, func(s *State) error {
		<-waits // for the third portion, which is made ahead
		if s.Step == 2 && calls == 3 {
			calls++
			close(stop)
		}
		return nil
	}
	if _, err := Train(t.Context(), network(t, 4), Layout{Dim: 2}, normal(2), o); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}
