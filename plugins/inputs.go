package plugins

import (
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Bounds of what a plugin says of its inputs.
const (
	maxInputs    = 64
	maxInputText = 1 << 12 // bytes of a name or a sentence
)

// inputsOf sends the ports of an implementation; nil are those of its kind.
func inputsOf(ports []pipeline.Port) *pluginpb.Inputs {
	if ports == nil {
		return nil
	}
	out := &pluginpb.Inputs{}
	for _, p := range ports {
		out.Inputs = append(out.Inputs, &pluginpb.Input{Name: p.Name, Doc: p.Doc, Takes: string(p.Takes), Kind: p.Kind, Also: p.Also,
			Optional: p.Optional, Default: p.Default})
	}
	return out
}

// portsOf are the ports that a plugin says an implementation has, nil for those of
// its kind. An input that could not be joined is an error.
func portsOf(in *pluginpb.Inputs) ([]pipeline.Port, error) {
	if in == nil {
		return nil, nil
	}
	if n := len(in.GetInputs()); n > maxInputs {
		return nil, schemas.Errorf(schemas.PluginProtocol, "it has %d inputs, more than %d", n, maxInputs)
	}
	ports, seen := []pipeline.Port{}, map[string]bool{}
	for _, i := range in.GetInputs() {
		for _, text := range []string{i.GetName(), i.GetDoc(), i.GetKind(), i.GetAlso(), i.GetDefault()} {
			if len(text) > maxInputText {
				return nil, schemas.Errorf(schemas.PluginProtocol, "what it says of an input has %d bytes", len(text))
			}
		}
		p := pipeline.Port{Name: i.GetName(), Doc: i.GetDoc(), Takes: pipeline.Result(i.GetTakes()), Kind: i.GetKind(), Also: i.GetAlso(),
			Optional: i.GetOptional(), Default: i.GetDefault()}
		switch {
		case p.Name == "" || seen[p.Name]:
			return nil, schemas.Errorf(schemas.PluginProtocol, "it has two inputs %q, or one without a name", p.Name)
		case p.Takes != pipeline.GivesRows && p.Takes != pipeline.GivesFlow && p.Takes != pipeline.GivesService:
			return nil, schemas.Errorf(schemas.PluginProtocol, "its input %s takes %q, not rows, service or flow", p.Name, i.GetTakes())
		case (p.Kind != "") != (p.Takes == pipeline.GivesService):
			return nil, schemas.Errorf(schemas.PluginProtocol, "its input %s takes %s of kind %q", p.Name, p.Takes, p.Kind)
		case p.Default != "" && p.Kind == "":
			return nil, schemas.Errorf(schemas.PluginProtocol, "its input %s takes %s and has the default %q", p.Name, p.Takes, p.Default)
		}
		seen[p.Name] = true
		ports = append(ports, p)
	}
	return ports, nil
}
