package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/conform"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// inPython is a plugin of the repository that runs in the interpreter which
// PATHLINE_PYTHON names.
func inPython(t testing.TB, file string) Plugin {
	t.Helper()
	python := os.Getenv("PATHLINE_PYTHON")
	if python == "" {
		t.Skip("PATHLINE_PYTHON is not set: it names a python with grpcio, protobuf, pyarrow and numpy; `task unit` sets it")
	}
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs("python/src")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PYTHONPATH": source, wire.SharedMemory: "test"}
	if more := os.Getenv("PYTHONPATH"); more != "" {
		env["PYTHONPATH"] += string(os.PathListSeparator) + more
	}
	return Plugin{Command: []string{python, file}, Env: env}
}

// withPython adds a plugin to the built-in stages.
func withPython(t testing.TB, file string, log io.Writer) (*pipeline.Registry, *Host) {
	t.Helper()
	h, r := newHost(t, log), stages.Builtin()
	if err := h.Add(t.Context(), r, "py", inPython(t, file)); err != nil {
		t.Fatal(err)
	}
	return r, h
}

// runWith runs a pipeline whose registry is given and returns its output folder.
func runWith(t testing.TB, text string, r *pipeline.Registry) (string, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.Load(t.Context(), file, r, pipeline.LoadOptions{})
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "out")
	_, err = p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: out}, Threads: 2})
	return out, err
}

// numbersIn are the numbers of an Arrow file, row after row.
func numbersIn(t testing.TB, file string) []float64 {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ipc.NewFileReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var columns []schemas.Column
	for _, field := range f.Schema().Fields() {
		if schemas.IsNumber(field.Type) {
			c, err := schemas.ColumnOf(field)
			if err != nil {
				t.Fatal(err)
			}
			columns = append(columns, c)
		}
	}
	var all []float64
	for i := range f.NumRecords() {
		rec, err := f.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float64, int(rec.NumRows())*schemas.Dims(columns))
		if err := schemas.Numbers(x, rec, columns); err != nil {
			t.Fatal(err)
		}
		all = append(all, x...)
	}
	return all
}

func apartBy(t testing.TB, a, b []float64) float64 {
	t.Helper()
	if len(a) != len(b) || len(a) == 0 {
		t.Fatalf("%d numbers and %d", len(a), len(b))
	}
	var most float64
	for i := range a {
		if d := math.Abs(a[i]-b[i]) / (1 + math.Abs(b[i])); !(d <= most) {
			most = d
		}
	}
	return most
}

const likeTheBuiltIn = `version: 1
name: reference
seed: 11
stages:
  data: {kind: loader, use: generate, with: {name: 8gaussians, rows: 500, split: {train: 0.9, test: 0.1}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  path: {kind: path, use: OFcondot}
  field: {kind: model, use: OFmlp, with: {hidden: [32, 32], activation: ACT}}
  solver: {kind: solver, use: OFeuler, with: {steps: 20}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, path: path, model: field}
    with: {steps: 20, batch: 128}
  samples: {kind: sampler, use: ode, from: {flow: train, solver: solver}, with: {rows: 200}, to: {use: arrow}}
  exact: {kind: likelihood, use: ode, from: {flow: train, data: data.test, solver: solver}, to: {use: arrow}}
  estimated: {kind: likelihood, use: ode, from: {flow: train, data: data.test, solver: solver}, with: {trace: hutchinson, probes: 3}, to: {use: arrow}}
`

// A path, a solver and a model written once more in numpy give, trained from the
// same random numbers, the samples and log-densities of the built-in ones.
func TestPythonGivesWhatTheBuiltInGive(t *testing.T) {
	r, _ := withPython(t, "examples/python/reference.py", io.Discard)
	for _, act := range []string{"silu", "gelu", "tanh", "softplus"} {
		text := strings.ReplaceAll(likeTheBuiltIn, "ACT", act)
		want, err := runWith(t, strings.ReplaceAll(text, "OF", ""), stages.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		got, err := runWith(t, strings.ReplaceAll(text, "OF", "py/"), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"samples.arrow", "exact.arrow", "estimated.arrow"} {
			if d := apartBy(t, numbersIn(t, filepath.Join(got, f)), numbersIn(t, filepath.Join(want, f))); d > 1e-6 {
				t.Errorf("%s, %s: differs by %.2g", act, f, d)
			}
		}
	}
}

const everyKindInPython = `version: 1
name: every-kind
seed: 5
stages:
  data: {kind: loader, use: py/grid}
  scaled: {kind: transform, use: py/shift, from: {data: data}}
  path: {kind: path, use: py/PATH}
  pairs: {kind: coupling, use: py/by-norm}
  field: {kind: model, use: py/linear}
  midpoint: {kind: solver, use: py/midpoint}
  heun: {kind: solver, use: py/heun}
  own: {kind: trainer, use: py/descent, from: {data: scaled.train, path: path, coupling: pairs, model: field}}
  cfm: {kind: trainer, use: cfm, from: {data: scaled.train, path: path, coupling: pairs, model: field}, with: {steps: 5, batch: 64}}
  samples: {kind: sampler, use: py/ode, from: {flow: own, solver: midpoint}, to: {use: arrow}}
  more: {kind: sampler, use: ode, from: {flow: own, solver: midpoint}, with: {rows: 50}, to: {use: py/ipc}}
  scores: {kind: likelihood, use: py/ode, from: {flow: cfm, data: data.test, solver: heun}, to: {use: arrow}}
  scored: {kind: likelihood, use: ode, from: {flow: cfm, data: data.test, solver: heun}, to: {use: arrow}}
  quality: {kind: evaluator, use: py/means, from: {data: data.test, sample: samples}}
`

// A pipeline of which every kind is in Python runs, also with a path that is not
// affine, and a sampler and a likelihood in Python agree with the built-in ones.
func TestEveryKindInPython(t *testing.T) {
	r, _ := withPython(t, "python/tests/plugins/every_kind.py", io.Discard)
	for _, p := range []string{"straight", "bent"} {
		out, err := runWith(t, strings.ReplaceAll(everyKindInPython, "PATH", p), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"own.safetensors", "cfm.safetensors", "more.ipc", "quality.json"} {
			if i, err := os.Stat(filepath.Join(out, f)); err != nil || i.Size() == 0 {
				t.Errorf("%s: %v", f, err)
			}
		}
		if n := len(numbersIn(t, filepath.Join(out, "samples.arrow"))); n != 2*50 {
			t.Errorf("%d numbers of samples", n)
		}
		if d := apartBy(t, numbersIn(t, filepath.Join(out, "scores.arrow")), numbersIn(t, filepath.Join(out, "scored.arrow"))); d > 1e-5 {
			t.Errorf("scores differ by %.2g", d)
		}
	}
}

// What a Python plugin does wrong is reported with what helps.
func TestPythonMisbehaves(t *testing.T) {
	for _, c := range []struct {
		use   string
		want  schemas.Reason
		words []string
	}{
		{"raises", schemas.PluginFault, []string{"ValueError: out of paint"}},
		{"exits", schemas.PluginFault, []string{"SystemExit: 7"}},
		{"exits-at-once", schemas.PluginCrash, []string{`"py"`, "exited with status 7", "a last word"}},
		{"is-killed", schemas.PluginCrash, []string{"SIGKILL"}},
		{"crashes", schemas.PluginCrash, []string{"SIGSEGV", "Segmentation fault", "misbehaving.py"}},
		{"lies", schemas.NonFinite, []string{"alpha at t = 0 is NaN"}},
	} {
		t.Run(c.use, func(t *testing.T) {
			log := &journal{}
			r, h := withPython(t, "python/tests/plugins/misbehaving.py", log)
			reason(t, ask(t, r, "py/"+c.use), c.want, c.words...)
			if c.use == "raises" {
				if err := ask(t, r, "py/configured"); err != nil {
					t.Errorf("the plugin does not go on: %v", err)
				}
				h.Close() // the log is complete
				if s := fmt.Sprint(log.lines()); !strings.Contains(s, "Traceback") || !strings.Contains(s, "misbehaving.py") {
					t.Errorf("the log has no traceback: %s", s)
				}
			}
		})
	}
}

// One that makes no progress is ended, also when it holds the interpreter.
func TestPythonHangs(t *testing.T) {
	for _, use := range []string{"hangs", "holds-the-lock"} {
		h, r := newHost(t, io.Discard), stages.Builtin()
		p := inPython(t, "python/tests/plugins/misbehaving.py")
		p.StallTimeout = 300 * time.Millisecond
		if err := h.Add(t.Context(), r, "py", p); err != nil {
			t.Fatal(err)
		}
		reason(t, ask(t, r, "py/"+use), schemas.PluginTimeout, `"py"`)
		h.Close()
	}
}

func TestPythonTalks(t *testing.T) {
	log := &journal{}
	r, h := withPython(t, "python/tests/plugins/misbehaving.py", log)
	for _, use := range []string{"py/talks", "py/starts-threads"} {
		if err := ask(t, r, use); err != nil {
			t.Fatal(err)
		}
	}
	h.Close() // also a thread that does not end does not keep the process
	for _, w := range []string{"on standard output", "in JSON", "xxxx"} {
		if !strings.Contains(fmt.Sprint(log.lines()), w) {
			t.Errorf("the log lacks %q", w)
		}
	}
}

const configured = `version: 1
name: configured
stages:
  field: {kind: model, use: gmm, with: {means: [[0]], std: [1]}, from: {path: path}}
  path: {kind: path, use: py/configured, with: {WITH}}
  samples: {kind: sampler, use: ode, from: {flow: field}, with: {rows: 3}}
`

// Errors that the plugin's schema and its code find have a place in the file.
func TestPythonConfiguration(t *testing.T) {
	r, _ := withPython(t, "python/tests/plugins/misbehaving.py", io.Discard)
	for _, c := range []struct {
		with string
		want schemas.Reason
		says string
	}{
		{"power: 0", schemas.OutOfRange, "pipeline.yaml:5"},
		{"powre: 1", schemas.UnknownKey, `did you mean "power"?`},
		{"power: x", schemas.WrongType, "a number"},
		{"power: 3", schemas.OutOfRange, "pipeline.yaml:5:56: stages.path.with.power: three is taken; take two"},
	} {
		_, err := runWith(t, strings.Replace(configured, "WITH", c.with, 1), r)
		list := schemas.Errors(err, schemas.StageFailed)
		if len(list) != 1 || list[0].Reason != c.want || !strings.Contains(list[0].Error(), c.says) {
			t.Errorf("%s: %v", c.with, err)
		}
	}
	if _, err := runWith(t, strings.Replace(configured, "WITH", "power: 2", 1), r); err != nil {
		t.Error(err)
	}
}

// A plugin in Python can be attached, and started by hand says what it is.
func TestPythonAttachedAndByHand(t *testing.T) {
	p := inPython(t, "examples/python/sine_path.py")
	for k, v := range p.Env {
		t.Setenv(k, v)
	}
	out, err := exec.Command(p.Command[0], p.Command[1]).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "is a plugin of pathline") {
		t.Errorf("started by hand: %v, %s", err, out)
	}
	dir, err := os.MkdirTemp("", "pl-") // short: it is part of a socket's name
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	address := "unix://" + filepath.Join(dir, "s")
	cmd := exec.Command(p.Command[0], p.Command[1], "serve", "--address", address)
	says, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, _ := says.Read(line)
	h, r := newHost(t, io.Discard), stages.Builtin()
	err = h.Add(t.Context(), r, "py", Plugin{Address: address})
	if err == nil {
		err = ask(t, r, "py/sine")
	}
	if err != nil {
		t.Errorf("attached: %v (%s)", err, line[:n])
	}
	h.Close()
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if _, err := os.Stat(filepath.Join(dir, "s")); err == nil {
		t.Error("the socket is left")
	}
}

// What a plugin computes does not depend on where its payloads travel.
func TestPythonSharedMemory(t *testing.T) {
	want := map[string][]byte{}
	for _, mode := range []string{"off", "test"} {
		t.Setenv(wire.SharedMemory, mode)
		r, h := withPython(t, "python/tests/plugins/every_kind.py", io.Discard)
		out, err := runWith(t, strings.ReplaceAll(everyKindInPython, "PATH", "straight"), r)
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
		for _, f := range []string{"own.safetensors", "cfm.safetensors", "samples.arrow", "more.ipc", "scores.arrow", "scored.arrow", "quality.json"} {
			raw, err := os.ReadFile(filepath.Join(out, f))
			if err != nil {
				t.Fatal(err)
			}
			if mode == "off" {
				want[f] = raw
			} else if !bytes.Equal(raw, want[f]) {
				t.Errorf("%s differs with shared memory", f)
			}
		}
	}
}

// memoryRows are rows that a test holds.
type memoryRows struct{ recs []arrow.Record }

func (m memoryRows) Schema() *arrow.Schema { return m.recs[0].Schema() }

func (m memoryRows) Count() int64 { return -1 }

func (m memoryRows) Open(context.Context) (pipeline.Stream, error) { return &memoryStream{m.recs}, nil }

type memoryStream struct{ recs []arrow.Record }

func (s *memoryStream) Next(context.Context) (arrow.Record, error) {
	if len(s.recs) == 0 {
		return nil, io.EOF
	}
	r := s.recs[0]
	s.recs = s.recs[1:]
	r.Retain()
	return r, nil
}

func (s *memoryStream) Close() error { return nil }

// everyType are records with a column of every type that travels, with nulls.
func everyType(rows int) arrow.Record {
	types := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString,
		arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary, arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64,
		&arrow.FixedSizeBinaryType{ByteWidth: 3}, arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Duration_ms,
		arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time64ns, &arrow.Decimal128Type{Precision: 9, Scale: 2},
		arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32), arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int16),
	}
	fields := make([]arrow.Field, len(types))
	for i, t := range types {
		fields[i] = arrow.Field{Name: fmt.Sprint("c", i), Type: t, Nullable: true}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	var put func(b array.Builder, i int)
	put = func(b array.Builder, i int) {
		switch b := b.(type) {
		case *array.FixedSizeListBuilder:
			b.Append(true)
			for k := range int(b.Type().(*arrow.FixedSizeListType).Len()) {
				put(b.ValueBuilder(), i+k)
			}
		case *array.FixedSizeBinaryBuilder:
			b.Append([]byte{byte(i), 1, 2})
		case *array.Decimal128Builder:
			b.Append(decimal128.FromI64(int64(i)))
		case *array.BinaryBuilder:
			b.AppendString(strings.Repeat("ä", i%4))
		case *array.BooleanBuilder:
			b.Append(i%3 == 0)
		case *array.Date64Builder:
			b.Append(arrow.Date64(i * 86400000))
		case *array.Date32Builder:
			b.Append(arrow.Date32(i))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(i))
		case *array.DurationBuilder:
			b.Append(arrow.Duration(i))
		case *array.Time32Builder:
			b.Append(arrow.Time32(i % 86400))
		case *array.Time64Builder:
			b.Append(arrow.Time64(i))
		default:
			if err := b.AppendValueFromString(fmt.Sprint(i % 100)); err != nil {
				panic(err)
			}
		}
	}
	for i := range rows {
		for c, f := range b.Fields() {
			if (i+c)%5 == 4 {
				f.AppendNull()
			} else {
				put(f, i)
			}
		}
	}
	return b.NewRecord()
}

// Rows of every type come back from pyarrow as they went there.
func TestPythonKeepsEveryType(t *testing.T) {
	r, _ := withPython(t, "python/tests/plugins/every_kind.py", io.Discard)
	w := run(t, build(t, r, "writer", "py/ipc", "{}"), nil).Service.(pipeline.RowFile)
	all := everyType(1000)
	for name, recs := range map[string][]arrow.Record{
		"whole":  {all},
		"slices": {all.NewSlice(3, 11), all.NewSlice(11, 12), all.NewSlice(500, 999)},
		"large":  {everyType(100_000)},
	} {
		file := filepath.Join(t.TempDir(), "x")
		var rows int64
		for _, r := range recs {
			rows += r.NumRows()
		}
		n, err := w.Write(t.Context(), file, memoryRows{recs})
		if err != nil || n != rows {
			t.Fatalf("%s: %d rows of %d: %v", name, n, rows, err)
		}
		back, err := w.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		want := array.NewTableFromRecords(recs[0].Schema(), recs)
		var got []arrow.Record
		if err := pipeline.Each(t.Context(), back, func(r arrow.Record) error { r.Retain(); got = append(got, r); return nil }); err != nil {
			t.Fatal(err)
		}
		if !sameTables(want, array.NewTableFromRecords(recs[0].Schema(), got)) {
			t.Errorf("%s: the rows came back changed", name)
		}
	}
}

func sameTables(a, b arrow.Table) bool {
	if a.NumRows() != b.NumRows() || a.NumCols() != b.NumCols() {
		return false
	}
	for i := range int(a.NumCols()) {
		if !array.ChunkedEqual(a.Column(i).Data(), b.Column(i).Data()) {
			return false
		}
	}
	return true
}

// evalFlow prints the velocity of a flow's file at the times and rows of standard
// input, in numpy and, where there is one, in torch.
const evalFlow = `
import json, sys
import numpy as np, pathline, pathline.flow
q = json.load(sys.stdin)
t, x = np.array(q["t"]), np.array(q["x"], np.float32)
out = {"numpy": pathline.flow.Trained.open(sys.argv[1]).velocity(t, x).ravel().tolist()}
try:
    import torch
    out["torch"] = pathline.load(sys.argv[1])(torch.tensor(t), torch.tensor(x)).detach().numpy().ravel().tolist()
except ImportError:
    pass
json.dump(out, sys.stdout)
`

// A flow's file gives in Python the outputs that it gives here.
func TestPythonLoadsFlows(t *testing.T) {
	p := inPython(t, "examples/python/sine_path.py")
	const rows, dim = 64, 3
	x, times := make([]float32, rows*dim), make([]float64, rows)
	random.Key(1).Normals32Rows(x, dim, 0, rows, 0)
	random.Key(2).UniformRows(times, 0, 0)
	var question struct {
		T []float64   `json:"t"`
		X [][]float32 `json:"x"`
	}
	question.T = times
	for r := range rows {
		question.X = append(question.X, x[r*dim:(r+1)*dim])
	}
	for name, config := range map[string]string{
		"mlp":             `{"hidden":[24,16],"activation":"silu","time":{"use":"fourier","features":8}}`,
		"mlp, one":        `{"hidden":[24],"activation":"gelu","time":{"use":"fourier","features":1}}`,
		"mlp, concat":     `{"hidden":[24,16],"activation":"selu","time":{"use":"concat"}}`,
		"mlp, softplus":   `{"hidden":[24],"activation":"softplus","time":{"use":"concat"}}`,
		"mlp, tanh":       `{"hidden":[24],"activation":"tanh","time":{"use":"concat"}}`,
		"mlp, relu":       `{"hidden":[24],"activation":"relu","time":{"use":"concat"}}`,
		"mlp, linear":     `{"hidden":[],"activation":"silu","time":{"use":"concat"}}`,
		"resmlp":          `{"width":16,"blocks":2,"expansion":2,"activation":"silu","time":{"use":"fourier","features":8}}`,
		"resmlp, concat":  `{"width":16,"blocks":3,"expansion":1,"activation":"gelu","time":{"use":"concat"}}`,
		"resmlp, and one": `{"width":8,"blocks":1,"expansion":3,"activation":"tanh","time":{"use":"fourier","features":4}}`,
	} {
		use, _, _ := strings.Cut(name, ",")
		def, err := model.Builtin()[use]([]byte(config))
		if err != nil {
			t.Fatal(name, err)
		}
		n, err := def.Build(dim)
		if err != nil {
			t.Fatal(name, err)
		}
		n.Init(random.Key(5))
		for i, w := range n.Tensors() { // also those that begin at zero
			for k := range w.Data {
				w.Data[k] += float32(0.2 * (random.Key(6).Uniform(uint64(k), uint32(i)) - 0.5))
			}
		}
		n.Changed(nil)
		want := make([]float32, rows*dim)
		if err := n.Eval(t.Context(), want, times, x, rows); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "f.safetensors")
		columns := []schemas.Column{{Name: "a", Type: "float32"}, {Name: "v", Type: "float64", Width: 2}}
		err = flow.Save(file, flow.Description{Version: flow.FormatVersion, Columns: columns, Path: flow.Component{Use: "condot"}, Dim: dim,
			Model: flow.Component{Use: use, With: json.RawMessage(config)}, Target: flow.TargetVelocity, BaseStd: 1}, n.Tensors())
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(p.Command[0], "-c", evalFlow, file)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+p.Env["PYTHONPATH"])
		raw, err := json.Marshal(question)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(raw)
		var got map[string][]float64
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if err != nil {
			t.Fatal(name, err)
		}
		for how, v := range got {
			wide := make([]float64, len(want))
			for i := range want {
				wide[i] = float64(want[i])
			}
			if d := apartBy(t, v, wide); d > 1e-5 {
				t.Errorf("%s in %s: differs by %.2g", name, how, d)
			}
		}
	}
}

// The examples conform, and with PATHLINE_SOAK, which takes minutes, a plugin of
// every kind.
func TestPythonConforms(t *testing.T) {
	const flow = "examples/python/coupling_flow.py" // the process behaves as those of the others
	files := []string{"examples/python/sine_path.py", "examples/python/solvers.py", flow}
	if os.Getenv("PATHLINE_SOAK") != "" {
		files = append(files, "examples/python/reference.py", "python/tests/plugins/every_kind.py")
	}
	for _, file := range files {
		p := inPython(t, file)
		var o conform.Options
		if file == flow {
			o.Kinds = []string{"model"}
		}
		r, err := conform.Run(t.Context(), conform.Target{Name: filepath.Base(file), Command: p.Command, Env: p.Env}, o)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Conforms() {
			for _, c := range r.Results {
				if c.Status == conform.Fail {
					t.Errorf("%s %s %s: %s", file, c.ID, c.Implementation, c.Message)
				}
			}
		}
	}
}

// The torch example trains on the host's batches: its loss falls as that of the
// built-in network of the same shape, and its divergence by probes agrees with
// the exact one.
func TestTorch(t *testing.T) {
	p := inPython(t, "examples/python/torch_field.py")
	if err := exec.Command(p.Command[0], "-c", "import torch").Run(); err != nil {
		t.Skip("PATHLINE_PYTHON has no torch")
	}
	h, r := newHost(t, io.Discard), stages.Builtin()
	p.StartTimeout = time.Minute
	if err := h.Add(t.Context(), r, "py", p); err != nil {
		t.Fatal(err)
	}
	d, ok := run(t, build(t, r, "model", "py/mlp", `{"hidden":[32,32],"features":8,"device":"cpu"}`), nil).Service.(model.Definition)
	if !ok {
		t.Fatal("it is no definition")
	}
	n, err := d.Build(3)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(random.Key(3))
	const rows, dim = 50, 3
	x, times := make([]float32, rows*dim), make([]float64, rows)
	random.Key(1).Normals32Rows(x, dim, 0, rows, 0)
	random.Key(2).UniformRows(times, 0, 0)
	// Probes along the axes add up to the exact divergence.
	probes := make([]float32, dim*rows*dim)
	for k := range dim {
		for i := range rows {
			probes[(k*rows+i)*dim+k] = 1
		}
	}
	v, exact, part := make([]float32, rows*dim), make([]float64, rows), make([]float64, rows*dim)
	if err := n.Divergence(t.Context(), v, exact, times, x, nil, rows, 0); err != nil {
		t.Fatal(err)
	}
	if err := n.Divergence(t.Context(), v, part, times, x, probes, rows, dim); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if sum := part[i*dim] + part[i*dim+1] + part[i*dim+2]; math.Abs(sum-exact[i]) > 1e-5 {
			t.Errorf("row %d: divergence %v by probes and %v", i, sum, exact[i])
		}
	}
	text := `version: 1
name: torch
seed: 3
stages:
  data: {kind: loader, use: generate, with: {name: moons, rows: 2000, split: {train: 0.9, test: 0.1}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: USE, with: WITH}
  solver: {kind: solver, use: euler, with: {steps: 10}}
  train: {kind: trainer, use: cfm, from: {data: scaled.train, valid: scaled.test, model: field}, with: {steps: 300, batch: 256}}
  samples: {kind: sampler, use: ode, from: {flow: train, solver: solver}, with: {rows: 300}, to: {use: arrow}}
`
	loss := func(use, with string) float64 {
		file := filepath.Join(t.TempDir(), "pipeline.yaml")
		if err := os.WriteFile(file, []byte(strings.NewReplacer("USE", use, "WITH", with).Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := pipeline.Load(t.Context(), file, r, pipeline.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := p.Run(t.Context(), pipeline.RunOptions{PlanOptions: pipeline.PlanOptions{Out: filepath.Join(filepath.Dir(file), "out")}, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		return rec.Stages["train"].Metrics["validation_loss"]
	}
	theirs, ours := loss("py/mlp", "{hidden: [64, 64], device: cpu}"), loss("mlp", "{hidden: [64, 64]}")
	t.Logf("validation loss %.4f in torch, %.4f built in", theirs, ours)
	if math.Abs(theirs-ours) > 0.05*ours {
		t.Errorf("the validation loss is %v in torch and %v built in", theirs, ours)
	}
}
