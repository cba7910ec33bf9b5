package likelihood_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// mixtureOf has k components in d dimensions with means drawn from N(0, apart² I)
// and covariances without zeros, of mixed directions.
func mixtureOf(d, k int, apart float64) model.GMMConfig {
	var c model.GMMConfig
	for i := range k {
		mean := make([]float64, d)
		random.Key(100+uint64(d)).Normals64(mean, uint64(i), 0)
		s := mat.NewSymDense(d, nil)
		for j := range mean {
			mean[j] *= apart
			s.SetSym(j, j, 0.2+0.3*float64((i+j)%3))
		}
		for r := range d + 2 {
			v := make([]float64, d)
			random.Key(200+uint64(d)).Normals64(v, uint64(i), uint32(r))
			s.SymRankOne(s, 0.5/float64(d), mat.NewVecDense(d, v))
		}
		var rows [][]float64
		for a := range d {
			rows = append(rows, make([]float64, d))
			for b := range d {
				rows[a][b] = s.At(a, b)
			}
		}
		c.Means, c.Weights, c.Covariances = append(c.Means, mean), append(c.Weights, 1+float64(i)), append(c.Covariances, rows)
	}
	return c
}

// density is log p of a mixture with blur² I added to its covariances, by
// Cholesky factors: another way than the model's.
func density(t testing.TB, c model.GMMConfig, blur float64, x []float64) float64 {
	t.Helper()
	d := len(x)
	var total float64
	for _, w := range c.Weights {
		total += w
	}
	var logs []float64
	for k, mean := range c.Means {
		s := mat.NewSymDense(d, nil)
		y := mat.NewVecDense(d, nil)
		for i := range d {
			y.SetVec(i, x[i]-mean[i])
			for j := range i + 1 {
				s.SetSym(i, j, c.Covariances[k][i][j])
			}
			s.SetSym(i, i, s.At(i, i)+blur*blur)
		}
		var l mat.Cholesky
		if !l.Factorize(s) {
			t.Fatal("a covariance is not positive definite")
		}
		var z mat.VecDense
		if err := l.SolveVecTo(&z, y); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, math.Log(c.Weights[k]/total)-0.5*(mat.Dot(y, &z)+l.LogDet()+float64(d)*math.Log(2*math.Pi)))
	}
	most := logs[0]
	for _, l := range logs {
		most = max(most, l)
	}
	var sum float64
	for _, l := range logs {
		sum += math.Exp(l - most)
	}
	return most + math.Log(sum)
}

func dop853(tol float64) *solver.Method {
	return &solver.Method{Tableau: solver.Dop853(), Options: solver.Options{Rtol: tol, Atol: tol}}
}

func exactly(t testing.TB, c model.GMMConfig, p path.Path) *flow.Flow {
	t.Helper()
	g, err := model.NewGMM(c, p)
	if err != nil {
		t.Fatal(err)
	}
	f, err := flow.Open(flow.Source{Exact: g}, flow.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// leftOver is the noise that a path leaves at t = 1.
var leftOver = map[string]float64{"target": 0.01, "ve": 0.01, "icfm": 0.1}

// near are rows around the components of a mixture.
func near(c model.GMMConfig, rows int) []float64 {
	d := len(c.Means[0])
	x := make([]float64, rows*d)
	for r := range rows {
		row, k := x[r*d:(r+1)*d], r%len(c.Means)
		random.Key(7).Normals64(row, uint64(r), 0)
		for j := range row {
			row[j] = c.Means[k][j] + row[j]*math.Sqrt(c.Covariances[k][j][j])
		}
	}
	return x
}

// On every affine path, in 1 to 64 dimensions, with one component, with
// overlapping ones and with ones that lie far apart, the score is the mixture's
// density to 1e-9.
func TestMixtures(t *testing.T) {
	const rows = 3
	for _, d := range []int{1, 2, 8, 64} {
		for _, m := range []struct {
			k     int
			apart float64
		}{{1, 1}, {3, 0.3}, {4, 3}} {
			c := mixtureOf(d, m.k, m.apart)
			x := near(c, rows)
			for name, p := range paths {
				logp := make([]float64, rows)
				report, err := likelihood.LogProb(ctx, exactly(t, c, p), dop853(1e-13), logp, nil, x, 0, rows, likelihood.Trace{})
				if err != nil {
					t.Fatal(err)
				}
				for r, got := range logp {
					want := density(t, c, leftOver[name], x[r*d:(r+1)*d])
					if !(math.Abs(got-want) < 1e-9) || report.Status[r] != solver.OK {
						t.Errorf("%s, d = %d, k = %d, %v apart: row %d has %v (%s), want %v", name, d, m.k, m.apart, r, got, report.Status[r], want)
					}
				}
			}
		}
	}
}

// The densities of rows on a grid add up to 1: of a mixture, and of a network in
// float32.
func TestMass(t *testing.T) {
	for name, c := range map[string]struct {
		flow       *flow.Flow
		lo, hi     [2]float64
		n          int
		tol, wrong float64
	}{
		"mixture": {exactly(t, mixture, path.CondOT{}), [2]float64{-6, -4}, [2]float64{6, 4.5}, 120, 1e-7, 1e-6},
		"network": {network(t, 2), [2]float64{-12, -22}, [2]float64{12, 28}, 150, 1e-6, 1e-4},
	} {
		n := c.n
		x := make([]float64, 0, 2*n*n)
		var h [2]float64
		for i := range h {
			h[i] = (c.hi[i] - c.lo[i]) / float64(n)
		}
		for i := range n {
			for j := range n {
				x = append(x, c.lo[0]+(float64(i)+0.5)*h[0], c.lo[1]+(float64(j)+0.5)*h[1])
			}
		}
		logp := make([]float64, n*n)
		if _, err := likelihood.LogProb(ctx, c.flow, dopri5(c.tol, solver.Options{}), logp, nil, x, 0, n*n, likelihood.Trace{}); err != nil {
			t.Fatal(err)
		}
		var mass, edge float64
		for k, l := range logp {
			p := math.Exp(l) * h[0] * h[1]
			mass += p
			if i, j := k/n, k%n; i == 0 || j == 0 || i == n-1 || j == n-1 {
				edge += p
			}
		}
		if !(math.Abs(mass-1) < c.wrong) {
			t.Errorf("%s: the mass is %.9f, that of the edge cells %.2g", name, mass, edge)
		}
	}
}
