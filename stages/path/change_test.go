package path_test

import (
	"errors"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/path"
)

// velocityOf is the marginal velocity of N(2, 0.5²) at x with coefficients c.
func velocityOf(c path.Coef, x float64) float64 {
	const m, s2 = 2, 0.25
	v := c.Alpha*c.Alpha*s2 + c.Sigma*c.Sigma
	return c.DAlpha*m + (c.Alpha*c.DAlpha*s2+c.Sigma*c.DSigma)/v*(x-c.Alpha*m)
}

func at(t *testing.T, p path.Path, r float64) path.Coef {
	t.Helper()
	var c [1]path.Coef
	if err := p.Coefficients(c[:], []float64{r}); err != nil {
		t.Fatal(err)
	}
	return c[0].Marginal()
}

// TestChangeGolden compares with figures of flow_matching's definition, computed in
// float64 for a flow that is trained on the straight path.
func TestChangeGolden(t *testing.T) {
	vp, err := path.NewVP(0.1, 20)
	if err != nil {
		t.Fatal(err)
	}
	const none = 0
	for _, c := range []struct {
		to                  path.Path
		r, t, s, dt, ds, ub float64
	}{
		{path.Cosine{}, 0.3, 0.337540151884, 1.34499702393, 0.868314853691, 0.686463165955, 2.9164153382},
		{path.Cosine{}, 0.7, none, none, none, none, 2.70074285438},
		{vp, 0.3, 0.0780472469722, 1.08078854098, none, none, 1.16347047262},
		{vp, 0.7, none, none, none, none, 4.53911154874},
		{path.LinearVP{}, 0.3, none, none, none, none, 1.97587131367},
	} {
		change, err := path.NewChange(path.CondOT{}, c.to)
		if err != nil {
			t.Fatal(err)
		}
		var m [1]path.Moment
		if err := change.At(m[:], []float64{c.r}); err != nil {
			t.Fatal(err)
		}
		const x = 0.7
		ub := m[0].Rate*x + m[0].S*m[0].DT*velocityOf(at(t, path.CondOT{}, m[0].T), x/m[0].S)
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"t", m[0].T, c.t}, {"s", m[0].S, c.s}, {"dt", m[0].DT, c.dt}, {"ds", m[0].Rate * m[0].S, c.ds}, {"velocity", ub, c.ub}} {
			if v.want != none && math.Abs(v.got/v.want-1) > 5e-12 {
				t.Errorf("%T at %v: %s is %.12g, want %.12g", c.to, c.r, v.name, v.got, v.want)
			}
		}
	}
}

// TestChanges: the velocity of every affine path is that of every other one,
// changed; and where a change is at its ends it is finite and near to it.
func TestChanges(t *testing.T) {
	pairs, refused := 0, 0
	for _, from := range paths {
		for _, to := range paths {
			change, err := path.NewChange(from.path, to.path)
			if err != nil {
				refused++
				continue
			}
			pairs++
			r := []float64{0, 1e-9, 0.003, 0.06, 0.1, 0.3, 0.5, 0.77, 0.9, 0.99, 1 - 1e-9, 1}
			m := make([]path.Moment, len(r))
			if err := change.At(m, r); err != nil {
				t.Fatal(err)
			}
			for i, r := range r {
				for _, x := range []float64{-1, 0.7, 2} {
					c := at(t, to.path, r)
					x *= c.Sigma + c.Alpha // where there are rows
					want := velocityOf(c, x)
					got := m[i].Rate*x + m[i].S*m[i].DT*velocityOf(at(t, from.path, m[i].T), x/m[i].S)
					size := 1 + math.Abs(want) + math.Abs(m[i].Rate*x)
					tol := 1e-9 * size
					if r < 0.06 || r > 0.99 { // within reach of where the ends are cut off
						tol = 0.2 * size
					}
					if !(math.Abs(got-want) <= tol) {
						t.Errorf("%s to %s at %v: velocity %v, want %v", from.name, to.name, r, got, want)
					}
				}
			}
		}
	}
	if pairs < 60 || refused == 0 {
		t.Errorf("%d changes, %d refused", pairs, refused)
	}
}

// TestChangeRefuses: a path that keeps noise at its end does not lead to the data
// of one that does not, and one that is not affine to none.
func TestChangeRefuses(t *testing.T) {
	if _, err := path.NewChange(path.ICFM{Sigma: 0.1}, path.CondOT{}); err == nil {
		t.Error("icfm with noise 0.1 is changed to one that ends without")
	}
	if _, err := path.NewChange(path.VE{SigmaMin: 0.001, SigmaMax: 5}, path.CondOT{}); err == nil {
		t.Error("ve that begins with noise 5 is changed to one that begins with noise alone")
	}
	if _, err := path.NewChange(path.CondOT{}, curved{}); !errors.Is(err, path.ErrNotAffine) {
		t.Error(err)
	}
	c, err := path.NewChange(path.CondOT{}, path.Cosine{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.At(make([]path.Moment, 1), []float64{math.NaN()}); err == nil {
		t.Error("a time that is not a number is taken")
	}
}

type curved struct{ path.Curved }

func (curved) Sample(xt, ut, x0, x1 []float32, t []float64, rows, dim int) error { return nil }

// TestChangeIsPure: what a change says of a time does not depend on the others.
func TestChangeIsPure(t *testing.T) {
	for _, from := range paths {
		for _, to := range paths {
			change, err := path.NewChange(from.path, to.path)
			if err != nil {
				continue
			}
			r := make([]float64, 200)
			for i := range r {
				r[i] = float64(i*i%199) / 198
			}
			all, one := make([]path.Moment, len(r)), make([]path.Moment, 1)
			if err := change.At(all, r); err != nil {
				t.Fatal(err)
			}
			for i := range r {
				if err := change.At(one, r[i:i+1]); err != nil || one[0] != all[i] {
					t.Fatalf("%s to %s at %v: %+v alone, %+v among others, %v", from.name, to.name, r[i], one[0], all[i], err)
				}
			}
		}
	}
}

// counted counts the times that a path is asked for.
type counted struct {
	path.Path
	times *int
}

func (c counted) Coefficients(to []path.Coef, t []float64) error {
	*c.times += len(t)
	return c.Path.Coefficients(to, t)
}

// TestChangeCosts: a warm change takes no memory, and finds a time in a few steps of
// Newton's method. Roundings of a path near its ends cost some more.
func TestChangeCosts(t *testing.T) {
	for _, from := range paths {
		for _, to := range paths {
			times := 0
			change, err := path.NewChange(counted{from.path, &times}, to.path)
			if err != nil {
				continue
			}
			r := make([]float64, 60)
			for i := range r {
				r[i] = (float64(i) + 0.5) / 60
			}
			m := make([]path.Moment, len(r))
			times = 0
			if err := change.At(m, r); err != nil {
				t.Fatal(err)
			}
			if each := float64(times) / float64(len(r)); each > 25 {
				t.Errorf("%s to %s: a time is looked for %.1f times", from.name, to.name, each)
			}
			if raceEnabled {
				continue // sync.Pool drops memory at random
			}
			if n := testing.AllocsPerRun(2, func() { _ = change.At(m, r) }); n >= 1 {
				t.Errorf("%s to %s: %v allocations", from.name, to.name, n)
			}
		}
	}
}

// TestHasScore: the score of paths is cut off at the data, and where nothing moves.
func TestHasScore(t *testing.T) {
	for _, c := range []struct {
		p    path.Path
		t    float64
		want bool
	}{{path.CondOT{}, 0, true}, {path.CondOT{}, 0.5, true}, {path.CondOT{}, 1, false}, {path.Polynomial{N: 3}, 0.001, false}, {path.Polynomial{N: 3}, 0.5, true}} {
		if got := path.HasScore(at(t, c.p, c.t)); got != c.want {
			t.Errorf("%T at %v: %v", c.p, c.t, got)
		}
	}
}
