package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
)

// Register adds the kind model with its implementations. A model that is
// trained gives a Definition, an exact one an Exact.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{Name: "model", Gives: pipeline.GivesService,
		Doc: "a vector field v(t, x), trained or exact",
		Ports: []pipeline.Port{{Name: "path", Doc: "the probability path, for exact models",
			Takes: pipeline.GivesService, Kind: "path", Default: "condot"}}})
	pipeline.Register(r, "model", "mlp", "a multilayer perceptron of x and features of t", DefaultMLPConfig(),
		func(_ context.Context, _ pipeline.Env, c MLPConfig) (pipeline.Stage, error) {
			m, err := NewMLP(c)
			if err != nil {
				return nil, inFile(err)
			}
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return m, nil }), nil
		}).Example = "{hidden: [256, 256, 256], activation: silu}"
	pipeline.Register(r, "model", "resmlp", "residual blocks with layer norm, scaled and shifted by the time", DefaultResMLPConfig(),
		func(_ context.Context, _ pipeline.Env, c ResMLPConfig) (pipeline.Stage, error) {
			m, err := NewResMLP(c)
			if err != nil {
				return nil, inFile(err)
			}
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return m, nil }), nil
		}).Example = "{width: 256, blocks: 4}"
	pipeline.Register(r, "model", "ffjord", "concat-squash layers, which the time scales and shifts (Grathwohl et al. 2019)", DefaultFFJORDConfig(),
		func(_ context.Context, _ pipeline.Env, c FFJORDConfig) (pipeline.Stage, error) {
			m, err := NewFFJORD(c)
			if err != nil {
				return nil, inFile(err)
			}
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return m, nil }), nil
		}).Example = "{hidden: [64, 64, 64], activation: tanh}"
	pipeline.Register(r, "model", "gmm", "the exact field of a Gaussian mixture, for any path; nothing to train", GMMConfig{},
		func(_ context.Context, _ pipeline.Env, c GMMConfig) (pipeline.Stage, error) {
			return pipeline.Service(func(_ context.Context, in pipeline.Inputs) (any, error) {
				p, ok := in["path"].Service.(path.Path)
				if !ok {
					return nil, errors.New("the port path has no path")
				}
				if _, ok := path.SamplerOf(p); ok {
					return nil, schemas.Errorf(schemas.WrongPort, "the field of a mixture is known for affine paths, and this one is not").At("from.path")
				}
				g, err := NewGMM(c, p)
				if err != nil {
					return nil, inFile(err)
				}
				return g, nil
			}), nil
		}).Example = "{weights: [0.3, 0.7], means: [[-2], [1.5]], std: [0.5, 0.4]}"
}

// Builtin gives the definitions of the built-in networks by name: each from the
// configuration that a flow file keeps.
func Builtin() map[string]func(config []byte) (Definition, error) {
	return map[string]func([]byte) (Definition, error){
		"mlp":    definer(NewMLP),
		"resmlp": definer(NewResMLP),
		"ffjord": definer(NewFFJORD),
	}
}

// definer takes the configuration of a definition from JSON.
func definer[C any, D Definition](define func(C) (D, error)) func([]byte) (Definition, error) {
	return func(config []byte) (Definition, error) {
		var c C
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return nil, err
		}
		return define(c)
	}
}

// Validate says what NewMLP would find wrong.
func (c MLPConfig) Validate() error {
	_, err := NewMLP(c)
	return inFile(err)
}

// Validate says what NewResMLP would find wrong.
func (c ResMLPConfig) Validate() error {
	_, err := NewResMLP(c)
	return inFile(err)
}

// Validate says what NewFFJORD would find wrong.
func (c FFJORDConfig) Validate() error {
	_, err := NewFFJORD(c)
	return inFile(err)
}

// Validate says what NewGMM would find wrong, before there is a path.
func (c GMMConfig) Validate() error {
	_, err := newMixture(c)
	return inFile(err)
}

// inFile gives an error about a configuration its reason and its place in the
// pipeline file.
func inFile(err error) error {
	var e *unfitConfig
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return schemas.Errorf(schemas.OutOfRange, "%w", err)
	}
	reason := map[unfitKind]schemas.Reason{outOfRange: schemas.OutOfRange, conflict: schemas.Conflict,
		missing: schemas.MissingKey, widths: schemas.DimensionDiffer}[e.kind]
	return schemas.Errorf(reason, "%w", e.err).At(e.key)
}
