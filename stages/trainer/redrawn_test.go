package trainer

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/transform"
)

// counted are rows of three columns, multiples of 5 from 2, hundredths and one that is
// continuous, and behind them a condition: what a table has (plain), and the rows that
// come from transforms with some draw (mapped).
type counted struct {
	transforms []schemas.Transform
	plain      []float64 // [rows][3]
	layout     Layout
}

func newCounted(rows int) counted {
	c := counted{layout: Layout{Dim: 3, Held: 1}}
	z := gaussian(rows, 3, 0, 1, "counted")
	for r := range rows {
		c.plain = append(c.plain, 2+5*math.Round(float64(2*z[3*r])), math.Round(float64(100*z[3*r+1]))/100, float64(z[3*r+2]))
	}
	for _, t := range []struct{ use, state string }{
		{"dequantize", `{"key": "91", "bins": [{"step": 5, "unit": 1, "offset": 2}, {"step": 1, "unit": 100, "offset": 0}, {"step": 0}]}`},
		{"logit", `{"alpha": 0.05, "low": [-100, -6, -6], "high": [100, 6, 6]}`},
		{"standardize", `{"mean": [0.1, 0, -0.2], "sd": [0.3, 0.4, 0.5]}`},
	} {
		c.transforms = append(c.transforms, schemas.Transform{Use: t.use, State: json.RawMessage(t.state)})
	}
	return c
}

// mapped are all rows with a draw, every transform rounded to float32 as in a stage.
func (c counted) mapped(t testing.TB, draw uint32) []float32 {
	t.Helper()
	rows := len(c.plain) / 3
	z := slices.Clone(c.plain)
	for _, d := range c.transforms {
		f, err := transform.Restore(d, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Apply(z, z, nil, transform.Address{Draw: draw}, rows); err != nil {
			t.Fatal(err)
		}
		for i, v := range z {
			z[i] = float64(float32(v))
		}
	}
	var x []float32
	for r := range rows {
		x = append(x, float32(z[3*r]), float32(z[3*r+1]), float32(z[3*r+2]), float32(r))
	}
	return x
}

// sources are the ways to go through a table.
func (c counted) sources(t testing.TB, x []float32) map[string]func(Keys) Rows {
	return map[string]func(Keys) Rows{
		"memory": func(k Keys) Rows { return c.redrawn(t, NewMemory(x, 4, k.Shuffle)) },
		"window": func(k Keys) Rows { return c.redrawn(t, NewWindow(pieces(x, 4, 7), 4, 33, k.Shuffle)) },
	}
}

func (c counted) redrawn(t testing.TB, rows Rows) Rows {
	t.Helper()
	rows, err := redraw(rows, c.layout, c.transforms)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestRedrawn: a row of pass p has, to the bit, the noise of draw p, whatever the
// batches are, also in one that goes over the end of passes, and after Seek; a column
// without noise changes in its last digit at most, and conditions do not.
func TestRedrawn(t *testing.T) {
	const rows, passes = 300, 3
	c := newCounted(rows)
	want := make([][]float32, passes)
	for p := range want {
		want[p] = c.mapped(t, uint32(p))
	}
	if slices.Equal(want[0], want[1]) {
		t.Fatal("the draws are the same")
	}
	for source, open := range c.sources(t, want[0]) {
		for _, batch := range []int{1, 7, 290, 700} {
			r := open(NewKeys(3, "train"))
			defer r.Close()
			var at Cursor
			seen := 0
			for seen+batch <= rows*passes {
				if batch == 290 { // begins anew
					r = open(NewKeys(3, "train"))
					defer r.Close()
					if err := r.Seek(t.Context(), at); err != nil {
						t.Fatal(err)
					}
				}
				x, number := make([]float32, 4*batch), make([]int64, batch)
				if err := r.Next(t.Context(), x, number); err != nil {
					t.Fatal(err)
				}
				for i, n := range number {
					p := (seen + i) / rows
					got, whole := x[4*i:4*i+4], want[p][4*n:4*n+4]
					if !slices.Equal(got[:2], whole[:2]) || !near(float64(got[2]), float64(whole[2]), 3e-7) || got[3] != whole[3] {
						t.Fatalf("%s, batches of %d, row %d in pass %d: %v, with draw %d it is %v", source, batch, n, p, got, p, whole)
					}
				}
				seen, at = seen+batch, r.Cursor()
			}
		}
	}
}

// TestRedrawnTiles: rows that are copied later, tile by tile, are those of Next.
func TestRedrawnTiles(t *testing.T) {
	const rows, batch = 300, 700
	c := newCounted(rows)
	open := func() Rows { return c.redrawn(t, NewMemory(c.mapped(t, 0), 4, NewKeys(3, "train").Shuffle)) }
	all, table := open(), open().(indexed)
	want, got, number := make([]float32, 4*batch), make([]float32, 4*batch), make([]int64, batch)
	for range 3 {
		if err := all.Next(t.Context(), want, number); err != nil {
			t.Fatal(err)
		}
		clear(number)
		table.numbers(number)
		for hi := batch; hi > 0; hi -= min(hi, 90) {
			lo := hi - min(hi, 90)
			table.gather(got[4*lo:4*hi], number[lo:hi], lo)
		}
		if !slices.Equal(got, want) {
			t.Fatal("the rows are others")
		}
	}
}

// TestRedrawnLeavesOthers: rows without noise, and rows that a transform of a plugin
// stands before, are as they are.
func TestRedrawnLeavesOthers(t *testing.T) {
	c := newCounted(10)
	foreign := append(slices.Clone(c.transforms), schemas.Transform{Use: "theirs"})
	for name, list := range map[string][]schemas.Transform{"none": nil, "no noise": c.transforms[1:], "a plugin's": foreign} {
		rows := NewMemory(c.mapped(t, 0), 4, NewKeys(3, "train").Shuffle)
		if got, err := redraw(rows, c.layout, list); err != nil || got != Rows(rows) {
			t.Errorf("%s: %T, %v", name, got, err)
		}
	}
}

// TestRedrawnTraining: noise that is drawn anew changes no law: any number of workers,
// interruptions and no allocation in a step. The flow that comes out is another than
// with one draw for all passes.
func TestRedrawnTraining(t *testing.T) {
	c := newCounted(101)
	x := c.mapped(t, 0)
	def := discrete(t, bijection.Config{ActNorm: true})
	for source, open := range c.sources(t, x) {
		run := func(o Options) ([]model.Tensor, *State, error) {
			rows := open(o.Keys)
			defer rows.Close()
			return fitted(MaximumLikelihood(context.Background(), def, c.layout, rows, nil, o))
		}
		of := func(workers int) Options {
			o := options(20, 70)
			o.EMA, o.Workers, o.Schedule = 0.9, workers, optim.Constant{}
			return o
		}
		sameForAnyWorkers(t, source, []int{1, 3}, of, run)
		tensors, end, err := run(of(1))
		if err != nil {
			t.Fatal(err)
		}
		resumedIsUninterrupted(t, source, of(2), outcomeOf(tensors, end), end, []int64{1, 2, 17}, run)
		if source == "memory" {
			open = func(k Keys) Rows { return NewMemory(x, 4, k.Shuffle) }
			if once, state, err := run(of(1)); err != nil || slices.Equal(outcomeOf(once, state), outcomeOf(tensors, end)) {
				t.Errorf("one draw for all passes gives the same flow (%v)", err)
			}
		}
	}
	o := options(1<<40, 70)
	o.LogEvery = 0
	l, err := newDensityLoop(def, c.layout, c.redrawn(t, NewMemory(x, 4, o.Keys.Shuffle)), nil, o)
	if err != nil {
		t.Fatal(err)
	}
	allocatesNothing(t, "noise", l, 10)
}
