package plugins

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/transform"
)

// Parts are the constructors for the parts of trained flows, for a registry
// with plugins: models, paths and transforms that the registry has as
// PLUGIN/NAME come from there, and built-in models too when they are isolated.
func (h *Host) Parts(r *pipeline.Registry) flow.Registry {
	parts := stages.Parts()
	parts.Models, parts.Bijections, parts.Paths = maps.Clone(parts.Models), maps.Clone(parts.Bijections), maps.Clone(parts.Paths)
	for _, i := range r.Implementations("model") {
		theirs := strings.Contains(i.Name, "/") // a network or a bijection: it says when it is asked
		if theirs || h.isolates("model") && parts.Models[i.Name] != nil {
			parts.Models[i.Name] = func(config []byte) (model.Definition, error) { return trained[model.Definition](h, i, config) }
		}
		if theirs || h.isolates("model") && parts.Bijections[i.Name] != nil {
			parts.Bijections[i.Name] = func(config []byte) (bijection.Definition, error) {
				return trained[bijection.Definition](h, i, config)
			}
		}
	}
	for _, i := range r.Implementations("path") {
		if strings.Contains(i.Name, "/") {
			parts.Paths[i.Name] = func(config []byte) (path.Path, error) {
				v, err := h.part(i, config)
				if err != nil {
					return nil, err
				}
				p, ok := v.(path.Path)
				if !ok {
					return nil, schemas.Errorf(schemas.PluginProtocol, "%s gives %T where a path is due", i.Name, v)
				}
				return p, nil
			}
		}
	}
	parts.Transforms = map[string]transform.Restorer{}
	for _, i := range r.Implementations("transform") {
		if strings.Contains(i.Name, "/") {
			parts.Transforms[i.Name] = func(with, state json.RawMessage, dim int) (transform.Fitted, error) {
				if len(with) == 0 {
					var err error
					if with, err = i.Config.Resolve(nil); err != nil {
						return nil, err
					}
				}
				s, err := i.Build(context.Background(), pipeline.Env{Stage: "flow", Log: h.log, Config: with}, with)
				if err != nil {
					return nil, err
				}
				t, ok := s.(transform.Stage)
				if !ok {
					return nil, schemas.Errorf(schemas.WrongPort, "transform %s cannot be made again from what a flow keeps of it", i.Name)
				}
				return t.Fitted(state, dim)
			}
		}
	}
	return parts
}

// trained makes a model that a flow's file names.
func trained[D any](h *Host, i *pipeline.Implementation, config []byte) (D, error) {
	v, err := h.part(i, config)
	d, ok := v.(D)
	if err == nil && !ok {
		err = schemas.Errorf(schemas.WrongPort, "model %s is not one that the flow can have: it is trained otherwise or not at all", i.Name)
	}
	return d, err
}

// part makes the service of an implementation that a flow's file names.
func (h *Host) part(i *pipeline.Implementation, config []byte) (any, error) {
	ctx := context.Background()
	s, err := i.Build(ctx, pipeline.Env{Stage: "flow", Log: h.log, Config: config}, config)
	if err != nil {
		return nil, err
	}
	out, err := s.Run(ctx, pipeline.Inputs{})
	return out.Service, err
}

func (h *Host) isolates(kind string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isolated[kind]
}

// join lets the built-in stages that open flows find the parts of plugins. Those
// that run in another process get the parts with the flow, see remote.Options.
func (h *Host) join(r *pipeline.Registry) {
	opening := pipeline.NewRegistry()
	parts := h.Parts(r)
	sampler.Register(opening, parts)
	likelihood.Register(opening, parts)
	for _, k := range opening.Kinds() {
		if _, ok := r.Kind(k.Name); !ok || h.isolates(k.Name) {
			continue
		}
		for _, i := range opening.Implementations(k.Name) {
			if have, ok := r.Find(k.Name, i.Name); ok {
				joined := *have
				joined.Build = i.Build
				r.Add(joined)
			}
		}
	}
}
