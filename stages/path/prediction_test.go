package path_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pathline/pathline/stages/path"
)

// rows are 50 random rows of three columns along a path, times first to last.
type rows struct {
	c              []path.Coef
	x0, x1, e      []float32
	xt, ut         []float32
	data, noise, v []float32 // regression targets
}

func draw(t *testing.T, p path.Path) rows {
	const n, d = 50, 3
	g := rand.New(rand.NewPCG(1, 2))
	times := make([]float64, n)
	for i := range times {
		times[i] = 0.2 + 0.75*float64(i)/(n-1) // away from the ends of Convert
	}
	r := rows{c: make([]path.Coef, n)}
	if err := p.Coefficients(r.c, times); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*[]float32{&r.x0, &r.x1, &r.e, &r.xt, &r.ut, &r.data, &r.noise, &r.v} {
		*s = make([]float32, n*d)
		for i := range *s {
			(*s)[i] = float32(g.NormFloat64())
		}
	}
	path.Interpolate(r.xt, r.ut, r.c, r.x0, r.x1, r.e, n, d)
	path.Data.Write(r.data, r.c, r.x0, r.x1, r.e, n, d)
	path.Noise.Write(r.noise, r.c, r.x0, r.x1, r.e, n, d)
	path.Velocity.Write(r.v, r.c, r.x0, r.x1, r.e, n, d)
	return r
}

// TestInterpolate checks x_t and u_t against the definition in float64, and that
// u_t is the slope of x_t with the ends held.
func TestInterpolate(t *testing.T) {
	for _, c := range paths {
		r := draw(t, c.path)
		for i := range r.xt {
			c, x1, x0, e := r.c[i/3], float64(r.x1[i]), float64(r.x0[i]), float64(r.e[i])
			xt, ut := c.Alpha*x1+c.Sigma*x0+c.Gamma*e, c.DAlpha*x1+c.DSigma*x0+c.DGamma*e
			size := c.Sigma + math.Abs(c.DSigma) + math.Abs(c.DAlpha) + math.Abs(c.DGamma) + 2
			if math.Abs(float64(r.xt[i])-xt) > 1e-6*size || math.Abs(float64(r.ut[i])-ut) > 1e-6*size {
				t.Fatalf("element %d: %v, %v; want %v, %v", i, r.xt[i], r.ut[i], xt, ut)
			}
			if r.v[i] != r.ut[i] || r.data[i] != r.x1[i] {
				t.Fatalf("element %d: targets %v, %v", i, r.v[i], r.data[i])
			}
		}
		path.Interpolate(r.v, nil, r.c, r.x0, r.x1, r.e, 50, 3)
		for i := range r.v {
			if r.v[i] != r.xt[i] {
				t.Fatal("x_t depends on whether u_t is asked for")
			}
		}
	}
}

// TestConvert checks, on a path without gamma, that every prediction made exact
// gives every other exactly.
func TestConvert(t *testing.T) {
	for _, c := range paths {
		r := draw(t, c.path)
		if r.c[0].Gamma != 0 {
			continue
		}
		is := map[path.Prediction][]float32{path.Velocity: r.ut, path.Data: r.x1, path.Noise: r.x0}
		for from := range is {
			for to := range is {
				for i := range r.xt {
					a, b := path.Convert(r.c[i/3], from, to)
					got, want := a*float64(r.xt[i])+b*float64(is[from][i]), float64(is[to][i])
					size := 1 + math.Abs(a)*(1+r.c[i/3].Sigma) + math.Abs(b)*math.Abs(float64(is[from][i]))
					if math.Abs(got-want) > 2e-6*size {
						t.Fatalf("%s: %v to %v with %+v: %v, want %v", c.name, from, to, r.c[i/3], got, want)
					}
				}
			}
		}
	}
}

// TestMarginalVelocity checks Convert and Score, with gamma too, where data are
// N(0, s²): the exact predictions E[x1|x], E[noise|x] and the exact velocity are
// linear in x with known factors.
func TestMarginalVelocity(t *testing.T) {
	const s2 = 0.49
	for _, c := range paths {
		for _, c := range draw(t, c.path).c {
			n2 := c.Sigma*c.Sigma + c.Gamma*c.Gamma
			v := c.Alpha*c.Alpha*s2 + n2
			exact := map[path.Prediction]float64{
				path.Velocity: (c.Alpha*c.DAlpha*s2 + c.Sigma*c.DSigma + c.Gamma*c.DGamma) / v,
				path.Data:     c.Alpha * s2 / v,
				path.Noise:    math.Sqrt(n2) / v,
			}
			for from, f := range exact {
				for to, want := range exact {
					a, b := path.Convert(c, from, to)
					if got := a + b*f; math.Abs(got-want) > 1e-12*(1+math.Abs(a)+math.Abs(b*f)) {
						t.Fatalf("%v to %v with %+v: %v, want %v", from, to, c, got, want)
					}
				}
			}
			a, b := path.Score(c)
			if got := a + b*exact[path.Velocity]; math.Abs(got+1/v) > 1e-11*(1+math.Abs(a)) && c.Sigma > 1e-2 {
				t.Fatalf("score with %+v: %v, want %v", c, got, -1/v)
			}
		}
	}
}

// TestConvertAtSingularEnds checks the stated policy: finite, and no error of a
// network multiplied by more than 1000 times the size of the derivatives.
func TestConvertAtSingularEnds(t *testing.T) {
	all := []path.Prediction{path.Velocity, path.Data, path.Noise}
	for _, p := range paths {
		var cs [4]path.Coef
		if err := p.path.Coefficients(cs[:], []float64{0, 1e-7, 1 - 1e-7, 1}); err != nil {
			t.Fatal(err)
		}
		for _, c := range cs {
			m := c.Marginal()
			size := (1 + math.Abs(m.DAlpha) + math.Abs(m.DSigma)) * (1 + m.Sigma)
			for _, from := range all {
				for _, to := range all {
					a, b := path.Convert(c, from, to)
					if !(math.Abs(a) <= 1001*size && math.Abs(b) <= 1001*size) {
						t.Errorf("%s: %v to %v with %+v: %v, %v", p.name, from, to, c, a, b)
					}
				}
			}
		}
	}
	if _, b := path.Convert(path.Coef{Alpha: -1e-9, Sigma: 1}, path.Noise, path.Data); b != 1000 {
		t.Errorf("a divisor below zero changes its sign: %v", b)
	}
	// The stated price on the straight path: half of 1e-3 of the way.
	lost := 0.0
	for i := range 2000 {
		at := (float64(i) + 0.5) / 2000 * 2e-3
		x1, x0 := 3.0, 1.0
		a, b := path.Convert(path.Coef{Alpha: at, Sigma: 1 - at, DAlpha: 1, DSigma: -1}, path.Noise, path.Velocity)
		lost += (x1 - x0 - (a*(at*x1+(1-at)*x0) + b*x0)) * 2e-3 / 2000
	}
	if math.Abs(lost/(2*1e-3/2)-1) > 1e-3 {
		t.Errorf("lost %v of the way", lost)
	}
}

func TestParsePrediction(t *testing.T) {
	for _, p := range []path.Prediction{path.Velocity, path.Data, path.Noise} {
		if got, err := path.ParsePrediction(p.String()); err != nil || got != p {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := path.ParsePrediction("speed"); err == nil {
		t.Error("no error")
	}
}

// TestConvertIsInverted: there and back again is the identity, between every two
// predictions and on every path, wherever no divisor is cut off; where one is, the
// way back gives at most what there was, never more.
func TestConvertIsInverted(t *testing.T) {
	all := []path.Prediction{path.Velocity, path.Data, path.Noise}
	for _, p := range paths {
		times := []float64{0, 1e-12, 1e-7, 1e-3, 0.05, 0.3, 0.5, 0.8, 0.95, 1 - 1e-3, 1 - 1e-7, 1}
		cs := make([]path.Coef, len(times))
		if err := p.path.Coefficients(cs, times); err != nil {
			t.Fatal(err)
		}
		whole := 0
		for i, c := range cs {
			m := c.Marginal()
			d := math.Abs(m.DAlpha*m.Sigma - m.DSigma*m.Alpha)
			cut := m.Alpha < 1e-3 || m.Sigma < 1e-3 || d < 1e-3
			for _, from := range all {
				for _, to := range all {
					x1, p1 := path.Convert(c, from, to)
					x2, p2 := path.Convert(c, to, from)
					if cut {
						if math.Abs(p1*p2) > 1+1e-12 {
							t.Errorf("%s at %v: %v to %v and back multiplies by %v", p.name, times[i], from, to, p1*p2)
						}
						continue
					}
					whole++
					if math.Abs(p1*p2-1) > 1e-11 || math.Abs(x2+p2*x1) > 1e-11*(1+math.Abs(x2)) {
						t.Errorf("%s at %v: %v to %v and back is %v x + %v", p.name, times[i], from, to, x2+p2*x1, p1*p2)
					}
				}
			}
		}
		if whole < 5*9 {
			t.Errorf("%s: the divisors are cut off nearly everywhere", p.name)
		}
	}
}
