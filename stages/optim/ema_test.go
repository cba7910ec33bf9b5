package optim_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/optim"
)

func TestEMA(t *testing.T) {
	w := [][]float32{{1, 2}, {-3}}
	e, err := optim.NewEMA(0.75, false, w)
	if err != nil {
		t.Fatal(err)
	}
	w[0][0], w[0][1], w[1][0] = 5, 2, 1
	e.Update(w)
	e.Update(w)
	// From a to b in n updates: b + decay^n (a - b).
	for i, want := range [][]float32{{5 - 0.5625*4, 2}, {1 - 0.5625*4}} {
		if !slices.Equal(e.Weights()[i], want) {
			t.Errorf("tensor %d: average %v, want %v", i, e.Weights()[i], want)
		}
	}
	ramped, err := optim.NewEMA(0.75, true, [][]float32{{0}})
	if err != nil {
		t.Fatal(err)
	}
	ramped.Update([][]float32{{1}}) // decay 1/10
	ramped.Update([][]float32{{2}}) // decay 2/11
	if want := float32(0.9*2./11 + 2*9./11); ramped.Weights()[0][0] != want {
		t.Errorf("ramped average %v, want %v", ramped.Weights()[0][0], want)
	}
}

// TestEMASmallSteps: increments below the resolution of float32 add up. The
// average goes from 1 to 1+2^-12 by steps of up to 2.4e-8, a fifth of an ulp.
func TestEMASmallSteps(t *testing.T) {
	e, err := optim.NewEMA(0.9999, false, [][]float32{{1}})
	if err != nil {
		t.Fatal(err)
	}
	w := [][]float32{{1 + 0x1p-12}}
	for range 20000 {
		e.Update(w)
	}
	want := 1 + 0x1p-12*(1-math.Pow(0.9999, 20000))
	if got := float64(e.Weights()[0][0]); math.Abs(got-want) > 0x1p-24 {
		t.Errorf("average %.10f, want %.10f", got, want)
	}
}

func TestEMARestore(t *testing.T) {
	w := [][]float32{{1, 2, 3}}
	whole, err := optim.NewEMA(0.99, true, w)
	if err != nil {
		t.Fatal(err)
	}
	resumed, err := optim.NewEMA(0.99, true, [][]float32{{0, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	for step := range 30 {
		if step == 17 {
			if err := optim.Restore(resumed.State(), copyState(whole.State())); err != nil {
				t.Fatal(err)
			}
		}
		noise(w, step)
		whole.Update(w)
		if step >= 17 {
			resumed.Update(w)
		}
	}
	if fmt.Sprint(whole.State()) != fmt.Sprint(resumed.State()) {
		t.Errorf("resumed %v, uninterrupted %v", resumed.State(), whole.State())
	}
	for _, decay := range []float64{-0.1, 1, math.NaN()} {
		if _, err := optim.NewEMA(decay, false, w); err == nil {
			t.Errorf("decay %v is taken", decay)
		}
	}
}
