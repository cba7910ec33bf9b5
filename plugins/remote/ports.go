package remote

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/flow"
)

// offerInputs sends what arrived at the ports of a stage.
func (p *peer) offerInputs(in pipeline.Inputs) ([]*pluginpb.Port, error) {
	var ports []*pluginpb.Port
	for name, i := range in {
		port, err := p.offerInput(name, i)
		if err != nil {
			list := schemas.Errors(err, schemas.PluginProtocol)
			return nil, list[0].At("from." + name)
		}
		ports = append(ports, port)
	}
	return ports, nil
}

func (p *peer) offerInput(name string, i pipeline.Input) (*pluginpb.Port, error) {
	port := &pluginpb.Port{Name: name, From: i.From, Split: i.Split}
	var err error
	if i.Rows != nil {
		if port.Rows, _, err = p.offerRows(i.Rows); err != nil {
			return nil, err
		}
	}
	if port.Splits, err = p.offerSplits(i.Splits); err != nil {
		return nil, err
	}
	if i.Service != nil {
		if port.Service, err = p.offerService(i.Service); err != nil {
			return nil, err
		}
	}
	port.Flow, err = p.offerFlow(i.Flow)
	return port, err
}

func (p *peer) offerSplits(splits map[string]pipeline.Rows) (map[string]*pluginpb.Rows, error) {
	if splits == nil {
		return nil, nil
	}
	out := make(map[string]*pluginpb.Rows, len(splits))
	for name, rows := range splits {
		r, _, err := p.offerRows(rows)
		if err != nil {
			return nil, err
		}
		out[name] = r
	}
	return out, nil
}

// offerFlow sends a flow: the name of its file, which both sides see, what is
// planned, or an exact model.
func (p *peer) offerFlow(v any) (*pluginpb.Flow, error) {
	var src flow.Source
	switch v := v.(type) {
	case nil:
		return nil, nil
	case *flow.Source:
		if v == nil {
			return nil, nil
		}
		src = *v
	case flow.Source:
		src = v
	case string:
		src.File = v
	default:
		return nil, schemas.Errorf(schemas.PluginProtocol, "a flow of type %T does not travel between processes", v)
	}
	f := &pluginpb.Flow{}
	if src.File != "" {
		name, err := filepath.Abs(src.File)
		if err != nil {
			return nil, pipeline.FileError(err)
		}
		f.File = name
	}
	if src.Planned != nil {
		raw, err := json.Marshal(src.Planned)
		if err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "a planned flow: %w", err)
		}
		f.Planned = raw
	}
	if src.Exact != nil {
		s, err := p.offerService(src.Exact)
		if err != nil {
			return nil, err
		}
		f.Exact = s
		return f, nil
	}
	return f, p.offerParts(f, src)
}

// inputs makes stand-ins for what arrives at the ports.
func (p *peer) inputs(ports []*pluginpb.Port, as naming) (pipeline.Inputs, error) {
	in := pipeline.Inputs{}
	for _, port := range ports {
		i := pipeline.Input{From: port.GetFrom(), Split: port.GetSplit()}
		var err error
		if port.GetRows() != nil {
			if i.Rows, err = p.rows(port.GetRows(), nil); err != nil {
				return nil, err
			}
		}
		if i.Splits, err = p.splits(port.GetSplits(), nil); err != nil {
			return nil, err
		}
		if port.GetService() != nil {
			if i.Service, err = p.service(port.GetService(), as); err != nil {
				return nil, err
			}
		}
		if i.Flow, err = p.flow(port.GetFlow(), as); err != nil {
			return nil, err
		}
		in[port.GetName()] = i
	}
	return in, nil
}

func (p *peer) splits(splits map[string]*pluginpb.Rows, ended func(context.Context) error) (map[string]pipeline.Rows, error) {
	if len(splits) == 0 {
		return nil, nil
	}
	out := make(map[string]pipeline.Rows, len(splits))
	for name, rows := range splits {
		r, err := p.rows(rows, ended)
		if err != nil {
			return nil, err
		}
		out[name] = r
	}
	return out, nil
}
