package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestPages: a page is what this program makes of the results.
func TestPages(t *testing.T) {
	list, err := folders(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		want, err := Page(f)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(f, "README.md"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s/README.md is not what its results say (%v); go run ./examples/papers in the root of the repository", f, err)
		}
	}
}

func pointer(x float64) *float64 { return &x }

func TestCells(t *testing.T) {
	c := Cell{N: 4, Mean: pointer(0.3384), SD: pointer(0.1086), Floor: pointer(0.07213)}
	for want, got := range map[string]string{
		"0.338 ± 0.109":     withSD(c),
		"0.338 ± 0.054":     withSE(c),
		"-0.338 ± 0.109":    withSD(minus(c)),
		"0.072":             floor(c),
		"0.500":             ratio(c, Cell{Mean: pointer(0.6768)}),
		"12.34 (1 seed)":    withSD(Cell{N: 1, Mean: pointer(12.34)}),
		none:                withSD(Cell{}),
		"1234 ± 5":          withSD(Cell{N: 2, Mean: pointer(1234.4), SD: pointer(5.4)}),
		"1.7e-05 ± 2.3e-05": withSD(Cell{N: 3, Mean: pointer(1.7e-5), SD: pointer(2.3e-5)}),
		"1.2e-05":           number(1.23e-5),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, mean := range map[string]float64{"holds": 2.1, "within two standard errors": -1.9, "reversed": -2.1} {
		if got, err := order(map[string]any{"mean": mean, "se": 1.0}); got != want || err != nil {
			t.Errorf("a difference of %v standard errors %s, want %s (%v)", mean, got, want, err)
		}
	}
	if got, err := above(2.9, 0.0123, "2.83188"); got != "0.068 ± 0.012" || err != nil {
		t.Errorf("2.9 lies %s above 2.83188 (%v)", got, err)
	}
	if got := bits(-3*math.Log(256), 3*math.Ln2/4, 3); got != "-8.00 ± 0.25" {
		t.Errorf("8 bits a dimension are %s", got)
	}
	if _, err := order(nil); err == nil {
		t.Error("no difference has an order")
	}
	three := Cell{N: 3, Values: []*float64{pointer(1), pointer(2), pointer(9)}}
	if got := alike(minus(three), Cell{N: 2}); got != "-1.50" {
		t.Errorf("the mean of two seeds of three is %s", got)
	}
	for published, want := range map[string]string{"0.30 ± 0.05": "within", "0.2 ± 0.1": "above", "0.5±0.1": "below"} {
		if got, err := within(c, published); got != want || err != nil {
			t.Errorf("against %s: %q, want %q (%v)", published, got, want, err)
		}
	}
	if _, err := within(c, "0.3"); err == nil {
		t.Error("a published figure without a spread has one")
	}
}
