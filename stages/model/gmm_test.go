package model_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/model/modeltest"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
)

// curvePath is a path given by its coefficients, so that these tests rest on
// no implementation of one.
type curvePath func(t float64) path.Coef

func (p curvePath) Coefficients(c []path.Coef, t []float64) error {
	for i := range t {
		c[i] = p(t[i])
	}
	return nil
}

func (p curvePath) Domain() (lo, hi float64) { return 0, 1 }

func straight(t float64) path.Coef {
	return path.Coef{Alpha: t, Sigma: 1 - t, DAlpha: 1, DSigma: -1}
}

func trigonometric(t float64) path.Coef {
	sin, cos := math.Sincos(math.Pi / 2 * t)
	return path.Coef{Alpha: sin, Sigma: cos, DAlpha: math.Pi / 2 * cos, DSigma: -math.Pi / 2 * sin}
}

// shifted has data at t = 0 already, noise at t = 1 still, and a bridge's
// second noise.
func shifted(t float64) path.Coef {
	return path.Coef{
		Alpha: 0.2 + 0.8*t, DAlpha: 0.8,
		Sigma: 1.5 - 1.2*t*t, DSigma: -2.4 * t,
		Gamma: 0.3 + t*(1-t), DGamma: 1 - 2*t,
	}
}

var curves = map[string]curvePath{"straight": straight, "trigonometric": trigonometric, "shifted": shifted}

// mixtures are one of each way to write covariances.
var mixtures = map[string]model.GMMConfig{
	"one dimension": {Weights: []float64{0.3, 0.7}, Means: [][]float64{{-2}, {1.5}}, Std: []float64{0.5, 0.4}},
	"round":         {Means: [][]float64{{-2, 0}, {1.5, 1}, {0, -1}}, Std: []float64{0.5, 0.4, 1}},
	"tilted": {Columns: []string{"a", "b"}, Weights: []float64{1, 2}, Means: [][]float64{{-1, 0.5}, {1.5, -1}},
		Covariances: [][][]float64{{{1, 0.6}, {0.6, 0.5}}, {{0.3, -0.1}, {-0.1, 0.8}}}},
	"three dimensions": {Weights: []float64{3, 1}, Means: [][]float64{{-1, 0.5, 0}, {1, -1, 2}},
		Covariances: [][][]float64{{{1, 0.6, 0.1}, {0.6, 0.5, 0}, {0.1, 0, 2}}, {{0.3, 0, 0}, {0, 0.8, 0}, {0, 0, 0.1}}}},
}

func eachMixture(t *testing.T, f func(t *testing.T, c model.GMMConfig, p curvePath, g *model.GMM)) {
	for name, c := range mixtures {
		for curve, p := range curves {
			t.Run(name+"/"+curve, func(t *testing.T) { f(t, c, p, mixture(t, c, p)) })
		}
	}
}

func mixture(t testing.TB, c model.GMMConfig, p path.Path) *model.GMM {
	g, err := model.NewGMM(c, p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGMMLaws(t *testing.T) {
	eachMixture(t, func(t *testing.T, _ model.GMMConfig, _ curvePath, g *model.GMM) {
		modeltest.Test(t, model.Field[float64](g))
	})
}

// density is log p_t(x) by Cholesky factors of each component's covariance:
// another way than the eigenbasis.
func density(c model.GMMConfig, k path.Coef, x []float64) float64 {
	d := len(x)
	var p, total float64
	for i, mean := range c.Means {
		w := 1.0
		if c.Weights != nil {
			w = c.Weights[i]
		}
		total += w
		s := mat.NewSymDense(d, nil)
		for a := range d {
			for b := range a + 1 {
				v := 0.0
				if c.Std != nil && a == b {
					v = c.Std[i] * c.Std[i]
				} else if c.Std == nil {
					v = c.Covariances[i][a][b]
				}
				v *= k.Alpha * k.Alpha
				if a == b {
					v += k.Sigma*k.Sigma + k.Gamma*k.Gamma
				}
				s.SetSym(a, b, v)
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(s) {
			panic("not positive definite")
		}
		y, z := mat.NewVecDense(d, nil), mat.NewVecDense(d, nil)
		for j := range d {
			y.SetVec(j, x[j]-k.Alpha*mean[j])
		}
		if err := chol.SolveVecTo(z, y); err != nil {
			panic(err)
		}
		p += w * math.Exp(-0.5*(mat.Dot(y, z)+chol.LogDet()+float64(d)*math.Log(2*math.Pi)))
	}
	return math.Log(p / total)
}

func TestGMMDensity(t *testing.T) {
	eachMixture(t, func(t *testing.T, c model.GMMConfig, p curvePath, g *model.GMM) {
		const rows = 50
		ts, x, logp := points(g.Dim(), rows)
		if err := g.LogDensity(logp, ts, x, rows); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			row := x[r*g.Dim() : (r+1)*g.Dim()]
			if want := density(c, p(ts[r]), row); math.Abs(logp[r]-want) > 1e-11*(1+math.Abs(want)) {
				t.Errorf("t = %v: log density %v, want %v", ts[r], logp[r], want)
			}
		}
		g.LogProb(logp, x, rows)
		for r := range rows {
			row := x[r*g.Dim() : (r+1)*g.Dim()]
			if want := density(c, p(0), row); math.Abs(logp[r]-want) > 1e-11*(1+math.Abs(want)) {
				t.Errorf("LogProb %v, want %v", logp[r], want)
			}
		}
	})
}

// points are rows within a few units of the origin, at times in [0.05, 0.95].
func points(d, rows int) (t, x, logp []float64) {
	key := random.NewKey(5, "test", "points")
	t, x, logp = make([]float64, rows), make([]float64, rows*d), make([]float64, rows)
	key.Uniforms(t, 0, 0)
	for i := range t {
		t[i] = 0.05 + 0.9*t[i]
	}
	key.Normals64(x, 0, 1)
	for i := range x {
		x[i] *= 1.5
	}
	return t, x, logp
}

// TestGMMContinuity: d/dt log p_t + div v + v·grad log p_t = 0, with the
// derivatives of log p_t by central differences of the other density. This
// fixes v up to fields that carry no mass; along a line, wholly.
func TestGMMContinuity(t *testing.T) {
	eachMixture(t, func(t *testing.T, c model.GMMConfig, p curvePath, g *model.GMM) {
		const rows, h = 30, 1e-3
		d := g.Dim()
		ts, x, div := points(d, rows)
		v := make([]float64, rows*d)
		if err := g.Divergence(context.Background(), v, div, ts, x, nil, rows, 0); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			row := slices.Clone(x[r*d : (r+1)*d])
			residual := div[r] + difference(h, func(e float64) float64 { return density(c, p(ts[r]+e), row) })
			scale := 1 + math.Abs(div[r])
			for j := range d {
				keep := row[j]
				term := v[r*d+j] * difference(h, func(e float64) float64 {
					row[j] = keep + e
					defer func() { row[j] = keep }()
					return density(c, p(ts[r]), row)
				})
				residual, scale = residual+term, scale+math.Abs(term)
			}
			if math.Abs(residual) > 1e-7*scale {
				t.Errorf("t = %.3f, x = %.3f: residual %.3g of terms %.3g", ts[r], row, residual, scale)
			}
		}
	})
}

// difference is f'(0) to fourth order.
func difference(h float64, f func(e float64) float64) float64 {
	return (8*(f(h)-f(-h)) - (f(2*h) - f(-2*h))) / (12 * h)
}

// TestGMMConditional: v is E[x_t' | x_t = x], written out with 2x2 inverses. The
// continuity equation alone would allow other fields in two dimensions.
func TestGMMConditional(t *testing.T) {
	c := mixtures["tilted"]
	for name, p := range curves {
		g, k := mixture(t, c, p), p(0.4)
		x := []float64{0.3, -0.2}
		// With z = S_t^-1 (x - a mu), a component has E[x1 | x] = mu + a S z,
		// E[x0 | x] = sigma z and E[e | x] = gamma z.
		want := []float64{0, 0}
		var total float64
		for i, mean := range c.Means {
			var sx [3]float64 // a² S + sigma² + gamma²: xx, xy, yy
			s := c.Covariances[i]
			b, a2 := k.Sigma*k.Sigma+k.Gamma*k.Gamma, k.Alpha*k.Alpha
			sx[0], sx[1], sx[2] = a2*s[0][0]+b, a2*s[0][1], a2*s[1][1]+b
			det := sx[0]*sx[2] - sx[1]*sx[1]
			y0, y1 := x[0]-k.Alpha*mean[0], x[1]-k.Alpha*mean[1]
			z0, z1 := (sx[2]*y0-sx[1]*y1)/det, (sx[0]*y1-sx[1]*y0)/det
			r := c.Weights[i] / math.Sqrt(det) * math.Exp(-0.5*(y0*z0+y1*z1))
			total += r
			noise := k.Sigma*k.DSigma + k.Gamma*k.DGamma
			want[0] += r * (k.DAlpha*(mean[0]+k.Alpha*(s[0][0]*z0+s[0][1]*z1)) + noise*z0)
			want[1] += r * (k.DAlpha*(mean[1]+k.Alpha*(s[1][0]*z0+s[1][1]*z1)) + noise*z1)
		}
		v := make([]float64, 2)
		if err := g.Eval(context.Background(), v, []float64{0.4}, x, 1); err != nil {
			t.Fatal(err)
		}
		for j := range v {
			if math.Abs(v[j]-want[j]/total) > 1e-12 {
				t.Errorf("%s: v = %v, conditional mean %v", name, v[j], want[j]/total)
			}
		}
	}
}

// rungeKutta takes x, and the integral of the divergence along the way, from
// t0 to t1 in n classical steps of order four.
func rungeKutta(t *testing.T, f model.Field[float64], x []float64, rows int, t0, t1 float64, n int) (integral []float64) {
	d := f.Dim()
	q := make([]float64, rows)
	k, dq := [4][]float64{}, [4][]float64{}
	for i := range k {
		k[i], dq[i] = make([]float64, rows*d), make([]float64, rows)
	}
	at, xi := make([]float64, rows), make([]float64, rows*d)
	h := (t1 - t0) / float64(n)
	for step := range n {
		for i, c := range []float64{0, 0.5, 0.5, 1} {
			for r := range at {
				at[r] = t0 + h*(float64(step)+c)
			}
			copy(xi, x)
			if i > 0 {
				for j := range xi {
					xi[j] += c * h * k[i-1][j]
				}
			}
			if err := f.Divergence(context.Background(), k[i], dq[i], at, xi, nil, rows, 0); err != nil {
				t.Fatal(err)
			}
		}
		for j := range x {
			x[j] += h / 6 * (k[0][j] + 2*k[1][j] + 2*k[2][j] + k[3][j])
		}
		for r := range q {
			q[r] += h / 6 * (dq[0][r] + 2*dq[1][r] + 2*dq[2][r] + dq[3][r])
		}
	}
	return q
}

// TestGMMQuantile: in one dimension the flow is monotone and x(1) is the
// quantile of the data at the probability of x0.
func TestGMMQuantile(t *testing.T) {
	x := []float64{-2, -1, -.5, 0, .3, 1, 2}
	want := []float64{-2.7168330926, -1.9638092501, 0.5996474616, 1.2736204712, 1.4539360232, 1.7999694362, 2.2381022096}
	rungeKutta(t, mixture(t, mixtures["one dimension"], curvePath(straight)), x, len(x), 0, 1, 2000)
	for i := range x {
		if math.Abs(x[i]-want[i]) > 1e-8 {
			t.Errorf("end point %d: %.11f, want %.10f", i, x[i], want[i])
		}
	}
}

// TestGMMLikelihood: log p1(x) = log p0(x(0)) - integral of the divergence.
func TestGMMLikelihood(t *testing.T) {
	for name, p := range curves {
		g := mixture(t, mixtures["tilted"], p)
		const rows = 12
		_, x, want := points(2, rows)
		ones := slices.Repeat([]float64{1}, rows)
		if err := g.LogDensity(want, ones, x, rows); err != nil {
			t.Fatal(err)
		}
		back := rungeKutta(t, g, x, rows, 1, 0, 800) // minus the integral from 0 to 1
		logp := make([]float64, rows)
		g.LogProb(logp, x, rows)
		for r := range rows {
			if got := logp[r] + back[r]; math.Abs(got-want[r]) > 1e-8 {
				t.Errorf("%s: row %d: log p %.10f, closed form %.10f", name, r, got, want[r])
			}
		}
	}
}

// TestGMMTails: far away values stay finite as long as x is, and the nearest
// component in units of its spread leads.
func TestGMMTails(t *testing.T) {
	g := mixture(t, mixtures["one dimension"], curvePath(straight))
	for _, x := range []float64{1e3, -1e8, 1e100, -1e160, 1e300} {
		v, div, logp := make([]float64, 1), make([]float64, 1), make([]float64, 1)
		if err := g.Divergence(context.Background(), v, div, []float64{0.5}, []float64{x}, nil, 1, 0); err != nil {
			t.Fatal(err)
		}
		if err := g.LogDensity(logp, []float64{0.5}, []float64{x}, 1); err != nil {
			t.Fatal(err)
		}
		// The component with the wider marginal wins: std 0.5, mean -2.
		rate := (0.5*0.25 - 0.5) / (0.25*0.25 + 0.25)
		if want := -2 + rate*(x+1); math.Abs(v[0]-want) > 1e-12*math.Abs(want) || math.Abs(div[0]-rate) > 1e-9 {
			t.Errorf("x = %g: v %g, want %g; divergence %g, want %g", x, v[0], want, div[0], rate)
		}
		if math.IsNaN(logp[0]) || logp[0] > -1e4 {
			t.Errorf("x = %g: log density %g", x, logp[0])
		}
	}
	v := make([]float64, 1)
	if err := g.Eval(context.Background(), v, []float64{0.5}, []float64{math.NaN()}, 1); err != nil || !math.IsNaN(v[0]) {
		t.Errorf("v of NaN is %v, %v", v[0], err)
	}
}

// TestGMMSample: moments of the base within five standard errors, and a row's
// draw is its own.
func TestGMMSample(t *testing.T) {
	c := mixtures["tilted"]
	g := mixture(t, c, curvePath(shifted))
	const n = 40000
	key, k := random.NewKey(2, "test", "base"), shifted(0)
	x := make([]float64, 2*n)
	g.Sample(x, key, 0, n)
	var mean [2]float64
	var second [3]float64 // E[x0²], E[x0 x1], E[x1²]
	for i, m := range c.Means {
		w := c.Weights[i] / 3
		s, b := c.Covariances[i], k.Sigma*k.Sigma+k.Gamma*k.Gamma
		a0, a1 := k.Alpha*m[0], k.Alpha*m[1]
		mean[0], mean[1] = mean[0]+w*a0, mean[1]+w*a1
		second[0] += w * (a0*a0 + k.Alpha*k.Alpha*s[0][0] + b)
		second[1] += w * (a0*a1 + k.Alpha*k.Alpha*s[0][1])
		second[2] += w * (a1*a1 + k.Alpha*k.Alpha*s[1][1] + b)
	}
	moment := func(name string, want float64, f func(a, b float64) float64) {
		var sum, squares float64
		for r := range n {
			v := f(x[2*r], x[2*r+1])
			sum, squares = sum+v, squares+v*v
		}
		got := sum / n
		if se := math.Sqrt((squares/n - got*got) / n); math.Abs(got-want) > 5*se {
			t.Errorf("%s is %v, want %v, standard error %v", name, got, want, se)
		}
	}
	moment("mean of a", mean[0], func(a, b float64) float64 { return a })
	moment("mean of b", mean[1], func(a, b float64) float64 { return b })
	moment("mean of a²", second[0], func(a, b float64) float64 { return a * a })
	moment("mean of ab", second[1], func(a, b float64) float64 { return a * b })
	moment("mean of b²", second[2], func(a, b float64) float64 { return b * b })

	part := make([]float64, 2*7)
	g.Sample(part, key, 1000, 7)
	if !slices.Equal(part, x[2000:2014]) {
		t.Error("rows 1000..1006 drawn alone differ from the same rows among others")
	}

	// Rows n..2n-1 are as likely under LogProb as rows 0..n-1.
	logp, other := make([]float64, n), make([]float64, n)
	g.LogProb(logp, x, n)
	g.Sample(x, key, n, n)
	g.LogProb(other, x, n)
	var a, b, va float64
	for r := range n {
		a, b, va = a+logp[r]/n, b+other[r]/n, va+logp[r]*logp[r]/n
	}
	if math.Abs(a-b) > 5*math.Sqrt(2*(va-a*a)/n) {
		t.Errorf("mean log densities of two samples, %v and %v", a, b)
	}
}

func TestGMMConfigErrors(t *testing.T) {
	ok := [][]float64{{0, 0}, {1, 1}}
	unit := [][]float64{{1, 0}, {0, 1}}
	for _, bad := range []struct {
		c    model.GMMConfig
		want string
	}{
		{model.GMMConfig{}, "means"},
		{model.GMMConfig{Means: [][]float64{{}}}, "means"},
		{model.GMMConfig{Means: ok}, "covariances or std"},
		{model.GMMConfig{Means: ok, Std: []float64{1, 1}, Covariances: [][][]float64{unit, unit}}, "give one"},
		{model.GMMConfig{Means: ok, Std: []float64{1}}, "std: 1 values for 2"},
		{model.GMMConfig{Means: ok, Std: []float64{1, 0}}, "std[1]"},
		{model.GMMConfig{Means: ok, Std: []float64{math.NaN(), 1}}, "std[0]"},
		{model.GMMConfig{Means: [][]float64{{0, 0}, {1}}, Std: []float64{1, 1}}, "means[1]"},
		{model.GMMConfig{Means: [][]float64{{0, 0}, {1, math.Inf(1)}}, Std: []float64{1, 1}}, "means[1]"},
		{model.GMMConfig{Means: ok, Std: []float64{1, 1}, Weights: []float64{1}}, "weights: 1 values for 2"},
		{model.GMMConfig{Means: ok, Std: []float64{1, 1}, Weights: []float64{1, 0}}, "weights[1]"},
		{model.GMMConfig{Means: ok, Std: []float64{1, 1}, Columns: []string{"a"}}, "columns: 1 names"},
		{model.GMMConfig{Means: ok, Std: []float64{1, 1}, Columns: []string{"a", "a"}}, "columns[1]"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{unit}}, "covariances: 1 matrices for 2"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{unit, {{1, 0}}}}, "covariances[1]: 1 rows"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{unit, {{1, 0}, {0}}}}, "covariances[1]: row 1"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{unit, {{1, 0.5}, {0.4, 1}}}}, "covariances[1]: not symmetric"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{unit, {{1, 2}, {2, 1}}}}, "covariances[1]: not positive definite"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{{{1, 1}, {1, 1}}, unit}}, "covariances[0]: not positive definite"},
		{model.GMMConfig{Means: ok, Covariances: [][][]float64{{{0, 0}, {0, 1}}, unit}}, "covariances[0]: not positive definite"},
	} {
		if _, err := model.NewGMM(bad.c, curvePath(straight)); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("error %v does not say %q", err, bad.want)
		} else if v := bad.c.Validate(); v == nil || err.Error() != "model: gmm: "+v.Error() {
			t.Errorf("Validate says %v, NewGMM %v", v, err)
		}
	}
	if _, err := model.NewGMM(model.GMMConfig{Means: ok, Std: []float64{1, 1}}, nil); err == nil {
		t.Error("no error without a path")
	}
	g := mixture(t, model.GMMConfig{Means: ok, Std: []float64{1, 1}}, curvePath(straight))
	if !slices.Equal(g.Columns(), []string{"x1", "x2"}) || g.Dim() != 2 {
		t.Errorf("columns %v", g.Columns())
	}
}

var _ model.Exact = (*model.GMM)(nil)

// far is a path in another process, which counts its calls.
type far struct {
	path.Path
	calls *int
}

func (far) Distant() bool { return true }

func (f far) Coefficients(c []path.Coef, t []float64) error {
	*f.calls++
	return f.Path.Coefficients(c, t)
}

// A distant path is asked once for the rows of a call.
func TestGMMAsksADistantPathOnce(t *testing.T) {
	config := model.GMMConfig{Weights: []float64{0.3, 0.7}, Means: [][]float64{{-2, 0}, {1, 1}}, Std: []float64{0.5, 0.4}}
	near, err := model.NewGMM(config, path.Cosine{})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	away, err := model.NewGMM(config, far{path.Cosine{}, &calls})
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []int{1, 64, 300, 100} {
		x, ts := make([]float64, 2*rows), make([]float64, rows)
		for i := range ts {
			ts[i], x[2*i], x[2*i+1] = float64(i)/float64(rows), float64(i%7)-3, float64(i%5)-2
		}
		v, w := make([]float64, 2*rows), make([]float64, 2*rows)
		calls = 0
		for _, err := range []error{near.Eval(t.Context(), v, ts, x, rows), away.Eval(t.Context(), w, ts, x, rows)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(v, w) || calls != 1 {
			t.Errorf("%d rows: %d calls; the same field: %v", rows, calls, slices.Equal(v, w))
		}
	}
}
