package flow_test

import (
	"testing"

	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/model/modeltest"
	"github.com/pathline/pathline/stages/path"
)

// TestProducts: what is made of a field keeps the laws of one, and gives products of
// its Jacobian where the field does.
func TestProducts(t *testing.T) {
	open := func(t *testing.T, target string, linear bool) *flow.Flow {
		d, _ := small()
		d.Target, d.Dropped = target, 0.1
		d.Conditions = condition.Columns{{Name: "c", Type: "float64", Kind: condition.Number, Mean: []float64{0}, Std: []float64{1}}}
		r := registry()
		definition, err := r.Models["mlp"](d.Model.With)
		if err != nil {
			t.Fatal(err)
		}
		n, err := model.Build(definition, d.Dim, d.Conditions.Held())
		if err != nil {
			t.Fatal(err)
		}
		n.Init(3)
		if !linear {
			r.Models, r.Other = nil, func(flow.Component, int, []model.Tensor) (model.Field[float32], error) {
				return held{gaussian{m: 2, s: 0.5}, d.Conditions.Held()}, nil
			}
		}
		f, err := flow.New(d, n.Tensors(), r)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct {
		target string
		change func(f *flow.Flow) (*flow.Flow, error)
	}{
		"velocity of data":   {"data", func(f *flow.Flow) (*flow.Flow, error) { return f, nil }},
		"another path":       {"velocity", func(f *flow.Flow) (*flow.Flow, error) { return f.OnPath(path.Cosine{}) }},
		"guided":             {"velocity", func(f *flow.Flow) (*flow.Flow, error) { return f.Guided(2.5) }},
		"without conditions": {"velocity", func(f *flow.Flow) (*flow.Flow, error) { return f.Guided(0) }},
		"guided, another path": {"noise", func(f *flow.Flow) (*flow.Flow, error) {
			g, err := f.OnPath(path.Cosine{})
			if err != nil {
				return nil, err
			}
			return g.Guided(2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, linear := range []bool{true, false} {
				f, err := c.change(open(t, c.target, linear))
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := model.Products(f.Field32); ok != linear {
					t.Errorf("products %v, of a field that has them: %v", ok, linear)
				}
				if linear {
					modeltest.Test(t, f.Field32)
				}
			}
		})
	}
}
