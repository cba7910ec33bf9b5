package trainer

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/path"
)

// sources read a table in all the ways there are.
func sources(x []float32, width int) map[string]func(Keys) Rows {
	return map[string]func(Keys) Rows{
		"memory": func(k Keys) Rows { return NewMemory(x, width, k.Shuffle) },
		"window": func(k Keys) Rows { return NewWindow(pieces(x, width, 7), width, 100, k.Shuffle) },
	}
}

// ways are the ways in which x_t is made.
func ways() map[string]path.Path {
	curved := func(far bool) path.Path {
		return curve{far: far, of: path.Cosine{}, calls: new(atomic.Int64), rows: new(atomic.Int64)}
	}
	return map[string]path.Path{"affine": path.Cosine{}, "sampled": curved(false), "sampled far away": curved(true)}
}

// Rows that bring the noise that the base would have drawn train the same
// weights, whatever the rows come from, their path and their coupling.
func TestRowsThatBringTheirNoise(t *testing.T) {
	const steps, batch, rows = 3, 100, 333
	x := gaussian(rows, 2, 1, 0.5, "data")
	for name, p := range ways() {
		for _, couple := range []coupling.Coupling{nil, backwards{}, entropic()} {
			for source, open := range sources(x, 2) {
				t.Run(fmt.Sprintf("%s/%T/%s", name, couple, source), func(t *testing.T) {
					o := options(steps, batch)
					o.Path, o.Coupling = p, couple
					o.Valid, o.ValidateEvery = validation(t, 2, o), 2
					first := open(o.Keys)
					want, err := Train(context.Background(), network(t, 9), Layout{Dim: 2}, first, o)
					if err != nil {
						t.Fatal(err)
					}
					layout := Layout{Dim: 2, Noise: true}
					if layout.Width() != 4 || layout.Input() != 2 {
						t.Fatalf("width %d, input %d", layout.Width(), layout.Input())
					}
					pairs := make([]float32, 4*rows) // of one pass, which is all that is trained
					for r := range rows {
						copy(pairs[4*r:], x[2*r:2*r+2])
					}
					again, number := open(o.Keys), make([]int64, steps*batch)
					if err := again.Next(context.Background(), make([]float32, 2*len(number)), number); err != nil {
						t.Fatal(err)
					}
					for i, r := range number {
						o.Keys.Noise.Normals32(pairs[4*r+2:4*r+4], uint64(i), 0)
					}
					o.Keys.Noise++ // nothing is drawn any more
					own := sources(pairs, 4)[source](o.Keys)
					got, err := Train(context.Background(), network(t, 9), layout, own, o)
					if err != nil {
						t.Fatal(err)
					}
					if a, b := outcome(got), outcome(want); !reflect.DeepEqual(a, b) {
						t.Errorf("other weights than with drawn noise")
					}
					for _, r := range []Rows{first, again, own} {
						r.Close()
					}
				})
			}
		}
	}
}

// Every example keeps or loses all of its conditions by its own number: not by its
// batch, its workers or its tile, and not together with its batch.
func TestConditionsAreDroppedPerRow(t *testing.T) {
	const rows, share, examples = 100, 0.3, 4000
	layout := Layout{Dim: 2, Held: 2}
	table := make([]float32, rows*layout.Width())
	for i := range table {
		table[i] = 1
	}
	dropped := func(batch, accumulate, workers int) (out []bool) {
		o := options(examples, batch)
		o.Drop, o.Accumulate, o.Workers = share, accumulate, workers
		crew := newCrew(workers)
		defer crew.dismiss()
		e := newExamples(&o, NewMemory(table, layout.Width(), o.Keys.Shuffle), layout, crew)
		s := newTile(tileRows, layout)
		for step := int64(0); len(out) < examples; step++ {
			for part := range accumulate {
				if err := e.next(context.Background(), step, part); err != nil {
					t.Fatal(err)
				}
				for lo := 0; lo < batch; lo += 17 {
					hi := min(lo+17, batch)
					if err := e.fill(s, lo, hi); err != nil {
						t.Fatal(err)
					}
					for i := range hi - lo {
						c := s.in[4*i+2 : 4*i+4]
						if c[0] != c[1] || c[0] != 0 && c[0] != 1 {
							t.Fatalf("conditions %v", c)
						}
						out = append(out, c[0] == 0)
					}
				}
			}
		}
		return out[:examples]
	}
	want := dropped(50, 1, 1)
	for _, c := range [][3]int{{100, 1, 3}, {25, 2, 2}, {1, 1, 1}} {
		if !slices.Equal(dropped(c[0], c[1], c[2]), want) {
			t.Errorf("batches of %d, %d of them, %d workers drop other rows", c[0], c[1], c[2])
		}
	}
	count := 0
	for lo := 0; lo < examples; lo += 50 {
		in := 0
		for _, d := range want[lo : lo+50] {
			if d {
				in++
			}
		}
		if in == 0 || in == 50 {
			t.Errorf("the batch at %d lost the conditions of %d rows", lo, in)
		}
		count += in
	}
	// Binomial, within four standard deviations.
	if sd := math.Sqrt(examples * share * (1 - share)); math.Abs(float64(count)-examples*share) > 4*sd {
		t.Errorf("%d of %d examples are dropped", count, examples)
	}
}

// Conditions stand behind x_t in the rows that they came with, and their target is
// zero; what stands before them is what it is without conditions.
func TestConditionsAreHeld(t *testing.T) {
	const batch, rows, held = 100, 333, 3
	x, c := gaussian(rows, 2, 1, 0.5, "data"), gaussian(rows, held, 0, 1, "conditions")
	for _, noise := range []bool{false, true} {
		plain, layout := Layout{Dim: 2, Noise: noise}, Layout{Dim: 2, Held: held, Noise: noise}
		var bare, both []float32
		for r := range rows {
			bare = append(bare, x[2*r:2*r+2]...)
			both = append(append(both, x[2*r:2*r+2]...), c[held*r:held*(r+1)]...)
			if noise {
				bare, both = append(bare, 7, float32(r)), append(both, 7, float32(r))
			}
		}
		for name, p := range ways() {
			for _, couple := range []coupling.Coupling{nil, backwards{}, entropic()} {
				for source := range sources(nil, 1) {
					o := options(2, batch)
					o.Path, o.Coupling = p, couple
					examplesOf := func(l Layout, table []float32) (xt, target []float32) {
						crew := newCrew(2)
						defer crew.dismiss()
						r := sources(table, l.Width())[source](o.Keys)
						defer r.Close()
						e := newExamples(&o, r, l, crew)
						defer e.ahead.wait()
						defer e.coupled.Close()
						s := newTile(tileRows, e.layout)
						for step := range int64(2) {
							if err := e.next(context.Background(), step, 0); err != nil {
								t.Fatal(err)
							}
							for lo := 0; lo < batch; lo += 30 {
								hi := min(lo+30, batch)
								if err := e.fill(s, lo, hi); err != nil {
									t.Fatal(err)
								}
								if in := l.Input(); len(s.in) != (hi-lo)*in || len(s.want) != (hi-lo)*in {
									t.Fatalf("%d and %d numbers for %d rows", len(s.in), len(s.want), hi-lo)
								}
								for i, n := range e.number[lo:hi] {
									in, want := s.in[i*l.Input():(i+1)*l.Input()], s.want[i*l.Input():(i+1)*l.Input()]
									xt, target = append(xt, in[:2]...), append(target, want[:2]...)
									if l.Held > 0 && (!slices.Equal(in[2:], c[held*n:held*(n+1)]) || !slices.Equal(want[2:], make([]float32, held))) {
										t.Fatalf("%s: row %d has %v and the target %v", name, n, in, want)
									}
								}
							}
						}
						return xt, target
					}
					xt, target := examplesOf(plain, bare)
					xtHeld, targetHeld := examplesOf(layout, both)
					if !slices.Equal(xt, xtHeld) || !slices.Equal(target, targetHeld) {
						t.Errorf("%s, %T, %s, own noise %v: x_t and targets are others than without conditions", name, couple, source, noise)
					}
				}
			}
		}
	}
}
