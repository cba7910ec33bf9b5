package plugins

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// service answers the three calls of the protocol from a registry.
type service struct {
	pluginpb.UnimplementedPluginServer
	registry      *pipeline.Registry
	name, version string
	log           zerolog.Logger
}

func (s *service) register(g *grpc.Server) { pluginpb.RegisterPluginServer(g, s) }

// Describe implements the protocol.
func (s *service) Describe(context.Context, *pluginpb.DescribeRequest) (*pluginpb.DescribeResponse, error) {
	code, err := pipeline.CodeVersion()
	if err != nil {
		return nil, err
	}
	out := &pluginpb.DescribeResponse{Name: s.name, Version: s.version, Code: code, Capabilities: Capabilities()}
	for _, k := range s.registry.Kinds() {
		for _, i := range s.registry.Implementations(k.Name) {
			var can []string
			if i.Stateless {
				can = append(can, stateless)
			}
			out.Implementations = append(out.Implementations, &pluginpb.Implementation{Capabilities: can,
				Kind: i.Kind, Name: i.Name, Doc: i.Doc, Version: i.Version, ConfigSchema: i.Config.JSON(), Example: i.Example, Inputs: inputsOf(i.Ports)})
		}
	}
	return out, nil
}

// Validate implements the protocol: a configuration is accepted when a stage
// can be built of it.
func (s *service) Validate(ctx context.Context, in *pluginpb.ValidateRequest) (out *pluginpb.ValidateResponse, err error) {
	out = &pluginpb.ValidateResponse{}
	refuse := func(err error) {
		out.Diagnostics = wire.Diagnostics(err, schemas.OutOfRange)
	}
	defer func() {
		if p := recover(); p != nil {
			refuse(schemas.Errorf(schemas.Panic, "panic: %v", p))
		}
	}()
	impl, ok := s.registry.Find(in.GetKind(), in.GetUse())
	if !ok {
		refuse(schemas.Errorf(schemas.UnknownUse, "the plugin has no %s %q", in.GetKind(), in.GetUse()))
		return out, nil
	}
	if _, err := impl.Build(ctx, pipeline.Env{Log: zerolog.Nop(), Config: in.GetConfig()}, in.GetConfig()); err != nil {
		refuse(err)
	}
	return out, nil
}

// Session implements the protocol.
func (s *service) Session(stream pluginpb.Plugin_SessionServer) error {
	if err := remote.Serve(stream, s.registry, s.log); err != nil && stream.Context().Err() == nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
