package plugins

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
)

// Serve offers the implementations of a registry to the host that started this
// process, and returns when the host is done with them. It is the last thing
// that the main function of a plugin does. Until then nothing may be written to
// standard output; from then on what is written there goes to standard error,
// and the host's log shows it.
//
// A program that was started by hand is told that it is a plugin, and ends with
// status 2. With the arguments `serve --address ADDRESS`, as unix:///tmp/x.sock
// or localhost:7000, it listens there instead, for a host whose pipeline file
// says {address: ADDRESS}.
func Serve(r *pipeline.Registry, name, version string) {
	service := &service{registry: r, name: name, version: version, log: logTo(os.Stderr)}
	if address, ok := addressOf(os.Args[1:]); ok {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		if err := listen(ctx, service, address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(launch.Handshake.MagicCookieKey) != launch.Handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "%s is a plugin of pathline: name it under `plugins:` in a pipeline file, as\n\n  plugins:\n    %s: {command: [%s]}\n\nor let it listen with `serve --address unix:///tmp/%s.sock`.\n",
			name, name, os.Args[0], name)
		os.Exit(2)
	}
	if err := serveHost(service); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func logTo(w io.Writer) zerolog.Logger { return zerolog.New(w).With().Timestamp().Logger() }

// addressOf finds `serve --address X` among the arguments.
func addressOf(args []string) (string, bool) {
	if len(args) == 0 || args[0] != "serve" {
		return "", false
	}
	for i, a := range args[1:] {
		if v, ok := strings.CutPrefix(a, "--address="); ok {
			return v, true
		}
		if a == "--address" && i+2 < len(args) {
			return args[i+2], true
		}
	}
	return "", false
}

// serveHost serves the host at the other end of standard input and output.
func serveHost(s *service) error {
	handshake, err := takeStdout()
	if err != nil {
		return err
	}
	// The lifeline: the host holds the other end, and its end is our end.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	// The host hears of an interrupt too, and decides.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)

	// go-plugin's server is run in its test mode: in its ordinary mode it takes
	// os.Stdout and os.Stderr away and sends them over the connection, where the
	// last words of a crashing process are lost.
	address := make(chan *goplugin.ReattachConfig, 1)
	done := make(chan struct{})
	go func() {
		a, ok := <-address
		if !ok {
			return
		}
		fmt.Fprintf(handshake, "%d|%d|%s|%s|%s|\n", goplugin.CoreProtocolVersion, a.ProtocolVersion, a.Addr.Network(), a.Addr.String(), a.Protocol)
		handshake.Close()
	}()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  launch.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{int(launch.Handshake.ProtocolVersion): {launch.ServiceName: served{service: s}}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, serverOptions()...)...)
		},
		Logger: hclog.NewNullLogger(),
		Test:   &goplugin.ServeTestConfig{Context: context.Background(), ReattachConfigCh: address, CloseCh: done},
	})
	return nil
}

// serverOptions allow frames as large as the host does; gRPC's own limit is
// 4 MiB.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(launch.MessageBytes), grpc.MaxSendMsgSize(launch.MessageBytes),
		grpc.InitialWindowSize(4 << 20), grpc.InitialConnWindowSize(8 << 20),
		experimental.BufferPool(launch.Buffers()),
	}
}

// takeStdout gives the pipe to the host and joins standard output to standard
// error, also for code that writes to the file descriptor: the host reads one
// line from the pipe, and whoever writes more would wait for a reader.
func takeStdout() (*os.File, error) {
	fd, err := duplicate(int(os.Stdout.Fd()))
	if err != nil {
		// Where descriptors cannot be joined at least Go's own writers are.
		pipe := os.Stdout
		os.Stdout = os.Stderr
		return pipe, nil
	}
	if err := redirect(2, 1); err != nil {
		return nil, fmt.Errorf("plugins: standard output: %w", err)
	}
	return os.NewFile(uintptr(fd), "handshake"), nil
}

// listen serves at an address until ctx ends.
func listen(ctx context.Context, s *service, address string) error {
	network, name := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		network, name = "unix", path
	} else if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, name = "unix", path
	}
	if network == "unix" {
		removeStale(name)
	}
	l, err := net.Listen(network, name)
	if err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	server := grpc.NewServer(serverOptions()...)
	s.register(server)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	return server.Serve(l)
}

// removeStale removes the socket that a plugin which was killed, as a debugger
// does, left behind: one that nobody listens at.
func removeStale(name string) {
	if info, err := os.Lstat(name); err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	if c, err := net.Dial("unix", name); err == nil {
		c.Close()
		return
	}
	_ = os.Remove(name)
}

// served is the go-plugin plugin of the plugin's side.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
	service *service
}

func (p served) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	p.service.register(s)
	return nil
}

func (served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("plugins: a plugin has no host to ask")
}
