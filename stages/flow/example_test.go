package flow_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
)

// still is a field that moves nothing: a flow that is its own base.
type still struct{ dim int }

func (s still) Dim() int { return s.dim }

func (s still) Eval(_ context.Context, dx []float32, _ []float64, _ []float32, _ int) error {
	clear(dx)
	return nil
}

func (s still) Divergence(_ context.Context, dx []float32, div, _ []float64, _, _ []float32, _, _ int) error {
	clear(dx)
	clear(div)
	return nil
}

func Example() {
	d := flow.Description{
		Columns: []schemas.Column{{Name: "voltage", Type: "float32"}},
		Path:    flow.Component{Use: "condot"}, Model: flow.Component{Use: "still"},
		Dim: 1, Target: flow.TargetVelocity, BaseStd: 1,
	}
	var file bytes.Buffer
	if err := flow.Encode(&file, d, []model.Tensor{{Name: "nothing", Shape: []int{1}, Data: []float32{0}}}); err != nil {
		fmt.Println(err)
		return
	}
	back, tensors, err := flow.Decode(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := flow.New(back, tensors, flow.Registry{
		Other: func(c flow.Component, dim int, _ []model.Tensor) (model.Field[float32], error) {
			return still{dim}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Description.Names(), f.Dim())

	file.Bytes()[file.Len()-1] ^= 1
	_, _, err = flow.Decode(bytes.NewReader(file.Bytes()), int64(file.Len()))
	fmt.Println(err)
	// Output:
	// [voltage] 1
	// the checksum of the flow does not match: it was changed or damaged after it was written
}
