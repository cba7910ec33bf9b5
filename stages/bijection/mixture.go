package bijection

import (
	"math"
	"sort"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// Mixture is a learned base, a mixture of Gaussians with independent columns (as
// in normflows, Stimper et al. 2023, and FlowGMM, Izmailov et al. 2020):
//
//	p(z) = sum_k w_k N(z; m_k, diag(s_k²))
//
// Its parameters are base.logit [k], w = softmax(logit), base.location [k, dim], and
// base.log_scale a [k, dim], ln s = a/(1 + |a|/ln 1000), as Affine limits it. It
// begins with equal shares, means that are uniform on ±1.5 and s = 1/2: the variance
// is one, 3/4 of it between the components, so that they find modes of their own.
type Mixture struct{ Dim, Components int }

// half is the a of s = 1/2.
var half = autodiff.Init{Mean: -math.Ln2 / (1 - math.Ln2/scaleLimit)}

// parts declares the parameters.
func (m Mixture) parts(b *Builder) (logit, mean, scale Value) {
	return b.Param("base.logit", initZero, m.Components),
		b.Param("base.location", autodiff.Init{Bound: 1.5}, m.Components, m.Dim),
		b.Param("base.log_scale", half, m.Components, m.Dim)
}

// Density is ln sum_k exp(logit_k - sum_i (ln s_ki + ((z_i - m_ki)/s_ki)²/2)) -
// ln sum_k exp(logit_k) - dim/2 ln 2 pi.
func (m Mixture) Density(b *Builder, z Value) Value {
	logit, mean, a := m.parts(b)
	s := soft(b, a, scaleLimit)
	e := b.Mul(b.Sub(b.Broadcast(z, 0, m.Components), mean), b.Exp(b.Neg(s)))
	terms := b.Sub(logit, b.Sum(b.Add(b.Scale(b.Square(e), 0.5), s), 1))
	return b.Sub(b.Sub(logSumExp(b, terms), logSumExp(b, logit)), b.Fill(Normal{m.Dim}.constant()))
}

// logSumExp is ln sum exp(v) of v [n].
func logSumExp(b *Builder, v Value) Value {
	top := b.StopGradient(b.MaxLast(v))
	return b.Add(top, b.Log(b.Sum(b.Exp(b.Sub(v, b.Broadcast(top, 0, v.Shape()[0]))), 0)))
}

// Distribution implements Base.
func (m Mixture) Distribution(weights func(name string) []float32) model.Base {
	logit := weights("base.logit")
	g := gaussians{dim: m.Dim, upTo: make([]float64, m.Components), terms: make([]float64, m.Components)}
	top, sum := math.Inf(-1), 0.0
	for _, v := range logit {
		top = max(top, float64(v))
	}
	for k, v := range logit {
		sum += math.Exp(float64(v) - top)
		g.upTo[k] = sum
	}
	for k := range g.upTo {
		g.upTo[k] /= sum
	}
	for i, v := range weights("base.log_scale") {
		s := float64(v)
		s /= 1 + math.Abs(s)/scaleLimit
		g.mean, g.scale = append(g.mean, float64(weights("base.location")[i])), append(g.scale, math.Exp(s))
		g.terms[i/m.Dim] -= s
	}
	for k, v := range logit {
		g.terms[k] += float64(v) - top - math.Log(sum) - Normal{m.Dim}.constant()
	}
	return g
}

// gaussians is a mixture with its parameters.
type gaussians struct {
	dim         int
	upTo        []float64 // shares of the components up to each
	terms       []float64 // what the log-density of each has that does not depend on z, its share included
	mean, scale []float64 // [components][dim]
}

// Sample writes mean and scale of a component, which the draw of
// random.Key.Uniforms at (row, step 1) chooses, around the draws of
// random.Key.Normals64 at (row, step 0).
func (g gaussians) Sample(x []float64, key random.Key, first int64, rows int) {
	key.Normals64Rows(x[:rows*g.dim], g.dim, uint64(first), rows, 0)
	var u [1]float64
	for r := range rows {
		key.Uniforms(u[:], uint64(first)+uint64(r), 1)
		// The last share may be a little below 1.
		k := min(sort.Search(len(g.upTo), func(k int) bool { return u[0] < g.upTo[k] }), len(g.upTo)-1)
		row, at := x[r*g.dim:(r+1)*g.dim], k*g.dim
		for i, z := range row {
			row[i] = g.mean[at+i] + g.scale[at+i]*z
		}
	}
}

// LogProb writes the log-density, in nats.
func (g gaussians) LogProb(logp, x []float64, rows int) {
	for r := range rows {
		row := x[r*g.dim : (r+1)*g.dim]
		top, sum := math.Inf(-1), 0.0 // ln of the sum so far is top + ln sum
		for k, term := range g.terms {
			for i, v := range row {
				e := (v - g.mean[k*g.dim+i]) / g.scale[k*g.dim+i]
				term -= float64(e*e) / 2
			}
			if term > top {
				top, sum = term, sum*math.Exp(top-term)+1
			} else {
				sum += math.Exp(term - top)
			}
		}
		logp[r] = top + math.Log(sum)
	}
}
