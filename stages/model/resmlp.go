package model

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/pathline/pathline/stages/autodiff"
)

// ResMLPConfig describes a residual perceptron. A field left at its zero value
// has the default.
type ResMLPConfig struct {
	Width      int        `json:"width" doc:"width of the residual stream" min:"1" max:"65536"`
	Blocks     int        `json:"blocks" doc:"residual blocks" min:"1" max:"256"`
	Expansion  int        `json:"expansion" doc:"width inside of a block, in widths" min:"1" max:"16"`
	Activation string     `json:"activation" doc:"inside of a block" enum:"silu,relu,tanh,gelu,selu,softplus"`
	Time       TimeConfig `json:"time" doc:"how the time enters every block"`
	Embedding  int        `json:"embedding,omitempty" doc:"width of a learned embedding of the conditions, where there are some; 0 is none" min:"0" max:"65536"`
}

// DefaultResMLPConfig is three blocks of width 256 and SiLU.
func DefaultResMLPConfig() ResMLPConfig {
	return ResMLPConfig{Width: 256, Blocks: 3, Expansion: 2, Activation: "silu", Time: TimeConfig{Use: "fourier", Features: 32}}
}

// ResMLP is the Definition of a perceptron of residual blocks with layer norm,
// which the time scales and shifts (feature-wise linear modulation, Perez et al.
// 2018). With e the act of a layer over the features of t, plus a linear layer
// over the conditions where there are some, and h of width W,
//
//	h = in(x)
//	h = h + down(act(up(m(h))))      for every block
//	v = out(m(h))
//	m(h) = norm(h) (1 + scale(e)) + shift(e)
//
// The layers scale, shift and down begin at zero, so that a block begins as the
// identity (Peebles and Xie 2023, adaLN-zero). What depends on e alone is
// computed once for rows that share the time.
type ResMLP struct {
	config ResMLPConfig
	freqs  []float64
}

// NewResMLP checks a configuration and fills in its defaults.
func NewResMLP(c ResMLPConfig) (ResMLP, error) {
	d := DefaultResMLPConfig()
	for _, f := range []struct {
		name             string
		value            *int
		otherwise, limit int
	}{{"width", &c.Width, d.Width, maxWidth}, {"blocks", &c.Blocks, d.Blocks, 256}, {"expansion", &c.Expansion, d.Expansion, 16}} {
		if *f.value == 0 {
			*f.value = f.otherwise
		}
		if *f.value < 1 || *f.value > f.limit {
			return ResMLP{}, unfit("resmlp", f.name, outOfRange, "%d is not between 1 and %d", *f.value, f.limit)
		}
	}
	if c.Activation == "" {
		c.Activation = d.Activation
	}
	if activations[c.Activation] == nil {
		return ResMLP{}, unfit("resmlp", "activation", outOfRange, "unknown %q; there are silu, relu, tanh, gelu, selu, softplus", c.Activation)
	}
	if n := int64(c.Blocks) * weights(c.Width, c.Width*c.Expansion, c.Width); n > maxWeights {
		return ResMLP{}, unfit("resmlp", "blocks", outOfRange, "make %d weights, more than %d", n, maxWeights)
	}
	if c.Embedding < 0 || c.Embedding > maxWidth {
		return ResMLP{}, unfit("resmlp", "embedding", outOfRange, "%d is not between 0 and %d", c.Embedding, maxWidth)
	}
	var err error
	if c.Time, err = c.Time.withDefaults("resmlp"); err != nil {
		return ResMLP{}, err
	}
	return ResMLP{config: c, freqs: c.Time.frequencies()}, nil
}

// Use is "resmlp".
func (m ResMLP) Use() string { return "resmlp" }

// Config is the configuration with its defaults, as JSON.
func (m ResMLP) Config() []byte {
	b, err := json.Marshal(m.config)
	if err != nil {
		panic("model: configuration does not encode")
	}
	return b
}

// Build makes the network for rows of dim columns; its weights are zero.
func (m ResMLP) Build(dim int) (Network, error) { return m.BuildHeld(dim, 0) }

// BuildHeld implements Conditional.
func (m ResMLP) BuildHeld(dim, held int) (Network, error) {
	c := m.config
	if c.Activation == "" {
		return nil, fmt.Errorf("model: resmlp: not made by NewResMLP")
	}
	if err := fits("resmlp", dim, held); err != nil {
		return nil, err
	}
	conditions := int64(held)*int64(c.Embedding) + int64(embeddedWidth(held, c.Embedding))*int64(c.Width)
	modulation := int64(c.Blocks+1) * weights(c.Width, 2*c.Width)
	if w := weights(dim, c.Width, dim) + weights(timeWidth(m.freqs), c.Width) + conditions + modulation; w > maxWeights {
		return nil, fmt.Errorf("model: resmlp: %d weights for rows of %d columns, more than %d", w, dim+held, maxWeights)
	}
	return NewHeldNetwork(dim, held, m.forward)
}

func (m ResMLP) forward(g *autodiff.Graph, x, conditions, t autodiff.Value) autodiff.Value {
	c, act := m.config, activations[m.config.Activation]
	e := dense(g, "time", timeFeatures(g, m.freqs, t), c.Width)
	if !conditions.IsZero() {
		e = g.Add(e, linear(g, "conditions", embedded(g, conditions, c.Embedding), c.Width))
	}
	e = act(g, e)
	modulated := func(name string, h autodiff.Value) autodiff.Value {
		f := zeroDense(g, name, e, 2*c.Width)
		scale, shift := g.Slice(f, 0, c.Width), g.Slice(f, c.Width, 2*c.Width)
		return g.Add(g.Mul(g.LayerNorm(h, 1e-5), g.Add(scale, g.Fill(1))), shift)
	}
	h := dense(g, "in", x, c.Width)
	for i := range c.Blocks {
		name := "blocks." + strconv.Itoa(i)
		f := act(g, dense(g, name+".up", modulated(name+".time", h), c.Expansion*c.Width))
		h = g.Add(h, zeroDense(g, name+".down", f, c.Width))
	}
	return dense(g, "out", modulated("out.time", h), x.Shape()[0])
}
