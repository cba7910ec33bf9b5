package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/pathline/pathline/stages/random"
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
// activation after each but the last, input [x, features of t], output v.
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
	var err error
	if c.Time, err = c.Time.withDefaults(); err != nil {
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
func (m MLP) Build(dim int) (Network, error) {
	if m.config.Activation == "" {
		return nil, fmt.Errorf("model: mlp: not made by NewMLP")
	}
	if dim < 1 || dim > maxWidth {
		return nil, fmt.Errorf("model: mlp: %d columns, there must be between 1 and %d", dim, maxWidth)
	}
	n := &perceptron{dim: dim, freqs: m.freqs, act: activations[m.config.Activation]}
	in := dim + timeWidth(m.freqs)
	if w := weights(append(append([]int{in}, m.config.Hidden...), dim)...); w > maxWeights {
		return nil, fmt.Errorf("model: mlp: %d weights for rows of %d columns, more than %d", w, dim, maxWeights)
	}
	for _, out := range append(append([]int{}, m.config.Hidden...), dim) {
		n.layers = append(n.layers, layer{in: in, out: out, w: make([]float32, out*in), b: make([]float32, out)})
		in = out
	}
	n.scratch.New = func() any { return n.newScratch() }
	return n, nil
}

// perceptron is the Network of an MLP.
type perceptron struct {
	dim     int
	freqs   []float64
	act     activation
	layers  []layer
	scratch sync.Pool // of *scratch
}

// layer is y = x Wᵀ + b with w [out][in].
type layer struct {
	in, out int
	w, b    []float32
}

func (n *perceptron) Dim() int { return n.dim }

// Tensors are layers.0.weight [out, in], layers.0.bias [out], layers.1.weight
// and so on, the names that a torch.nn.ModuleList of Linear would give.
func (n *perceptron) Tensors() []Tensor {
	var ts []Tensor
	for i, l := range n.layers {
		name := "layers." + strconv.Itoa(i)
		ts = append(ts,
			Tensor{Name: name + ".weight", Shape: []int{l.out, l.in}, Data: l.w},
			Tensor{Name: name + ".bias", Shape: []int{l.out}, Data: l.b})
	}
	return ts
}

// Changed does nothing: every call transposes the weights that it finds.
func (n *perceptron) Changed(Share) {}

// Init draws weights and biases of a layer uniformly from ±1/sqrt(in), as
// PyTorch's Linear does. Element i of tensor number j is draw i of row j.
func (n *perceptron) Init(key random.Key) {
	var u []float64
	for j, ts := range n.Tensors() {
		if len(ts.Data) > cap(u) {
			u = make([]float64, len(ts.Data))
		}
		u = u[:len(ts.Data)]
		key.Uniforms(u, uint64(j), 0)
		bound := 1 / math.Sqrt(float64(n.layers[j/2].in))
		for i := range u {
			ts.Data[i] = float32((2*u[i] - 1) * bound)
		}
	}
}
