package bijection

import (
	"encoding/json"
	"fmt"

	"github.com/pathline/pathline/stages/random"
)

// Config describes a flow of transforms that are alike: nice, maf, iaf, and what
// realnvp and nsf have in common with them.
type Config struct {
	Transforms int    `json:"transforms" doc:"how many transforms follow each other" min:"1" max:"256"`
	Hidden     []int  `json:"hidden" doc:"widths of the hidden layers of each transform's network" min:"1" max:"65536"`
	Activation string `json:"activation" doc:"follows every hidden layer" enum:"relu,tanh,silu,gelu,selu"`
	Mix        string `json:"mix" doc:"what lies between two transforms: nothing but another order or mask, a random permutation, a linear map in LU form, or Householder reflections" enum:"none,random,lu,householder"`
	ActNorm    bool   `json:"actnorm" doc:"standardize the columns before every transform, with weights that the first rows choose"`
	Base       string `json:"base" doc:"the distribution that the data become; a mixture of Gaussians is learned" enum:"normal,logistic,mixture"`
	Components int    `json:"components,omitempty" doc:"Gaussians of the base mixture; 8 when left out" min:"0" max:"1024"`
	Seed       uint64 `json:"seed" doc:"of random permutations"`
}

// SplineConfig describes a neural spline flow.
type SplineConfig struct {
	Config
	Kind  string  `json:"kind" doc:"autoregressive, which generates column by column, or coupling" enum:"autoregressive,coupling"`
	Bins  int     `json:"bins" doc:"pieces of each spline" min:"2" max:"256"`
	Bound float64 `json:"bound" doc:"a spline bends numbers between -bound and bound and leaves others as they are" above:"0"`
}

// PlanarConfig describes a flow of planar transforms.
type PlanarConfig struct {
	Transforms int    `json:"transforms" doc:"how many transforms follow each other" min:"1" max:"1024"`
	Base       string `json:"base" doc:"the distribution that the data become; a mixture of Gaussians is learned" enum:"normal,logistic,mixture"`
	Components int    `json:"components,omitempty" doc:"Gaussians of the base mixture; 8 when left out" min:"0" max:"1024"`
}

// The defaults. NICE has a logistic base (Dinh et al. 2014, section 5), NSF
// linear maps between its transforms (Durkan et al. 2019, section 4.1).
func defaultNICE() Config {
	return Config{Transforms: 4, Hidden: []int{128, 128}, Activation: "relu", Mix: "none", Base: "logistic"}
}

func defaultMAF() Config {
	return Config{Transforms: 5, Hidden: []int{128, 128}, Activation: "relu", Mix: "none", Base: "normal"}
}

func defaultNSF() SplineConfig {
	return SplineConfig{Config: Config{Transforms: 5, Hidden: []int{128, 128}, Activation: "relu", Mix: "lu", Base: "normal"},
		Kind: "autoregressive", Bins: 8, Bound: 5}
}

func defaultPlanar() PlanarConfig { return PlanarConfig{Transforms: 32, Base: "normal"} }

// maxWidth bounds the columns of a row and maxWeights a network (4 GiB), so that
// a file cannot ask for absurd memory; maxLU bounds the inverse of a triangle,
// whose substitution holds the cube of its columns, and maxDense the matrix that
// reflections are multiplied into, which is held after each of them.
const (
	maxWidth   = 1 << 14
	maxWeights = 1 << 30
	maxLU      = 256
	maxDense   = 1 << 10
)

// named is a Definition: a name, a configuration and what it makes.
type named struct {
	use    string
	config any
	layers func(dim, held int) (Chain, error)
	base   baseConfig
}

// baseConfig says which base a flow has.
type baseConfig struct {
	name       string
	components int // of a mixture
}

// defaultComponents are those of a mixture of which nothing is said.
const defaultComponents = 8

// completeBase fills in and checks the keys of a base.
func completeBase(use, name string, components *int) error {
	switch name {
	case "mixture":
		or(components, defaultComponents)
		if *components < 1 || *components > 1024 {
			return unfit(use, "components", "%d is not between 1 and 1024", *components)
		}
	case "normal", "logistic":
		if *components != 0 {
			return unfit(use, "components", "the base %s has no components; write base: mixture, or leave them out", name)
		}
	default:
		return unfit(use, "base", "unknown %q; there are normal, logistic, mixture", name)
	}
	return nil
}

// of is the base of rows of dim columns.
func (c baseConfig) of(dim int) Base {
	switch c.name {
	case "logistic":
		return Logistic{Dim: dim}
	case "mixture":
		return Mixture{Dim: dim, Components: c.components}
	}
	return Normal{Dim: dim}
}

// Use is the registered name.
func (n named) Use() string { return n.use }

// Config is the configuration with its defaults, as JSON.
func (n named) Config() []byte {
	b, err := json.Marshal(n.config)
	if err != nil {
		panic("bijection: configuration does not encode")
	}
	return b
}

// Bijection makes the network for rows of dim columns; its weights are zero.
func (n named) Bijection(dim int) (Trainable, error) { return n.BijectionHeld(dim, 0) }

// BijectionHeld implements Conditional.
func (n named) BijectionHeld(dim, held int) (Trainable, error) {
	if dim < 1 || held < 0 || dim > maxWidth || held > maxWidth {
		return nil, fmt.Errorf("bijection: %s: %d columns and %d of conditions, there must be between 1 and %d", n.use, dim, held, maxWidth)
	}
	layers, err := n.layers(dim, held)
	if err != nil {
		return nil, fmt.Errorf("bijection: %s: %w", n.use, err)
	}
	return NewHeldNetwork(dim, held, layers, n.base.of(dim))
}

// NewNICE is a flow of additive couplings with a scale for each column behind
// them (Dinh et al. 2014). Zero values of the configuration have the defaults.
func NewNICE(c Config) (Definition, error) {
	return define("nice", &c, defaultNICE(), func(c Config, dim, held int) (Chain, error) {
		chain, err := couplings(c, Shift{}, dim, held)
		return append(chain, ActNorm{}), err
	})
}

// NewMAF is a masked autoregressive flow (Papamakarios et al. 2017).
func NewMAF(c Config) (Definition, error) {
	return define("maf", &c, defaultMAF(), func(c Config, dim, held int) (Chain, error) {
		return autoregressive(c, Affine{}, false, dim, held)
	})
}

// NewIAF is an inverse autoregressive flow (Kingma et al. 2016): it generates in
// one pass and normalizes column by column.
func NewIAF(c Config) (Definition, error) {
	return define("iaf", &c, defaultMAF(), func(c Config, dim, held int) (Chain, error) {
		return autoregressive(c, Affine{}, true, dim, held)
	})
}

// NewNSF is a neural spline flow (Durkan et al. 2019).
func NewNSF(c SplineConfig) (Definition, error) {
	d := defaultNSF()
	or(&c.Kind, d.Kind)
	or(&c.Bins, d.Bins)
	or(&c.Bound, d.Bound)
	if err := c.complete("nsf", d.Config); err != nil {
		return nil, err
	}
	switch {
	case c.Kind != "autoregressive" && c.Kind != "coupling":
		return nil, unfit("nsf", "kind", "unknown %q; there are autoregressive, coupling", c.Kind)
	case c.Bins < 2 || c.Bins > 256:
		return nil, unfit("nsf", "bins", "%d is not between 2 and 256", c.Bins)
	case !(c.Bound > 0) || c.Bound > 1e6:
		return nil, unfit("nsf", "bound", "%v is not above 0 and at most 1e6", c.Bound)
	}
	f := Spline{Bins: c.Bins, Bound: c.Bound}
	return named{use: "nsf", config: c, base: baseConfig{c.Base, c.Components}, layers: func(dim, held int) (Chain, error) {
		if c.Kind == "coupling" {
			return couplings(c.Config, f, dim, held)
		}
		return autoregressive(c.Config, f, false, dim, held)
	}}, nil
}

// NewPlanar is a flow of planar transforms (Rezende and Mohamed 2015).
func NewPlanar(c PlanarConfig) (Definition, error) {
	d := defaultPlanar()
	or(&c.Transforms, d.Transforms)
	or(&c.Base, d.Base)
	if c.Transforms < 1 || c.Transforms > 1024 {
		return nil, unfit("planar", "transforms", "%d is not between 1 and 1024", c.Transforms)
	}
	if err := completeBase("planar", c.Base, &c.Components); err != nil {
		return nil, err
	}
	return named{use: "planar", config: c, base: baseConfig{c.Base, c.Components}, layers: func(int, int) (Chain, error) {
		var chain Chain
		for range c.Transforms {
			chain = append(chain, Planar{})
		}
		return append(chain, ActNorm{}), nil
	}}, nil
}

// define completes and checks a Config.
func define(use string, c *Config, defaults Config, layers func(Config, int, int) (Chain, error)) (Definition, error) {
	if err := c.complete(use, defaults); err != nil {
		return nil, err
	}
	return named{use: use, config: *c, base: baseConfig{c.Base, c.Components}, layers: func(dim, held int) (Chain, error) { return layers(*c, dim, held) }}, nil
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// complete fills in defaults and finds what is out of range.
func (c *Config) complete(use string, d Config) error {
	or(&c.Transforms, d.Transforms)
	or(&c.Activation, d.Activation)
	or(&c.Mix, d.Mix)
	or(&c.Base, d.Base)
	if c.Hidden == nil {
		c.Hidden = d.Hidden
	}
	c.Hidden = append([]int{}, c.Hidden...)
	switch {
	case c.Transforms < 1 || c.Transforms > 256:
		return unfit(use, "transforms", "%d is not between 1 and 256", c.Transforms)
	case len(c.Hidden) > 16:
		return unfit(use, "hidden", "%d layers, at most 16", len(c.Hidden))
	case activations[c.Activation] == nil:
		return unfit(use, "activation", "unknown %q; there are relu, tanh, silu, gelu, selu", c.Activation)
	case c.Mix != "none" && c.Mix != "random" && c.Mix != "lu" && c.Mix != "householder":
		return unfit(use, "mix", "unknown %q; there are none, random, lu, householder", c.Mix)
	}
	for i, h := range c.Hidden {
		if h < 1 || h > 65536 {
			return unfit(use, fmt.Sprintf("hidden[%d]", i), "width %d is not between 1 and 65536", h)
		}
	}
	return completeBase(use, c.Base, &c.Components)
}

// sized refuses networks beyond maxWeights.
func (c Config) sized(in, out int) error {
	var n int64
	from := int64(in)
	for _, w := range append(c.Hidden[:len(c.Hidden):len(c.Hidden)], out) {
		n += (from + 1) * int64(w)
		from = int64(w)
	}
	if n *= int64(c.Transforms); n > maxWeights {
		return fmt.Errorf("%d weights for rows of %d columns, more than %d", n, in, maxWeights)
	}
	return nil
}

// between are the layers before transform number i.
func (c Config) between(chain Chain, i, dim int) (Chain, error) {
	if c.ActNorm {
		chain = append(chain, ActNorm{})
	}
	if i == 0 || dim == 1 {
		return chain, nil
	}
	switch c.Mix {
	case "random":
		chain = append(chain, Random(dim, random.NewKey(c.Seed, "bijection", "permutation"), uint32(i)))
	case "lu":
		if dim > maxLU {
			return nil, fmt.Errorf("mix: lu takes at most %d columns, these are %d; use random, or householder for up to %d", maxLU, dim, maxDense)
		}
		chain = append(chain, LU{})
	case "householder":
		if dim > maxDense {
			return nil, fmt.Errorf("mix: householder takes at most %d columns, these are %d; use random", maxDense, dim)
		}
		chain = append(chain, Householder{Reflections: min(dim, 16)})
	}
	return chain, nil
}

// couplings are transforms that keep the even and the odd columns in turn.
func couplings(c Config, f Univariate, dim, held int) (chain Chain, err error) {
	if dim < 2 {
		return nil, fmt.Errorf("a coupling needs two columns, there is one; use maf or nsf of kind autoregressive")
	}
	if err := c.sized(dim+held, dim*f.Parameters()); err != nil {
		return nil, err
	}
	for i := range c.Transforms {
		if chain, err = c.between(chain, i, dim); err != nil {
			return nil, err
		}
		keep := make([]bool, dim)
		for k := range keep {
			keep[k] = k%2 == i%2
		}
		chain = append(chain, Coupling{Keep: keep, Function: f, Conditioner: c.conditioner()})
	}
	return chain, nil
}

// autoregressive are transforms that take the columns in their order and in
// the reverse in turn.
func autoregressive(c Config, f Univariate, reversed bool, dim, held int) (chain Chain, err error) {
	if err := c.sized(dim+held, dim*f.Parameters()); err != nil {
		return nil, err
	}
	for i := range c.Transforms {
		if chain, err = c.between(chain, i, dim); err != nil {
			return nil, err
		}
		rank := make([]int, dim)
		for k := range rank {
			if rank[k] = k; i%2 == 1 {
				rank[k] = dim - 1 - k
			}
		}
		var l Layer = Autoregressive{Rank: rank, Function: f, Conditioner: c.conditioner()}
		if reversed {
			l = Reversed{l}
		}
		chain = append(chain, l)
	}
	return chain, nil
}

func (c Config) conditioner() Conditioner {
	return Conditioner{Hidden: c.Hidden, Activation: activations[c.Activation]}
}

// unfitConfig is what is wrong about one key of a configuration.
type unfitConfig struct {
	use, key string
	err      error
}

func unfit(use, key, format string, args ...any) error {
	return &unfitConfig{use, key, fmt.Errorf(format, args...)}
}

// Error says model, key and what is wrong.
func (e *unfitConfig) Error() string {
	return "bijection: " + e.use + ": " + e.key + ": " + e.err.Error()
}

// Unwrap gives what is wrong without the place.
func (e *unfitConfig) Unwrap() error { return e.err }
