package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/pathline/pathline/stages/autodiff"
)

// FFJORDConfig describes a network of concat-squash layers. A field left at its
// zero value has the default.
type FFJORDConfig struct {
	Hidden     []int   `json:"hidden" doc:"widths of the hidden layers" min:"1" max:"65536"`
	Activation string  `json:"activation" doc:"follows every hidden layer" enum:"silu,relu,tanh,gelu,selu,softplus"`
	EndTime    float64 `json:"end_time" doc:"how far the field's own time goes while t goes from 0 to 1" above:"0" max:"1000"`
	TrainEnd   *bool   `json:"train_end" doc:"end_time is where training begins from"`
}

// DefaultFFJORDConfig is that of the toy densities of the paper's code: three
// layers of 64 with tanh, and an end time that begins at 0.5.
func DefaultFFJORDConfig() FFJORDConfig {
	yes := true
	return FFJORDConfig{Hidden: []int{64, 64, 64}, Activation: "tanh", EndTime: 0.5, TrainEnd: &yes}
}

// FFJORD is the Definition of the network of Grathwohl et al. 2019 ("FFJORD",
// appendix B.1): concat-squash layers, each of which the time scales and shifts,
//
//	y = (x Wᵀ + b) sigmoid(s w_gate + b_gate) + s w_shift
//
// with an activation after each but the last. The field's own time is s = T t,
// and v = T f(s, x): the flow from 0 to 1 is that of f from 0 to T. T is the square
// of a weight where it is trained. What depends on the time alone is computed once
// for rows that share it. Conditions stand beside x in the first layer.
type FFJORD struct{ config FFJORDConfig }

// NewFFJORD checks a configuration and fills in its defaults.
func NewFFJORD(c FFJORDConfig) (FFJORD, error) {
	d := DefaultFFJORDConfig()
	if c.Hidden == nil {
		c.Hidden = d.Hidden
	}
	if len(c.Hidden) > 64 {
		return FFJORD{}, unfit("ffjord", "hidden", outOfRange, "%d layers, at most 64", len(c.Hidden))
	}
	c.Hidden = append([]int{}, c.Hidden...)
	for i, h := range c.Hidden {
		if h < 1 || h > maxWidth {
			return FFJORD{}, unfit("ffjord", fmt.Sprintf("hidden[%d]", i), outOfRange, "width %d is not between 1 and %d", h, maxWidth)
		}
	}
	if n := weights(c.Hidden...); n > maxWeights {
		return FFJORD{}, unfit("ffjord", "hidden", outOfRange, "makes %d weights, more than %d", n, maxWeights)
	}
	if c.Activation == "" {
		c.Activation = d.Activation
	}
	if activations[c.Activation] == nil {
		return FFJORD{}, unfit("ffjord", "activation", outOfRange, "unknown %q; there are silu, relu, tanh, gelu, selu, softplus", c.Activation)
	}
	if c.EndTime == 0 {
		c.EndTime = d.EndTime
	}
	if !(c.EndTime > 0 && c.EndTime <= 1000) {
		return FFJORD{}, unfit("ffjord", "end_time", outOfRange, "%v is not above 0 and at most 1000", c.EndTime)
	}
	if c.TrainEnd == nil {
		c.TrainEnd = d.TrainEnd
	}
	return FFJORD{c}, nil
}

// Use is "ffjord".
func (m FFJORD) Use() string { return "ffjord" }

// Config is the configuration with its defaults, as JSON.
func (m FFJORD) Config() []byte {
	b, err := json.Marshal(m.config)
	if err != nil {
		panic("model: configuration does not encode")
	}
	return b
}

// Build makes the network for rows of dim columns; its weights are zero.
func (m FFJORD) Build(dim int) (Network, error) { return m.BuildHeld(dim, 0) }

// BuildHeld implements Conditional.
func (m FFJORD) BuildHeld(dim, held int) (Network, error) {
	if m.config.Activation == "" {
		return nil, fmt.Errorf("model: ffjord: not made by NewFFJORD")
	}
	if err := fits("ffjord", dim, held); err != nil {
		return nil, err
	}
	widths := append(append([]int{dim + held}, m.config.Hidden...), dim)
	n := weights(widths...)
	for _, w := range widths[1:] {
		n += 3 * int64(w)
	}
	if n > maxWeights {
		return nil, fmt.Errorf("model: ffjord: %d weights for rows of %d columns, more than %d", n, dim+held, maxWeights)
	}
	return NewHeldNetwork(dim, held, m.forward)
}

// forward names the tensors layers.0.weight [out, in], layers.0.bias [out],
// layers.0.gate.weight [out, 1], layers.0.gate.bias [out], layers.0.shift.weight
// [out, 1], layers.1.weight and so on, and sqrt_end_time [1].
func (m FFJORD) forward(g *autodiff.Graph, x, c, t autodiff.Value) autodiff.Value {
	act := activations[m.config.Activation]
	end := g.Fill(m.config.EndTime, 1)
	if *m.config.TrainEnd {
		end = g.Square(g.Param("sqrt_end_time", autodiff.Init{Mean: math.Sqrt(m.config.EndTime)}, 1))
	}
	s := g.Mul(t, end)
	h, out := x, x.Shape()[0]
	if !c.IsZero() {
		h = g.Concat(h, c)
	}
	for i, width := range m.config.Hidden {
		h = act(g, squash(g, "layers."+strconv.Itoa(i), h, s, width))
	}
	return g.Mul(squash(g, "layers."+strconv.Itoa(len(m.config.Hidden)), h, s, out), g.Reshape(end))
}

// squash is a concat-squash layer.
func squash(g *autodiff.Graph, name string, x, s autodiff.Value, out int) autodiff.Value {
	gate := g.Sigmoid(dense(g, name+".gate", s, out))
	shift := g.Linear(s, g.Param(name+".shift.weight", autodiff.Init{Bound: 1}, out, 1), autodiff.Value{})
	return g.Add(g.Mul(dense(g, name, x, out), gate), shift)
}
