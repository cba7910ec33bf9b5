package model_test

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/model"
)

// TestFFJORDFormula: the network is the formula of the concat-squash layer, written
// out, in the field's own time.
func TestFFJORDFormula(t *testing.T) {
	no := false
	for _, train := range []*bool{nil, &no} {
		m, err := model.NewFFJORD(model.FFJORDConfig{Hidden: []int{4}, EndTime: 0.49, TrainEnd: train})
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.Build(2)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(3)
		w := map[string][]float32{}
		for _, tensor := range n.Tensors() {
			w[tensor.Name] = tensor.Data
		}
		if s := w["sqrt_end_time"]; (s == nil) != (train == &no) || s != nil && s[0] != 0.7 {
			t.Fatalf("the end time is the weight %v", s)
		}
		layer := func(name string, x []float64, s float64) (y []float64) {
			for o := range w[name+".bias"] {
				sum := float64(w[name+".bias"][o])
				for i, v := range x {
					sum += float64(w[name+".weight"][o*len(x)+i]) * v
				}
				gate := s*float64(w[name+".gate.weight"][o]) + float64(w[name+".gate.bias"][o])
				y = append(y, sum/(1+math.Exp(-gate))+s*float64(w[name+".shift.weight"][o]))
			}
			return y
		}
		x, at := []float64{0.3, -1.25}, 0.75
		h := layer("layers.0", x, 0.49*at)
		for i, v := range h {
			h[i] = math.Tanh(v)
		}
		want := layer("layers.1", h, 0.49*at)
		got := make([]float32, 2)
		if err := n.Eval(context.Background(), got, []float64{at}, narrow(x), 1); err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if math.Abs(float64(got[i])-0.49*v) > 1e-6 {
				t.Errorf("v[%d] = %v, the formula says %v", i, got[i], 0.49*v)
			}
		}
	}
}

// TestFFJORDConfigs: what makes no network says which key.
func TestFFJORDConfigs(t *testing.T) {
	for name, c := range map[string]model.FFJORDConfig{
		"width":      {Hidden: []int{0}},
		"layers":     {Hidden: make([]int, 65)},
		"weights":    {Hidden: []int{65536, 65536}},
		"activation": {Activation: "swish"},
		"end":        {EndTime: -1},
		"infinite":   {EndTime: math.Inf(1)},
	} {
		if _, err := model.NewFFJORD(c); err == nil || c.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := (model.FFJORD{}).Build(2); err == nil {
		t.Error("what NewFFJORD did not make builds")
	}
}
