package model

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/pathline/pathline/stages/autodiff"
)

// MLPConfig describes a multilayer perceptron. A field left at its zero value
// has the default.
type MLPConfig struct {
	// Hidden are the widths of the hidden layers, [128, 128, 128] by default.
	// An empty list, which is not nil, is a field linear in its inputs.
	Hidden []int `json:"hidden" doc:"widths of the hidden layers" min:"1" max:"65536"`
	// Activation follows every hidden layer: silu (default), relu, tanh, gelu,
	// selu, softplus.
	Activation string `json:"activation" doc:"follows every hidden layer" enum:"silu,relu,tanh,gelu,selu,softplus"`
	// Time says how t is given to the first layer, beside x.
	Time TimeConfig `json:"time" doc:"how the time enters the first layer"`
	// Embedding is the width of a learned linear layer over the conditions, for
	// rows that have some; 0 gives them to the first layer as they are.
	Embedding int `json:"embedding,omitempty" doc:"width of a learned embedding of the conditions, where there are some; 0 is none" min:"0" max:"65536"`
}

// DefaultMLPConfig is three layers of 128 with SiLU and 32 Fourier features.
func DefaultMLPConfig() MLPConfig {
	return MLPConfig{
		Hidden:     []int{128, 128, 128},
		Activation: "silu",
		Time:       TimeConfig{Use: "fourier", Features: 32},
	}
}

// MLP is the Definition of a multilayer perceptron: layers y = x Wᵀ + b, an
// activation after each but the last, input [x, conditions, features of t],
// output v.
type MLP struct {
	config MLPConfig
	freqs  []float64
}

// maxWidth bounds a layer and maxWeights a network (4 GiB), so that a file
// cannot ask for absurd memory.
const (
	maxWidth   = 1 << 16
	maxWeights = 1 << 30
)

// weights is the number of weights of layers between the given widths.
func weights(widths ...int) (n int64) {
	for i := 1; i < len(widths); i++ {
		n += int64(widths[i-1]+1) * int64(widths[i])
	}
	return n
}

// NewMLP checks a configuration and fills in its defaults.
func NewMLP(c MLPConfig) (MLP, error) {
	d := DefaultMLPConfig()
	if c.Hidden == nil {
		c.Hidden = d.Hidden
	}
	if len(c.Hidden) > 64 {
		return MLP{}, unfit("mlp", "hidden", outOfRange, "%d layers, at most 64", len(c.Hidden))
	}
	c.Hidden = append([]int{}, c.Hidden...)
	for i, h := range c.Hidden {
		if h < 1 || h > maxWidth {
			return MLP{}, unfit("mlp", fmt.Sprintf("hidden[%d]", i), outOfRange, "width %d is not between 1 and %d", h, maxWidth)
		}
	}
	if n := weights(c.Hidden...); n > maxWeights {
		return MLP{}, unfit("mlp", "hidden", outOfRange, "makes %d weights, more than %d", n, maxWeights)
	}
	if c.Activation == "" {
		c.Activation = d.Activation
	}
	if activations[c.Activation] == nil {
		return MLP{}, unfit("mlp", "activation", outOfRange, "unknown %q; there are silu, relu, tanh, gelu, selu, softplus", c.Activation)
	}
	if c.Embedding < 0 || c.Embedding > maxWidth {
		return MLP{}, unfit("mlp", "embedding", outOfRange, "%d is not between 0 and %d", c.Embedding, maxWidth)
	}
	var err error
	if c.Time, err = c.Time.withDefaults("mlp"); err != nil {
		return MLP{}, err
	}
	return MLP{config: c, freqs: c.Time.frequencies()}, nil
}

// Use is "mlp".
func (m MLP) Use() string { return "mlp" }

// Config is the configuration with its defaults, as JSON.
func (m MLP) Config() []byte {
	b, err := json.Marshal(m.config)
	if err != nil {
		panic("model: configuration does not encode")
	}
	return b
}

// Build makes the network for rows of dim columns; its weights are zero.
func (m MLP) Build(dim int) (Network, error) { return m.BuildHeld(dim, 0) }

// BuildHeld implements Conditional.
func (m MLP) BuildHeld(dim, held int) (Network, error) {
	if m.config.Activation == "" {
		return nil, fmt.Errorf("model: mlp: not made by NewMLP")
	}
	if err := fits("mlp", dim, held); err != nil {
		return nil, err
	}
	in := dim + timeWidth(m.freqs) + embeddedWidth(held, m.config.Embedding)
	if w := weights(append(append([]int{in}, m.config.Hidden...), dim)...) + int64(held)*int64(m.config.Embedding); w > maxWeights {
		return nil, fmt.Errorf("model: mlp: %d weights for rows of %d columns, more than %d", w, dim+held, maxWeights)
	}
	return NewHeldNetwork(dim, held, m.forward)
}

// forward names the tensors layers.0.weight [out, in], layers.0.bias [out],
// layers.1.weight and so on, as a torch.nn.ModuleList of Linear would.
func (m MLP) forward(g *autodiff.Graph, x, c, t autodiff.Value) autodiff.Value {
	act := activations[m.config.Activation]
	h := x
	if !c.IsZero() {
		h = g.Concat(h, embedded(g, c, m.config.Embedding))
	}
	h = g.Concat(h, timeFeatures(g, m.freqs, t))
	for i, width := range m.config.Hidden {
		h = act(g, dense(g, "layers."+strconv.Itoa(i), h, width))
	}
	return dense(g, "layers."+strconv.Itoa(len(m.config.Hidden)), h, x.Shape()[0])
}
