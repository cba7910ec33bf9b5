package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/flow"
)

// Plugin says how a plugin is started or found: one of Command and Address.
type Plugin struct {
	Command []string          // the program and its arguments
	Address string            // unix:///path or host:port of one that runs already
	Env     map[string]string // variables beside the few that are passed on
	Dir     string            // working folder, also of relative programs

	StartTimeout time.Duration // 0 for 30 s
	CallTimeout  time.Duration // of one call; 0 for no limit
	StallTimeout time.Duration // of a call without progress; 0 for 20 s, negative for no limit

	Inline   bool // no shared memory; results are the same
	NoBundle bool // keep nothing of a crash, which would hold rows of the data
}

// Defaults of a plugin.
const (
	stallTimeout    = 20 * time.Second
	describeTimeout = 10 * time.Second
	closeTimeout    = 3 * time.Second
	maxOffered      = 1000 // implementations of one plugin
	maxCode         = 256  // bytes of a digest
)

// Host holds the plugins of one run: every process is started once, shared by
// the stages that use it, and ends with Close. It may be used concurrently.
type Host struct {
	log    zerolog.Logger
	inline bool // no shared memory

	mu        sync.Mutex
	running   map[string]*starting
	instances []*remote.Instance
	isolated  map[string]bool // kinds
	records   map[string]pipeline.PluginRecord
	restarts  map[string]int // by plugin
	closed    bool

	restarting sync.Mutex

	// NoBundles keeps nothing of crashes; set before plugins are added.
	NoBundles bool
}

// Records are what the plugins that were added said of themselves, by name, as
// the record of a run keeps it.
func (h *Host) Records() map[string]pipeline.PluginRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := maps.Clone(h.records)
	for name, n := range h.restarts {
		r := out[name]
		r.Restarts = n
		out[name] = r
	}
	return out
}

// starting is a plugin that is started once.
type starting struct {
	spec   Plugin
	once   sync.Once
	plugin *launch.Plugin
	err    error
}

// NewHost makes a host without plugins. What plugins write goes to log, with
// the fields plugin and, where they say it, stage.
func NewHost(log zerolog.Logger) *Host {
	return &Host{log: log, inline: os.Getenv(wire.SharedMemory) == "off", running: map[string]*starting{}, isolated: map[string]bool{},
		records: map[string]pipeline.PluginRecord{}, restarts: map[string]int{}}
}

// start starts a plugin, or gives the one that runs under that name.
func (h *Host) start(ctx context.Context, name string, p Plugin) (*launch.Plugin, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, schemas.Errorf(schemas.PluginStart, "plugin %q: the host is closed", name)
	}
	s := h.running[name]
	if s == nil {
		s = &starting{spec: p}
		h.running[name] = s
	}
	h.mu.Unlock()
	s.once.Do(func() { s.plugin, s.err = launch.Start(ctx, h.config(name, p)) })
	return s.plugin, s.err
}

func (h *Host) config(name string, p Plugin) launch.Config {
	return launch.Config{Name: name, Command: p.Command, Dir: p.Dir, Env: p.Env, Address: p.Address, StartTimeout: p.StartTimeout, Log: h.log}
}

// Description is what a plugin says of itself.
type Description struct {
	Name            string
	Version         string
	Code            string // digest of its program, "" when it does not say
	Capabilities    []string
	Implementations []Offered
}

// Offered is an implementation of a plugin.
type Offered struct {
	Kind, Name, Doc, Version, Example string
	Stateless                         bool // calls may be repeated in a new process
	Config                            *pipeline.Schema
	Ports                             []pipeline.Port // where they are not those of its kind
}

// Describe starts a plugin and asks what it implements.
func (h *Host) Describe(ctx context.Context, name string, p Plugin) (*Description, error) {
	running, err := h.start(ctx, name, p)
	if err != nil {
		return nil, err
	}
	timeout := describeTimeout
	if p.CallTimeout > 0 {
		timeout = p.CallTimeout
	}
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d, err := running.Client().Describe(asking, &pluginpb.DescribeRequest{HostVersion: hostVersion(), Capabilities: Capabilities()})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case asking.Err() != nil, status.Code(err) == codes.DeadlineExceeded: // the other side's clock may be the first
		return nil, running.Explain(schemas.Errorf(schemas.PluginTimeout, "it did not describe itself within %s", timeout))
	case status.Code(err) == codes.Unavailable && p.Address != "":
		return nil, schemas.Errorf(schemas.PluginStart, "plugin %q does not answer at %s: %s", name, p.Address, status.Convert(err).Message()).
			Suggest("start it with `serve --address " + p.Address + "`")
	case err != nil:
		return nil, running.Explain(err)
	}
	if len(d.GetImplementations()) > maxOffered {
		return nil, schemas.Errorf(schemas.PluginProtocol, "plugin %q says that it has %d implementations", name, len(d.GetImplementations()))
	}
	if len(d.GetCode()) > maxCode {
		return nil, schemas.Errorf(schemas.PluginProtocol, "plugin %q has a digest of %d bytes", name, len(d.GetCode()))
	}
	out := &Description{Name: d.GetName(), Version: d.GetVersion(), Code: d.GetCode(), Capabilities: d.GetCapabilities()}
	for _, i := range d.GetImplementations() {
		config, err := pipeline.ParseSchema(i.GetConfigSchema())
		if err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "plugin %q: configuration of %s/%s: %w", name, i.GetKind(), i.GetName(), err)
		}
		if i.GetName() == "" || strings.ContainsAny(i.GetName(), "/ \n") {
			return nil, schemas.Errorf(schemas.PluginProtocol, "plugin %q offers a %s with the name %q", name, i.GetKind(), i.GetName())
		}
		ports, err := portsOf(i.GetInputs())
		if err != nil {
			return nil, schemas.Errorf(schemas.PluginProtocol, "plugin %q: %s/%s: %w", name, i.GetKind(), i.GetName(), err)
		}
		out.Implementations = append(out.Implementations, Offered{Ports: ports, Kind: i.GetKind(), Name: i.GetName(), Doc: i.GetDoc(),
			Version: i.GetVersion(), Example: i.GetExample(), Config: config,
			Stateless: slices.Contains(i.GetCapabilities(), stateless)})
	}
	return out, nil
}

// Add starts a plugin and adds what it implements to the registry, as
// NAME/implementation. Kinds that the registry does not have are left out, with
// a warning in the log.
func (h *Host) Add(ctx context.Context, r *pipeline.Registry, name string, p Plugin) error {
	d, err := h.Describe(ctx, name, p)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.records[name] = pipeline.PluginRecord{Plugin: d.Name, Version: d.Version, SHA256: d.Code}
	h.mu.Unlock()
	if p.StallTimeout == 0 {
		p.StallTimeout = stallTimeout
	}
	for _, o := range d.Implementations {
		if _, ok := r.Kind(o.Kind); !ok {
			h.log.Warn().Str("plugin", name).Msgf("stages of kind %q are not known here; %s is left out", o.Kind, o.Name)
			continue
		}
		for _, p := range o.Ports {
			for _, kind := range []string{p.Kind, p.Also} {
				if _, ok := r.Kind(kind); kind != "" && !ok {
					return schemas.Errorf(schemas.PluginProtocol, "plugin %q: input %s of %s/%s is of kind %q, which is not known here", name, p.Name, o.Kind, o.Name, kind)
				}
			}
		}
		r.Add(pipeline.Implementation{Kind: o.Kind, Name: name + "/" + o.Name, Ports: o.Ports, Stateless: o.Stateless, Doc: o.Doc, Example: o.Example, Config: o.Config,
			Version: d.Version + "+" + d.Code + "+" + o.Version,
			Build: h.builder(o.Kind, o.Name, func(ctx context.Context, _ pipeline.Env) (*launch.Plugin, error) { return h.start(ctx, name, p) },
				remote.Options{Inline: h.inline || p.Inline, Stateless: o.Stateless, CallTimeout: p.CallTimeout, StallTimeout: max(p.StallTimeout, 0), Parts: func() flow.Registry { return h.Parts(r) },
					As: func(use string) string { return name + "/" + use }})})
	}
	h.join(r)
	return nil
}

// builder builds stages by opening an instance in a plugin.
func (h *Host) builder(kind, use string, start func(context.Context, pipeline.Env) (*launch.Plugin, error), o remote.Options) func(context.Context, pipeline.Env, json.RawMessage) (pipeline.Stage, error) {
	return func(ctx context.Context, env pipeline.Env, config json.RawMessage) (pipeline.Stage, error) {
		p, err := start(ctx, env)
		if err != nil {
			return nil, err
		}
		o := o
		h.watch(p, kind, use, env, &o)
		i, s, err := remote.Open(ctx, p.Client(), kind, use, config, env, o)
		if err != nil {
			return nil, err
		}
		h.mu.Lock()
		closed := h.closed
		if !closed {
			h.instances = append(h.instances, i)
		}
		h.mu.Unlock()
		if closed {
			i.Close(ctx)
			return nil, schemas.Errorf(schemas.PluginStart, "%s/%s: the host is closed", kind, use)
		}
		return s, nil
	}
}

// Isolatable are the kinds whose built-in stages can run in a process of their
// own.
func Isolatable() []string {
	return []string{"loader", "transform", "coupling", "path", "model", "solver", "trainer", "sampler", "likelihood", "evaluator", "writer"}
}

// Isolate replaces the built-in implementations of the kinds, all of them when
// none is named, by ones that run in a process of their own for each stage: the
// command, or this program with the arguments `plugin serve` when it is empty.
// Results are the same to the bit.
func (h *Host) Isolate(r *pipeline.Registry, kinds []string, command ...string) error {
	if len(kinds) == 0 {
		kinds = Isolatable()
	}
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return schemas.Errorf(schemas.Environment, "this program cannot find itself: %w", err)
		}
		command = []string{self, "plugin", "serve"}
	}
	for _, kind := range kinds {
		if !slices.Contains(Isolatable(), kind) {
			return schemas.Errorf(schemas.Usage, "stages of kind %q cannot be isolated", kind).
				Suggest("these can: " + strings.Join(Isolatable(), ", "))
		}
		h.mu.Lock()
		h.isolated[kind] = true
		h.mu.Unlock()
		for _, i := range r.Implementations(kind) {
			if strings.Contains(i.Name, "/") {
				continue // a plugin's own
			}
			isolated := *i
			start := func(ctx context.Context, env pipeline.Env) (*launch.Plugin, error) {
				name := env.Stage
				if name == "" {
					name = kind + "-" + i.Name
				}
				return h.start(ctx, "isolated/"+name, Plugin{Command: command})
			}
			isolated.Build = h.builder(kind, i.Name, start, remote.Options{Inline: h.inline, Stateless: i.Stateless, StallTimeout: stallTimeout, Heartbeat: true,
				Parts: func() flow.Registry { return h.Parts(r) }})
			r.Add(isolated)
		}
	}
	h.join(r)
	return nil
}

// Close ends every stage and every plugin. Nothing is left: no process, no
// goroutine, no file.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	instances, running := h.instances, h.running
	h.instances, h.running = nil, map[string]*starting{}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, i := range instances {
		all.Go(func() { i.Close(ctx) })
	}
	all.Wait()
	for _, s := range running {
		all.Go(func() {
			s.once.Do(func() { s.err = errors.New("plugins: the host is closed") })
			if s.plugin != nil {
				s.plugin.Close()
			}
		})
	}
	all.Wait()
	return nil
}

// Isolate gives a copy of a registry whose implementations of the kinds run in
// processes of their own, and what ends them; see [Host.Isolate].
func Isolate(r *pipeline.Registry, kinds []string, log zerolog.Logger, command ...string) (*pipeline.Registry, *Host, error) {
	c, h := r.Clone(), NewHost(log)
	return c, h, h.Isolate(c, kinds, command...)
}
