package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Config says how a plugin is started or found: one of Command and Address.
type Config struct {
	Name         string
	Command      []string          // the program and its arguments
	Dir          string            // working folder; a relative program is looked for there
	Env          map[string]string // beside the few variables that are passed on
	Address      string            // unix:///path or host:port of one that runs already
	StartTimeout time.Duration     // 0 for 30 s
	Log          zerolog.Logger
}

const (
	startTimeout = 30 * time.Second
	exitGrace    = 2 * time.Second // after the lifeline is closed
	crashNotice  = time.Second     // how long a broken connection waits for the news of a death
)

// Plugin is a plugin that runs. Its methods may be called concurrently.
type Plugin struct {
	config  Config
	client  *goplugin.Client // nil when attached
	process *process         // nil when attached
	conn    *grpc.ClientConn
	tail    *tail
	lines   *lines
	log     *logger
	socket  *socketDir

	mu      sync.Mutex
	closing bool
	hang    *hang // why the host killed it
	once    sync.Once
}

// Start starts a plugin, or attaches to one that runs, and waits until it is
// ready to be asked.
func Start(ctx context.Context, c Config) (*Plugin, error) {
	if c.StartTimeout == 0 {
		c.StartTimeout = startTimeout
	}
	c.Log = c.Log.With().Str("plugin", c.Name).Logger()
	if c.Address != "" {
		return attach(c)
	}
	program, err := programOf(c)
	if err != nil {
		return nil, err
	}
	p := &Plugin{config: c, tail: &tail{}, log: &logger{out: c.Log}}
	p.lines = &lines{take: func(line string) {
		line = printable(line)
		if p.tail.add(line) {
			c.Log.Debug().Msg(line) // the report has it
			return
		}
		p.log.line(line)
	}}
	p.process = newProcess(program, c.Command[1:], c.Dir, p.tail, p.lines)
	if p.socket, err = newSocketDir(); err != nil {
		return nil, err
	}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{int(Handshake.ProtocolVersion): {ServiceName: connection{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     c.StartTimeout + startGrace,
		Logger:           newQuiet(c.Log),
		Stderr:           p.lines,
		SyncStdout:       p.lines,
		SyncStderr:       p.lines,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: p.socket.name},
		GRPCDialOptions:  dialOptions(),
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			p.process.cmd.Env = append(environment(hostEnvironment(), c.Env), spec.Env...)
			return p.process, nil
		},
	})
	stop := context.AfterFunc(ctx, func() { _ = p.process.Kill(ctx) })
	late := time.AfterFunc(c.StartTimeout, func() {
		_ = p.hung(schemas.Errorf(schemas.PluginTimeout, "it said nothing for %s", c.StartTimeout), "")
	})
	err = p.shakeHands()
	stop()
	if late.Stop() && err == nil {
		return p, nil
	}
	if ctx.Err() != nil {
		p.Close()
		return nil, ctx.Err()
	}
	err = p.startError(err)
	p.Close()
	return nil, err
}

// startGrace is what go-plugin waits longer than we do.
const startGrace = 2 * time.Second

// shakeHands lets go-plugin start the process and connect. Its reading of the
// handshake may panic on what a plugin wrote there: a certificate where none is
// due, for one.
func (p *Plugin) shakeHands() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its handshake cannot be read: %v", r)
		}
	}()
	if _, err := p.client.Start(); err != nil {
		return err
	}
	return p.connect()
}

// programOf finds the program, so that a missing one is said to be missing.
func programOf(c Config) (string, error) {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return "", schemas.Errorf(schemas.PluginStart, "plugin %q has neither a command nor an address", c.Name)
	}
	name := c.Command[0]
	if c.Dir != "" && strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		name = filepath.Join(c.Dir, name)
	}
	found, err := exec.LookPath(name)
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return "", schemas.Errorf(schemas.PluginStart, "plugin %q: there is no program %s", c.Name, c.Command[0]).
				Suggest("programs without a slash are looked for in PATH, others from the folder of the pipeline file")
		}
		return "", schemas.Errorf(schemas.PluginStart, "plugin %q: %w", c.Name, err)
	}
	return found, nil
}

func (p *Plugin) connect() error {
	c, err := p.client.Client()
	if err != nil {
		return err
	}
	conn, err := c.Dispense(ServiceName)
	if err != nil {
		return err
	}
	p.conn = conn.(*grpc.ClientConn)
	return nil
}

// attach connects to a plugin that somebody else runs.
func attach(c Config) (*Plugin, error) {
	conn, err := grpc.NewClient(c.Address, append(dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return nil, schemas.Errorf(schemas.PluginStart, "plugin %q at %s: %w", c.Name, c.Address, err)
	}
	return &Plugin{config: c, conn: conn, tail: &tail{}}, nil
}

// Client speaks with the plugin.
func (p *Plugin) Client() pluginpb.PluginClient { return pluginpb.NewPluginClient(p.conn) }

// Pid is the number of the process, 0 when attached.
func (p *Plugin) Pid() int {
	if p.process == nil {
		return 0
	}
	return p.process.cmd.Process.Pid
}

// Tail gives the last lines that the plugin wrote.
func (p *Plugin) Tail() []string { return p.tail.last(tailLines) }

// Close ends the plugin and everything that it started, and removes its folder.
// A plugin has two seconds to exit by itself.
func (p *Plugin) Close() {
	p.once.Do(func() {
		p.mu.Lock()
		p.closing = p.process == nil || !p.process.ended() // else its death explains more
		p.mu.Unlock()
		if p.client == nil {
			p.conn.Close()
			return
		}
		if p.process.running() {
			p.process.release()
			t := time.NewTimer(exitGrace)
			defer t.Stop()
			select {
			case <-p.process.exited:
			case <-t.C:
				_ = p.process.Kill(context.Background())
			}
			<-p.process.drained
		}
		p.client.Kill() // joins its goroutines; the process is gone
		if p.conn != nil {
			p.conn.Close()
		}
		p.lines.Close()
		p.log.Close()
		p.socket.remove()
	})
}
