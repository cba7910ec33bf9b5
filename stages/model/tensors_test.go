package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/model"
)

// Weights are copied by name, all of them or none.
func TestCopy(t *testing.T) {
	a := func(name string, shape []int, v ...float32) model.Tensor {
		return model.Tensor{Name: name, Shape: shape, Data: v}
	}
	for _, c := range []struct {
		from []model.Tensor
		want string
	}{
		{[]model.Tensor{a("b", []int{1, 2}, 4, 5), a("a", []int{1}, 3)}, ""},
		{[]model.Tensor{a("a", []int{1}, 3)}, "1 tensors where the model has 2"},
		{[]model.Tensor{a("a", []int{1}, 3), a("c", []int{1, 2}, 4, 5)}, `no tensor "b" of shape [1 2]`},
		{[]model.Tensor{a("a", []int{1}, 3), a("b", []int{2}, 4, 5)}, `no tensor "b" of shape [1 2]`},
		{[]model.Tensor{a("a", []int{1}, 3), a("b", []int{1, 2}, 4)}, `no tensor "b" of shape [1 2]`},
		{[]model.Tensor{a("a", []int{1}, 3), a("a", []int{1}, 3)}, `no tensor "b" of shape [1 2]`},
	} {
		to := []model.Tensor{a("a", []int{1}, 0), a("b", []int{1, 2}, 1, 2)}
		err := model.Copy(to, c.from)
		got := slices.Concat(to[0].Data, to[1].Data)
		if c.want == "" {
			if err != nil || !slices.Equal(got, []float32{3, 4, 5}) {
				t.Errorf("%v, %v", got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) || !slices.Equal(got, []float32{0, 1, 2}) {
			t.Errorf("%v, %v: want %s", got, err, c.want)
		}
	}
}
