package path

import (
	"context"
	"encoding/json"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// builtin is a path with the configuration that a file gives it.
type builtin struct {
	name     string
	register func(r *pipeline.Registry)
	build    func(config []byte) (Path, error)
}

type none struct{}

type sigmaMin struct {
	SigmaMin float64 `yaml:"sigma_min" json:"sigma_min" doc:"standard deviation around a data point at t = 1" min:"0" below:"1"`
}

type exponent struct {
	N float64 `yaml:"n" json:"n" doc:"the exponent" above:"0"`
}

type betas struct {
	BetaMin float64 `yaml:"beta_min" json:"beta_min" doc:"noise rate at the data end" above:"0"`
	BetaMax float64 `yaml:"beta_max" json:"beta_max" doc:"noise rate at the noise end" above:"0"`
}

type sigmas struct {
	SigmaMin float64 `yaml:"sigma_min" json:"sigma_min" doc:"standard deviation of the noise at t = 1" above:"0"`
	SigmaMax float64 `yaml:"sigma_max" json:"sigma_max" doc:"standard deviation of the noise at t = 0" above:"0"`
}

type sigma struct {
	Sigma float64 `yaml:"sigma" json:"sigma" doc:"standard deviation of the bridge's own noise" above:"0"`
}

// builtins is the list of paths; a new one is one line here and one file.
var builtins = []builtin{
	entry("condot", "", "straight lines: x_t = t x1 + (1-t) x0 (Lipman et al. 2023)", none{}, func(none) (Path, error) { return CondOT{}, nil }),
	entry("target", "sigma_min", "straight lines that keep some noise: x_t = t x1 + (1-(1-sigma_min)t) x0 (Lipman et al. 2023, eq. 20)", sigmaMin{1e-4},
		func(c sigmaMin) (Path, error) { return NewTarget(c.SigmaMin) }),
	entry("polynomial", "n", "x_t = t^n x1 + (1-t^n) x0", exponent{2}, func(c exponent) (Path, error) { return NewPolynomial(c.N) }),
	entry("cosine", "", "x_t = sin(pi t/2) x1 + cos(pi t/2) x0 (Albergo and Vanden-Eijnden 2023)", none{}, func(none) (Path, error) { return Cosine{}, nil }),
	entry("linear-vp", "", "x_t = t x1 + sqrt(1-t^2) x0", none{}, func(none) (Path, error) { return LinearVP{}, nil }),
	entry("vp", "beta_max", "variance preserving diffusion with a linear noise rate (Song et al. 2021)", betas{0.1, 20},
		func(c betas) (Path, error) { return NewVP(c.BetaMin, c.BetaMax) }),
	entry("ve", "sigma_max", "variance exploding diffusion: x_t = x1 + sigma(t) x0, sigma geometric (Song et al. 2021)", sigmas{0.001, 50},
		func(c sigmas) (Path, error) { return NewVE(c.SigmaMin, c.SigmaMax) }),
	entry("icfm", "sigma", "straight lines with constant noise around them (Tong et al. 2024)", sigma{0.1}, func(c sigma) (Path, error) { return NewICFM(c.Sigma) }),
	entry("bridge", "sigma", "Brownian bridges between noise and data (Tong et al. 2024)", sigma{1}, func(c sigma) (Path, error) { return NewBridge(c.Sigma) }),
}

// entry derives registration and construction from one configuration type; key
// is the one that build judges, by itself or against another.
func entry[C any](name, key, doc string, defaults C, build func(C) (Path, error)) builtin {
	checked := func(c C) (Path, error) {
		p, err := build(c)
		if err != nil {
			return nil, schemas.Errorf(schemas.OutOfRange, "%w", err).At(key)
		}
		return p, nil
	}
	return builtin{name: name,
		register: func(r *pipeline.Registry) {
			pipeline.Register(r, "path", name, doc, defaults, func(_ context.Context, env pipeline.Env, c C) (pipeline.Stage, error) {
				p, err := checked(c)
				if err != nil {
					return nil, err
				}
				config, err := json.Marshal(c)
				if err != nil {
					return nil, err
				}
				d := Described{Path: p, Use: name, Config: config}
				return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return d, nil }), nil
			}).Stateless = true
		},
		build: func(config []byte) (Path, error) {
			s, err := pipeline.SchemaOf(defaults)
			if err != nil {
				return nil, err
			}
			c := defaults
			if err := s.Decode(config, &c); err != nil {
				return nil, err
			}
			return checked(c)
		}}
}

// Register adds the kind path with its implementations. A path gives a
// Described.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{Name: "path", Gives: pipeline.GivesService, Doc: "how noise at t = 0 becomes data at t = 1"})
	for _, b := range builtins {
		b.register(r)
	}
}

// Builtin gives the constructors of the built-in paths by name: each takes the
// configuration that a flow file keeps.
func Builtin() map[string]func(config []byte) (Path, error) {
	m := map[string]func(config []byte) (Path, error){}
	for _, b := range builtins {
		m[b.name] = b.build
	}
	return m
}
