package pipeline

import (
	"context"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/pathline/pathline/schemas"
)

// LoadOptions are what comes from outside of the file.
type LoadOptions struct {
	// Set overrides values: params.steps=20000, stages.train.with.batch=64.
	Set []string
	// Env looks environment variables up; nil is none.
	Env func(string) (string, bool)
	// Plugins is called once, with what the file declares, before stages are
	// looked at: it adds implementations to r, a copy of the registry, and may
	// replace some. Nil means that plugins are not to be had.
	Plugins func(ctx context.Context, dir string, plugins map[string]PluginSpec, r *Registry) error
}

// Pipeline is a checked pipeline.
type Pipeline struct {
	Name    string
	Seed    uint64
	File    string // as it was named; empty for a Spec
	Dir     string
	Plugins map[string]PluginSpec

	registry *Registry
	stages   []*stage // in an order in which every stage comes after its inputs
	byName   map[string]*stage
	resolved map[string]any // the file with everything filled in
}

// Load reads, checks and prepares a pipeline file. The error joins every
// *schemas.Error that was found, sorted by place.
func Load(ctx context.Context, file string, r *Registry, o LoadOptions) (*Pipeline, error) {
	root, err := readNode(file)
	if err != nil {
		return nil, err
	}
	return load(ctx, root, file, filepath.Dir(file), r, o)
}

// New checks and prepares a pipeline that is built in code.
func New(ctx context.Context, s Spec, r *Registry, o LoadOptions) (*Pipeline, error) {
	root, err := specNode(s)
	if err != nil {
		return nil, schemas.Errorf(schemas.WrongType, "a configuration does not marshal: %w", err)
	}
	return load(ctx, root, "", s.Dir, r, o)
}

// fileLoader collects what is found on the way.
type fileLoader struct {
	p    *Pipeline
	errs []*schemas.Error

	failed map[string]bool // plugins that cannot be used, which has been said
}

func (l *fileLoader) add(e *schemas.Error) { l.errs = append(l.errs, e) }

// addErr takes any error of a room: its path is one inside of the room's
// configuration, full says where that is in the file.
func (l *fileLoader) addErr(err error, otherwise schemas.Reason, at func(path string) position, full func(path string) string) {
	for _, e := range schemas.Errors(err, otherwise) {
		if e.File == "" && e.Line == 0 {
			c := *e
			c.Path = full(e.Path)
			e = at(e.Path).place(&c)
		}
		l.add(e)
	}
}

func load(ctx context.Context, root *node, file, dir string, r *Registry, o LoadOptions) (*Pipeline, error) {
	l := &fileLoader{p: &Pipeline{File: file, Dir: dir, byName: map[string]*stage{}}, failed: map[string]bool{}}
	l.override(root, o.Set)
	l.interpolate(root, o.Env)
	if root.kind != mappingNode {
		l.add(root.at.fail(schemas.WrongType, "", "a pipeline file is a mapping, not %s", root.describe()).Suggest("start with `version: 1`"))
		return nil, l.err()
	}
	top, err := SchemaOf(fileSpec{})
	if err != nil {
		panic("pipeline: the schema of the file: " + err.Error())
	}
	l.p.resolved, _ = top.resolve(root, "", &l.errs).(map[string]any)
	l.header(root)
	r = r.Clone()
	l.plugins(ctx, root, r, o)
	l.p.registry = r
	l.readStages(root, r)
	l.order()
	l.check(ctx)
	return l.p, l.err()
}

// err joins what was found, sorted by place; two findings about one place keep
// the first.
func (l *fileLoader) err() error {
	sort.SliceStable(l.errs, func(i, j int) bool {
		a, b := l.errs[i], l.errs[j]
		if a.File != b.File {
			return a.File > b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return joinErrors(l.errs)
}

var (
	namePattern      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	stageNamePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
)

func (l *fileLoader) header(root *node) {
	if v := root.get("version"); v != nil && v.kind == scalarNode {
		if n, ok := v.scalar.(int64); ok && n != 1 {
			l.add(v.at.fail(schemas.Version, "version", "this host reads version 1 of the file format, not version %d", n))
		}
	}
	if v := root.get("name"); v != nil {
		if s, ok := v.scalar.(string); ok {
			if !namePattern.MatchString(s) || len(s) > 100 {
				l.add(v.at.fail(schemas.WrongType, "name", "%s is not a name: lower-case letters, digits and dashes, at most 100", v.describe()))
			}
			l.p.Name = s
		}
	}
	switch s := l.p.resolved["seed"].(type) {
	case int64:
		l.p.Seed = uint64(s)
	case uint64:
		l.p.Seed = s
	case float64:
		l.p.Seed = uint64(s)
	}
}

// override applies --set values to the tree before anything else sees it.
func (l *fileLoader) override(root *node, set []string) {
	for _, text := range set {
		path, value, ok := strings.Cut(text, "=")
		at := position{source: &source{name: "--set " + shorten(text)}}
		if !ok || path == "" || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") {
			l.add(at.fail(schemas.Usage, "", "--set takes a path and a value").Suggest("write --set params.steps=100"))
			continue
		}
		v, _ := parseScalar(value, at)
		if value == "" {
			v = &node{scalar: "", at: at}
		}
		l.setPath(root, path, v, at)
	}
}

func (l *fileLoader) setPath(root *node, path string, v *node, at position) {
	n, done := root, ""
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if n.kind != mappingNode {
			l.add(at.fail(schemas.Usage, path, "%s is %s, there is nothing inside of it to set", done, n.describe()))
			return
		}
		next := n.get(part)
		last := i == len(parts)-1
		if next == nil && (i == 0 && root.field(part) == nil && !isTopKey(part) || i == 1 && (parts[0] == "params" || parts[0] == "stages")) {
			reason := map[string]schemas.Reason{"params": schemas.UnknownParam, "stages": schemas.UnknownStage}[parts[0]]
			if i == 0 || reason == "" {
				reason = schemas.UnknownKey
			}
			e := at.fail(reason, path, "there is no %q in %s", part, map[bool]string{true: "the file", false: done}[done == ""])
			var keys []string
			for _, f := range n.fields {
				keys = append(keys, f.key)
			}
			e.Suggest(DidYouMean(part, keys))
			l.add(e)
			return
		}
		switch {
		case last && parts[0] == "params" && i == 1 && !sameType(next, v):
			l.add(at.fail(schemas.WrongType, path, "the parameter %s is %s by its default %s; %s is not", part, typeName(next), next.describe(), v.describe()))
		case last:
			n.set(part, at, v)
		case next == nil || next.isNull():
			next = &node{kind: mappingNode, at: at}
			n.set(part, at, next)
		case next.kind == scalarNode && parts[i+1] != "use":
			if s, ok := next.scalar.(string); ok && !strings.Contains(s, "${") && i >= 3 {
				// optimizer: adam, with --set ...optimizer.lr: the bare name is its use.
				next = &node{kind: mappingNode, at: next.at, fields: []field{{"use", next.at, next}}}
				n.set(part, next.at, next)
			}
		}
		n, done = next, join(done, part)
	}
}

func isTopKey(k string) bool {
	switch k {
	case "version", "name", "seed", "params", "plugins", "stages":
		return true
	}
	return false
}

func typeName(n *node) string {
	switch n.scalar.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, uint64:
		return "a whole number"
	case float64:
		return "a number"
	}
	return n.describe()
}

// sameType says whether a parameter of one default may take a value.
func sameType(def, v *node) bool {
	if def == nil || def.isNull() {
		return true
	}
	if def.kind != v.kind {
		return false
	}
	if s, ok := def.scalar.(string); ok && strings.Contains(s, "${") {
		return true
	}
	a, b := typeName(def), typeName(v)
	if def.kind != scalarNode || a == b || a == "a number" && b == "a whole number" {
		return true
	}
	if f, ok := v.scalar.(float64); ok && a == "a whole number" && f == float64(int64(f)) {
		return true
	}
	if a == "a text" { // a text may look like a number: --set params.name=2024
		v.scalar = strings.TrimSpace(v.describe())
		return true
	}
	return false
}

func (l *fileLoader) interpolate(root *node, env func(string) (string, bool)) {
	params := map[string]*node{}
	first := &interpolator{env: env}
	if p := root.get("params"); p != nil && p.kind == mappingNode {
		first.walk(p, "params")
		for _, f := range p.fields {
			params[f.key] = f.value
		}
	}
	rest := &interpolator{env: env, params: params}
	if root.kind == mappingNode {
		for _, f := range root.fields {
			if f.key != "params" {
				rest.walk(f.value, f.key)
			}
		}
	}
	l.errs = append(append(l.errs, first.errs...), rest.errs...)
}

func (l *fileLoader) plugins(ctx context.Context, root *node, r *Registry, o LoadOptions) {
	declared := root.get("plugins")
	l.p.Plugins = map[string]PluginSpec{}
	spec, _ := SchemaOf(PluginSpec{})
	ok := true
	if declared != nil && declared.kind == mappingNode {
		for _, f := range declared.fields {
			path := "plugins." + f.key
			if !stageNamePattern.MatchString(f.key) {
				l.add(f.at.fail(schemas.WrongType, path, "%q is not a plugin name: letters, digits, - and _", f.key))
			}
			var errs []*schemas.Error
			v := spec.resolve(f.value, path, &errs)
			var p PluginSpec
			if len(errs) > 0 || decodePlain(v, &p) != nil {
				ok = false // the schema of the file has reported it
				continue
			}
			if (len(p.Command) == 0) == (p.Address == "") {
				ok = false
				l.add(f.at.fail(schemas.Conflict, path, "a plugin has a `command` or an `address`: one of the two"))
			}
			l.p.Plugins[f.key] = p
		}
	}
	if !ok { // none is started
		for _, f := range declared.fields {
			l.failed[f.key] = true
		}
		return
	}
	if o.Plugins == nil {
		return
	}
	dir, err := filepath.Abs(l.p.Dir)
	if err != nil {
		dir = l.p.Dir
	}
	if err := o.Plugins(ctx, dir, l.p.Plugins, r); err != nil {
		l.addErr(err, schemas.PluginStart, func(path string) position {
			name, _, _ := strings.Cut(path, ".")
			l.failed[name] = true
			if declared == nil {
				return root.at
			}
			at, _ := declared.find(path)
			return at
		}, func(path string) string { return join("plugins", path) })
	}
}
