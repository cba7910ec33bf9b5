package evaluator

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// normals are rows of independent standard normals, mapped value by value.
func normals(seed uint64, rows, d int, f func(j int, z float64) float64) []float64 {
	x := make([]float64, rows*d)
	random.NewKey(seed, "test", "rows").Normals64(x, 0, 0)
	for i := range x {
		x[i] = f(i%d, x[i])
	}
	return x
}

func same(_ int, z float64) float64 { return z }

func shifted(by ...float64) func(int, float64) float64 {
	return func(j int, z float64) float64 { return z + by[j] }
}

func compare(t *testing.T, x, y []float64, d int, o Options) map[string]Metric {
	t.Helper()
	list, err := TwoSample(context.Background(), x, y, len(x)/d, len(y)/d, d, o)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Metric{}
	for _, m := range list {
		out[m.Name] = m
	}
	return out
}

func near(t *testing.T, name string, m Metric, want, more float64) {
	t.Helper()
	if math.Abs(m.Value-want) > 4*m.SE+more {
		t.Errorf("%s is %.5f +- %.5f, want %.5f", name, m.Value, m.SE, want)
	}
}

// Gaussians of equal covariance: SW2^2 = |shift|^2 / d.
func TestSlicedOfShiftedGaussians(t *testing.T) {
	for _, by := range [][]float64{{1}, {0.6, -0.8}, {1, 0, 0, -1}} {
		d, norm := len(by), 0.0
		for _, v := range by {
			norm += v * v
		}
		m := compare(t, normals(1, 5000, d, same), normals(2, 3000, d, shifted(by...)), d, Options{Key: 3, QuadraticRows: 100, Projections: 64, ExactRows: 50})
		near(t, "sliced", m["sliced_wasserstein_2"], math.Sqrt(norm/float64(d)), 0)
		near(t, "mean", m["mean_difference"], largest(by), 0.01) // the largest of several is biased upwards
	}
}

func largest(v []float64) (m float64) {
	for _, x := range v {
		m = max(m, math.Abs(x))
	}
	return m
}

// In one dimension 2E|X-Y| - E|X-X'| - E|Y-Y'| with
// E|N(mu, s^2)| = s sqrt(2/pi) exp(-mu^2/(2 s^2)) + mu (1 - 2 Phi(-mu/s)).
func TestEnergyDistanceOfGaussians(t *testing.T) {
	abs := func(mu, s float64) float64 {
		return s*math.Sqrt(2/math.Pi)*math.Exp(-mu*mu/(2*s*s)) + mu*math.Erf(mu/(s*math.Sqrt2))
	}
	for _, c := range [][2]float64{{1, 1}, {0, 2}, {-0.5, 0.7}} {
		mu, s := c[0], c[1]
		want := 2*abs(mu, math.Hypot(1, s)) - abs(0, math.Sqrt2) - abs(0, s*math.Sqrt2)
		m := compare(t, normals(4, 6000, 1, same), normals(5, 3000, 1, func(_ int, z float64) float64 { return mu + s*z }), 1, Options{Key: 6, QuadraticRows: 800, SlicedRows: 3000})
		near(t, "energy", m["energy_distance"], want, 0)
		near(t, "sd", m["sd_difference"], math.Abs(math.Log(s)), 0.03)
	}
}

// E k(X,Y) = h^d det(S0+S1+h^2)^(-1/2) exp(-D'(S0+S1+h^2)^-1 D / 2), here with
// unit covariances, averaged over the five bandwidths.
func TestMMDOfGaussians(t *testing.T) {
	const d, shift = 3, 0.7
	x, y := normals(7, 5000, d, same), normals(8, 2500, d, shifted(shift, 0, 0))
	o := Options{Key: 9}.filled(d)
	u, err := measure(x, 5000, d)
	if err != nil {
		t.Fatal(err)
	}
	s := trio{x, y, 5000, 2500, d, u, o}.cut(1000)
	median := bandwidth(s.a, 1000, d)
	if want := math.Sqrt(2 * 2.366); math.Abs(median-want) > 0.05 { // 2.366: median of chi squared, 3 degrees
		t.Errorf("median distance %.4f, want %.4f", median, want)
	}
	want := 0.0
	for _, f := range []float64{0.25, 0.5, 1, 2, 4} {
		h2 := median * median * f * f
		k := func(square float64) float64 { return math.Pow(h2/(2+h2), d/2.0) * math.Exp(-square/(2*(2+h2))) }
		want += 2 * (k(0) - k(shift*shift)) / 5
	}
	metrics, err := pairMetrics(context.Background(), s, d, o)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mmd", metrics[1], want, 0)
	if metrics[1].SE > want/5 {
		t.Errorf("standard error %v leaves nothing to test", metrics[1].SE)
	}
}

// No classifier does better than Phi(|shift|/2); k neighbours come close.
func TestClassifierOfGaussians(t *testing.T) {
	for _, shift := range []float64{0, 1, 2} {
		m := compare(t, normals(10, 6000, 2, same), normals(11, 3000, 2, shifted(shift, 0)), 2, Options{Key: 12, QuadraticRows: 1000, SlicedRows: 100, ExactRows: 50})["c2st_accuracy"]
		best := 0.5 * math.Erfc(-shift/2/math.Sqrt2)
		if m.Value > best+4*m.SE || m.Value < best-0.02-4*m.SE {
			t.Errorf("shift %v: accuracy %.4f +- %.4f, the best is %.4f", shift, m.Value, m.SE, best)
		}
		if math.Abs(m.Floor-0.5) > 4*m.SE {
			t.Errorf("floor %.4f", m.Floor)
		}
	}
}

// Between Gaussians W2² = |m|² + tr(S0 + S1 - 2 (S0^1/2 S1 S0^1/2)^1/2), here with
// diagonal S1 = s² and S0 = 1: |m|² + sum (s - 1)² (Olkin and Pukelsheim 1982).
// What the rows are too few for is the floor.
func TestExactDistanceOfGaussians(t *testing.T) {
	for _, c := range []struct{ by, sd []float64 }{
		{[]float64{1}, []float64{1}},
		{[]float64{0.3, -1.2}, []float64{0.5, 1.5}},
		{[]float64{0, 0, 2}, []float64{2, 1, 1}},
	} {
		d, want := len(c.by), 0.0
		for j, m := range c.by {
			want += m*m + (c.sd[j]-1)*(c.sd[j]-1)
		}
		y := normals(62, 2000, d, func(j int, z float64) float64 { return c.by[j] + c.sd[j]*z })
		m := compare(t, normals(61, 4000, d, same), y, d, Options{Key: 3, ExactRows: 1000, QuadraticRows: 50, SlicedRows: 50, Raw: true})
		square, root := m["wasserstein_2_squared"], m["wasserstein_2"]
		near(t, "squared", square, want, square.Floor)
		if square.SE > want/5 || square.DataRows != 1000 || square.SampleRows != 1000 {
			t.Errorf("%+v leaves nothing to test", square)
		}
		if r := root.Value; math.Abs(r*r-square.Value) > 1e-12 || math.Abs(root.SE*2*r-square.SE) > 1e-12 || math.Abs(root.Floor*root.Floor-square.Floor) > 1e-12 {
			t.Errorf("%+v and %+v are not a number and its square", root, square)
		}
	}
}

// On a line the pairs of the exact distance are those of the sorted rows, which
// is the sliced distance in one direction, far from 0 and in any unit.
func TestExactDistanceOnALine(t *testing.T) {
	for _, unit := range []float64{1, 1e-30, 1e40} {
		x := normals(63, 700, 1, func(_ int, z float64) float64 { return unit * (1e4 + z) })
		y := normals(64, 350, 1, func(_ int, z float64) float64 { return unit * (1e4 + 0.5 + z*z) })
		for _, raw := range []bool{false, true} {
			m := compare(t, x, y, 1, Options{Key: 5, ExactRows: 300, SlicedRows: 300, QuadraticRows: 50, Raw: raw})
			e, s := m["wasserstein_2"], m["sliced_wasserstein_2"]
			if math.Abs(e.Value-s.Value) > 1e-6*s.Value || math.Abs(e.Floor-s.Floor) > 1e-6*s.Floor {
				t.Errorf("unit %v, raw %v: exact %v and %v, sorted %v and %v", unit, raw, e.Value, e.Floor, s.Value, s.Floor)
			}
		}
	}
}

// A line is a plane with a column of zeros: the sorted rows cost what the
// assignment costs, with the same standard error but for what the potentials of a
// finite set leave open.
func TestLineIsAPlane(t *testing.T) {
	const n = 500
	x, y := normals(69, n, 1, same), normals(70, n, 1, func(_ int, z float64) float64 { return z*z - 3 })
	plane := func(v []float64) (out []float64) {
		for _, c := range v {
			out = append(out, c, 0)
		}
		return out
	}
	a, sa, _ := Wasserstein2(context.Background(), x, y, n, 1)
	b, sb, err := Wasserstein2(context.Background(), plane(x), plane(y), n, 2)
	if err != nil || math.Abs(a-b) > 1e-6*b || math.Abs(sa-sb) > 0.02*sb {
		t.Errorf("on the line %v +- %v, in the plane %v +- %v, %v", a, sa, b, sb, err)
	}
}

func TestWasserstein2OfOnePoint(t *testing.T) {
	x := []float64{3, 4, 3, 4}
	if square, se, err := Wasserstein2(context.Background(), x, x, 2, 2); square != 0 || se != 0 || err != nil {
		t.Errorf("%v +- %v, %v", square, se, err)
	}
	if square, _, err := Wasserstein2(context.Background(), []float64{0, 0}, []float64{3, 4}, 1, 2); square != 25 || err != nil {
		t.Errorf("from (0, 0) to (3, 4): %v, %v", square, err)
	}
}

// The biased estimate with the fixed kernels: in expectation the closed form of
// TestMMDOfGaussians, with a sum for the mean and in raw units, and what a row's
// pair with itself adds: (5 - E k(X,X')) / rows for both sets.
func TestFixedMMDOfGaussians(t *testing.T) {
	const d, shift, sd, rows = 2, 3.0, 4.0, 800
	scale := func(_ int, z float64) float64 { return sd * z }
	x, y := normals(65, 2*rows, d, scale), normals(66, rows, d, func(j int, z float64) float64 { return sd*z + shift*float64(1-j) })
	m := compare(t, x, y, d, Options{Key: 9, QuadraticRows: rows, SlicedRows: 50, ExactRows: -1, Raw: true, MMD: Fixed})
	if _, ok := m["wasserstein_2"]; ok {
		t.Error("an exact distance that nobody asked for")
	}
	want, own := 0.0, 0.0
	for _, h := range []float64{0.01, 0.1, 1, 10, 100} {
		v := 2*sd*sd + h*h
		k := func(square float64) float64 { return math.Pow(h*h/v, d/2.0) * math.Exp(-square/(2*v)) }
		want += 2 * (k(0) - k(shift*shift))
		own += k(0)
	}
	bias := 2 * (5 - own) / rows
	near(t, "mmd", m["mmd_squared"], want+bias, 0)
	if f := m["mmd_squared"].Floor; math.Abs(f-bias) > 0.3*bias || m["mmd_squared"].SE > want/5 {
		t.Errorf("floor %v, bias %v, %+v", f, bias, m["mmd_squared"])
	}
}

// What has no unit does not depend on the scale, and a distance in raw units is
// that of rows in any other unit times the unit.
func TestRawUnits(t *testing.T) {
	x, y := normals(67, 600, 2, same), normals(68, 300, 2, shifted(0.5, 0))
	times := func(v []float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = 8 * v[i]
		}
		return out
	}
	o := Options{Key: 4, Raw: true, Projections: 16}
	one, eight := compare(t, x, y, 2, o), compare(t, times(x), times(y), 2, o)
	o.Raw = false
	standard := compare(t, x, y, 2, o)
	for name, power := range map[string]float64{"wasserstein_2": 8, "wasserstein_2_squared": 64, "sliced_wasserstein_2": 8, "energy_distance": 8, "mmd_squared": 1} {
		if a, b := one[name].Value*power, eight[name].Value; math.Abs(a-b) > 1e-9*math.Abs(b) {
			t.Errorf("%s: %v, in eighths %v", name, a, b)
		}
	}
	for _, name := range []string{"c2st_accuracy", "mean_difference", "sd_difference", "correlation_difference"} {
		if standard[name] != one[name] {
			t.Errorf("%s depends on the scale: %v and %v", name, standard[name], one[name])
		}
	}
}

func TestCorrelation(t *testing.T) {
	y := normals(13, 5000, 2, same)
	for i := 0; i < len(y); i += 2 {
		y[i+1] = 0.6*y[i] + 0.8*y[i+1]
	}
	near(t, "correlation", compare(t, normals(14, 5000, 2, same), y, 2, Options{Key: 15, QuadraticRows: 50, ExactRows: 50})["correlation_difference"], 0.6, 0)
}

// Over many pairs of sets of one distribution, value and floor have the same
// law: their difference, in standard errors, is of order 1, and neither is
// larger most of the time.
func TestEqualDistributions(t *testing.T) {
	const runs = 24
	above := map[string]int{}
	mean, square := map[string]float64{}, map[string]float64{}
	for r := range uint64(runs) {
		x, y := normals(100+r, 300, 2, same), normals(900+r, 150, 2, same)
		for name, m := range compare(t, x, y, 2, Options{Key: random.Key(r), Projections: 32}) {
			if math.Abs(m.Value-m.Floor) > 6*m.SE {
				t.Errorf("run %d: %s is %.5f +- %.5f, floor %.5f", r, name, m.Value, m.SE, m.Floor)
			}
			if m.Value > m.Floor {
				above[name]++
			}
			mean[name] += m.Value / runs
			square[name] += m.Value * m.Value / runs
		}
	}
	for _, name := range []string{"energy_distance", "mmd_squared"} { // unbiased: 0 in the mean
		if se := math.Sqrt((square[name] - mean[name]*mean[name]) / runs); math.Abs(mean[name]) > 4*se {
			t.Errorf("%s: mean %.5f +- %.5f over %d runs", name, mean[name], se, runs)
		}
	}
	for name, k := range above { // binomial: mean 12, sd 2.4
		if k < 3 || k > 21 {
			t.Errorf("%s: above its floor in %d of %d runs", name, k, runs)
		}
	}
}

// The stated standard error is the spread over repetitions.
func TestStandardErrors(t *testing.T) {
	const runs = 40
	sum, square, se := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for r := range uint64(runs) {
		x, y := normals(2000+r, 300, 2, same), normals(3000+r, 150, 2, func(j int, z float64) float64 { return 1.3*z + 0.8 })
		for name, m := range compare(t, x, y, 2, Options{Key: 5, Projections: 32}) {
			sum[name] += m.Value / runs
			square[name] += m.Value * m.Value / runs
			se[name] += m.SE / runs
		}
	}
	for name := range sum {
		if name == "correlation_difference" {
			continue // equal in both: |difference| is folded at 0
		}
		spread := math.Sqrt(square[name] - sum[name]*sum[name])
		if ratio := se[name] / spread; ratio < 0.65 || ratio > 1.55 {
			t.Errorf("%s: standard error %.5f, spread %.5f", name, se[name], spread)
		}
	}
}

func TestWorkersAndUnits(t *testing.T) {
	const d = 3
	x, y := normals(20, 900, d, same), normals(21, 700, d, shifted(0.2, 0, 0.1))
	o := Options{Key: 22, Projections: 13}
	want := compare(t, x, y, d, o)
	for _, workers := range []int{1, 2, 3, 16} {
		o.Workers = workers
		for name, m := range compare(t, x, y, d, o) {
			if m != want[name] {
				t.Errorf("%d workers: %+v, want %+v", workers, m, want[name])
			}
		}
	}
	// Powers of two change no bit of a standardised value.
	scaled := func(v []float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i] * []float64{0x1p-30, 8, 0x1p40}[i%d]
		}
		return out
	}
	for name, m := range compare(t, scaled(x), scaled(y), d, o) {
		if m != want[name] {
			t.Errorf("other units: %+v, want %+v", m, want[name])
		}
	}
}

func TestRowsAreCapped(t *testing.T) {
	x, y := normals(23, 3000, 1, same), normals(24, 2000, 1, same)
	m := compare(t, x, y, 1, Options{QuadraticRows: 100, SlicedRows: 700})
	if s := m["sliced_wasserstein_2"]; s.DataRows != 700 || s.SampleRows != 700 {
		t.Errorf("sliced: %+v", s)
	}
	for _, name := range []string{"energy_distance", "mmd_squared", "c2st_accuracy"} {
		if s := m[name]; s.DataRows != 100 || s.SampleRows != 100 {
			t.Errorf("%+v", s)
		}
	}
}

// Whole numbers: many equal rows and tied distances; nothing breaks, and a
// copy of the data cannot be told from it.
func TestTies(t *testing.T) {
	round := func(_ int, z float64) float64 { return math.Round(z) }
	m := compare(t, normals(25, 1200, 1, round), normals(26, 600, 1, round), 1, Options{Key: 2})
	for name, v := range m {
		if math.IsNaN(v.Value+v.SE+v.Floor) || math.Abs(v.Value-v.Floor) > 5*v.SE {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestRefused(t *testing.T) {
	nan := normals(31, 20, 2, same)
	nan[7] = math.NaN()
	inf := normals(31, 20, 2, same)
	inf[12] = math.Inf(-1)
	away := normals(31, 20, 2, same)
	away[5] = 1e300
	constant := normals(32, 20, 2, func(j int, z float64) float64 { return z * float64(1-j) })
	good := normals(33, 20, 2, same)
	for _, c := range []struct {
		name string
		x, y []float64
		want *ValueError
		text string
	}{
		{"few data", good[:14], good, nil, "at least 8"},
		{"no data", nil, good, nil, "0 rows"},
		{"few samples", good, good[:6], nil, "at least 4"},
		{"nan", nan, good, &ValueError{"data", 3, 1, ""}, "row 3, column 1: the value is NaN"},
		{"inf", good, inf, &ValueError{"sample", 6, 0, ""}, "row 6, column 0: the value is -Inf"},
		{"constant", constant, good, &ValueError{"data", -1, 1, ""}, "leave the column out"},
		{"far away", good, away, &ValueError{"sample", 2, 1, ""}, "units away"},
	} {
		m, err := TwoSample(context.Background(), c.x, c.y, len(c.x)/2, len(c.y)/2, 2, Options{})
		if err == nil || m != nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		var v *ValueError
		if errors.As(err, &v) != (c.want != nil) || v != nil && (v.Set != c.want.Set || v.Row != c.want.Row || v.Column != c.want.Column) {
			t.Errorf("%s: %+v, want %+v", c.name, v, c.want)
		}
	}
	// The least that is accepted gives finite figures.
	for name, m := range compare(t, good[:16], good[:8], 2, Options{}) {
		if math.IsNaN(m.Value+m.SE+m.Floor) || math.IsInf(m.Value+m.SE+m.Floor, 0) {
			t.Errorf("8 rows against 4: %s is %+v", name, m)
		}
	}
	// A constant sample is a bad sample, not an error.
	if m := compare(t, good, make([]float64, 40), 2, Options{}); !(m["sd_difference"].Value > 5) {
		t.Errorf("constant sample: %+v", m["sd_difference"])
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	x := normals(40, 50, 1, same)
	if _, err := TwoSample(ctx, x, x, 50, 50, 1, Options{Workers: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
