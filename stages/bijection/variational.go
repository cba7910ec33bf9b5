package bijection

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// VariationalConfig is a discrete flow of whole numbers, or of others with gaps between
// them, whose noise is learned: what a flow file keeps of one.
type VariationalConfig struct {
	NoiseConfig
	// Step and Offset are those of the bins of each column, or of all: a bin n begins
	// at Offset + n Step.
	Step   []float64      `json:"step"`
	Offset []float64      `json:"offset"`
	Model  ComponentOfUse `json:"model"` // the flow behind
}

// ComponentOfUse names a discrete flow with its configuration.
type ComponentOfUse struct {
	Use  string          `json:"use"`
	With json.RawMessage `json:"with,omitempty"`
}

// NoiseConfig says how noise is learned, and what the flow behind sees.
type NoiseConfig struct {
	Low        float64 `json:"low" yaml:"low" doc:"Least value of a column." required:"true"`
	High       float64 `json:"high" yaml:"high" doc:"End of the last bin: the greatest value of a column and one step." required:"true"`
	Alpha      float64 `json:"alpha,omitempty" yaml:"alpha" min:"0" below:"0.5" doc:"The flow is one of logits, of numbers from alpha to 1 - alpha for low to high; 0.05 when left out."`
	Transforms int     `json:"transforms" yaml:"transforms" min:"0" max:"64" doc:"Couplings of the noise, splines whose parameters depend on the values; 2 when left out."`
	Hidden     []int   `json:"hidden" yaml:"hidden" min:"1" max:"65536" doc:"Widths of the hidden layers of each coupling's network, channels where the model is one of images; [32, 32] when left out."`
	Bins       int     `json:"bins,omitempty" yaml:"bins" min:"0" max:"64" doc:"Pieces of each spline; 4 when left out."`
}

// complete fills in defaults and finds what is out of range.
func (c *NoiseConfig) complete() error {
	const use = "variational"
	or(&c.Transforms, 2)
	or(&c.Bins, 4)
	or(&c.Alpha, 0.05)
	if c.Hidden == nil {
		c.Hidden = []int{32, 32}
	}
	c.Hidden = slices.Clone(c.Hidden)
	switch {
	case !(c.Low < c.High) || math.IsInf(c.High-c.Low, 0):
		return unfit(use, "high", "%v is not above low, %v", c.High, c.Low)
	case !(c.Alpha > 0 && c.Alpha < 0.5):
		return unfit(use, "alpha", "%v is not between 0 and 0.5", c.Alpha)
	case c.Transforms < 1 || c.Transforms > 64:
		return unfit(use, "transforms", "%d is not between 1 and 64", c.Transforms)
	case c.Bins < 2 || c.Bins > 64:
		return unfit(use, "bins", "%d is not between 2 and 64", c.Bins)
	case len(c.Hidden) > 16:
		return unfit(use, "hidden", "%d layers, at most 16", len(c.Hidden))
	}
	for i, h := range c.Hidden {
		if h < 1 || h > 65536 {
			return unfit(use, fmt.Sprintf("hidden[%d]", i), "width %d is not between 1 and 65536", h)
		}
	}
	return nil
}

// Validate reports what is wrong before anything runs.
func (c NoiseConfig) Validate() error {
	if err := c.complete(); err != nil {
		return inFile(err)
	}
	return nil
}

// NewVariational is a model, which must be one of this package, of logits of columns
// that dequantize spread over bins, with noise that is learned; see Dequantization.
// step and offset are those of the bins of each column, or one number for all. The
// noise begins as uniform.
func NewVariational(c NoiseConfig, step, offset []float64, model Definition) (Definition, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	behind, ok := model.(named)
	if _, twice := behind.config.(VariationalConfig); !ok || twice {
		return nil, unfit("variational", "model", "noise cannot be learned with %s of another process", model.Use())
	}
	step, offset = ofAll(step), ofAll(offset)
	if len(step) == 0 || len(offset) == 0 {
		return nil, unfit("variational", "step", "there are no bins")
	}
	for i := range step {
		if !(step[i] > 0) || math.IsInf(step[i], 0) {
			return nil, unfit("variational", fmt.Sprintf("step[%d]", i), "%v is no width of a bin", step[i])
		}
	}
	for i, v := range offset {
		if v-v != 0 {
			return nil, unfit("variational", fmt.Sprintf("offset[%d]", i), "%v is not finite", v)
		}
	}
	config := VariationalConfig{NoiseConfig: c, Step: step, Offset: offset, Model: ComponentOfUse{behind.use, behind.Config()}}
	return named{use: "variational", config: config, base: behind.base, layers: func(dim, held int) (Chain, error) {
		d := Dequantization{Low: c.Low, High: c.High}
		var err error
		if d.Step, err = forEach(step, dim, "step"); err != nil {
			return nil, err
		}
		if d.Offset, err = forEach(offset, dim, "offset"); err != nil {
			return nil, err
		}
		layers, err := behind.layers(dim, held)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", behind.use, err)
		}
		if d.Noise, d.Places, err = c.noise(behind, dim, held); err != nil {
			return nil, err
		}
		return Chain{d, Logit{Alpha: c.Alpha}, layers}, nil
	}}, nil
}

// noise are couplings of [-1, 1]^dim, of pixels where the flow behind has an image.
func (c NoiseConfig) noise(behind named, dim, held int) (noise Chain, places int, err error) {
	of := Config{Transforms: c.Transforms, Hidden: c.Hidden, Activation: "silu"}
	f := Spline{Bins: c.Bins, Bound: 1}
	m, images, err := behind.image(dim)
	if err != nil {
		return nil, 0, err
	}
	if !images || m.height*m.width < 2 {
		noise, err = couplings(of, f, dim, held+dim)
		return noise, 0, err
	}
	if err := of.weighs(c.Transforms, 2*m.channels+held, m.channels*f.Parameters()); err != nil {
		return nil, 0, err
	}
	noise = Chain{Image(m.height, m.width, m.channels)}
	for i := range c.Transforms {
		noise = append(noise, Checkerboard{Height: m.height, Width: m.width, Odd: i%2 == 1, Function: f, Conditioner: of.convolution(m)})
	}
	return append(noise, m.flat()), m.height * m.width, nil
}

// image is the image that a row holds, where the model sees one.
func (n named) image(dim int) (m image, ok bool, err error) {
	switch c := n.config.(type) {
	case GlowConfig:
		m, err = c.Shape.of(dim)
		return m, true, err
	case RealNVPConfig:
		if len(c.Shape) > 0 {
			m, err = c.Shape.of(dim)
			return m, true, err
		}
	}
	return m, false, nil
}

// ofAll is one number where all are the same.
func ofAll(v []float64) []float64 {
	if len(v) > 0 && !slices.ContainsFunc(v, func(x float64) bool { return x != v[0] }) {
		return v[:1:1]
	}
	return slices.Clone(v)
}

// forEach is a number for each of dim columns.
func forEach(v []float64, dim int, key string) ([]float64, error) {
	switch len(v) {
	case dim:
		return v, nil
	case 1:
		return slices.Repeat(v, dim), nil
	}
	return nil, fmt.Errorf("%s: %d numbers for %d columns", key, len(v), dim)
}

// variationalOf takes the configuration that a flow file keeps.
func variationalOf(config []byte) (Definition, error) {
	return builder(func(c VariationalConfig) (Definition, error) {
		build := Builtin()[c.Model.Use]
		if build == nil || c.Model.Use == "variational" {
			return nil, unfit("variational", "model", "there is no discrete flow %q", c.Model.Use)
		}
		d, err := build(c.Model.With)
		if err != nil {
			return nil, err
		}
		return NewVariational(c.NoiseConfig, c.Step, c.Offset, d)
	})(config)
}
