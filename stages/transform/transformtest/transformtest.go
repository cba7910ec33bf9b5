// Package transformtest holds the laws that every transform.Fitted obeys: it
// is undone by Invert, its log-determinant is that of its Jacobian, rows do not
// mix, and its state restores it to the bit.
package transformtest

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/transform"
)

// Test checks the laws at the rows x [rows][f.Dim()], which should lie where
// data lies. restore makes a transform of State's JSON.
func Test(t *testing.T, f transform.Fitted, x []float64, restore func(state json.RawMessage) (transform.Fitted, error)) {
	t.Helper()
	law.Test(t, Laws(), Transform{f, x, restore})
}

// Transform is a fitted transform, rows [rows][Dim] where data lies, two or more,
// and what makes a transform of State's JSON.
type Transform struct {
	transform.Fitted
	X       []float64
	Restore func(state json.RawMessage) (transform.Fitted, error)
}

// Laws are the laws of a fitted transform.
func Laws() []law.Law[Transform] {
	mapped := func(check func(t law.T, f Transform, x, z, logdet []float64)) func(law.T, Transform) {
		return func(t law.T, f Transform) {
			d := f.Dim()
			rows := len(f.X) / d
			if rows < 2 || rows*d != len(f.X) {
				t.Fatalf("%d values are not two or more rows of %d columns", len(f.X), d)
			}
			z, logdet := make([]float64, len(f.X)), make([]float64, rows)
			apply(t, f, z, f.X, logdet, 0, rows)
			check(t, f, f.X, z, logdet)
		}
	}
	return []law.Law[Transform]{
		{Name: "round trip", Sentence: "Invert undoes apply.", Check: mapped(roundTrip)},
		{Name: "log-determinant", Sentence: "logdet is the log-determinant of the Jacobian of apply.", Check: mapped(logDet)},
		{Name: "adds", Sentence: "The log-determinant of a row is added to what is there.", Check: mapped(adds)},
		{Name: "row by row", Sentence: "Every row is mapped on its own, by its number, also in place.", Check: mapped(rowByRow)},
		{Name: "state", Sentence: "The state restores the transform, to the bit.", Check: mapped(restored)},
	}
}

func adds(t law.T, f Transform, x, _, logdet []float64) {
	got := make([]float64, len(logdet))
	for i := range got {
		got[i] = float64(i)
	}
	apply(t, f, make([]float64, len(x)), x, got, 0, len(got))
	for i := range got {
		if got[i] != float64(i)+logdet[i] {
			t.Fatalf("row %d: %v was set to %v, not added to", i, logdet[i], got[i])
		}
	}
}

func rowByRow(t law.T, f Transform, x, z, logdet []float64) {
	d := f.Dim()
	got := slices.Clone(x)
	for r := range logdet {
		row := got[r*d : (r+1)*d]
		apply(t, f, row, row, nil, r, 1)
	}
	equal(t, "z", got, z)
	all := make([]float64, len(z))
	invert(t, f, all, z, len(logdet))
	for r := range logdet {
		row := got[r*d : (r+1)*d]
		invert(t, f, row, row, 1)
	}
	equal(t, "x", got, all)
}

func restored(t law.T, f Transform, x, z, logdet []float64) {
	raw, err := json.Marshal(f.State())
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.Restore(raw)
	if err != nil {
		t.Fatal(err)
	}
	got, ld := make([]float64, len(x)), make([]float64, len(logdet))
	apply(t, g, got, x, ld, 0, len(ld))
	equal(t, "z", got, z)
	equal(t, "logdet", ld, logdet)
}

// apply maps rows first..first+rows-1.
func apply(t law.T, f transform.Fitted, z, x, logdet []float64, first, rows int) {
	t.Helper()
	if err := f.Apply(z, x, logdet, transform.Address{First: int64(first)}, rows); err != nil {
		t.Fatal(err)
	}
}

func invert(t law.T, f transform.Fitted, x, z []float64, rows int) {
	t.Helper()
	if err := f.Invert(x, z, rows); err != nil {
		t.Fatal(err)
	}
}

func equal(t law.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s[%d] = %v, want the bits of %v", what, i, got[i], want[i])
		}
	}
}

func roundTrip(t law.T, f Transform, x, z, _ []float64) {
	got := make([]float64, len(x))
	invert(t, f, got, z, len(x)/f.Dim())
	for i := range x {
		// A shift by much more than the spread costs digits of the value itself.
		if scale := 1 + math.Abs(x[i]); math.Abs(got[i]-x[i]) > 1e-12*scale {
			t.Fatalf("x[%d] = %v came back as %v", i, x[i], got[i])
		}
	}
}

// logDet differentiates along each column by central differences whose step is
// a small part of one unit of z.
func logDet(t law.T, f Transform, x, _, logdet []float64) {
	d := f.Dim()
	lo, hi := make([]float64, d), make([]float64, d)
	for r := range logdet {
		j := mat.NewDense(d, d, nil)
		for c := range d {
			h := 1e-6 * (1 + math.Abs(x[r*d+c]))
			a, b := slices.Clone(x[r*d:(r+1)*d]), slices.Clone(x[r*d:(r+1)*d])
			a[c] -= h
			b[c] += h
			step := b[c] - a[c]
			apply(t, f, lo, a, nil, r, 1)
			apply(t, f, hi, b, nil, r, 1)
			for i := range d {
				j.Set(i, c, (hi[i]-lo[i])/step)
			}
		}
		if want, _ := mat.LogDet(j); math.Abs(want-logdet[r]) > 1e-6*(1+math.Abs(want)) {
			t.Fatalf("row %d: log|det| = %v, its Jacobian says %v", r, logdet[r], want)
		}
	}
}
