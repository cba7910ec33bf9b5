package pathtest

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/path"
)

// Test checks the laws of a path: a domain in [0, 1] that misses at most 1e-4 at
// an end; coefficients that are finite everywhere in [0, 1] and outside; times
// moved into the domain; derivatives that are those of the coefficients; data at
// its end and noise at the other; results that depend on the time alone, also
// when asked for from many goroutines; not a number refused; and a marginal
// velocity that stays bounded, which is what makes singular ends harmless.
func Test(t *testing.T, p path.Path) { law.Test(t, Laws(), p) }

// Laws are the laws of a path.
func Laws() []law.Law[path.Path] {
	return []law.Law[path.Path]{
		{Name: "domain", Sentence: "The derivatives are finite on a domain [lo, hi] in [0, 1] that misses at most 1e-4 at either end.", Check: domain},
		{Name: "finite", Sentence: "Coefficients and derivatives are finite at every time; alpha, sigma and gamma are not below zero.", Check: finite},
		{Name: "clamped", Sentence: "A time outside of the domain is moved to its nearest end.", Check: clamped},
		{Name: "derivative", Sentence: "dalpha, dsigma and dgamma are the derivatives of alpha, sigma and gamma.", Check: derivatives},
		{Name: "endpoints", Sentence: "The path is noise at t = 0 and data at t = 1: alpha is 1 there, and alpha/sigma never falls on the way.", Check: ends},
		{Name: "pure", Sentence: "A coefficient depends on its time alone, not on the other times of the call, their order, or calls at the same time.", Check: pure},
		{Name: "marginal", Sentence: "The velocity of the marginal stays bounded, which is what makes singular ends harmless.", Check: marginal},
		{Name: "not a number", Sentence: "A time that is not a number is refused.", Check: refusesNaN},
	}
}

func domain(t law.T, p path.Path) {
	if lo, hi := p.Domain(); !(0 <= lo && lo <= 1e-4 && 1-1e-4 <= hi && hi <= 1) {
		t.Fatalf("the domain is [%v, %v]", lo, hi)
	}
}

func refusesNaN(t law.T, p path.Path) {
	if err := p.Coefficients(make([]path.Coef, 2), []float64{0.5, math.NaN()}); err == nil {
		t.Error("a time that is not a number is taken")
	}
}

// grid are times from 0 to 1, close to the ends too.
func grid() []float64 {
	t := []float64{0, 5e-324, 1e-300, 1e-17, 1e-12, 1e-9, 1e-7, 1e-6, 9e-6, 1e-5, 1.1e-5, 1e-4}
	for _, u := range slices.Clone(t) {
		t = append(t, 1-u)
	}
	for i := range 1000 {
		t = append(t, float64(i+1)/1001)
	}
	return t
}

func at(t law.T, p path.Path, times ...float64) []path.Coef {
	t.Helper()
	c := make([]path.Coef, len(times))
	if err := p.Coefficients(c, times); err != nil {
		t.Fatal(err)
	}
	return c
}

func parts(c path.Coef) [6]float64 {
	return [6]float64{c.Alpha, c.Sigma, c.Gamma, c.DAlpha, c.DSigma, c.DGamma}
}

func finite(t law.T, p path.Path) {
	times := append(grid(), math.Inf(-1), math.Inf(1), -3, 7)
	for i, c := range at(t, p, times...) {
		for _, v := range parts(c) {
			if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e7 {
				t.Errorf("at %v: %+v", times[i], c)
			}
		}
		if c.Alpha < 0 || c.Sigma < 0 || c.Gamma < 0 {
			t.Errorf("at %v: a coefficient below zero, %+v", times[i], c)
		}
	}
}

func clamped(t law.T, p path.Path) {
	lo, hi := p.Domain()
	c := at(t, p, lo, math.Inf(-1), -1, 0, lo/2, hi, math.Inf(1), 2, 1, (1+hi)/2)
	for i := range 5 {
		if c[i] != c[0] || c[5+i] != c[5] {
			t.Errorf("outside of the domain: %+v, %+v", c[i], c[5+i])
		}
	}
}

var coefficients = [3]string{"alpha", "sigma", "gamma"}

// derivatives compares with central differences of fourth order, with a step
// that shrinks towards the ends.
func derivatives(t law.T, p path.Path) {
	lo, hi := p.Domain()
	for _, s := range grid() {
		h := min(1e-3, (s-lo)/200, (hi-s)/200)
		if h < 1e-7 {
			continue
		}
		c := at(t, p, s-2*h, s-h, s+h, s+2*h, s)
		a, b, d, e, m := parts(c[0]), parts(c[1]), parts(c[2]), parts(c[3]), parts(c[4])
		for j := range 3 {
			got := (8*(d[j]-b[j]) - (e[j] - a[j])) / (12 * h)
			scale := 1 + math.Abs(m[j+3]) + math.Abs(m[j])
			if math.Abs(got-m[j+3]) > 1e-6*scale+4e-16*math.Abs(m[j])/h*4 {
				t.Errorf("at %v: d%s is %v, differences of %s give %v", s, coefficients[j], m[j+3], coefficients[j], got)
			}
		}
	}
}

// ends checks that noise is most at t = 0 and data is most at t = 1.
func ends(t law.T, p path.Path) {
	lo, hi := p.Domain()
	c := at(t, p, lo, hi)
	if math.Abs(c[1].Alpha+c[1].DAlpha*(1-hi)-1) > 1e-6 {
		t.Errorf("alpha is %v at the data end", c[1].Alpha)
	}
	base, err := path.BaseStd(p)
	if err != nil || !(base > 0) || math.IsInf(base, 1) {
		t.Fatalf("standard deviation of the base is %v, error %v", base, err)
	}
	if lo == 0 {
		if want := math.Hypot(c[0].Sigma, c[0].Gamma); math.Abs(base-want) > 1e-15*want {
			t.Errorf("standard deviation of the base is %v, want %v", base, want)
		}
	}
	if before, after := c[0].Sigma/(c[0].Alpha+c[0].Sigma), c[1].Sigma/(c[1].Alpha+c[1].Sigma); before < 0.5 || after > 0.5 && c[1].Sigma == 0 {
		t.Errorf("the share of noise goes from %v to %v", before, after)
	}
	// The signal-to-noise ratio never falls.
	last := -1.0
	times := grid()
	slices.Sort(times)
	for i, c := range at(t, p, times...) {
		snr := c.Alpha / c.Sigma
		if c.Sigma == 0 {
			snr = math.Inf(1)
		}
		if snr < last {
			t.Errorf("alpha/sigma falls before %v", times[i])
		}
		last = snr
	}
}

// pure asks for the same times in other orders and from many goroutines.
func pure(t law.T, p path.Path) {
	times := grid()
	want := at(t, p, times...)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			c := make([]path.Coef, 1)
			for i := range times {
				j := (i*(2*g+1) + g) % len(times)
				if err := p.Coefficients(c, times[j:j+1]); err != nil || c[0] != want[j] {
					t.Errorf("at %v: %+v in one order, %+v in another, error %v", times[j], want[j], c[0], err)
				}
			}
		})
	}
	wg.Wait()
}

// marginal checks the velocity at x = m of the marginal from N(0, I) to N(0,
// 0.5²), (alpha dalpha 0.25 + sigma dsigma) / (alpha² 0.25 + sigma²).
func marginal(t law.T, p path.Path) {
	times := grid()
	for i, c := range at(t, p, times...) {
		c = c.Marginal()
		v := (c.Alpha*c.DAlpha/4 + c.Sigma*c.DSigma) / (c.Alpha*c.Alpha/4 + c.Sigma*c.Sigma)
		if c.Gamma != 0 || c.DGamma != 0 || !(math.Abs(v) < 100) {
			t.Errorf("at %v: %v with %+v", times[i], v, c)
		}
	}
}
