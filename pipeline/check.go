package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sort"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/schemas"
)

// stage is one stage of a pipeline as read, before and after it is built.
type stage struct {
	name   string
	kind   *Kind
	impl   *Implementation
	node   *node
	at     position // of its name
	config json.RawMessage
	from   map[string]*edge // by port, defaults included
	to     *output
	ok     bool // everything about it is in order so far

	taken   bool // somebody reads its rows
	planned Outputs
}

// edge joins a port to what it reads.
type edge struct {
	port     Port
	producer *stage // nil for a default service and for a file
	split    string
	file     string // a saved flow
	fallback *Implementation
	config   json.RawMessage // of the fallback
	at       position
}

// output is a file that rows are written to.
type output struct {
	file   string
	writer *Implementation
	config json.RawMessage
}

func decodePlain(v any, into any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// readStages reads the stages one by one; references are joined afterwards,
// when all names are known.
func (l *fileLoader) readStages(root *node, r *Registry) {
	stages := root.get("stages")
	if stages == nil || stages.kind != mappingNode {
		return
	}
	if len(stages.fields) == 0 {
		l.add(stages.at.fail(schemas.MissingKey, "stages", "the pipeline has no stages"))
	}
	for _, f := range stages.fields {
		s := &stage{name: f.key, node: f.value, at: f.at, from: map[string]*edge{}, ok: true}
		path := "stages." + f.key
		if !stageNamePattern.MatchString(f.key) || len(f.key) > 100 {
			l.add(f.at.fail(schemas.WrongType, path, "%q is not a stage name: letters, digits, - and _, at most 100", shorten(f.key)))
			s.ok = false
		}
		l.p.stages = append(l.p.stages, s)
		l.p.byName[s.name] = s
		if f.value.kind != mappingNode {
			s.ok = false // the schema of the file has reported it
			continue
		}
		l.readUse(s, path, r)
		l.readWith(s, path)
	}
	for _, s := range l.p.stages {
		if s.kind != nil {
			l.readFrom(s, "stages."+s.name, r)
		}
	}
	for _, s := range l.p.stages {
		if s.kind != nil {
			l.readTo(s, "stages."+s.name, r)
		}
	}
}

func (l *fileLoader) readUse(s *stage, path string, r *Registry) {
	fail := func(n *node, e *schemas.Error, suggest string) {
		s.ok = false
		if suggest != "" {
			e.Suggest(suggest)
		}
		l.add(e)
	}
	kind := s.node.get("kind")
	name, ok := kind.scalarString()
	if !ok {
		s.ok = false
		return
	}
	if s.kind, ok = r.Kind(name); !ok {
		var names []string
		for _, k := range r.Kinds() {
			names = append(names, k.Name)
		}
		d := DidYouMean(name, names)
		if d == "" {
			d = "the kinds are " + strings.Join(names, ", ")
		}
		fail(kind, kind.at.fail(schemas.UnknownKind, path+".kind", "there is no kind %q", shorten(name)), d)
		return
	}
	use := s.node.get("use")
	if name, ok = use.scalarString(); !ok {
		s.ok = false
		return
	}
	if s.impl, ok = r.Find(s.kind.Name, name); ok {
		return
	}
	// PLUGIN alone means its only implementation of the kind.
	var names, own []string
	for _, i := range r.Implementations(s.kind.Name) {
		names = append(names, i.Name)
		if strings.HasPrefix(i.Name, name+"/") {
			own = append(own, i.Name)
		}
	}
	if len(own) == 1 {
		s.impl, _ = r.Find(s.kind.Name, own[0])
		return
	}
	d := DidYouMean(name, names)
	if len(own) > 1 {
		d = "the plugin offers " + strings.Join(own, ", ")
	} else if d == "" {
		d = s.kind.Name + " has " + strings.Join(names, ", ")
	}
	plugin, _, found := strings.Cut(name, "/")
	if l.failed[plugin] {
		s.ok = false // that the plugin cannot be used has been said
		return
	}
	if found {
		if _, declared := l.p.Plugins[plugin]; !declared {
			fail(use, use.at.fail(schemas.UnknownUse, path+".use", "there is no plugin %q", shorten(plugin)), "declare it under `plugins:`")
			return
		}
	}
	fail(use, use.at.fail(schemas.UnknownUse, path+".use", "there is no %s %q", s.kind.Name, shorten(name)), d)
}

func (l *fileLoader) readWith(s *stage, path string) {
	if s.impl == nil {
		s.ok = false
		return
	}
	with := s.node.get("with")
	if with == nil {
		with = &node{kind: mappingNode, at: s.at}
	}
	if with.anyBroken() {
		s.ok = false
	}
	before := len(l.errs)
	v := s.impl.Config.resolve(with, path+".with", &l.errs)
	if len(l.errs) > before {
		s.ok = false
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		s.ok = false
		l.add(with.at.fail(schemas.WrongType, path+".with", "the configuration cannot be written down: %v", err))
		return
	}
	s.config = raw
}

func (l *fileLoader) readFrom(s *stage, path string, r *Registry) {
	from := s.node.get("from")
	ports, owner := r.allPorts(s.kind.Name), s.kind.Name
	if s.impl != nil {
		if ports = r.PortsOf(s.impl); s.impl.Ports != nil {
			owner += "/" + s.impl.Name
		}
	}
	if from != nil && from.kind == mappingNode {
		for _, f := range from.fields {
			at := slices.IndexFunc(ports, func(p Port) bool { return p.Name == f.key })
			p := path + ".from." + f.key
			if at < 0 {
				var names []string
				for _, p := range ports {
					names = append(names, p.Name)
				}
				e := f.at.fail(schemas.UnknownPort, p, "a %s has no input %q", owner, f.key)
				if d := DidYouMean(f.key, names); d != "" {
					e.Suggest(d)
				} else if len(names) == 0 {
					e.Suggest("it has no inputs")
				} else {
					e.Suggest("its inputs are " + strings.Join(names, ", "))
				}
				l.add(e)
				s.ok = false
				continue
			}
			if e := l.readEdge(s, ports[at], f.value, p); e != nil {
				s.from[f.key] = e
			} else {
				s.ok = false
			}
		}
	} else if from != nil && !from.isNull() {
		s.ok = false
	}
	for _, port := range ports {
		if from.get(port.Name) != nil || port.Optional && port.Default == "" {
			continue
		}
		if port.Default != "" {
			i, ok := r.Find(port.Kind, port.Default)
			if !ok {
				panic("pipeline: the default of a port is not registered")
			}
			config, err := i.Config.Resolve(nil)
			if err != nil {
				panic("pipeline: the default of a port has no complete configuration")
			}
			s.from[port.Name] = &edge{port: port, fallback: i, config: config, at: s.at}
			continue
		}
		l.add(s.at.fail(schemas.MissingPort, path+".from."+port.Name, "the input %q of %s is not joined", port.Name, s.name).
			Suggest(fmt.Sprintf("add `from: {%s: STAGE}` (%s)", port.Name, port.Doc)))
		s.ok = false
	}
}

func (l *fileLoader) readEdge(s *stage, port Port, v *node, path string) *edge {
	e := &edge{port: port, at: v.at}
	if v.anyBroken() {
		return nil
	}
	if v.kind == mappingNode && port.Takes == GivesFlow {
		if file, ok := v.get("file").scalarString(); ok && len(v.fields) == 1 {
			e.file, e.at = l.inputPath(file), v.get("file").at
			return e
		}
		l.add(v.at.fail(schemas.WrongType, path, "takes a stage or {file: FLOW.safetensors}"))
		return nil
	}
	text, ok := v.scalarString()
	if !ok {
		l.add(v.at.fail(schemas.WrongType, path, "takes the name of a stage, not %s", v.describe()))
		return nil
	}
	name, split, dotted := strings.Cut(text, ".")
	if dotted && (split == "" || strings.Contains(split, ".")) {
		l.add(v.at.fail(schemas.BadReference, path, "%s is not a stage or stage.split", quoteShort(text)))
		return nil
	}
	producer := l.p.byName[name]
	if producer == nil {
		var names []string
		for n := range l.p.byName {
			names = append(names, n)
		}
		sort.Strings(names)
		er := v.at.fail(schemas.UnknownStage, path, "there is no stage %q", shorten(name))
		if d := DidYouMean(name, names); d != "" {
			er.Suggest(d)
		} else {
			er.Suggest("the stages are " + strings.Join(names, ", "))
		}
		l.add(er)
		return nil
	}
	e.producer, e.split = producer, split
	if producer.kind == nil {
		return nil // reported at the producer
	}
	if !port.accepts(producer.kind) {
		e := v.at.fail(schemas.WrongPort, path, "the input %q takes %s, but %s is a %s", port.Name, port.wants(), name, producer.kind.Name)
		if producer.kind.Gives != port.Takes { // else the kind says it all
			e.Message += ", which gives " + string(producer.kind.Gives)
		}
		l.add(e)
		return nil
	}
	if split != "" && producer.kind.Gives != GivesRows {
		l.add(v.at.fail(schemas.UnknownSplit, path, "%s is a %s and has no splits", name, producer.kind.Name))
		return nil
	}
	if producer.kind.Gives == GivesRows {
		producer.taken = true
	}
	return e
}

func (n *node) scalarString() (string, bool) {
	if n == nil || n.kind != scalarNode || n.broken {
		return "", false
	}
	s, ok := n.scalar.(string)
	return s, ok
}

func (p Port) accepts(k *Kind) bool {
	if p.Also != "" && p.Also == k.Name {
		return true
	}
	return k.Gives == p.Takes && (p.Takes != GivesService || p.Kind == k.Name)
}

func (p Port) wants() string {
	switch {
	case p.Takes == GivesService:
		return "a " + p.Kind
	case p.Takes == GivesFlow && p.Also != "":
		return "a trained flow or an exact " + p.Also
	case p.Takes == GivesFlow:
		return "a trained flow"
	}
	return string(p.Takes)
}

func (l *fileLoader) inputPath(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.p.Dir, name)
}

func (l *fileLoader) readTo(s *stage, path string, r *Registry) {
	to := s.node.get("to")
	if to.isNull() {
		return
	}
	if to.anyBroken() {
		s.ok = false
		return
	}
	fail := func(at position, reason schemas.Reason, p, format string, args ...any) *schemas.Error {
		s.ok = false
		e := at.fail(reason, p, format, args...)
		l.add(e)
		return e
	}
	path += ".to"
	if s.kind.Gives != GivesRows {
		fail(to.at, schemas.WrongPort, path, "a %s gives no rows that could be written", s.kind.Name)
		return
	}
	if to.kind == mappingNode {
		name, ok := to.get("use").scalarString()
		if !ok {
			fail(to.at, schemas.MissingKey, path+".use", "`to:` takes a file name, or {use: WRITER, with: ...}")
			return
		}
		i, ok := r.Find("writer", name)
		if !ok {
			if plugin, _, _ := strings.Cut(name, "/"); l.failed[plugin] {
				s.ok = false
				return
			}
			var names []string
			for _, i := range r.Implementations("writer") {
				names = append(names, i.Name)
			}
			fail(to.get("use").at, schemas.UnknownUse, path+".use", "there is no writer %q", shorten(name)).Suggest(DidYouMean(name, names))
			return
		}
		with := to.get("with")
		if with == nil {
			with = &node{kind: mappingNode, at: to.at}
		}
		for _, f := range to.fields {
			if f.key != "use" && f.key != "with" {
				fail(f.at, schemas.UnknownKey, path+"."+f.key, "unknown key %q", f.key).Suggest(DidYouMean(f.key, []string{"use", "with"}))
			}
		}
		before := len(l.errs)
		v := i.Config.resolve(with, path+".with", &l.errs)
		if len(l.errs) > before {
			s.ok = false
			return
		}
		raw, _ := json.Marshal(v)
		s.to = &output{file: s.name + "." + i.Name[strings.LastIndex(i.Name, "/")+1:], writer: i, config: raw}
		return
	}
	file, ok := to.scalarString()
	if !ok {
		fail(to.at, schemas.WrongType, path, "takes a file name, not %s", to.describe())
		return
	}
	clean := filepath.ToSlash(filepath.Clean(filepath.FromSlash(file)))
	switch {
	case file == "" || strings.HasSuffix(file, "/") || strings.ContainsAny(file, "\x00\n\r"):
		fail(to.at, schemas.OutputPath, path, "%s is not a file name", to.describe())
		return
	case strings.Contains(file, "://"):
		fail(to.at, schemas.OutputPath, path, "%s is a URL; outputs are files inside of the output folder", to.describe()).Suggest("choose the folder with --out")
		return
	case filepath.IsAbs(file) || strings.HasPrefix(file, "/") || strings.Contains(file, "\\") || len(file) > 1 && file[1] == ':':
		fail(to.at, schemas.OutputPath, path, "%s is an absolute path; outputs stay inside of the output folder", to.describe()).Suggest("choose the folder with --out")
		return
	case clean == ".." || strings.HasPrefix(clean, "../") || strings.Contains("/"+file+"/", "/../"):
		fail(to.at, schemas.OutputPath, path, "%s leads out of the output folder", to.describe()).Suggest("choose the folder with --out")
		return
	case strings.HasPrefix(clean, stateFolder) || clean == recordFile || clean == "report.html":
		fail(to.at, schemas.OutputPath, path, "%s is a name that the host uses itself", to.describe())
		return
	}
	ending := strings.ToLower(strings.TrimPrefix(filepath.Ext(clean), "."))
	i, ok := r.Find("writer", ending)
	if !ok {
		var names []string
		for _, i := range r.Implementations("writer") {
			if !strings.Contains(i.Name, "/") {
				names = append(names, "."+i.Name)
			}
		}
		fail(to.at, schemas.OutputPath, path, "the ending of %s does not say how to write it", to.describe()).Suggest("use one of " + strings.Join(names, ", "))
		return
	}
	config, err := i.Config.Resolve(nil)
	if err != nil {
		fail(to.at, schemas.MissingKey, path, "the writer %s needs a configuration", i.Name).Suggest("write {use: " + i.Name + ", with: ...}")
		return
	}
	s.to = &output{file: clean, writer: i, config: config}
}

// order sorts the stages so that each comes after its inputs (in file order
// where that leaves a choice), and reports circles and clashing outputs.
func (l *fileLoader) order() {
	done := map[*stage]int{} // 1 being visited, 2 done
	var sorted []*stage
	var visit func(s *stage, trail []string)
	visit = func(s *stage, trail []string) {
		switch done[s] {
		case 2:
			return
		case 1:
			for i, n := range trail {
				if n == s.name {
					trail = trail[i:]
					break
				}
			}
			l.add(s.at.fail(schemas.Cycle, "stages."+s.name, "stages wait for each other: %s", strings.Join(append(trail, s.name), " -> ")))
			for _, n := range trail {
				l.p.byName[n].ok = false
			}
			return
		}
		done[s] = 1
		for _, port := range sortedPorts(s) {
			if p := s.from[port].producer; p != nil {
				visit(p, append(trail, s.name))
			}
		}
		done[s] = 2
		sorted = append(sorted, s)
	}
	for _, s := range l.p.stages {
		visit(s, nil)
	}
	l.p.stages = sorted

	files := map[string]*stage{}
	for _, s := range sorted {
		if s.to == nil && s.kind != nil && s.kind.Gives == GivesRows && !s.taken && s.ok {
			if i, ok := l.p.registry.Find("writer", "parquet"); ok {
				config, _ := i.Config.Resolve(nil)
				s.to = &output{file: s.name + ".parquet", writer: i, config: config}
			}
		}
		if s.to == nil {
			continue
		}
		key := strings.ToLower(s.to.file)
		for other, o := range files {
			if key == other || strings.HasPrefix(key, other+"/") || strings.HasPrefix(other, key+"/") {
				l.add(s.toPosition().fail(schemas.Conflict, "stages."+s.name+".to", "%s and %s both write %s", o.name, s.name, s.to.file))
				s.ok = false
			}
		}
		files[key] = s
	}
	for _, s := range sorted {
		if s.kind == nil || s.kind.Gives == GivesRows || s.kind.Gives == GivesService {
			continue
		}
		if s.kind.Gives == GivesMetrics && strings.ToLower(s.name+".json") == recordFile {
			l.add(s.at.fail(schemas.Conflict, "stages."+s.name, "the stage would write %s, which the host writes itself", recordFile).Suggest("give the stage another name"))
			s.ok = false
		}
		for _, ending := range []string{".safetensors", ".metrics.parquet", ".json"} {
			if o := files[strings.ToLower(s.name+ending)]; o != nil {
				l.add(o.toPosition().fail(schemas.Conflict, "stages."+o.name+".to", "%s is a file that %s writes", o.to.file, s.name))
			}
		}
	}
}

func (s *stage) toPosition() position {
	if to := s.node.get("to"); to != nil {
		return to.at
	}
	return s.at
}

func sortedPorts(s *stage) []string { return keysOf(s.from) }

// check builds every stage and lets it look at what its inputs would give.
// Stages whose inputs are wrong are left out: their errors would be echoes.
func (l *fileLoader) check(ctx context.Context) {
	for _, s := range l.p.stages {
		for _, e := range s.from {
			if e.producer != nil && !e.producer.ok {
				s.ok = false
			}
		}
		if !s.ok {
			l.checkSplits(s)
			continue
		}
		env := l.p.env(s)
		inst, err := s.build(ctx, env)
		if err == nil {
			var in Inputs
			if in, err = l.p.inputs(ctx, s, func(p *stage) (Outputs, error) { return p.planned, nil }, nil); err == nil {
				err = protect(func() error { var err error; s.planned, err = inst.Check(ctx, in); return err })
			}
		}
		if err != nil {
			s.ok = false
			l.addErr(err, schemas.StageFailed, s.find, s.path)
		}
	}
}

// checkSplits looks at the splits that a stage names when its inputs are not in
// order, as far as they are known all the same.
func (l *fileLoader) checkSplits(s *stage) {
	for _, port := range sortedPorts(s) {
		e := s.from[port]
		if e.producer == nil || e.producer.ok || e.split == "" {
			continue
		}
		if rows := e.producer.splits(0); rows != nil {
			if _, ok := rows[e.split]; !ok {
				l.addErr(missingSplit(e, rows), schemas.UnknownSplit, s.find, s.path)
			}
		}
	}
}

// splits are the names of the splits that a stage gives by its configuration,
// or its input's; nil when they are not known.
func (s *stage) splits(depth int) map[string]Rows {
	if s.kind == nil || depth > 100 { // a circle is reported elsewhere
		return nil
	}
	if e := s.from["data"]; s.kind.Splits && e != nil && e.producer != nil && e.split == "" {
		return e.producer.splits(depth + 1)
	}
	var config map[string]json.RawMessage
	var names map[string]any
	if s.kind.SplitKey == "" || json.Unmarshal(s.config, &config) != nil || json.Unmarshal(config[s.kind.SplitKey], &names) != nil {
		return nil
	}
	rows := map[string]Rows{"": nil}
	for name := range names {
		rows[name] = nil
	}
	return rows
}

// path is where a room's error path lies in the file.
func (s *stage) path(path string) string {
	full := "stages." + s.name
	switch {
	case path == "":
		return full
	case strings.HasPrefix(path, "from."):
		return join(full, path)
	}
	return join(full, "with."+path)
}

// find gives the place that a room's error path names: a key of `with:`, or
// from.PORT.
func (s *stage) find(path string) position {
	if port, ok := strings.CutPrefix(path, "from."); ok {
		if e := s.from[port]; e != nil {
			return e.at
		}
		return s.at
	}
	if with := s.node.get("with"); with != nil && path != "" {
		if at, ok := with.find(path); ok || at.line != with.at.line || at.column != with.at.column {
			return at
		}
		return with.at
	}
	return s.at
}

// env is what a stage gets while it is checked.
func (p *Pipeline) env(s *stage) Env {
	return Env{Stage: s.name, Seed: p.Seed, Dir: p.Dir, Threads: 1, Memory: 1 << 30, Log: zerolog.Nop(),
		Alloc: memory.DefaultAllocator, Emit: func(Event) {}, Config: s.config}
}

func (s *stage) build(ctx context.Context, env Env) (inst Stage, err error) {
	err = protect(func() error {
		var e error
		inst, e = s.impl.Build(ctx, env, s.config)
		return e
	})
	return inst, err
}

// inputs gathers what arrives at the ports of a stage.
func (p *Pipeline) inputs(ctx context.Context, s *stage, outputs func(*stage) (Outputs, error), env *Env) (Inputs, error) {
	in := Inputs{}
	for _, port := range sortedPorts(s) {
		e := s.from[port]
		v := Input{Split: e.split}
		switch {
		case e.file != "":
			v.From = e.file
			v.Flow = e.file
		case e.fallback != nil:
			se := p.env(s)
			if env != nil {
				se = *env
			}
			se.Config = e.config
			err := protect(func() error {
				inst, err := e.fallback.Build(ctx, se, e.config)
				if err != nil {
					return err
				}
				out, err := inst.Check(ctx, nil)
				v.Service = out.Service
				return err
			})
			if err != nil {
				return nil, err
			}
		default:
			out, err := outputs(e.producer)
			if err != nil {
				return nil, err
			}
			v.From, v.Service, v.Flow = e.producer.name, out.Service, out.Flow
			if e.producer.kind.Gives == GivesRows {
				rows, ok := out.Rows[e.split]
				if !ok {
					return nil, missingSplit(e, out.Rows)
				}
				v.Rows = rows
				if e.split == "" {
					v.Splits = out.Rows
				}
			}
		}
		in[port] = v
	}
	return in, nil
}

func missingSplit(e *edge, rows map[string]Rows) error {
	var names []string
	for n := range rows {
		if n != "" {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	err := schemas.Errorf(schemas.UnknownSplit, "%s gives no split %q", e.producer.name, e.split).At("from." + e.port.Name)
	if d := DidYouMean(e.split, names); d != "" {
		return err.Suggest(d)
	}
	if len(names) == 0 {
		return err.Suggest("it has no splits; add `split: {train: 0.8, test: 0.2}` to the loader")
	}
	return err.Suggest("its splits are " + strings.Join(names, ", "))
}

// protect turns a panic into an error: an embedder's process never dies of a
// stage.
func protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &schemas.Error{Reason: schemas.Panic, Message: fmt.Sprintf("programming error: %v", p), Cause: &PanicError{Value: p, Stack: debug.Stack()}}
		}
	}()
	return f()
}

// PanicError keeps the stack of a panic that was turned into an error.
type PanicError struct {
	Value any
	Stack []byte
}

// Error is the value of the panic.
func (e *PanicError) Error() string { return fmt.Sprint(e.Value) }
