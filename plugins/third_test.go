package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/transform"
)

// onlyRegistry has the built-in stages of one kind and nothing else: not even
// what the flows that they open are made of.
func onlyRegistry(kind string) *pipeline.Registry {
	r, from := NewRegistry(), stages.Builtin()
	switch kind {
	case "sampler":
		from = pipeline.NewRegistry()
		sampler.Register(from, flow.Registry{})
	case "likelihood":
		from = pipeline.NewRegistry()
		likelihood.Register(from, flow.Registry{})
	}
	for _, i := range from.Implementations(kind) {
		r.Add(*i)
	}
	return r
}

var useOf = regexp.MustCompile(`kind: (\w+),?\s+use: ([\w-]+)`)

// apart is everyKind with each of the kinds from a plugin of its own.
func apart(kinds []string) string {
	text := useOf.ReplaceAllStringFunc(everyKind, func(s string) string {
		m := useOf.FindStringSubmatch(s)
		if !slices.Contains(kinds, m[1]) {
			return s
		}
		return strings.Replace(s, "use: "+m[2], "use: of-"+m[1]+"/"+m[2], 1)
	})
	declared := "plugins:\n"
	for _, k := range kinds {
		declared += fmt.Sprintf("  of-%s: {command: [PROGRAM, test-plugin, only-%s]}\n", k, k)
		if k == "writer" {
			text = strings.Replace(text, "to: {use: arrow}", "to: {use: of-writer/arrow}", 1)
		}
	}
	return strings.Replace(text, "stages:\n", declared+"stages:\n", 1)
}

func declare(h *Host) func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error {
	return func(ctx context.Context, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
		for _, name := range slices.Sorted(maps.Keys(declared)) {
			if err := h.Add(ctx, r, name, Plugin{Command: declared[name].Command, Address: declared[name].Address}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Eleven plugins, each with one kind: the trainer of one calls the path, the
// coupling and the model of others, sampler and likelihood open a flow whose
// parts are in plugins that they do not know. What comes is what comes from one
// process, but for the names in the flow.
func TestEveryKindFromAPluginOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	var kinds []string
	for _, k := range NewRegistry().Kinds() {
		kinds = append(kinds, k.Name)
	}
	want, err := runFile(t, everyKind, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	delete(want.files, "train.safetensors")
	for _, c := range []struct {
		name    string
		kinds   []string
		threads int
	}{
		{"all", kinds, 2},
		{"those that train", []string{"trainer", "path", "model"}, 1},
		{"sampler alone", []string{"sampler"}, 1},
		{"sampler and model", []string{"sampler", "likelihood", "model"}, 2},
		{"transform alone", []string{"transform"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, io.Discard)
			got, err := runFile(t, apart(c.kinds), c.threads, declare(h))
			if err != nil {
				t.Fatal(err)
			}
			delete(got.files, "train.safetensors")
			same(t, "the run", got, want)
		})
	}
}

// bent is a path that is not affine: it leaves along a circle.
type bent struct {
	path.Curved
	what string
}

func (b bent) Sample(xt, ut, x0, x1 []float32, t []float64, rows, dim int) error {
	for i := range xt {
		t := t[i/dim]
		sin, cos := math.Sincos(math.Pi * t)
		xt[i] = float32((1-t)*float64(x0[i]) + t*float64(x1[i]) + sin*float64(x0[i]*x1[i]))
		ut[i] = float32(float64(x1[i]-x0[i]) + math.Pi*cos*float64(x0[i]*x1[i]))
	}
	switch b.what {
	case "lost":
		ut[dim+1] = float32(zero / zero)
	case "torn":
		return errors.New("out of paper")
	}
	return nil
}

// pairing pairs in the manner of its name.
type pairing struct{ what string }

func (p pairing) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	for r := range index {
		index[r] = int32(rows - 1 - r)
	}
	switch p.what {
	case "twice":
		index[3] = index[1]
	case "outside":
		index[2] = int32(rows)
	}
	return nil
}

// sinhConfig configures a transform with z = asinh(x/scale).
type sinhConfig struct {
	Scale float64 `yaml:"scale" json:"scale" doc:"where it bends" above:"0"`
	Wrong bool    `yaml:"wrong" json:"wrong,omitempty" doc:"give what is not a number"`
}

type sinh struct {
	sinhConfig
	dim int
	N   int64 `json:"n"` // rows that it was fitted on
}

func (s *sinh) Dim() int   { return s.dim }
func (s *sinh) State() any { return map[string]int64{"n": s.N} }

func (s *sinh) Apply(z, x, logdet []float64, _ transform.Address, rows int) error {
	for r := range rows {
		var ld float64
		for i := r * s.dim; i < (r+1)*s.dim; i++ {
			v := x[i] / s.Scale
			z[i] = math.Asinh(v)
			ld -= math.Log(math.Sqrt(v*v+1) * s.Scale)
		}
		if logdet != nil {
			logdet[r] += ld
		}
	}
	return nil
}

func (s *sinh) Invert(x, z []float64, rows int) error {
	for i := range rows * s.dim {
		x[i] = math.Sinh(z[i]) * s.Scale
	}
	if s.Wrong {
		x[2*s.dim+1] = zero / zero
	}
	return nil
}

func (s *sinh) Add(_ []float64, rows int) error { s.N += int64(rows); return nil }

func (s *sinh) Fitted() (transform.Fitted, []int, error) { return s, nil, nil }

func (c sinhConfig) Fit(dim int) (transform.Fit, error) { return &sinh{sinhConfig: c, dim: dim}, nil }

func (c sinhConfig) Restore(state json.RawMessage, dim int) (transform.Fitted, error) {
	s := &sinh{sinhConfig: c, dim: dim}
	if err := json.Unmarshal(state, s); err != nil {
		return nil, err
	}
	if s.N < 1 {
		return nil, schemas.Errorf(schemas.CorruptFile, "fitted on %d rows", s.N)
	}
	return s, nil
}

// lines is a writer of lines of text that can be read back no more.
type lines struct{ what string }

func (lines) Readable() bool { return false }

func (l lines) Open(context.Context, string) (pipeline.Rows, error) {
	return nil, errors.New("not to be opened")
}

func (l lines) Write(ctx context.Context, name string, rows pipeline.Rows) (n int64, err error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, pipeline.FileError(err)
	}
	defer f.Close()
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		if l.what == "full" {
			return schemas.Errorf(schemas.NoSpace, "no paper is left")
		}
		n += rec.NumRows()
		for r := range rec.NumRows() {
			for _, c := range rec.Columns() {
				fmt.Fprintf(f, "%s ", c.ValueStr(int(r)))
			}
			fmt.Fprintln(f)
		}
		return nil
	})
	if l.what == "short" {
		n--
	}
	return n, err
}

// thirdRegistry has what is not built in, and what does not keep to its
// contract.
func thirdRegistry() *pipeline.Registry {
	r := NewRegistry()
	service := func(kind, name string, v any) {
		pipeline.Register(r, kind, name, "a "+kind, struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return serviceOf(v), nil
		})
	}
	for _, what := range []string{"bent", "lost", "torn"} {
		service("path", what, bent{what: what})
	}
	for _, what := range []string{"backwards", "twice", "outside"} {
		service("coupling", what, pairing{what})
	}
	for _, what := range []string{"lines", "short", "full"} {
		service("writer", what, lines{what})
	}
	transform.Add(r, "sinh", "the inverse hyperbolic sine", sinhConfig{Scale: 1}, func(c sinhConfig) (transform.Method, error) { return c, nil })
	return r
}

// compiled adds the implementations of a plugin to a registry of this process,
// under the names that the plugin gives them.
func compiled(r *pipeline.Registry, plugin string, from *pipeline.Registry) {
	for _, k := range from.Kinds() {
		for _, i := range from.Implementations(k.Name) {
			i := *i
			build := i.Build
			i.Name = plugin + "/" + i.Name
			i.Build = func(ctx context.Context, env pipeline.Env, config json.RawMessage) (pipeline.Stage, error) {
				s, err := build(ctx, env, config)
				if p, ok := s.(transform.Stage); ok {
					return named{p, plugin, config}, err
				}
				if i.Kind != "path" || err != nil {
					return s, err
				}
				return pipeline.Service(func(ctx context.Context, in pipeline.Inputs) (any, error) {
					out, err := s.Run(ctx, in)
					return path.Described{Path: out.Service.(path.Path), Use: i.Name, Config: config}, err
				}), nil
			}
			r.Add(i)
		}
	}
}

// named is a transform of this process under the name of a plugin.
type named struct {
	transform.Stage
	plugin string
	config json.RawMessage
}

func (n named) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	out, err := n.Stage.Run(ctx, in)
	for split, rows := range out.Rows {
		s := rows.Schema()
		meta := s.Metadata()
		values := slices.Clone(meta.Values())
		at := meta.FindKey(schemas.MetaTransforms)
		values[at] = strings.Replace(values[at], `"use":"sinh"`, `"use":"`+n.plugin+`/sinh"`, 1)
		m := arrow.NewMetadata(meta.Keys(), values)
		out.Rows[split] = described{rows, arrow.NewSchema(s.Fields(), &m)}
	}
	return out, err
}

// described are rows with another schema.
type described struct {
	pipeline.Rows
	schema *arrow.Schema
}

func (d described) Schema() *arrow.Schema { return d.schema }

// strange uses a plugin's stage for everything that third has.
const strange = `version: 1
name: strange
seed: 5
plugins:
  third: {command: [PROGRAM, test-plugin, third]}
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 500, split: {train: 0.8, test: 0.2}}}
  scaled: {kind: transform, use: third/sinh, with: {scale: 0.5}, from: {data: data}}
  twice: {kind: transform, use: third/sinh, with: {scale: 2}, from: {data: scaled}}
  coupling: {kind: coupling, use: third/backwards}
  path: {kind: path, use: third/bent}
  field: {kind: model, use: mlp, with: {hidden: [8, 8]}}
  train:
    kind: trainer
    use: cfm
    from: {data: twice.train, valid: twice.test, path: path, coupling: coupling, model: field}
    with: {steps: 9, batch: 150, clip: 1}
  samples: {kind: sampler, use: ode, from: {flow: train}, with: {rows: 100}, to: {use: third/lines}}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test}, to: scores.parquet}
`

// A plugin's own path that is not affine, coupling, transforms and writer, with
// built-in stages of this process and of others: always the bytes of the same
// implementations compiled in.
func TestStrangersGiveTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	h := newHost(t, io.Discard)
	want, err := runFile(t, strange, 1, func(_ context.Context, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
		compiled(r, "third", thirdRegistry())
		h.join(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want.files["train.safetensors"] == "" || want.files["samples.lines"] == "" || want.files["scores.parquet"] == "" {
		t.Fatalf("outputs are %v", want.files)
	}
	for _, kinds := range [][]string{{"none"}, {"trainer"}, {"sampler", "likelihood"}, nil} {
		for _, threads := range []int{1, 2} {
			h := newHost(t, io.Discard)
			got, err := runFile(t, strange, threads, func(ctx context.Context, declared map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
				if err := declare(h)(ctx, declared, r); err != nil || len(kinds) > 0 && kinds[0] == "none" {
					return err
				}
				return h.Isolate(r, kinds, command("builtin")...)
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("%v isolated, %d threads", kinds, threads), got, want)
			h.Close()
		}
	}
}

// What a plugin does wrong is reported with the stage that noticed, the stage
// that did it, its implementation, and the row.
func TestStrangersAreNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	for _, c := range []struct {
		from, to string
		reason   schemas.Reason
		words    []string
	}{
		{"third/backwards", "third/twice", schemas.PluginProtocol, []string{"stages.train", "coupling (third/twice)", "rows 1 and 3", "permutation"}},
		{"third/backwards", "third/outside", schemas.PluginProtocol, []string{"stages.train", "coupling (third/outside)", "row 2", "noise 101"}},
		{"third/bent", "third/lost", schemas.NonFinite, []string{"stages.train", "path (third/lost)", "ut of row 1", "dimension 1"}},
		{"third/bent", "third/torn", schemas.StageFailed, []string{"stages.train", "path (third/torn)", "out of paper"}},
		{"third/lines", "third/full", schemas.NoSpace, []string{"stages.samples", "third/full", "no paper is left"}},
		{"third/lines", "third/short", schemas.StageFailed, []string{"stages.samples", "100 rows were promised, 99 came"}},
		{"{scale: 2}", "{scale: 2, wrong: true}", schemas.NonFinite, []string{"stages.samples", "third/sinh", "invert of row 2", "dimension 1"}},
		{"clip: 1", "target: data", schemas.Conflict, []string{"stages.train", "third/bent", "not affine"}},
		{"third/sinh, with: {scale: 2}", "third/sinh, with: {scale: -1}", schemas.OutOfRange, []string{"stages.twice.with.scale"}},
	} {
		t.Run(c.to, func(t *testing.T) {
			h := newHost(t, io.Discard)
			_, err := runFile(t, strings.Replace(strange, c.from, c.to, 1), 2, declare(h))
			if err == nil {
				t.Fatal("nothing was wrong")
			}
			reason(t, err, c.reason, c.words...)
		})
	}
}
