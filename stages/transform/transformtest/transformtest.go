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

	"github.com/pathline/pathline/stages/transform"
)

// Test checks the laws at the rows x [rows][f.Dim()], which should lie where
// data lies. restore makes a transform of State's JSON.
func Test(t *testing.T, f transform.Fitted, x []float64, restore func(state json.RawMessage) (transform.Fitted, error)) {
	t.Helper()
	d := f.Dim()
	rows := len(x) / d
	if rows < 2 || rows*d != len(x) {
		t.Fatalf("%d values are not two or more rows of %d columns", len(x), d)
	}
	z, logdet := make([]float64, len(x)), make([]float64, rows)
	apply(t, f, z, x, logdet, rows)
	t.Run("round trip", func(t *testing.T) { roundTrip(t, f, z, x) })
	t.Run("log-determinant", func(t *testing.T) { logDet(t, f, x, logdet) })
	t.Run("adds", func(t *testing.T) {
		got := make([]float64, rows)
		for i := range got {
			got[i] = float64(i)
		}
		apply(t, f, make([]float64, len(x)), x, got, rows)
		for i := range got {
			if got[i] != float64(i)+logdet[i] {
				t.Fatalf("row %d: %v was set to %v, not added to", i, logdet[i], got[i])
			}
		}
	})
	t.Run("row by row, in place", func(t *testing.T) {
		got := slices.Clone(x)
		for r := range rows {
			row := got[r*d : (r+1)*d]
			apply(t, f, row, row, nil, 1)
		}
		equal(t, "z", got, z)
		all := make([]float64, len(z))
		invert(t, f, all, z, rows)
		for r := range rows {
			row := got[r*d : (r+1)*d]
			invert(t, f, row, row, 1)
		}
		equal(t, "x", got, all)
	})
	t.Run("state", func(t *testing.T) {
		raw, err := json.Marshal(f.State())
		if err != nil {
			t.Fatal(err)
		}
		g, err := restore(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, ld := make([]float64, len(x)), make([]float64, rows)
		apply(t, g, got, x, ld, rows)
		equal(t, "z", got, z)
		equal(t, "logdet", ld, logdet)
	})
}

func apply(t *testing.T, f transform.Fitted, z, x, logdet []float64, rows int) {
	t.Helper()
	if err := f.Apply(z, x, logdet, rows); err != nil {
		t.Fatal(err)
	}
}

func invert(t *testing.T, f transform.Fitted, x, z []float64, rows int) {
	t.Helper()
	if err := f.Invert(x, z, rows); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s[%d] = %v, want the bits of %v", what, i, got[i], want[i])
		}
	}
}

func roundTrip(t *testing.T, f transform.Fitted, z, x []float64) {
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
func logDet(t *testing.T, f transform.Fitted, x, logdet []float64) {
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
			apply(t, f, lo, a, nil, 1)
			apply(t, f, hi, b, nil, 1)
			for i := range d {
				j.Set(i, c, (hi[i]-lo[i])/step)
			}
		}
		if want, _ := mat.LogDet(j); math.Abs(want-logdet[r]) > 1e-6*(1+math.Abs(want)) {
			t.Fatalf("row %d: log|det| = %v, its Jacobian says %v", r, logdet[r], want)
		}
	}
}
