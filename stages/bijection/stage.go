package bijection

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// Register adds the discrete flows to the kind model, which is there already.
// Each gives a Definition.
func Register(r *pipeline.Registry) {
	add(r, "nice", "a flow of additive couplings and a scale (Dinh et al. 2014); for the trainer mle", defaultNICE(), NewNICE, "{transforms: 4, hidden: [128, 128]}")
	add(r, "realnvp", "a flow of affine couplings (Dinh et al. 2017), of columns or, with a shape, of images; for the trainer mle", defaultRealNVP(), NewRealNVP, "{transforms: 8, hidden: [128, 128]}")
	add(r, "glow", "a multi-scale flow of invertible 1x1 convolutions for images (Kingma and Dhariwal 2018); for the trainer mle", defaultGlow(), NewGlow, "{shape: [28, 28], levels: 2, steps: 8}")
	add(r, "maf", "a masked autoregressive flow (Papamakarios et al. 2017): scores in one pass, generates column by column; for the trainer mle", defaultMAF(), NewMAF, "{transforms: 5, hidden: [128, 128]}")
	add(r, "iaf", "an inverse autoregressive flow (Kingma et al. 2016): generates in one pass, scores column by column; for the trainer mle", defaultMAF(), NewIAF, "{transforms: 5, hidden: [64, 64]}")
	add(r, "nsf", "a neural spline flow (Durkan et al. 2019), autoregressive or of couplings; for the trainer mle", defaultNSF(), NewNSF, "{transforms: 5, kind: coupling, bins: 8}")
	add(r, "planar", "a flow of planar transforms (Rezende and Mohamed 2015); for the trainer mle", defaultPlanar(), NewPlanar, "{transforms: 32}")
}

func add[C any](r *pipeline.Registry, use, doc string, defaults C, define func(C) (Definition, error), example string) {
	pipeline.Register(r, "model", use, doc, defaults,
		func(_ context.Context, _ pipeline.Env, c C) (pipeline.Stage, error) {
			d, err := define(c)
			if err != nil {
				return nil, inFile(err)
			}
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return d, nil }), nil
		}).Example = example
}

// Builtin gives the constructors of the discrete flows by name: each takes the
// configuration that a flow file keeps.
func Builtin() map[string]func(config []byte) (Definition, error) {
	return map[string]func([]byte) (Definition, error){
		"nice":    builder(NewNICE),
		"realnvp": builder(NewRealNVP),
		"glow":    builder(NewGlow),
		"maf":     builder(NewMAF),
		"iaf":     builder(NewIAF),
		"nsf":     builder(NewNSF),
		"planar":  builder(NewPlanar),

		"variational": variationalOf, // with a trainer's noise, in front of one of these
	}
}

// builder takes the configuration of a definition from JSON.
func builder[C any](define func(C) (Definition, error)) func([]byte) (Definition, error) {
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

// inFile gives an error about a configuration its reason and its place in the
// pipeline file.
func inFile(err error) error {
	var e *unfitConfig
	if !errors.As(err, &e) {
		return schemas.Errorf(schemas.OutOfRange, "%w", err)
	}
	return schemas.Errorf(schemas.OutOfRange, "%w", e.err).At(e.key)
}
