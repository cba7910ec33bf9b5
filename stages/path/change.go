package path

import (
	"fmt"
	"math"
	"sync"
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

	lo, hi float64   // of r
	work   sync.Pool // of *inversion
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
	w, _ := c.work.Get().(*inversion)
	if w == nil {
		w = &inversion{}
	}
	defer c.work.Put(w)
	w.resize(len(r))
	for i, r := range r {
		w.t[i] = min(max(r, c.lo), c.hi)
		if r != r {
			w.t[i] = r
		}
	}
	if err := c.To.Coefficients(w.coef, w.t); err != nil {
		return err
	}
	for i := range w.coef {
		bar := w.coef[i].Marginal()
		w.a[i], w.da[i] = polar(bar)
		square := bar.Alpha*bar.Alpha + bar.Sigma*bar.Sigma
		m[i] = Moment{S: math.Sqrt(square), Rate: (bar.Alpha*bar.DAlpha + bar.Sigma*bar.DSigma) / square}
	}
	lo, hi := c.From.Domain()
	if err := w.invert(c.From, lo, hi); err != nil {
		return err
	}
	for i := range w.coef {
		own := w.coef[i].Marginal()
		_, d := polar(own)
		square := own.Alpha*own.Alpha + own.Sigma*own.Sigma
		dt := w.da[i] / d
		m[i].T, m[i].DT = w.t[i], dt
		m[i].S /= math.Sqrt(square)
		m[i].Rate -= dt * (own.Alpha*own.DAlpha + own.Sigma*own.DSigma) / square
	}
	return nil
}

func invert(p Path, a, lo, hi float64) (float64, error) {
	w := &inversion{}
	w.resize(1)
	w.a[0] = a
	err := w.invert(p, lo, hi)
	return w.t[0], err
}

// inversion is the memory of invert.
type inversion struct {
	t, a, da []float64
	coef     []Coef // at t
	live     []search
	asked    []float64 // the times of live
	answered []Coef
}

// search is one time that is not found yet, of those between lo and hi.
type search struct {
	i      int
	lo, hi float64
}

func (w *inversion) resize(n int) {
	if cap(w.t) < n {
		w.t, w.a, w.da, w.asked = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		w.coef, w.answered, w.live = make([]Coef, n), make([]Coef, n), make([]search, 0, n)
	}
	w.t, w.a, w.da, w.coef = w.t[:n], w.a[:n], w.da[:n], w.coef[:n]
}

// invert finds the times t in [lo, hi] at which p has the angles a, by Newton's
// method within a bracket, and leaves the coefficients there in coef. All times that
// are not found are asked for at once; one is found when it moves by no more than its
// rounding, so that it does not depend on the others.
func (w *inversion) invert(p Path, lo, hi float64) error {
	w.live = w.live[:0]
	for i, a := range w.a {
		w.t[i] = min(max(a/(math.Pi/2), lo), hi)
		w.live = append(w.live, search{i, lo, hi})
	}
	for round := 0; round < 200 && len(w.live) > 0; round++ {
		n := len(w.live)
		for k, s := range w.live {
			w.asked[k] = w.t[s.i]
		}
		if err := p.Coefficients(w.answered[:n], w.asked[:n]); err != nil {
			return err
		}
		left := w.live[:0]
		for k, s := range w.live {
			t, a := w.t[s.i], w.a[s.i]
			at, d := polar(w.answered[k].Marginal())
			if at < a {
				s.lo = t
			} else {
				s.hi = t
			}
			next := t - (at-a)/d
			if !(s.lo <= next && next <= s.hi) {
				next = s.lo + (s.hi-s.lo)/2
			}
			if at == a {
				next = t
			}
			// By two roundings: neighbours would take turns for ever.
			if math.Abs(next-t) > 4.5e-16*math.Abs(t) {
				left = append(left, s)
			}
			w.t[s.i] = next
		}
		w.live = left
	}
	return p.Coefficients(w.coef, w.t)
}
