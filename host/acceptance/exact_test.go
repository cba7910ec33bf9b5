package acceptance

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// affine is every affine path, with keys where it has some.
var affine = []string{
	"use: condot",
	"use: target, with: {sigma_min: 0.05}",
	"use: polynomial, with: {n: 2}",
	"use: cosine",
	"use: linear-vp",
	"use: vp",
	"use: ve, with: {sigma_min: 0.05, sigma_max: 10}",
}

var exactTruth = mixture{
	weights: []float64{0.3, 0.7},
	means:   [][]float64{{-1.5, 0.5}, {1, -1}},
	covs:    [][][]float64{{{0.4, 0.15}, {0.15, 0.3}}, {{0.5, -0.2}, {-0.2, 0.6}}},
}

// The exact model of a mixture gives the mixture's own log-density and draws,
// whatever path leads there.
func TestExactModel(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	const side = 13 // points of the grid along one axis
	grid := [][]float64{nil, nil}
	for i := range side {
		for j := range side {
			grid[0] = append(grid[0], -3+6*float64(i)/(side-1))
			grid[1] = append(grid[1], -3+6*float64(j)/(side-1))
		}
	}
	writeColumns(t, filepath.Join(dir, "grid.parquet"), []string{"u", "v"}, grid)

	for _, path := range affine {
		name := strings.TrimSuffix(strings.Fields(path)[1], ",")
		t.Run(name, func(t *testing.T) {
			place(t, dir, name+".yaml", fmt.Sprintf(`
version: 1
name: exact
seed: 11
stages:
  grid: {kind: loader, use: parquet, with: {path: grid.parquet}}
  path: {kind: path, %s}
  field:
    kind: model
    use: gmm
    from: {path: path}
    with:
      columns: [u, v]
      weights: [0.3, 0.7]
      means: [[-1.5, 0.5], [1, -1]]
      covariances: [[[0.4, 0.15], [0.15, 0.3]], [[0.5, -0.2], [-0.2, 0.6]]]
  tight: {kind: solver, use: dopri5, with: {rtol: 1e-7, atol: 1e-7}}
  samples: {kind: sampler, use: ode, from: {flow: field}, with: {rows: 20000}, to: samples.parquet}
  scores: {kind: likelihood, use: ode, from: {flow: field, data: grid, solver: tight}, to: scores.parquet}
`, path))
			must(t, dir, "run", name+".yaml", "--out", name)

			end := coefficients(t, dir, path, 1)
			if name == "linear-vp" || name == "vp" {
				// sigma falls to 0 with an infinite slope. The table of
				// coefficients stops just before, the flow does not.
				if end.Sigma > 2e-4 || math.Abs(end.Alpha-1) > 1.1e-8 {
					t.Errorf("ends at alpha %v, sigma %v", end.Alpha, end.Sigma)
				}
				end = coef{Alpha: 1}
			}
			truth := exactTruth.seen(end.Alpha, end.Sigma)
			scores := readTable(t, dir, name, "scores.parquet")
			got, rows := scores.columns(t, "log_prob")[0], scores.columns(t, "u", "v")
			if len(got) != side*side {
				t.Fatalf("%d scores of %d points", len(got), side*side)
			}
			worst, at := 0.0, 0
			for i, lp := range got {
				want := truth.logDensity(row(make([]float64, 2), grid, i))
				if rows[0][i] != grid[0][i] || rows[1][i] != grid[1][i] {
					t.Fatalf("row %d is (%v, %v), want (%v, %v)", i, rows[0][i], rows[1][i], grid[0][i], grid[1][i])
				}
				if off := math.Abs(lp - want); !(off <= worst) {
					worst, at = off, i
				}
			}
			if !(worst <= 1e-5) {
				t.Errorf("log_prob of (%v, %v) is %v, the closed form %v: %.2g off", grid[0][at], grid[1][at],
					got[at], truth.logDensity(row(make([]float64, 2), grid, at)), worst)
			}

			samples := readTable(t, dir, name, "samples.parquet")
			if samples.rows != 20000 {
				t.Fatalf("%d samples", samples.rows)
			}
			fresh := truth.draw(rand.New(rand.NewPCG(77, 1)), 20000)
			p := twoSample(samples.columns(t, "u", "v"), fresh)
			if p < 1e-3 {
				t.Errorf("samples and fresh draws differ: p = %.2g", p)
			}
			t.Logf("log_prob within %.2g; two-sample p = %.2g", worst, p)
		})
	}
}

type coef struct{ T, Alpha, Sigma, DAlpha, DSigma float64 }

// coefficients asks the host for a path's coefficients at t.
func coefficients(t *testing.T, dir, path string, at float64) coef {
	t.Helper()
	use, with, _ := strings.Cut(strings.TrimPrefix(path, "use: "), ", with: {")
	args := []string{"show", "path/" + use, "--at", fmt.Sprint(at), "--json"}
	for _, pair := range strings.FieldsFunc(strings.TrimSuffix(with, "}"), func(r rune) bool { return r == ',' }) {
		args = append(args, "--with", strings.ReplaceAll(strings.TrimSpace(pair), ": ", "="))
	}
	var list []coef
	if err := json.Unmarshal(must(t, dir, args...).document(t).Result, &list); err != nil || len(list) != 1 {
		t.Fatalf("%v: %v, %v", args, list, err)
	}
	return list[0]
}

// The test must see what it is for: a mean that is a tenth of a standard
// deviation off, a correlation that is not there, a tenth of one mode missing.
func TestTwoSampleSees(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	fresh := func(change func(*mixture)) [][]float64 {
		m := exactTruth.seen(1, 0)
		m.weights = append([]float64(nil), m.weights...)
		change(&m)
		return m.draw(r, 20000)
	}
	same := fresh(func(*mixture) {})
	if p := twoSample(same, fresh(func(*mixture) {})); p < 1e-3 {
		t.Errorf("two draws of the same law: p = %g", p)
	}
	for name, change := range map[string]func(*mixture){
		"mean":        func(m *mixture) { m.means[1][0] += 0.07 },
		"correlation": func(m *mixture) { m.covs[1][0][1], m.covs[1][1][0] = 0, 0 },
		"weights":     func(m *mixture) { m.weights[0], m.weights[1] = 0.27, 0.73 },
	} {
		if p := twoSample(same, fresh(change)); p >= 1e-3 {
			t.Errorf("another %s is not seen: p = %g", name, p)
		}
	}
}
