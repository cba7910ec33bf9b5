package path_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/path/pathtest"
)

var paths = []struct {
	name string
	path path.Path
	base float64
}{
	{"condot", path.CondOT{}, 1},
	{"target", path.Target{SigmaMin: 1e-4}, 1},
	{"target 0", path.Target{}, 1},
	{"target 1", path.Target{SigmaMin: 1}, 1},
	{"polynomial", path.Polynomial{N: 2}, 1},
	{"polynomial 1", path.Polynomial{N: 1}, 1},
	{"polynomial 3.5", path.Polynomial{N: 3.5}, 1},
	{"cosine", path.Cosine{}, 1},
	{"linear-vp", path.LinearVP{}, 1},
	{"vp", path.VP{BetaMin: 0.1, BetaMax: 20}, math.Sqrt(-math.Expm1(-10.05))},
	{"vp constant", path.VP{BetaMin: 10, BetaMax: 10}, math.Sqrt(-math.Expm1(-10))},
	{"ve", path.VE{SigmaMin: 0.001, SigmaMax: 50}, 50},
	{"ve short", path.VE{SigmaMin: 0.1, SigmaMax: 3}, 3},
	{"icfm", path.ICFM{Sigma: 0.1}, math.Sqrt(1.01)},
	{"icfm wide", path.ICFM{Sigma: 2}, math.Sqrt(5)},
	{"bridge", path.Bridge{Sigma: 1}, 1},
	{"bridge narrow", path.Bridge{Sigma: 0.01}, 1},
}

func TestPaths(t *testing.T) {
	for _, c := range paths {
		t.Run(c.name, func(t *testing.T) {
			pathtest.Test(t, c.path)
			if base, err := path.BaseStd(c.path); err != nil || math.Abs(base-c.base) > 1e-9 {
				t.Errorf("standard deviation of the base is %.15g, want %.15g", base, c.base)
			}
		})
	}
	if base, err := path.BaseStd(path.Polynomial{N: 0.5}); err != nil || base != 1 {
		t.Errorf("polynomial 0.5: %v, %v", base, err)
	}
}

// TestGolden compares with figures computed from the definitions elsewhere, of
// ten digits.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		p    path.Path
		t    float64
		want path.Coef
	}{
		{"polynomial 2", path.Polynomial{N: 2}, 0.25, path.Coef{Alpha: 0.0625, Sigma: 0.9375, DAlpha: 0.5, DSigma: -0.5}},
		{"polynomial 3", path.Polynomial{N: 3}, 0.9, path.Coef{Alpha: 0.729, Sigma: 0.271, DAlpha: 2.43, DSigma: -2.43}},
		{"vp", path.VP{BetaMin: 0.1, BetaMax: 20}, 0.1, path.Coef{Alpha: 0.01699646326, Sigma: 0.9998555497, DAlpha: 0.1530531517, DSigma: -0.002601738091}},
		{"vp", path.VP{BetaMin: 0.1, BetaMax: 20}, 0.25, path.Coef{Alpha: 0.05866350301, Sigma: 0.9982778137, DAlpha: 0.4407095664, DSigma: -0.02589816844}},
		{"vp", path.VP{BetaMin: 0.1, BetaMax: 20}, 0.5, path.Coef{Alpha: 0.2811828808, Sigma: 0.9596542021, DAlpha: 1.412943976, DSigma: -0.4139987682}},
		{"vp", path.VP{BetaMin: 0.1, BetaMax: 20}, 0.9, path.Coef{Alpha: 0.9467217988, Sigma: 0.3220525355, DAlpha: 0.9893242798, DSigma: -2.908267312}},
		{"linear-vp", path.LinearVP{}, 0.25, path.Coef{Alpha: 0.25, Sigma: 0.9682458366, DAlpha: 1, DSigma: -0.2581988897}},
		{"linear-vp", path.LinearVP{}, 0.9, path.Coef{Alpha: 0.9, Sigma: 0.4358898944, DAlpha: 1, DSigma: -2.064741605}},
		{"cosine", path.Cosine{}, 0.25, path.Coef{Alpha: 0.3826834324, Sigma: 0.9238795325, DAlpha: 1.451226576, DSigma: -0.6011177299}},
		{"cosine", path.Cosine{}, 0.9, path.Coef{Alpha: 0.9876883406, Sigma: 0.156434465, DAlpha: 0.2457266831, DSigma: -1.551457217}},
		{"target", path.Target{SigmaMin: 0.1}, 0.5, path.Coef{Alpha: 0.5, Sigma: 0.55, DAlpha: 1, DSigma: -0.9}},
		{"ve", path.VE{SigmaMin: 0.01, SigmaMax: 100}, 0.25, path.Coef{Alpha: 1, Sigma: 10, DSigma: -92.1034037198}},
		{"icfm", path.ICFM{Sigma: 0.1}, 0.25, path.Coef{Alpha: 0.25, Sigma: 0.75, Gamma: 0.1, DAlpha: 1, DSigma: -1}},
		{"bridge", path.Bridge{Sigma: 2}, 0.2, path.Coef{Alpha: 0.2, Sigma: 0.8, Gamma: 0.8, DAlpha: 1, DSigma: -1, DGamma: 1.5}},
	} {
		var got [1]path.Coef
		if err := c.p.Coefficients(got[:], []float64{c.t}); err != nil {
			t.Fatal(err)
		}
		g, w := got[0], c.want
		for i, d := range []float64{g.Alpha - w.Alpha, g.Sigma - w.Sigma, g.Gamma - w.Gamma, g.DAlpha - w.DAlpha, g.DSigma - w.DSigma, g.DGamma - w.DGamma} {
			if math.Abs(d) > 6e-10 {
				t.Errorf("%s at %v: coefficient %d is off by %g", c.name, c.t, i, d)
			}
		}
	}
}

func TestEndsAreExact(t *testing.T) {
	var c [2]path.Coef
	for _, p := range []path.Path{path.CondOT{}, path.Polynomial{N: 2}, path.Cosine{}, path.Target{SigmaMin: 0.25}, path.VE{SigmaMin: 0.001, SigmaMax: 50}} {
		if err := p.Coefficients(c[:], []float64{0, 1}); err != nil {
			t.Fatal(err)
		}
		want := [4]float64{0, 1, 1, 0}
		switch p := p.(type) {
		case path.Target:
			want[3] = p.SigmaMin
		case path.VE:
			want = [4]float64{1, p.SigmaMax, 1, p.SigmaMin}
		}
		if got := [4]float64{c[0].Alpha, c[0].Sigma, c[1].Alpha, c[1].Sigma}; got != want {
			t.Errorf("%T: %v, want %v", p, got, want)
		}
	}
}

func TestConstructors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	bad := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, x := range []float64{-1, nan, inf} {
		_, err := path.NewTarget(x)
		bad("target", err)
	}
	for _, x := range []float64{-1, 0, nan, inf} {
		_, err := path.NewPolynomial(x)
		bad("polynomial", err)
		_, err = path.NewICFM(x)
		bad("icfm", err)
		_, err = path.NewBridge(x)
		bad("bridge", err)
		_, err = path.NewVP(x, 20)
		bad("vp", err)
		_, err = path.NewVP(0.1, x)
		bad("vp", err)
		_, err = path.NewVE(x, 50)
		bad("ve", err)
		_, err = path.NewVE(0.1, x)
		bad("ve", err)
	}
	_, err := path.NewVP(20, 0.1)
	bad("vp", err)
	_, err = path.NewVE(1, 1)
	bad("ve", err)
	for _, make := range []func() error{
		func() error { _, err := path.NewTarget(1e-4); return err },
		func() error { _, err := path.NewPolynomial(2); return err },
		func() error { _, err := path.NewICFM(0.1); return err },
		func() error { _, err := path.NewBridge(1); return err },
		func() error { _, err := path.NewVP(0.1, 20); return err },
		func() error { _, err := path.NewVE(0.001, 50); return err },
	} {
		if err := make(); err != nil {
			t.Error(err)
		}
	}
}

// Example prints the coefficients of a path at three times.
func Example() {
	p, err := path.NewPolynomial(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := make([]path.Coef, 3)
	if err := p.Coefficients(c, []float64{0, 0.5, 1}); err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range c {
		fmt.Println(c.Alpha, c.Sigma, c.DAlpha, c.DSigma)
	}
	// Output:
	// 0 1 0 0
	// 0.25 0.75 1 -1
	// 1 0 2 -2
}
