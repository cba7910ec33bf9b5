package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
)

// Registry holds kinds and their implementations. It is a value that an
// embedder owns; it must not be changed while a pipeline that was loaded with
// it runs.
type Registry struct {
	kinds map[string]*Kind
	order []string
	impls map[string]map[string]*Implementation // by kind, by name
}

// Implementation is one way to be a kind.
type Implementation struct {
	Kind   string
	Name   string
	Doc    string
	Config *Schema // keys, types, defaults and limits of `with:`
	// Version changes whenever the same inputs would give other results.
	Version string
	// Stateless says that what a service of it answers depends on the arguments
	// alone: a call may be repeated in a new process when the first has died.
	Stateless bool
	// Ports are its inputs where they are not those of its kind; nil otherwise.
	Ports []Port
	// Hidden ones are left out of lists and schemas.
	Hidden bool
	// Example is one `with:` as a user would write it.
	Example string
	// Build makes a stage of a checked, resolved configuration.
	Build func(ctx context.Context, env Env, config json.RawMessage) (Stage, error)
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{kinds: map[string]*Kind{}, impls: map[string]map[string]*Implementation{}}
}

// AddKind registers a kind. A second one of the same name is a programming
// mistake.
func (r *Registry) AddKind(k Kind) {
	if r.kinds[k.Name] != nil {
		panic("pipeline: kind registered twice")
	}
	r.kinds[k.Name] = &k
	r.order = append(r.order, k.Name)
	r.impls[k.Name] = map[string]*Implementation{}
}

// Add registers an implementation, replacing one of the same kind and name.
func (r *Registry) Add(i Implementation) {
	if r.kinds[i.Kind] == nil {
		panic("pipeline: implementation of an unregistered kind")
	}
	r.impls[i.Kind][i.Name] = &i
}

// Register adds an implementation whose configuration is the Go type C: its
// keys, types, defaults, limits, documentation and JSON Schema are read from
// the fields and tags of C; see SchemaOf.
func Register[C any](r *Registry, kind, name, doc string, defaults C, build func(ctx context.Context, env Env, config C) (Stage, error)) *Implementation {
	schema, err := SchemaOf(defaults)
	if err != nil {
		panic(fmt.Sprintf("pipeline: configuration of %s/%s: %v", kind, name, err))
	}
	r.Add(Implementation{Kind: kind, Name: name, Doc: doc, Config: schema, Version: "1",
		Build: func(ctx context.Context, env Env, raw json.RawMessage) (Stage, error) {
			config := defaults
			if err := schema.Decode(raw, &config); err != nil {
				return nil, err
			}
			return build(ctx, env, config)
		}})
	return r.impls[kind][name]
}

// PortsOf are the inputs of an implementation: its own, or those of its kind.
func (r *Registry) PortsOf(i *Implementation) []Port {
	if i.Ports != nil {
		return i.Ports
	}
	return r.kinds[i.Kind].Ports
}

// allPorts are the inputs of a kind and, as optional ones, those that any of its
// implementations has beside them.
func (r *Registry) allPorts(kind string) []Port {
	ports := slices.Clone(r.kinds[kind].Ports)
	for _, i := range r.Implementations(kind) {
		for _, p := range i.Ports {
			if !slices.ContainsFunc(ports, func(q Port) bool { return q.Name == p.Name }) {
				p.Optional, p.Default = true, ""
				ports = append(ports, p)
			}
		}
	}
	return ports
}

// Kind finds a kind by name.
func (r *Registry) Kind(name string) (*Kind, bool) { k, ok := r.kinds[name]; return k, ok }

// Kinds lists the kinds in the order in which they were added.
func (r *Registry) Kinds() []*Kind {
	out := make([]*Kind, len(r.order))
	for i, n := range r.order {
		out[i] = r.kinds[n]
	}
	return out
}

// Find gives an implementation by kind and name.
func (r *Registry) Find(kind, name string) (*Implementation, bool) {
	i, ok := r.impls[kind][name]
	return i, ok
}

// Implementations lists those of a kind, sorted by name, hidden ones left out.
func (r *Registry) Implementations(kind string) []*Implementation {
	var out []*Implementation
	for _, i := range r.impls[kind] {
		if !i.Hidden {
			out = append(out, i)
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Name < out[b].Name })
	return out
}

// Clone copies the registry, so that a host can replace implementations for
// one pipeline (plugins, isolation) without touching the original.
func (r *Registry) Clone() *Registry {
	c := NewRegistry()
	for _, k := range r.Kinds() {
		c.AddKind(*k)
		for _, i := range r.impls[k.Name] {
			c.Add(*i)
		}
	}
	return c
}
