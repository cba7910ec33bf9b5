package flow

import (
	"context"
	"slices"
	"sync"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// Guided is the flow with classifier-free guidance of weight w (Ho and Salimans
// 2022; for flows Zheng et al. 2023, eq. 5): its field is
//
//	v = v(t, x, none) + w (v(t, x, c) - v(t, x, none))
//
// w = 1 is the flow itself, 0 the flow without conditions, and more than 1
// exaggerates what the conditions say. (The weight of Ho and Salimans is w - 1.)
// The divergence is that combination too, so that likelihoods under the guided
// field are exact: they are of the distribution that it makes, which for a w other
// than 0 and 1 is not the data's. An evaluation costs two of the network.
func (f *Flow) Guided(w float64) (*Flow, error) {
	if err := f.Description.Guidable(w); err != nil || w == 1 {
		return f, err
	}
	g := *f
	g.Field32 = &guided{Field: f.Field32, held: f.Held(), weight: w}
	return &g, nil
}

// Guidable says why a flow cannot be guided with a weight; the error is at the key
// guidance.
func (d *Description) Guidable(w float64) error {
	switch {
	case w == 1:
		return nil
	case len(d.Conditions) == 0:
		return schemas.Errorf(schemas.Conflict, "the flow has no conditions, and nothing to be guided by").At("guidance").Suggest("leave the key out")
	case d.Discrete():
		return schemas.Errorf(schemas.Conflict, "the flow is discrete (model %s): there is no field to guide", d.Model.Use).At("guidance").Suggest("leave the key out")
	case d.Dropped == 0:
		return schemas.Errorf(schemas.Conflict, "the flow was always trained with its conditions: it does not know the field without them").
			At("guidance").Suggest("train it with drop_conditions: 0.1")
	}
	return nil
}

// guided is the field of a guided flow.
type guided struct {
	model.Field[float32]
	held    int
	weight  float64
	scratch sync.Pool // of *without
}

// without is the memory of a call: rows without conditions, and what they give.
type without struct {
	x, v, jz []float32
	div      []float64
}

// Held implements model.Holder.
func (g *guided) Held() int { return g.held }

// Distant is that of the field; see solver.Distant.
func (g *guided) Distant() bool { return solver.Distant[float32](g.Field) }

// without copies rows and leaves out their conditions.
func (g *guided) without(x []float32, rows, numbers int) *without {
	s, _ := g.scratch.Get().(*without)
	if s == nil {
		s = &without{}
	}
	n := g.Dim()
	if size := rows * n; cap(s.x) < size {
		s.x, s.v = make([]float32, size), make([]float32, size)
	}
	if cap(s.div) < numbers {
		s.div = make([]float64, numbers)
	}
	s.x, s.v, s.div = s.x[:rows*n], s.v[:rows*n], s.div[:numbers]
	copy(s.x, x)
	for r := range rows {
		clear(s.x[(r+1)*n-g.held : (r+1)*n])
	}
	return s
}

// Eval implements solver.Field.
func (g *guided) Eval(ctx context.Context, dx []float32, t []float64, x []float32, rows int) error {
	s := g.without(x, rows, 0)
	defer g.scratch.Put(s)
	if g.weight == 0 {
		return g.Field.Eval(ctx, dx, t, s.x, rows)
	}
	if err := g.Field.Eval(ctx, s.v, t, s.x, rows); err != nil {
		return err
	}
	if err := g.Field.Eval(ctx, dx, t, x, rows); err != nil {
		return err
	}
	g.combine(dx, s.v)
	return nil
}

// Linear says whether the field gives products; see model.Products.
func (g *guided) Linear() bool { _, ok := model.Products(g.Field); return ok }

// Product implements model.Linearized, if the field does: products are combined as
// velocities are.
func (g *guided) Product(ctx context.Context, v, jz []float32, t []float64, x, z []float32, rows, k int) error {
	l, ok := model.Products(g.Field)
	if !ok {
		return model.ErrNoProduct
	}
	s := g.without(x, rows, 0)
	defer g.scratch.Put(s)
	if g.weight == 0 {
		return l.Product(ctx, v, jz, t, s.x, z, rows, k)
	}
	size := k * rows * g.Dim()
	s.jz = slices.Grow(s.jz[:0], size)[:size]
	if err := l.Product(ctx, s.v, s.jz, t, s.x, z, rows, k); err != nil {
		return err
	}
	if err := l.Product(ctx, v, jz, t, x, z, rows, k); err != nil {
		return err
	}
	g.combine(v, s.v)
	g.combine(jz, s.jz)
	return nil
}

// combine writes v over the field with conditions, rounded once.
func (g *guided) combine(v, none []float32) {
	for i, u := range none {
		v[i] = float32(float64(u) + float64(g.weight*(float64(v[i])-float64(u))))
	}
}

// Divergence implements model.Field.
func (g *guided) Divergence(ctx context.Context, v []float32, div, t []float64, x, probe []float32, rows, probes int) error {
	numbers := rows * max(1, probes)
	s := g.without(x, rows, numbers)
	defer g.scratch.Put(s)
	if g.weight == 0 {
		return g.Field.Divergence(ctx, v, div, t, s.x, probe, rows, probes)
	}
	if err := g.Field.Divergence(ctx, s.v, s.div, t, s.x, probe, rows, probes); err != nil {
		return err
	}
	if err := g.Field.Divergence(ctx, v, div, t, x, probe, rows, probes); err != nil {
		return err
	}
	g.combine(v, s.v)
	for i, u := range s.div {
		div[i] = u + float64(g.weight*(div[i]-u))
	}
	return nil
}
