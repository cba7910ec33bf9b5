package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"

	"github.com/pathline/pathline/schemas"
)

// PlanOptions choose what a plan, and the run that follows it, is about.
type PlanOptions struct {
	Out     string   // output folder; default runs/NAME
	Only    []string // run these stages and no others
	From    []string // run these and everything after them, whatever is up to date
	NoCache bool     // take nothing as up to date
}

// Plan says what a run would do.
type Plan struct {
	Out    string      `json:"out"`
	Stages []PlanStage `json:"stages"`

	work map[*stage]*work
}

// PlanStage is what a run would do with one stage.
type PlanStage struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Use     string   `json:"use"`
	Action  string   `json:"action"`            // run, up-to-date or skip
	Why     string   `json:"why"`               // will run because ..., in words
	Changes []string `json:"changes,omitempty"` // what changed since the last run
	Rows    int64    `json:"rows,omitempty"`    // rows it gives, where that is known; -1 is unknown
	Steps   int64    `json:"steps,omitempty"`   // optimiser steps
	Files   []string `json:"files,omitempty"`   // what it writes
}

// The actions of a plan.
const (
	ActionRun      = "run"
	ActionUpToDate = "up-to-date"
	ActionSkip     = "skip"
)

// work is what identifies the result of a stage: equal components, equal
// bytes. Rows of a table are compared one by one to say what changed.
type work struct {
	stage      *stage
	key        string         // of what it computes: what downstream depends on
	components map[string]any // what key is the digest of
	fileKey    string         // key and the file that it is written to
	copy       string         // the framework's own copy of the rows, "" when there is none
	action     string
	last       *stageState // what the last run left, nil if nothing
}

// stageState is what a run leaves about a stage in its state folder.
type stageState struct {
	Key        string                `json:"key"`
	FileKey    string                `json:"file_key"`
	Components map[string]any        `json:"components"`
	Outputs    map[string]FileDigest `json:"outputs"` // relative to the output folder
	Rows       int64                 `json:"rows"`
	Seconds    float64               `json:"seconds"`
	Summary    map[string]any        `json:"summary,omitempty"`
	Metrics    map[string]float64    `json:"metrics,omitempty"`
	Report     []ReportItem          `json:"report,omitempty"`
}

// FileDigest identifies the content of a file.
type FileDigest struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Plan compares the pipeline with what an earlier run left. It reads and
// changes nothing but that.
func (p *Pipeline) Plan(ctx context.Context, o PlanOptions) (*Plan, error) {
	o.Out = p.out(o)
	plan := &Plan{Out: o.Out, work: map[*stage]*work{}}
	only, err := p.named(o.Only, "--only")
	if err != nil {
		return nil, err
	}
	from, err := p.named(o.From, "--from")
	if err != nil {
		return nil, err
	}
	code, err := CodeVersion()
	if err != nil {
		return nil, err
	}
	for _, s := range p.stages {
		w, err := p.workOf(ctx, s, plan, code, o.Out)
		if err != nil {
			return nil, err
		}
		for _, e := range s.from {
			if e.producer != nil && from[e.producer] {
				from[s] = true
			}
		}
		row := PlanStage{Name: s.name, Kind: s.kind.Name, Use: s.impl.Name, Action: ActionRun, Files: s.files()}
		if r, ok := s.planned.Rows[""]; ok {
			row.Rows = r.Count()
		}
		switch changes, why := w.compare(o.Out); {
		case len(only) > 0 && !only[s]:
			row.Action, row.Why = ActionSkip, "not named by --only"
		case o.NoCache:
			row.Why = "--no-cache"
		case from[s]:
			row.Why = "--from"
		case why != "":
			row.Why, row.Changes = why, changes
		default:
			row.Action, row.Why = ActionUpToDate, "nothing changed since the last run"
		}
		if s.kind.Gives == GivesFlow {
			row.Steps = int64(number(s.planned.Summary["steps"]))
			if steps, ok := configNumber(s.config, "steps"); ok && row.Steps == 0 {
				row.Steps = int64(steps)
			}
		}
		w.action = row.Action
		plan.work[s] = w
		plan.Stages = append(plan.Stages, row)
	}
	return plan, nil
}

// out is the output folder.
func (p *Pipeline) out(o PlanOptions) string {
	if o.Out == "" {
		return filepath.Join("runs", p.Name)
	}
	return o.Out
}

func configNumber(config json.RawMessage, key string) (float64, bool) {
	var m map[string]any
	if json.Unmarshal(config, &m) != nil {
		return 0, false
	}
	x, ok := m[key].(float64)
	return x, ok
}

// named turns stage names of an option into a set.
func (p *Pipeline) named(names []string, option string) (map[*stage]bool, error) {
	set := map[*stage]bool{}
	for _, n := range names {
		s := p.byName[n]
		if s == nil {
			return nil, schemas.Errorf(schemas.UnknownStage, "%s: there is no stage %q", option, n).Suggest(DidYouMean(n, keysOf(p.byName)))
		}
		set[s] = true
	}
	return set, nil
}

// files are the names that a stage will write, relative to the output folder.
func (s *stage) files() []string {
	var out []string
	if s.to != nil {
		out = append(out, s.to.file)
	}
	switch s.kind.Gives {
	case GivesFlow:
		out = append(out, s.name+".safetensors", s.name+".metrics.parquet")
	case GivesMetrics:
		out = append(out, s.name+".json")
	}
	return out
}

func (p *Pipeline) workOf(ctx context.Context, s *stage, plan *Plan, code, out string) (*work, error) {
	inputs := map[string]any{}
	for port, e := range s.from {
		switch {
		case e.fallback != nil:
			inputs[port] = e.fallback.Name + " " + string(e.config)
		case e.file != "":
			d, err := digestFile(ctx, e.file)
			if err != nil {
				return nil, err
			}
			inputs[port] = d.SHA256
		default:
			inputs[port] = e.producer.name + "." + e.split + " " + plan.work[e.producer].key
		}
	}
	var config any
	if err := json.Unmarshal(s.config, &config); err != nil {
		return nil, err
	}
	c := map[string]any{"stage": s.name, "kind": s.kind.Name, "use": s.impl.Name, "version": s.impl.Version,
		"with": config, "seed": fmt.Sprint(p.Seed), "from": inputs, "code": code}
	if s.kind.Gives == GivesRows && len(s.from) == 0 {
		inst, err := s.build(ctx, p.env(s))
		if err != nil {
			return nil, err
		}
		if f, ok := inst.(Fingerprinter); ok {
			var print string
			if err := protect(func() error { var err error; print, err = f.Fingerprint(ctx); return err }); err != nil {
				return nil, inStage(s, err)
			}
			c["data"] = print
		}
	}
	w := &work{stage: s, components: c}
	w.key = digestJSON(c)
	w.fileKey = w.key
	if s.to != nil {
		w.fileKey = digestJSON([]any{w.key, s.to.file, s.to.writer.Name, s.to.writer.Version, string(s.to.config)})
	}
	if s.kind.Stored && s.taken {
		readable, err := p.readable(ctx, s)
		if err != nil {
			return nil, inStage(s, err)
		}
		if !readable {
			w.copy = s.copyName()
		}
	}
	if raw, err := os.ReadFile(s.statePath(out, "stage.json")); err == nil {
		var last stageState
		if json.Unmarshal(raw, &last) == nil {
			w.last = &last
		}
	}
	return w, nil
}

func (s *stage) statePath(out, file string) string {
	return filepath.Join(out, stateFolder, s.name, file)
}

// compare says why the stage must run, or "" when its result is there.
func (w *work) compare(out string) (changes []string, why string) {
	if w.last == nil {
		return nil, "there is no earlier result"
	}
	if w.last.Key != w.key {
		changes = diff("", plainJSON(w.last.Components), plainJSON(w.components))
		if len(changes) == 0 {
			changes = []string{"the record of the last run is not readable"}
		}
		return changes, "changed: " + strings.Join(changes, ", ")
	}
	if w.last.FileKey != w.fileKey {
		return nil, "the rows go to another file"
	}
	if _, ok := w.last.Outputs[w.copy]; w.copy != "" && !ok {
		return nil, "another stage reads its rows now, and the last run kept none that can be read"
	}
	for _, f := range keysOf(w.last.Outputs) {
		d, err := digestFile(context.Background(), filepath.Join(out, f))
		if err != nil {
			return nil, f + " is missing"
		}
		if d != w.last.Outputs[f] {
			return nil, f + " is not what the last run wrote"
		}
	}
	return nil, ""
}

func plainJSON(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	_ = json.Unmarshal(raw, &out)
	return out
}

// diff lists what differs between two trees, leaf by leaf.
func diff(path string, a, b any) []string {
	ma, aok := a.(map[string]any)
	mb, bok := b.(map[string]any)
	if aok && bok {
		keys := map[string]bool{}
		for k := range ma {
			keys[k] = true
		}
		for k := range mb {
			keys[k] = true
		}
		sorted := make([]string, 0, len(keys))
		for k := range keys {
			sorted = append(sorted, k)
		}
		sort.Strings(sorted)
		var out []string
		for _, k := range sorted {
			out = append(out, diff(join(path, k), ma[k], mb[k])...)
		}
		return out
	}
	if reflect.DeepEqual(a, b) {
		return nil
	}
	switch {
	case path == "code":
		return []string{"the program"}
	case path == "data":
		return []string{"the data"}
	case path == "version":
		return []string{"the implementation's version"}
	case strings.HasPrefix(path, "from."):
		name, _, _ := strings.Cut(fmt.Sprint(b), ".")
		return []string{"its input " + name}
	}
	text := func(v any) string {
		raw, _ := json.Marshal(v)
		return shorten(string(raw))
	}
	return []string{fmt.Sprintf("%s %s -> %s", path, text(a), text(b))}
}

func digestJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("pipeline: identity of a stage does not marshal")
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func digestFile(ctx context.Context, name string) (FileDigest, error) {
	f, err := os.Open(name)
	if err != nil {
		return FileDigest{}, FileError(err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, f})
	if err != nil {
		return FileDigest{}, FileError(err)
	}
	return FileDigest{SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, nil
}

// contextReader makes a long copy stop when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// CodeVersion is the digest of the running program: other code may give other
// results, so nothing that it left is taken as up to date.
func CodeVersion() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", schemas.Errorf(schemas.Environment, "the running program cannot be found: %w", err)
	}
	d, err := digestFile(context.Background(), name)
	return d.SHA256, err
}

// inStage names the stage in an error that came out of one.
func inStage(s *stage, err error) error {
	list := schemas.Errors(err, schemas.StageFailed)
	out := make([]*schemas.Error, len(list))
	for i, e := range list {
		c := *e
		if !strings.HasPrefix(c.Path, "stages.") {
			c.Path = s.path(c.Path)
			if c.Reason != schemas.Interrupted {
				c.Message = s.kind.Name + "/" + s.impl.Name + ": " + c.Message
			}
		}
		out[i] = &c
	}
	return joinErrors(out)
}
