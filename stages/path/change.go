package path

import (
	"fmt"
	"math"
)

// Change is a change of schedule after training (Lipman et al. 2024, section 4.6;
// Pokle et al. 2024; the scale-time transformation of Kingma et al. 2021): the
// marginals of an affine path To are those of another, From, at another time and
// scaled, so that a field that is trained on From is integrated as if it had been
// trained on To. With alpha, sigma of From at t and bars for To at r,
//
//	alpha/sigma at t = alphabar/sigmabar at r,    s = alphabar/alpha = sigmabar/sigma
//	ubar(x, r) = (ds/s) x + s dt u(x/s, t)        dt, ds = d/dr
//
// It is computed in polar coordinates, alpha = R sin a and sigma = R cos a, where
// nothing is 0/0 at an end:
//
//	a(t) = abar(r),   s = Rbar/R,   dt = abar'/a',   ds/s = Rbar'/Rbar - dt R'/R
//
// Singular ends: times r at which the noise of To is more, or less, than any of From
// are moved to the nearest at which it is not, as times outside of a Domain are. From
// a path that is all noise at t = 0 and all data at t = 1 there are none but
// roundings, and the times before From begins to move, a' below 1e-3 (polynomial):
// their velocity is an error of the network times 1/a'. A path with gamma has the
// coefficients of [Coef.Marginal].
type Change struct {
	From, To Path

	lo, hi float64 // of r
}

// Moment is what a Change says of a time: ubar(x, r) = Rate x + S DT u(x/S, T).
type Moment struct{ T, S, DT, Rate float64 }

// Greatest part of the way that a change may do without at the noise and at the
// data end.
const (
	mostNoise = 0.05
	mostData  = 2e-3
)

// NewChange looks at the ends: an error says that From begins with too much data,
// or ends with too much noise, for To.
func NewChange(from, to Path) (*Change, error) {
	for _, p := range []Path{from, to} {
		if _, ok := SamplerOf(p); ok {
			return nil, fmt.Errorf("path: no change of schedule with a path that is not affine: %w", ErrNotAffine)
		}
	}
	c := &Change{From: from, To: to}
	var err error
	lo, hi := from.Domain()
	tolo, tohi := to.Domain()
	ends, err := moving(from, lo, hi)
	if err != nil {
		return nil, err
	}
	if c.lo, err = invert(to, ends[0], tolo, tohi); err != nil {
		return nil, err
	}
	if c.hi, err = invert(to, ends[1], tolo, tohi); err != nil {
		return nil, err
	}
	switch {
	case c.lo > mostNoise:
		return nil, fmt.Errorf("path: the noise of the new path before t = %.3g is more than any of the path that was trained on", c.lo)
	case c.hi < 1-mostData:
		return nil, fmt.Errorf("path: the noise of the new path after t = %.3g is less than any of the path that was trained on", c.hi)
	}
	return c, nil
}

// moving are the angles at the ends of where a' is at least 1e-3.
func moving(p Path, lo, hi float64) (ends [2]float64, err error) {
	c := make([]Coef, 1)
	for i, end := range []float64{lo, hi} {
		in := (hi - lo) / 2 * float64(1-2*i)
		for away := 0.0; away < 1; away = max(1e-9, away*1.1) {
			if err := p.Coefficients(c, []float64{end + away*in}); err != nil {
				return ends, err
			}
			a, d := polar(c[0].Marginal())
			if ends[i] = a; d >= 1e-3 {
				break
			}
		}
	}
	return ends, nil
}

// polar is a and its derivative.
func polar(c Coef) (a, da float64) {
	return math.Atan2(c.Alpha, c.Sigma), (c.DAlpha*c.Sigma - c.DSigma*c.Alpha) / (c.Alpha*c.Alpha + c.Sigma*c.Sigma)
}

// Distant says whether one of the paths is; see [Distant].
func (c *Change) Distant() bool { return Distant(c.From) || Distant(c.To) }

// At fills m[i] for times r[i] of To.
func (c *Change) At(m []Moment, r []float64) error {
	if len(m) != len(r) {
		panic("path: moments and times differ in number")
	}
	n := len(r)
	inner, coef, t := make([]float64, n), make([]Coef, n), make([]float64, n)
	for i, r := range r {
		inner[i] = min(max(r, c.lo), c.hi)
		if r != r {
			inner[i] = r
		}
	}
	if err := c.To.Coefficients(coef, inner); err != nil {
		return err
	}
	a, da := make([]float64, n), make([]float64, n)
	for i := range coef {
		bar := coef[i].Marginal()
		a[i], da[i] = polar(bar)
		square := bar.Alpha*bar.Alpha + bar.Sigma*bar.Sigma
		m[i] = Moment{S: math.Sqrt(square), Rate: (bar.Alpha*bar.DAlpha + bar.Sigma*bar.DSigma) / square}
	}
	lo, hi := c.From.Domain()
	if err := invertAll(c.From, t, a, coef, lo, hi); err != nil {
		return err
	}
	for i := range coef {
		own := coef[i].Marginal()
		_, d := polar(own)
		square := own.Alpha*own.Alpha + own.Sigma*own.Sigma
		dt := da[i] / d
		m[i].T, m[i].DT = t[i], dt
		m[i].S /= math.Sqrt(square)
		m[i].Rate -= dt * (own.Alpha*own.DAlpha + own.Sigma*own.DSigma) / square
	}
	return nil
}

func invert(p Path, a, lo, hi float64) (float64, error) {
	t := make([]float64, 1)
	err := invertAll(p, t, []float64{a}, make([]Coef, 1), lo, hi)
	return t[0], err
}

// invertAll finds the times t in [lo, hi] at which p has the angles a, by Newton's
// method within a bracket, and leaves the coefficients there in c. All times are
// asked for at once; each stays where it is once it moves by no more than its
// rounding, so that it does not depend on the others.
func invertAll(p Path, t, a []float64, c []Coef, lo, hi float64) error {
	n := len(t)
	los, his, found := make([]float64, n), make([]float64, n), make([]bool, n)
	for i := range t {
		los[i], his[i] = lo, hi
		t[i] = min(max(a[i]/(math.Pi/2), lo), hi)
	}
	for range 200 {
		if err := p.Coefficients(c, t); err != nil {
			return err
		}
		moved := false
		for i := range t {
			if found[i] {
				continue
			}
			at, d := polar(c[i].Marginal())
			if at < a[i] {
				los[i] = t[i]
			} else {
				his[i] = t[i]
			}
			next := t[i] - (at-a[i])/d
			if !(los[i] <= next && next <= his[i]) {
				next = los[i] + (his[i]-los[i])/2
			}
			found[i] = math.Abs(next-t[i]) <= 2e-16*math.Abs(t[i])
			moved = moved || !found[i]
			t[i] = next
		}
		if !moved {
			break
		}
	}
	return p.Coefficients(c, t)
}
