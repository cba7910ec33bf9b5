package model

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/stages/path"
)

// GMMConfig describes a mixture of k Gaussians in d dimensions.
type GMMConfig struct {
	// Columns are the names of the d data columns; x1, x2, ... when left out.
	Columns []string `json:"columns,omitempty" doc:"names of the data columns"`
	// Weights are k positive numbers, divided by their sum; equal when left out.
	Weights []float64 `json:"weights,omitempty" doc:"one per component, divided by their sum" above:"0"`
	// Means are [k][d].
	Means [][]float64 `json:"means" doc:"[component][column]" required:"true"`
	// Covariances are [k][d][d], symmetric and positive definite.
	Covariances [][][]float64 `json:"covariances,omitempty" doc:"[component][column][column]; or give std"`
	// Std are k standard deviations of round components. Exactly one of
	// Covariances and Std is given.
	Std []float64 `json:"std,omitempty" doc:"one per component, of every column; or give covariances" above:"0"`
}

// GMM is the exact field of a flow whose data is a mixture of Gaussians, for
// any path x_t = Alpha x1 + Sigma x0 + Gamma e with independent x1, x0, e. See
// gmmfield.go for the formulas. There is nothing to train: it is the oracle of
// solvers, samplers and likelihoods. It is its own Base: the exact marginal at
// t = 0, which is a standard normal only for paths with Alpha(0) = 0 and
// Sigma(0) = 1. Everything is float64.
type GMM struct {
	dim        int
	columns    []string
	components []component
	path       path.Path
	distant    bool      // the path is
	start      path.Coef // at t = 0
	scratch    sync.Pool // of *mixtureScratch
}

// component is N(mean, Q diag(spread) Qᵀ) with the log of its weight.
type component struct {
	logw   float64
	mean   []float64 // [d]
	spread []float64 // [d], the eigenvalues of the covariance
	q      []float64 // [d][d], eigenvectors in columns; nil is the identity
}

// NewGMM checks a mixture and decomposes its covariances.
func NewGMM(c GMMConfig, p path.Path) (*GMM, error) {
	g, err := newMixture(c)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("model: gmm: no path")
	}
	start, err := path.Start(p)
	if err != nil {
		return nil, fmt.Errorf("model: gmm: path: %w", err)
	}
	g.path, g.distant, g.start = p, path.Distant(p), start
	g.scratch.New = func() any { return g.newScratch() }
	return g, nil
}

func newMixture(c GMMConfig) (*GMM, error) {
	k := len(c.Means)
	if k == 0 || len(c.Means[0]) == 0 {
		return nil, unfit("gmm", "means", outOfRange, "needs at least one component of at least one dimension")
	}
	g := &GMM{dim: len(c.Means[0])}
	if err := g.setColumns(c.Columns); err != nil {
		return nil, err
	}
	logw, err := logWeights(c.Weights, k)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Covariances == nil && c.Std == nil:
		return nil, unfit("gmm", "std", missing, "give covariances or std")
	case c.Covariances != nil && c.Std != nil:
		return nil, unfit("gmm", "std", conflict, "covariances and std say the same thing: give one")
	case c.Std != nil && len(c.Std) != k:
		return nil, unfit("gmm", "std", widths, "%d values for %d components", len(c.Std), k)
	case c.Covariances != nil && len(c.Covariances) != k:
		return nil, unfit("gmm", "covariances", widths, "%d matrices for %d components", len(c.Covariances), k)
	}
	for i, mean := range c.Means {
		if len(mean) != g.dim {
			return nil, unfit("gmm", fmt.Sprintf("means[%d]", i), widths, "%d values, means[0] has %d", len(mean), g.dim)
		}
		for _, v := range mean {
			if !finite(v) {
				return nil, unfit("gmm", fmt.Sprintf("means[%d]", i), outOfRange, "%v is not finite", v)
			}
		}
		part := component{logw: logw[i], mean: slices.Clone(mean)}
		if c.Std != nil {
			if !(c.Std[i] > 0) || !finite(c.Std[i]*c.Std[i]) {
				return nil, unfit("gmm", fmt.Sprintf("std[%d]", i), outOfRange, "%v is not a positive number", c.Std[i])
			}
			part.spread = slices.Repeat([]float64{c.Std[i] * c.Std[i]}, g.dim)
		} else if part.spread, part.q, err = decompose(c.Covariances[i], g.dim); err != nil {
			return nil, unfit("gmm", fmt.Sprintf("covariances[%d]", i), outOfRange, "%w", err)
		}
		g.components = append(g.components, part)
	}
	return g, nil
}

// Dim is the number of columns.
func (g *GMM) Dim() int { return g.dim }

// Columns are the names of the data columns.
func (g *GMM) Columns() []string { return slices.Clone(g.columns) }

// Path is the path that the mixture is reached along.
func (g *GMM) Path() path.Path { return g.path }

func (g *GMM) setColumns(names []string) error {
	if names == nil {
		for i := range g.dim {
			g.columns = append(g.columns, "x"+strconv.Itoa(i+1))
		}
		return nil
	}
	if len(names) != g.dim {
		return unfit("gmm", "columns", widths, "%d names, means have %d values", len(names), g.dim)
	}
	seen := make(map[string]bool)
	for i, name := range names {
		if name == "" || seen[name] {
			return unfit("gmm", fmt.Sprintf("columns[%d]", i), conflict, "%q is empty or there twice", name)
		}
		seen[name] = true
	}
	g.columns = slices.Clone(names)
	return nil
}

func logWeights(w []float64, k int) ([]float64, error) {
	if w == nil {
		w = slices.Repeat([]float64{1}, k)
	}
	if len(w) != k {
		return nil, unfit("gmm", "weights", widths, "%d values for %d components", len(w), k)
	}
	var sum float64
	for i, v := range w {
		if !(v > 0) || !finite(v) {
			return nil, unfit("gmm", fmt.Sprintf("weights[%d]", i), outOfRange, "%v is not a positive number", v)
		}
		sum += v
	}
	if !finite(sum) {
		return nil, unfit("gmm", "weights", outOfRange, "the sum is not finite")
	}
	logw := make([]float64, k)
	for i, v := range w {
		logw[i] = math.Log(v / sum)
	}
	return logw, nil
}

// decompose gives eigenvalues and eigenvectors of a covariance [d][d]; a
// diagonal one keeps its axes, and q is nil.
func decompose(s [][]float64, d int) (spread, q []float64, err error) {
	if len(s) != d {
		return nil, nil, fmt.Errorf("%d rows, means have %d values", len(s), d)
	}
	var scale float64
	for i, row := range s {
		if len(row) != d {
			return nil, nil, fmt.Errorf("row %d has %d values, means have %d", i, len(row), d)
		}
		for _, v := range row {
			if !finite(v) {
				return nil, nil, fmt.Errorf("row %d: %v is not finite", i, v)
			}
			scale = math.Max(scale, math.Abs(v))
		}
	}
	diagonal := true
	m := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			if math.Abs(s[i][j]-s[j][i]) > 1e-9*scale {
				return nil, nil, fmt.Errorf("not symmetric: [%d][%d] is %v, [%d][%d] is %v", i, j, s[i][j], j, i, s[j][i])
			}
			v := s[i][j]/2 + s[j][i]/2
			m.SetSym(i, j, v)
			diagonal = diagonal && (i == j || v == 0)
		}
	}
	if diagonal {
		for i := range d {
			spread = append(spread, s[i][i])
		}
	} else {
		var eigen mat.EigenSym
		if !eigen.Factorize(m, true) {
			return nil, nil, fmt.Errorf("its eigenvalues do not converge")
		}
		spread = eigen.Values(nil)
		var vectors mat.Dense
		eigen.VectorsTo(&vectors)
		q = vectors.RawMatrix().Data
	}
	if least := slices.Min(spread); !(least > float64(d)*0x1p-52*slices.Max(spread)) {
		return nil, nil, fmt.Errorf("not positive definite: least eigenvalue %.6g", least)
	}
	return spread, q, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
