package flow

import (
	"context"
	"math"
	"sync"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Diffusion is g(t) of the stochastic differential equation
//
//	dx = [v + (g²/2) score] dt + g dW
//
// whose rows have the distribution of the flow at every time, whatever g is (Song et
// al. 2021, section 4.3 turned round; Albergo et al. 2023, theorem 2.9; Ma et al.
// 2024, SiT, eq. 6). The score of p_t comes from the velocity by path.Score, which
// takes noise and data that were paired independently.
type Diffusion struct {
	// Use is constant: g = Scale, with which a bridge of that sigma is the one of
	// Schrödinger's process (Tong et al. 2024b, [SF]2M); sigma: g² = Scale² sigma(t)
	// with the noise that is left, which vanishes at the data (Ma et al. 2024); zero.
	Use   string
	Scale float64
}

// The kinds of diffusion.
const (
	DiffusionConstant = "constant"
	DiffusionSigma    = "sigma"
	DiffusionZero     = "zero"
)

// Stochastic is the flow with diffusion g for the steps of a method, from t = 0 to 1.
// Its field is a solver.Stochastic; with g = 0 it is the flow's field to the bit. Noise
// of a step has the variance h g(t)², or with two stages h times the mean of g² at both
// ends, as the drift has the mean of both.
//
// Singular ends: the score grows with 1/sigma towards the data, and a step that is
// longer than the time in which it acts overshoots. As every g is right, a g that the
// steps cannot follow is made smaller: with h the longest step g² is at most sigma²/h,
// so that a step takes at most half of the way to where the score leads; the last steps to the data have next to no noise.
// Where the velocity does not determine the score (path.HasScore: the noise end of
// polynomial) g is zero.
func (f *Flow) Stochastic(d Diffusion, m *solver.Method, key random.Key) (*Flow, error) {
	if m.Adaptive() {
		panic("flow: noise for steps that are not fixed")
	}
	p, err := f.Path()
	if err != nil {
		return nil, err
	}
	if _, ok := path.SamplerOf(p); ok {
		return nil, path.ErrNotAffine
	}
	h, last := 0.0, 0.0
	for _, t := range append(append([]float64(nil), m.Options.TimeGrid...), 1) {
		h, last = max(h, t-last), t
	}
	if m.Options.Steps > 0 {
		h = 1 / float64(m.Options.Steps)
	}
	both := m.Tableau.Stages() > 1
	out := *f
	if f.Field64 != nil {
		out.Field64 = newStochastic(f.Field64, p, d, h, both, f.Held(), key)
	} else {
		out.Field32 = newStochastic(f.Field32, p, d, h, both, f.Held(), key)
	}
	return &out, nil
}

// stochastic is the drift (1 + g² b/2) v + (g² a/2) x with the score a x + b v.
type stochastic[T solver.Float] struct {
	model.Field[T]
	path      path.Path
	diffusion Diffusion
	h         float64 // longest step
	both      bool    // the variance of a step is taken from both ends
	key       random.Key
	held      int
	scratch   sync.Pool // of *drift
}

// drift is what a time says: the factors of x and v, and g.
type drift struct {
	coef    []path.Coef
	x, v, g []float64
	ends    [2]float64 // of a step
}

func newStochastic[T solver.Float](f model.Field[T], p path.Path, d Diffusion, h float64, both bool, held int, key random.Key) *stochastic[T] {
	return &stochastic[T]{Field: f, path: p, diffusion: d, h: h, both: both, key: key, held: held}
}

// Held implements model.Holder.
func (f *stochastic[T]) Held() int { return f.held }

// Distant says whether the field or the path is; see solver.Distant.
func (f *stochastic[T]) Distant() bool { return solver.Distant[T](f.Field) || path.Distant(f.path) }

// borrow is memory for a call, which puts it back.
func (f *stochastic[T]) borrow() *drift {
	if s, ok := f.scratch.Get().(*drift); ok {
		return s
	}
	return &drift{}
}

// drift asks the path, once where all rows have one time.
func (f *stochastic[T]) drift(s *drift, t []float64) error {
	n := len(t)
	if cap(s.coef) < n {
		s.coef, s.x, s.v, s.g = make([]path.Coef, n), make([]float64, n), make([]float64, n), make([]float64, n)
	}
	s.x, s.v, s.g = s.x[:n], s.v[:n], s.g[:n]
	for n > 1 && t[n-1] == t[0] {
		n--
	}
	if n > 1 {
		n = len(t)
	}
	if err := f.path.Coefficients(s.coef[:n], t[:n]); err != nil {
		return err
	}
	for i, c := range s.coef[:n] {
		square := f.square(c.Marginal())
		a, b := path.Score(c)
		s.x[i], s.v[i], s.g[i] = square/2*a, 1+square/2*b, math.Sqrt(square)
	}
	for i := n; i < len(t); i++ {
		s.x[i], s.v[i], s.g[i] = s.x[0], s.v[0], s.g[0]
	}
	return nil
}

// square is g² for marginal coefficients.
func (f *stochastic[T]) square(c path.Coef) float64 {
	square := 0.0
	switch f.diffusion.Use {
	case DiffusionConstant:
		square = f.diffusion.Scale * f.diffusion.Scale
	case DiffusionSigma:
		square = f.diffusion.Scale * f.diffusion.Scale * c.Sigma
	}
	if !path.HasScore(c) {
		return 0
	}
	return min(square, c.Sigma*c.Sigma/f.h)
}

// Eval implements solver.Field.
func (f *stochastic[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	if err := f.Field.Eval(ctx, dx, t, x, rows); err != nil || f.diffusion.Use == DiffusionZero {
		return err
	}
	s := f.borrow()
	defer f.scratch.Put(s)
	if err := f.drift(s, t[:rows]); err != nil {
		return err
	}
	d := f.Dim()
	for r := range rows {
		for i := r * d; i < (r+1)*d-f.held; i++ {
			dx[i] = T(float64(s.v[r]*float64(dx[i])) + float64(s.x[r]*float64(x[i])))
		}
	}
	return nil
}

// Noise implements solver.Stochastic: draws of (row, step) in the width of the state.
func (f *stochastic[T]) Noise(_ context.Context, dw []T, t, end float64, step int, _ []T, id []int64, rows int) error {
	s := f.borrow()
	defer f.scratch.Put(s)
	s.ends = [2]float64{t, end}
	if err := f.drift(s, s.ends[:]); err != nil {
		return err
	}
	g := s.g[0]
	if f.both {
		g = math.Sqrt((s.g[0]*s.g[0] + s.g[1]*s.g[1]) / 2)
	}
	g *= math.Sqrt(math.Abs(end - t))
	d := f.Dim()
	for r := range rows {
		row := dw[r*d : (r+1)*d]
		clear(row)
		if g == 0 {
			continue
		}
		switch row := any(row[:d-f.held]).(type) {
		case []float32:
			f.key.Normals32(row, uint64(id[r]), uint32(step))
		case []float64:
			f.key.Normals64(row, uint64(id[r]), uint32(step))
		}
		for i := range row {
			row[i] = T(g * float64(row[i]))
		}
	}
	return nil
}
