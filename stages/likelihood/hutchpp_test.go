package likelihood

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// matrix is the field v = J x, in T.
type matrix[T solver.Float] struct {
	d int
	j []float64
}

func (m matrix[T]) Dim() int { return m.d }

func (m matrix[T]) times(y, x []T) {
	for i := range m.d {
		var sum float64
		for j := range m.d {
			sum += m.j[i*m.d+j] * float64(x[j])
		}
		y[i] = T(sum)
	}
}

func (m matrix[T]) Eval(_ context.Context, dx []T, _ []float64, x []T, rows int) error {
	for r := range rows {
		m.times(dx[r*m.d:(r+1)*m.d], x[r*m.d:(r+1)*m.d])
	}
	return nil
}

func (m matrix[T]) Product(ctx context.Context, v, jz []T, t []float64, x, z []T, rows, k int) error {
	for r := range rows * k {
		m.times(jz[r*m.d:(r+1)*m.d], z[r*m.d:(r+1)*m.d])
	}
	return m.Eval(ctx, v, t, x, rows)
}

func (m matrix[T]) Divergence(ctx context.Context, v []T, div, t []float64, x, probe []T, rows, probes int) error {
	jz := make([]T, m.d)
	for r := range rows {
		if probes == 0 {
			div[r] = m.trace()
		}
		for p := range probes {
			z := probe[(p*rows+r)*m.d : (p*rows+r+1)*m.d]
			m.times(jz, z)
			var sum float64
			for i, v := range z {
				sum += float64(v) * float64(jz[i])
			}
			div[r*probes+p] = sum
		}
	}
	return m.Eval(ctx, v, t, x, rows)
}

func (m matrix[T]) trace() (sum float64) {
	for i := range m.d {
		sum += m.j[i*m.d+i]
	}
	return sum
}

// ofRank is a matrix of a rank with singular values that fall like decay^i.
func ofRank(d, rank int, decay float64) []float64 {
	j := make([]float64, d*d)
	u, w := make([]float64, d), make([]float64, d)
	for k := range rank {
		random.Key(21).Normals64(u, uint64(k), 0)
		random.Key(21).Normals64(w, uint64(k), 1)
		for a := range d {
			for b := range d {
				j[a*d+b] += math.Pow(decay, float64(k)) * u[a] * (u[b] + 0.3*w[b])
			}
		}
	}
	return j
}

// estimates are those of many rows by one evaluation: mean and variance over rows,
// of the mean over the probes of a row, and the mean of the squared standard errors.
func estimates[T solver.Float](t *testing.T, m matrix[T], trace Trace, rows int) (mean, variance, se2 float64) {
	t.Helper()
	var f solver.Quadrature[T] = newProbed[T](m, trace)
	if trace.HutchPP {
		f = newDeflated[T](m, trace)
	}
	k := trace.quads()
	x, dx, ts, id := make([]T, rows*m.d), make([]T, rows*m.d), make([]float64, rows), make([]int64, rows)
	for r := range id {
		id[r] = int64(r)
	}
	dq := make([]float64, rows*k)
	if err := f.EvalQuad(t.Context(), dx, dq, ts, x, id, rows); err != nil {
		t.Fatal(err)
	}
	logp, se := make([]float64, rows), make([]float64, rows)
	add(logp, se, dq, make([]float64, rows), 1, solver.Report{Status: make([]solver.Status, rows)}, trace)
	for r, v := range logp {
		d := v - mean
		mean += d / float64(r+1)
		variance += d * (v - mean)
		se2 += se[r] * se[r] / float64(rows)
	}
	return mean, variance / float64(rows-1), se2
}

// The estimates of one evaluation are unbiased and have the variance of theory, to
// 5 %: for the symmetric part A of J, with K probes, 2 (|A|² - sum A_ii²)/K and 2
// |A|²/K (Hutchinson 1990; Avron and Toledo 2011, table 1).
func TestVariance(t *testing.T) {
	const d, rows, k = 7, 40_000, 4
	m := matrix[float64]{d, ofRank(d, d, 0.9)}
	var all, diagonal float64
	for i := range d {
		for j := range d {
			a := (m.j[i*d+j] + m.j[j*d+i]) / 2
			all += a * a
			if i == j {
				diagonal += a * a
			}
		}
	}
	for noise, want := range map[string]float64{Rademacher: 2 * (all - diagonal) / k, Gaussian: 2 * all / k} {
		mean, variance, se2 := estimates(t, m, Trace{Probes: k, Noise: noise, Key: 3}, rows)
		if math.Abs(mean-m.trace()) > 4*math.Sqrt(want/rows) {
			t.Errorf("%s: mean %v, trace %v", noise, mean, m.trace())
		}
		if math.Abs(variance/want-1) > 0.05 || math.Abs(se2/want-1) > 0.05 {
			t.Errorf("%s: variance %v, squared standard errors %v, want %v", noise, variance, se2, want)
		}
	}
}

// Hutch++ is exact where a third of its directions span the Jacobian: because there
// are d of them, or because its rank is so low.
func TestDeflatedExact(t *testing.T) {
	t.Run("float64", func(t *testing.T) { deflatedExact[float64](t, 1e-10) })
	t.Run("float32", func(t *testing.T) { deflatedExact[float32](t, 1e-4) })
}

func deflatedExact[T solver.Float](t *testing.T, tol float64) {
	for name, c := range map[string]struct {
		d, rank, probes int
	}{
		"as many as dimensions": {5, 5, 15},
		"more":                  {5, 5, 21},
		"more than a low rank":  {9, 2, 12},
		"low rank":              {9, 3, 9},
		"one":                   {1, 1, 3},
		"nothing":               {4, 0, 6},
	} {
		m := matrix[T]{c.d, ofRank(c.d, c.rank, 0.8)}
		for _, noise := range []string{Rademacher, Gaussian} {
			mean, variance, _ := estimates(t, m, Trace{Probes: c.probes, Noise: noise, HutchPP: true, Key: 9}, 50)
			if scale := 1 + math.Abs(m.trace()); math.Abs(mean-m.trace()) > tol*scale || variance > tol*tol*scale*scale {
				t.Errorf("%s, %s: %v with variance %v, the trace is %v", name, noise, mean, variance, m.trace())
			}
		}
	}
}

// Hutch++ is unbiased, its standard error is one, and where the singular values
// fall fast it has less variance than Hutchinson's estimate at the same cost.
func TestDeflated(t *testing.T) {
	const rows, d, m = 20_000, 24, 12
	for decay, factor := range map[float64]float64{0.3: 100, 0.6: 4} {
		f := matrix[float64]{d, ofRank(d, d, decay)}
		_, plain, _ := estimates(t, f, Trace{Probes: m, Key: 3}, rows)
		mean, variance, se2 := estimates(t, f, Trace{Probes: m, HutchPP: true, Key: 3}, rows)
		if math.Abs(mean-f.trace()) > 4*math.Sqrt(variance/rows) {
			t.Errorf("decay %v: mean %v ± %v, trace %v", decay, mean, math.Sqrt(variance/rows), f.trace())
		}
		if variance > plain/factor {
			t.Errorf("decay %v: variance %v, that of Hutchinson's estimate %v", decay, variance, plain)
		}
		if r := se2 / variance; r < 0.9 || r > 1.1 {
			t.Errorf("decay %v: squared standard errors are %v of the variance", decay, r)
		}
	}
}

// Columns that are held have no part in the estimate.
func TestDeflatedHeld(t *testing.T) {
	const d, held, rows = 3, 2, 40
	m, err := model.NewMLP(model.MLPConfig{Hidden: []int{8, 8}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := model.Build(m, d, held)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.Key(3))
	trace := Trace{Probes: 3 * d, HutchPP: true, Key: 4}
	f := newDeflated(n.(model.Linearized[float32]), trace)
	x, dx, ts, id := make([]float32, rows*(d+held)), make([]float32, rows*(d+held)), make([]float64, rows), make([]int64, rows)
	random.Key(5).Normals32(x, 0, 0)
	for r := range id {
		id[r], ts[r] = int64(r), float64(r)/rows
	}
	dq, want := make([]float64, rows*d), make([]float64, rows)
	if err := f.EvalQuad(t.Context(), dx, dq, ts, x, id, rows); err != nil {
		t.Fatal(err)
	}
	if err := n.Divergence(t.Context(), dx, want, ts, x, nil, rows, 0); err != nil {
		t.Fatal(err)
	}
	for i, got := range dq {
		if math.Abs(got-want[i/d]) > 1e-4*(1+math.Abs(want[i/d])) {
			t.Errorf("row %d, direction %d: %v, want %v", i/d, i%d, got, want[i/d])
		}
	}
}
