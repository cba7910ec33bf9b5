package bench

import (
	"fmt"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
)

// shape is a network of the workloads: d columns, hidden layers of one width.
type shape struct {
	dim, depth, width int
	concat            bool // SELU and t itself; otherwise SiLU and 32 frequencies
}

var (
	small = shape{dim: 2, depth: 3, width: 64, concat: true}
	wide  = shape{dim: 21, depth: 4, width: 512}
	mid   = shape{dim: 8, depth: 3, width: 128}
)

// named are the shapes whose weights stand in files.
var named = map[string]shape{"small": small, "wide": wide}

func (s shape) String() string { return fmt.Sprintf("d=%d hidden=%dx%d", s.dim, s.depth, s.width) }

func (s shape) definition() (model.MLP, error) {
	c := model.DefaultMLPConfig()
	c.Hidden = make([]int, s.depth)
	for i := range c.Hidden {
		c.Hidden[i] = s.width
	}
	if s.concat {
		c.Activation, c.Time = "selu", model.TimeConfig{Use: "concat"}
	}
	return model.NewMLP(c)
}

// sizes are the widths of the layers, of input with the time's columns to output.
func (s shape) sizes() sizes {
	out := sizes{s.dim + 64}
	if s.concat {
		out[0] = s.dim + 1
	}
	for range s.depth {
		out = append(out, s.width)
	}
	return append(out, s.dim)
}

// open makes a flow of a network with the weights given, as its file would.
func (s shape) open(tensors []model.Tensor) (*flow.Flow, error) {
	return s.openFrom(tensors, flow.Registry{Models: model.Builtin()})
}

// openFrom makes it with networks of a registry.
func (s shape) openFrom(tensors []model.Tensor, parts flow.Registry) (*flow.Flow, error) {
	m, err := s.definition()
	if err != nil {
		return nil, err
	}
	d := flow.Description{Version: flow.FormatVersion, Dim: s.dim, Target: flow.TargetVelocity, BaseStd: 1,
		Path:  flow.Component{Use: "condot"},
		Model: flow.Component{Use: m.Use(), With: m.Config()}}
	for i := range s.dim {
		d.Columns = append(d.Columns, schemas.Column{Name: fmt.Sprintf("x%d", i+1), Type: "float32"})
	}
	return flow.New(d, tensors, parts)
}

// trained is the flow whose weights stand in the file NAME_weights.
func trained(folder, name string) (*flow.Flow, error) {
	arrays, err := readArrays(folder, name+"_weights")
	if err != nil {
		return nil, err
	}
	var tensors []model.Tensor
	for key, a := range arrays {
		tensors = append(tensors, model.Tensor{Name: key, Shape: a.shape, Data: a.float32s()})
	}
	return named[name].open(tensors)
}
