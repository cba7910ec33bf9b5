package launch

import (
	"context"
	"errors"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"

	"github.com/pathline/pathline/plugins/wire"
)

// Handshake is what host and plugin must agree on before they speak. The cookie
// is no secret: it tells a plugin that it was started by a host and not by hand.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PATHLINE_PLUGIN",
	MagicCookieValue: "rows-become-other-rows",
}

// ServiceName is the name under which go-plugin knows the one service.
const ServiceName = "pathline"

// MessageBytes is the limit of gRPC messages on both sides: a frame and what is
// around its payload.
const MessageBytes = wire.FrameBytes + 1<<20

// connection is the go-plugin plugin of the host's side: it hands out the
// connection. The broker is not used.
type connection struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (connection) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("launch: the host serves nothing")
}

func (connection) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// dialOptions are those of every connection to a plugin. Large windows keep a
// frame from waiting for acknowledgements of its pieces.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MessageBytes), grpc.MaxCallSendMsgSize(MessageBytes)),
		grpc.WithInitialWindowSize(4 << 20),
		grpc.WithInitialConnWindowSize(8 << 20),
		experimental.WithBufferPool(Buffers()),
	}
}
