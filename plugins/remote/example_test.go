package remote_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/path"
)

// server offers the built-in stages.
type server struct {
	pluginpb.UnimplementedPluginServer
}

func (server) Session(s pluginpb.Plugin_SessionServer) error {
	return remote.Serve(s, stages.Builtin(), zerolog.Nop())
}

// A path on the other side of a connection is a path.
func Example() {
	l := bufconn.Listen(1 << 16)
	g := grpc.NewServer()
	pluginpb.RegisterPluginServer(g, server{})
	go g.Serve(l)
	defer g.Stop()
	conn, err := grpc.NewClient("passthrough:memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l.Dial() }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	ctx := context.Background()
	instance, stage, err := remote.Open(ctx, pluginpb.NewPluginClient(conn), "path", "condot", json.RawMessage("{}"), pipeline.Env{Stage: "path"}, remote.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer instance.Close(ctx)
	out, err := stage.Run(ctx, pipeline.Inputs{})
	if err != nil {
		fmt.Println(err)
		return
	}
	c := make([]path.Coef, 1)
	err = out.Service.(path.Path).Coefficients(c, []float64{0.25})
	fmt.Println(c[0].Alpha, c[0].Sigma, err)
	// Output: 0.25 0.75 <nil>
}
