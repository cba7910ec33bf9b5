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
	dir     string

	mu      sync.Mutex
	closing bool
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
	p := &Plugin{config: c, tail: &tail{}}
	p.process = newProcess(program, c.Command[1:], c.Dir, p.tail)
	if p.dir, err = socketDir(); err != nil {
		return nil, err
	}
	log := &logger{out: c.Log}
	p.lines = &lines{take: func(line string) { p.tail.add(line); log.line(line) }}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{int(Handshake.ProtocolVersion): {ServiceName: connection{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     c.StartTimeout,
		Logger:           newQuiet(c.Log),
		Stderr:           p.lines,
		SyncStdout:       p.lines,
		SyncStderr:       p.lines,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: p.dir},
		GRPCDialOptions:  dialOptions(),
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			p.process.cmd.Env = append(environment(hostEnvironment(), c.Env), spec.Env...)
			return p.process, nil
		},
	})
	stop := context.AfterFunc(ctx, func() { _ = p.process.Kill(ctx) })
	_, err = p.client.Start()
	stop()
	if err == nil {
		err = p.connect()
	}
	if err != nil {
		p.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, p.startError(err)
	}
	return p, nil
}

// programOf finds the program, so that a missing one is said to be missing.
func programOf(c Config) (string, error) {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return "", schemas.Errorf(schemas.PluginStart, "plugin %q has neither a command nor an address", c.Name)
	}
	name := c.Command[0]
	if strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
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
		p.closing = true
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
		os.RemoveAll(p.dir)
	})
}

// startError says why a plugin did not start.
func (p *Plugin) startError(err error) error {
	e := schemas.Errorf(schemas.PluginStart, "plugin %q did not start", p.config.Name)
	e.Cause = err
	noise := p.process.noise.String()
	switch {
	case !p.process.ended():
		e.Message += ": " + err.Error()
	case noise != "" && strings.Count(noise, "|") < 3:
		e.Message += fmt.Sprintf(": it printed %q on standard output before the handshake", noise)
		e.Suggestion = "a plugin prints nothing on standard output; standard error is for messages"
	case strings.Contains(err.Error(), "timeout"):
		e.Message += fmt.Sprintf(": it said nothing for %s", p.config.StartTimeout)
		e.Suggestion = "raise start_timeout, or run the command by hand to see what it waits for"
	case noise == "":
		e.Message += ": it " + p.process.ending() + " before the handshake"
		if why := p.tail.why(); why != "" {
			e.Message += " (" + why + ")"
		}
	default:
		e.Message += ": " + err.Error()
	}
	e.Message += p.circumstances()
	return e
}

// Explain says why a session with the plugin broke.
func (p *Plugin) Explain(err error) error {
	var own *schemas.Error
	judged := errors.As(err, &own) && (own.Reason == schemas.PluginProtocol || own.Reason == schemas.PluginTimeout)
	p.mu.Lock()
	closing := p.closing
	p.mu.Unlock()
	if closing {
		return schemas.Errorf(schemas.PluginCrash, "plugin %q was ended by the host", p.config.Name)
	}
	if p.process != nil && !judged {
		t := time.NewTimer(crashNotice)
		defer t.Stop()
		select {
		case <-p.process.exited:
			return p.crash(err)
		case <-t.C:
		}
	}
	e := &schemas.Error{Reason: schemas.PluginProtocol, Message: err.Error(), Cause: err}
	if judged {
		c := *own
		e = &c
	} else if p.process == nil {
		e.Reason = schemas.PluginCrash
	}
	e.Message = fmt.Sprintf("plugin %q: %s", p.config.Name, e.Message) + p.circumstances()
	return e
}

// crash is the report of a process that ended while it was needed.
func (p *Plugin) crash(err error) error {
	<-p.process.drained // its last lines
	e := schemas.Errorf(schemas.PluginCrash, "plugin %q %s while it was needed", p.config.Name, p.process.ending())
	e.Cause = err
	if why := p.tail.why(); why != "" {
		e.Message += " (" + why + ")"
	}
	e.Message += p.circumstances()
	return e
}

// shown is how many of the last lines an error repeats.
const shown = 20

// circumstances are the command or address, and the last lines.
func (p *Plugin) circumstances() string {
	var b strings.Builder
	if p.config.Address != "" {
		fmt.Fprintf(&b, "; address: %s", p.config.Address)
	} else {
		fmt.Fprintf(&b, "; command: %s", strings.Join(p.config.Command, " "))
	}
	if last := p.tail.last(shown); len(last) > 0 {
		b.WriteString("; its last lines:")
		for _, l := range last {
			b.WriteString("\n    ")
			b.WriteString(l)
		}
	}
	return b.String()
}
