package bijection

import (
	"fmt"
	"math"

	"github.com/pathline/pathline/stages/random"
)

// Shape says how a row holds an image: {rows, columns} or {rows, columns,
// channels}, the last fastest.
type Shape []int

// check finds what is out of range, for all rows.
func (s Shape) check(use string) error {
	if n := len(s); n != 0 && n != 2 && n != 3 {
		return unfit(use, "shape", "%v has %d numbers; write [rows, columns] or [rows, columns, channels]", []int(s), n)
	}
	for i, n := range s {
		if n < 1 || n > maxWidth {
			return unfit(use, fmt.Sprintf("shape[%d]", i), "%d is not between 1 and %d", n, maxWidth)
		}
	}
	return nil
}

// of is the shape in rows of dim columns, a square of one channel where it is
// empty.
func (s Shape) of(dim int) (image, error) {
	m := image{channels: 1}
	switch len(s) {
	case 0:
		m.height = int(math.Round(math.Sqrt(float64(dim))))
		m.width = m.height
	case 3:
		m.channels = s[2]
		fallthrough
	default:
		m.height, m.width = s[0], s[1]
	}
	switch {
	case m.height*m.width*m.channels == dim:
		return m, nil
	case len(s) == 0:
		return m, fmt.Errorf("shape: rows of %d columns are no square image of one channel; write shape: [rows, columns, channels], whose product is %d", dim, dim)
	}
	return m, fmt.Errorf("shape: an image of %v has %d numbers and a row has %d; write a shape whose product is %d", m, m.height*m.width*m.channels, dim, dim)
}

// image is the size of an image while layers change it.
type image struct{ height, width, channels int }

func (m image) String() string { return fmt.Sprintf("%d x %d x %d", m.height, m.width, m.channels) }

func (m image) flat() Reshape { return Flat(m.height, m.width, m.channels) }

// squeezed is the size after a squeeze, half of the channels after a split of that.
func (m image) squeezed() image { return image{m.height / 2, m.width / 2, 4 * m.channels} }
func (m image) split() image    { return image{m.height, m.width, m.channels - m.channels/2} }

// halves says whether an image can be squeezed some times.
func (m image) halves(times int) error {
	for h, w, k := m.height, m.width, 0; k < times; h, w, k = h/2, w/2, k+1 {
		if h%2 != 0 || w%2 != 0 {
			return fmt.Errorf("levels: an image of %v can be halved %d times, not %d; write fewer levels, or scale or pad the images", m, k, times)
		}
	}
	return nil
}

func (c Config) convolution(m image) Convolution {
	return Convolution{Height: m.height, Width: m.width, Hidden: c.Hidden, Activation: activations[c.Activation]}
}

// coupling is a coupling that keeps the first channels, or the last.
func (c Config) coupling(m image, first bool) Coupling {
	keep := make([]bool, m.channels)
	for k := range keep {
		keep[k] = k < m.split().channels == first
	}
	return Coupling{Keep: keep, Function: Affine{}, Conditioner: c.convolution(m)}
}

// weighs refuses networks beyond maxWeights: couplings as there are at one level,
// with conditioners from in channels to out.
func (c Config) weighs(couplings, in, out int) error {
	var n int64
	last := len(c.Hidden)
	from := int64(in)
	for i, w := range append(c.Hidden[:last:last], out) {
		kernel := int64(1)
		if i == 0 || i == last {
			kernel = 9
		}
		n += (kernel*from + 1) * int64(w)
		from = int64(w)
	}
	if n *= int64(couplings); n > maxWeights {
		return fmt.Errorf("%d weights for images of %d channels, more than %d", n, in, maxWeights)
	}
	return nil
}

// GlowConfig describes a Glow.
type GlowConfig struct {
	Shape      Shape  `json:"shape,omitempty" doc:"rows, columns and channels of the image that a row holds, the last fastest; one channel when only two are given, a square of one channel when left out" min:"1"`
	Levels     int    `json:"levels" doc:"scales: each begins with a squeeze of 2 x 2 pixels, and all but the last end with half of the numbers factored out" min:"1" max:"12"`
	Steps      int    `json:"steps" doc:"steps of flow at each level: actnorm, 1x1 convolution, affine coupling" min:"1" max:"256"`
	Hidden     []int  `json:"hidden" doc:"channels of the hidden layers of each coupling's network: kernels of 3 x 3 first and last, of 1 x 1 between" min:"1" max:"65536"`
	Activation string `json:"activation" doc:"follows every hidden layer" enum:"relu,tanh,silu,gelu,selu"`
	Base       string `json:"base" doc:"the distribution that the data become; a mixture of Gaussians is learned" enum:"normal,logistic,mixture"`
	Components int    `json:"components,omitempty" doc:"Gaussians of the base mixture; 8 when left out" min:"0" max:"1024"`
	Seed       uint64 `json:"seed" doc:"of the random rotations that 1x1 convolutions begin with"`
}

func defaultGlow() GlowConfig {
	return GlowConfig{Levels: 2, Steps: 8, Hidden: []int{64, 64}, Activation: "relu", Base: "normal"}
}

// NewGlow is a flow of invertible 1x1 convolutions for images (Kingma and Dhariwal
// 2018, section 3 and figure 2b). What a level factors out has a base with learned
// mean and scale, a function of what goes on, as in the paper's program.
func NewGlow(c GlowConfig) (Definition, error) {
	d := defaultGlow()
	or(&c.Levels, d.Levels)
	or(&c.Steps, d.Steps)
	if c.Hidden == nil {
		c.Hidden = d.Hidden
	}
	// Everything else is as in the other flows.
	in := Config{Transforms: c.Steps, Hidden: c.Hidden, Activation: c.Activation, Base: c.Base, Components: c.Components, ActNorm: true, Seed: c.Seed}
	if err := in.complete("glow", Config{Activation: d.Activation, Base: d.Base, Mix: "none"}); err != nil {
		return nil, err
	}
	c.Hidden, c.Activation, c.Base, c.Components = in.Hidden, in.Activation, in.Base, in.Components
	if c.Levels < 1 || c.Levels > 12 {
		return nil, unfit("glow", "levels", "%d is not between 1 and 12", c.Levels)
	}
	if err := c.Shape.check("glow"); err != nil {
		return nil, err
	}
	return named{use: "glow", config: c, base: baseConfig{c.Base, c.Components}, layers: func(dim, held int) (Chain, error) {
		m, err := c.Shape.of(dim)
		if err == nil {
			err = m.halves(c.Levels)
		}
		if err != nil {
			return nil, err
		}
		levels, err := in.glow(m, held, 0, c.Levels)
		return append(Chain{Image(m.height, m.width, m.channels)}, levels...), err
	}}, nil
}

// glow are the levels from number level on; they give a row.
func (c Config) glow(m image, held, level, levels int) (Chain, error) {
	chain := Chain{Squeeze{m.height, m.width}}
	m = m.squeezed()
	if m.channels > maxLU {
		return nil, fmt.Errorf("levels: level %d has %d channels, 1x1 convolutions take at most %d; write fewer levels", level, m.channels, maxLU)
	}
	if err := c.weighs(c.Transforms*levels, m.channels+held, 2*m.channels); err != nil {
		return nil, err
	}
	key := random.NewKey(c.Seed, "bijection", "rotation")
	for i := range c.Transforms {
		chain = append(chain, ActNorm{}, Convolution1x1(m.channels, key, uint32(level*c.Transforms+i)), c.coupling(m, true))
	}
	if level == levels-1 {
		return append(chain, m.flat()), nil
	}
	prior := c
	prior.Hidden = nil
	rest, err := c.glow(m.split(), held, level+1, levels)
	return append(chain, prior.coupling(m, true), Split{Channels: m.channels, Rest: rest}), err
}

// RealNVPConfig describes a flow of affine couplings, of columns or of images.
type RealNVPConfig struct {
	Config
	Shape  Shape `json:"shape,omitempty" doc:"rows, columns and channels of the image that a row holds, the last fastest; one channel when only two are given. With it hidden are channels of convolutions, transforms are the couplings of a level, and mix and actnorm act on channels" min:"1"`
	Levels int   `json:"levels" doc:"scales of an image: all but the last end with a squeeze of 2 x 2 pixels and half of the numbers factored out" min:"1" max:"12"`
}

func defaultRealNVP() RealNVPConfig {
	return RealNVPConfig{Levels: 2,
		Config: Config{Transforms: 8, Hidden: []int{128, 128}, Activation: "relu", Mix: "none", Base: "normal"}}
}

// NewRealNVP is a flow of affine couplings (Dinh et al. 2017): of columns or, with
// a shape, of images at several scales (section 3.6). A level has half of its
// couplings between the pixels of a checkerboard, squeezes, and has the other half
// between channels; the last has the first half only.
func NewRealNVP(c RealNVPConfig) (Definition, error) {
	d := defaultRealNVP()
	or(&c.Levels, d.Levels)
	if err := c.complete("realnvp", d.Config); err != nil {
		return nil, err
	}
	if c.Levels < 1 || c.Levels > 12 {
		return nil, unfit("realnvp", "levels", "%d is not between 1 and 12", c.Levels)
	}
	if err := c.Shape.check("realnvp"); err != nil {
		return nil, err
	}
	return named{use: "realnvp", config: c, base: baseConfig{c.Base, c.Components}, layers: func(dim, held int) (Chain, error) {
		if len(c.Shape) == 0 {
			return couplings(c.Config, Affine{}, dim, held)
		}
		m, err := c.Shape.of(dim)
		if err == nil {
			err = m.halves(c.Levels - 1)
		}
		if err == nil && m.height*m.width < 2 {
			err = fmt.Errorf("shape: an image of %v has one pixel, and a checkerboard needs two; leave shape out", m)
		}
		if err != nil {
			return nil, err
		}
		levels, err := c.multiscale(m, held, 0, c.Levels)
		return append(Chain{Image(m.height, m.width, m.channels)}, levels...), err
	}}, nil
}

// multiscale are the levels from number level on; they give a row.
func (c Config) multiscale(m image, held, level, levels int) (chain Chain, err error) {
	if err := c.weighs(c.Transforms*levels, 4*m.channels+held, 8*m.channels); err != nil {
		return nil, err
	}
	number := level * c.Transforms
	for i := range (c.Transforms + 1) / 2 {
		if chain, err = c.between(chain, number, m.channels); err != nil {
			return nil, err
		}
		chain = append(chain, Checkerboard{Height: m.height, Width: m.width, Odd: i%2 == 1, Function: Affine{}, Conditioner: c.convolution(m)})
		number++
	}
	if level == levels-1 {
		return append(chain, m.flat()), nil
	}
	chain = append(chain, Squeeze{m.height, m.width})
	m = m.squeezed()
	for i := range c.Transforms / 2 {
		if chain, err = c.between(chain, number, m.channels); err != nil {
			return nil, err
		}
		chain = append(chain, c.coupling(m, i%2 == 0))
		number++
	}
	rest, err := c.multiscale(m.split(), held, level+1, levels)
	return append(chain, Split{Channels: m.channels, Rest: rest}), err
}
