package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/launch"
	"github.com/pathline/pathline/plugins/remote"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/path"
)

// Target says how the plugin under test is started or found: one of Command and
// Address.
type Target struct {
	Name    string            // in messages; "" for the program's
	Command []string          // the program and its arguments
	Address string            // unix:///path or host:port of one that runs already
	Dir     string            // working folder, to which relative programs and input files are relative; "" for this process's
	Env     map[string]string // variables beside the few that are passed on

	StartTimeout time.Duration // 0 for 30 s

	// Configs are the `with:` to test implementations with, JSON by kind/name.
	// Without one the plugin's own example is used, and its defaults.
	Configs map[string]json.RawMessage

	Log zerolog.Logger // what the plugin writes; the zero Logger drops it
}

// What a conforming plugin keeps to.
const (
	describeWithin = 2 * time.Second
	cancelWithin   = time.Second
	exitWithin     = 3 * time.Second
	answerWithin   = 10 * time.Second // to what is wrong
	stall          = 20 * time.Second
)

// subject is the plugin under test.
type subject struct {
	target          Target
	dir             string // private folder, removed at the end
	running         *launch.Plugin
	inline          bool // offer no shared memory
	suspect         bool // a case failed: look whether the process still answers
	description     *pluginpb.DescribeResponse
	implementations []*implementation
	instances       int
}

// implementation is one of those that the plugin says it has.
type implementation struct {
	*pluginpb.Implementation
	kind, name string
	schema     *pipeline.Schema
	schemaErr  error

	config    json.RawMessage // resolved, to open instances with
	configErr error           // why there is none
}

func newSubject(t Target) (*subject, error) {
	if (len(t.Command) == 0) == (t.Address == "") {
		return nil, errors.New("conform: a target has a command or an address")
	}
	if t.Name == "" {
		t.Name = t.Address
		if len(t.Command) > 0 {
			t.Name = filepath.Base(t.Command[0])
		}
	}
	// Programs and input files are found whatever the folder is called.
	var err error
	if t.Dir, err = filepath.Abs(t.Dir); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "conform-")
	if err != nil {
		return nil, err
	}
	return &subject{target: t, dir: dir}, nil
}

func (s *subject) close() {
	s.stop()
	os.RemoveAll(s.dir)
}

func (s *subject) stop() {
	if s.running != nil {
		s.running.Close()
		s.running = nil
	}
}

// start starts a process of its own for a case, which closes it.
func (s *subject) start(ctx context.Context) (*launch.Plugin, error) {
	t := s.target
	return launch.Start(ctx, launch.Config{Name: t.Name, Command: t.Command, Dir: t.Dir, Env: t.Env, Address: t.Address,
		StartTimeout: t.StartTimeout, Log: t.Log})
}

// plugin is the process that the cases share; one that does not answer after a
// case failed is replaced.
func (s *subject) plugin(ctx context.Context) (*launch.Plugin, error) {
	if s.running != nil && s.suspect {
		asking, cancel := context.WithTimeout(ctx, describeWithin)
		_, err := s.running.Client().Describe(asking, &pluginpb.DescribeRequest{})
		cancel()
		if err != nil {
			s.stop()
		}
	}
	s.suspect = false
	if s.running == nil {
		p, err := s.start(ctx)
		if err != nil {
			return nil, err
		}
		s.running = p
	}
	return s.running, nil
}

// describe asks what there is to test.
func (s *subject) describe(ctx context.Context) error {
	p, err := s.plugin(ctx)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if s.description, err = p.Client().Describe(asking, describeRequest()); err != nil {
		return p.Explain(err)
	}
	for _, d := range s.description.GetImplementations() {
		i := &implementation{Implementation: d, kind: d.GetKind(), name: d.GetName()}
		if i.schema, i.schemaErr = pipeline.ParseSchema(d.GetConfigSchema()); i.schemaErr == nil {
			i.config, i.configErr = s.configure(i)
		} else {
			i.configErr = i.schemaErr
		}
		s.implementations = append(s.implementations, i)
	}
	return nil
}

func describeRequest() *pluginpb.DescribeRequest {
	return &pluginpb.DescribeRequest{HostVersion: "conform"}
}

// configure chooses the configuration to test with: what the target says, the
// example, or the defaults.
func (s *subject) configure(i *implementation) (json.RawMessage, error) {
	if raw, ok := s.target.Configs[i.kind+"/"+i.name]; ok {
		return i.schema.Resolve(raw)
	}
	if i.GetExample() != "" {
		raw, err := exampleJSON(i.GetExample())
		if err != nil {
			return nil, err
		}
		return i.schema.Resolve(raw)
	}
	return i.schema.Resolve(json.RawMessage("{}"))
}

// exampleJSON reads an example, which is YAML as under `with:`.
func exampleJSON(text string) (json.RawMessage, error) {
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("the example %q is not a mapping of YAML: %w", text, err)
	}
	if v == nil {
		v = map[string]any{}
	}
	return json.Marshal(v)
}

// with is the configuration with other values for keys that it has, and without
// those whose value is nil. ok is false when the schema has no such key.
func (i *implementation) with(values map[string]any) (config json.RawMessage, ok bool) {
	m := map[string]any{}
	if i.configErr != nil || json.Unmarshal(i.config, &m) != nil {
		return nil, false
	}
	for k, v := range values {
		if v == nil {
			delete(m, k)
			continue
		}
		if i.schema.Field(k) == nil {
			return nil, false
		}
		m[k] = v
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, false
	}
	raw, err = i.schema.Resolve(raw)
	return raw, err == nil
}

// instance is one that a case has opened.
type instance struct {
	*remote.Instance
	pipeline.Stage
	env pipeline.Env
}

// open opens an instance in the shared process. Close it.
func (s *subject) open(ctx context.Context, i *implementation, config json.RawMessage) (*instance, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return nil, err
	}
	return s.openIn(ctx, p, i, config)
}

func (s *subject) openIn(ctx context.Context, p *launch.Plugin, i *implementation, config json.RawMessage) (*instance, error) {
	if config == nil {
		if i.configErr != nil {
			return nil, fmt.Errorf("there is no configuration to open it with: %w", i.configErr)
		}
		config = i.config
	}
	env, err := s.surroundings(i, config)
	if err != nil {
		return nil, err
	}
	in, stage, err := remote.Open(ctx, p.Client(), i.kind, i.name, config, env,
		remote.Options{Inline: s.inline, CallTimeout: caseTimeout, StallTimeout: stall, Explain: p.Explain})
	if err != nil {
		return nil, fmt.Errorf("open with %s: %w", config, err)
	}
	return &instance{in, stage, env}, nil
}

// surroundings are those of a stage, with folders of its own.
func (s *subject) surroundings(i *implementation, config json.RawMessage) (pipeline.Env, error) {
	s.instances++
	out := filepath.Join(s.dir, fmt.Sprintf("out%d", s.instances))
	env := pipeline.Env{Stage: "conform", Seed: 7, Dir: s.target.Dir, Out: out, State: filepath.Join(out, ".state"),
		Threads: 2, Memory: 1 << 28, Key: "conform", Log: zerolog.Nop(), Alloc: memory.DefaultAllocator, Config: config}
	return env, os.MkdirAll(env.State, 0o700)
}

// shut closes an instance within the time that it has.
func (in *instance) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), exitWithin)
	defer cancel()
	_ = in.Instance.Close(ctx)
}

// run gives the outputs of an instance that is run once.
func (in *instance) run(ctx context.Context, inputs pipeline.Inputs) (pipeline.Outputs, error) {
	if _, err := in.Check(ctx, inputs); err != nil {
		return pipeline.Outputs{}, fmt.Errorf("check: %w", err)
	}
	out, err := in.Run(ctx, inputs)
	if err != nil {
		return out, fmt.Errorf("run: %w", err)
	}
	return out, nil
}

// ports joins every port of an implementation to something of this process.
func (s *subject) ports(i *implementation) pipeline.Inputs {
	if i.GetInputs() == nil {
		return ports(i.kind)
	}
	return i.joined()
}

// joined joins the inputs that an implementation says it has itself: those of the
// names of its kind as these are, what else it needs by what it takes. A trainer
// without a path and a flow to begin with trains by likelihood: it gets a discrete
// flow.
func (i *implementation) joined() pipeline.Inputs {
	has := func(name string) bool {
		return slices.ContainsFunc(i.GetInputs().GetInputs(), func(p *pluginpb.Input) bool { return p.GetName() == name && !p.GetOptional() })
	}
	in, usual, other := pipeline.Inputs{}, ports(i.kind), ports("sampler")
	for _, p := range i.GetInputs().GetInputs() {
		v, ok := usual[p.GetName()]
		switch {
		case ok && p.GetName() == "model" && !has("path") && !has("flow"):
			v = pipeline.Input{Service: smallFlow()}
		case !ok && p.GetName() == "valid": // an example may need it
			v = pipeline.Input{From: "data", Split: "valid", Rows: toy(5, 300, toyMean, toyStd)}
		case !ok && p.GetOptional() && p.GetDefault() == "" || !ok && !has("flow") && p.GetKind() == "solver":
			continue
		case !ok:
			switch name := map[string]string{"flow": "flow", "rows": "data"}[p.GetTakes()]; {
			case name == "flow", p.GetKind() == "solver":
				v = other[p.GetName()]
			case name == "data":
				v = pipeline.Input{From: p.GetName(), Rows: toy(4, 1500, toyMean, toyStd)}
			}
		}
		in[p.GetName()] = v
	}
	return in
}

// inputs are what a kind's ports need to give a service.
func inputs(kind string) pipeline.Inputs {
	if kind == "model" {
		return pipeline.Inputs{"path": {Service: path.Described{Path: path.CondOT{}, Use: "condot"}}}
	}
	return pipeline.Inputs{}
}

// service opens an instance and gives its service as a V. Close it with shut.
func service[V any](ctx context.Context, s *subject, i *implementation, config json.RawMessage) (v V, in *instance, err error) {
	if in, err = s.open(ctx, i, config); err != nil {
		return v, nil, err
	}
	out, err := in.run(ctx, inputs(i.kind))
	if err == nil {
		var ok bool
		if v, ok = out.Service.(V); !ok {
			err = fmt.Errorf("it gives %T where a %s is due", out.Service, i.kind)
		}
	}
	if err != nil {
		in.shut()
		return v, nil, err
	}
	return v, in, nil
}
