package remote

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/transform"
)

// A trained flow is a file that both sides see. What it is made of may be in
// plugins that the opener does not know, so the host offers the parts with it:
// the model as a service of kind model, the path where the target needs it, and
// in the description, beside each transform, a target that makes it again.
// Nothing of them is made before it is asked for, but the path.

// offerParts adds the parts of a flow that this side can make.
func (p *peer) offerParts(f *pluginpb.Flow, src flow.Source) error {
	if p.parts == nil || src.File == "" {
		return nil
	}
	d, err := flow.Describe(src)
	if err != nil {
		return nil // the stage that opens it says so
	}
	parts := p.parts()
	var v any
	if define := parts.Bijections[d.Model.Use]; d.Discrete() && define != nil {
		v = partBijections{part{d.Model, d.Dim, d.Conditions.Held()}, define}
	} else if define := parts.Models[d.Model.Use]; !d.Discrete() && define != nil {
		v = partDefinition{part{d.Model, d.Dim, d.Conditions.Held()}, define}
	}
	if v != nil {
		if f.Model, err = p.offerService(v); err != nil {
			return err
		}
	}
	if build := parts.Paths[d.Path.Use]; build != nil && d.Target != flow.TargetVelocity {
		v, err := build(d.Path.With)
		if err != nil {
			return schemas.Errorf(schemas.CorruptFile, "the flow's path %q: %w", d.Path.Use, err)
		}
		if f.Path, err = p.offerService(path.Described{Path: v, Use: d.Path.Use, Config: d.Path.With}); err != nil {
			return err
		}
	}
	if len(d.Transforms) == 0 {
		return nil
	}
	f.Planned, err = p.offerTransforms(parts, d)
	return err
}

// offerTransforms is the description with a target for every transform.
func (p *peer) offerTransforms(parts flow.Registry, d flow.Description) ([]byte, error) {
	var list []transformFacts
	var all map[string]json.RawMessage
	raw, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err == nil {
		err = json.Unmarshal(all["transforms"], &list)
	}
	for i := range list {
		t := d.Transforms[i]
		list[i].Target = p.offer("transform", func(_ context.Context, method string, m wire.Message) (wire.Message, error) {
			if method != "fitted" {
				return wire.Message{}, noMethod("transform", method)
			}
			return p.answerFitted(func(state json.RawMessage, dim int) (transform.Fitted, error) {
				return transform.RestoreWith(parts.Transforms, schemas.Transform{Use: t.Use, With: t.With, State: state}, dim)
			}, m)
		})
	}
	if err == nil {
		all["transforms"], err = json.Marshal(list)
	}
	if err == nil {
		raw, err = json.Marshal(all)
	}
	if err != nil {
		return nil, schemas.Errorf(schemas.PluginProtocol, "a flow's description: %w", err)
	}
	return raw, nil
}

// part is what a flow's file names, for rows as the file has them.
type part struct {
	flow.Component
	dim, held int
}

// Use implements model.Definition and bijection.Definition, as Config does.
func (d part) Use() string { return d.Component.Use }

// Config is that of the file.
func (d part) Config() []byte { return d.With }

// fits refuses rows of other sizes than those of the file: another process may ask for
// any, and each takes memory.
func (d part) fits(dim, held int) error {
	if dim == d.dim && held == d.held {
		return nil
	}
	return schemas.Errorf(schemas.DimensionDiffer, "the flow has %d dimensions and %d columns of conditions, and its model is asked for with %d and %d", d.dim, d.held, dim, held)
}

// partDefinition is the model of a flow's file.
type partDefinition struct {
	part
	define func(config []byte) (model.Definition, error)
}

// Build implements model.Definition.
func (d partDefinition) Build(dim int) (model.Network, error) { return d.BuildHeld(dim, 0) }

// BuildHeld implements model.Conditional.
func (d partDefinition) BuildHeld(dim, held int) (model.Network, error) {
	if err := d.fits(dim, held); err != nil {
		return nil, err
	}
	v, err := d.define(d.With)
	if err != nil {
		return nil, err
	}
	return model.Build(v, dim, held)
}

// partBijections is the model of a discrete flow's file.
type partBijections struct {
	part
	define func(config []byte) (bijection.Definition, error)
}

// Bijection implements bijection.Definition.
func (d partBijections) Bijection(dim int) (bijection.Trainable, error) {
	return d.BijectionHeld(dim, 0)
}

// BijectionHeld implements bijection.Conditional.
func (d partBijections) BijectionHeld(dim, held int) (bijection.Trainable, error) {
	if err := d.fits(dim, held); err != nil {
		return nil, err
	}
	v, err := d.define(d.With)
	if err != nil {
		return nil, err
	}
	return bijection.Build(v, dim, held)
}

// flow makes the source of a flow of the other side, with the parts that came.
func (p *peer) flow(f *pluginpb.Flow, as naming) (any, error) {
	if f == nil {
		return nil, nil
	}
	src := &flow.Source{File: f.GetFile()}
	var parts flow.Registry
	if len(f.GetPlanned()) > 0 {
		src.Planned = &flow.Description{}
		if err := factsInto(f.GetPlanned(), src.Planned); err != nil {
			return nil, err
		}
		var t struct {
			Transforms []transformFacts `json:"transforms"`
		}
		if err := factsInto(f.GetPlanned(), &t); err != nil {
			return nil, err
		}
		parts.Transforms = p.transforms(t.Transforms)
	}
	if f.GetExact() != nil {
		v, err := p.service(f.GetExact(), as)
		if err != nil {
			return nil, err
		}
		exact, ok := v.(exactModel)
		if !ok {
			return nil, schemas.Errorf(schemas.PluginProtocol, "a flow is said to be exact and is not")
		}
		src.Exact = exact
	}
	if f.GetModel() != nil {
		v, err := p.service(f.GetModel(), as)
		if err != nil {
			return nil, err
		}
		switch d := v.(type) {
		case model.Definition:
			parts.Models = map[string]func([]byte) (model.Definition, error){
				d.Use(): func([]byte) (model.Definition, error) { return d, nil }}
		case bijection.Definition:
			parts.Bijections = map[string]func([]byte) (bijection.Definition, error){
				d.Use(): func([]byte) (bijection.Definition, error) { return d, nil }}
		default:
			return nil, schemas.Errorf(schemas.PluginProtocol, "the model of a flow cannot be built")
		}
	}
	if f.GetPath() != nil {
		v, err := p.service(f.GetPath(), as)
		if err != nil {
			return nil, err
		}
		d, ok := v.(path.Described)
		if !ok {
			return nil, schemas.Errorf(schemas.PluginProtocol, "the path of a flow is none")
		}
		parts.Paths = map[string]func([]byte) (path.Path, error){d.Use: func([]byte) (path.Path, error) { return d.Path, nil }}
	}
	src.Parts = &parts
	return src, nil
}

// transforms make the transforms of a description again that have targets.
func (p *peer) transforms(list []transformFacts) map[string]transform.Restorer {
	out := map[string]transform.Restorer{}
	for _, t := range list {
		if t.Target == "" {
			continue
		}
		next := out[t.Use]
		out[t.Use] = func(with, state json.RawMessage, dim int) (transform.Fitted, error) {
			if next != nil && !bytes.Equal(with, t.With) {
				return next(with, state, dim)
			}
			return remote{p, t.Target}.fitted(state, dim)
		}
	}
	return out
}
