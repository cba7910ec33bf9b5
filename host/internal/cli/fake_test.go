package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
)

// stage is a Stage of two functions.
type stage struct {
	check, run func(context.Context, pipeline.Inputs) (pipeline.Outputs, error)
}

func (s stage) Check(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.check(ctx, in)
}
func (s stage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.run(ctx, in)
}

// ones are n rows of two columns.
type ones struct{ n int64 }

var onesSchema = arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Float64}, {Name: "b", Type: arrow.PrimitiveTypes.Float64}}, nil)

func (o ones) Schema() *arrow.Schema                         { return onesSchema }
func (o ones) Count() int64                                  { return o.n }
func (o ones) Open(context.Context) (pipeline.Stream, error) { return &onesStream{left: o.n}, nil }

type onesStream struct{ left int64 }

func (s *onesStream) Next(context.Context) (arrow.Record, error) {
	if s.left == 0 {
		return nil, io.EOF
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, onesSchema)
	defer b.Release()
	for i := range s.left {
		b.Field(0).(*array.Float64Builder).Append(float64(i % 7))
		b.Field(1).(*array.Float64Builder).Append(float64(i % 5))
	}
	s.left = 0
	return b.NewRecord(), nil
}
func (s *onesStream) Close() error { return nil }

// countFile stands for Parquet: it keeps the number of rows.
type countFile struct{}

func (countFile) Write(ctx context.Context, name string, rows pipeline.Rows) (n int64, err error) {
	err = pipeline.Each(ctx, rows, func(r arrow.Record) error { n += r.NumRows(); return nil })
	if err != nil {
		return 0, err
	}
	return n, os.WriteFile(name, make([]byte, n), 0o666)
}

func (countFile) Readable() bool { return true }

func (countFile) Open(_ context.Context, name string) (pipeline.Rows, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, pipeline.FileError(err)
	}
	return ones{st.Size()}, nil
}

// line is the path x_t = t x1 + (1-t) x0.
type line struct{}

func (line) Domain() (float64, float64) { return 0, 1 }
func (line) Coefficients(c []path.Coef, t []float64) error {
	for i, x := range t {
		c[i] = path.Coef{Alpha: x, Sigma: 1 - x, DAlpha: 1, DSigma: -1}
	}
	return nil
}

type countConfig struct {
	Rows  int64              `yaml:"rows" json:"rows" doc:"how many rows" required:"true" min:"1"`
	Split map[string]float64 `yaml:"split" json:"split,omitempty" doc:"fractions"`
}

type workConfig struct {
	Do    string  `yaml:"do" json:"do" doc:"what to do" enum:"nothing,fail,panic,wait,hang,seed"`
	Speed float64 `yaml:"speed" json:"speed" doc:"how fast" above:"0"`
}

// fake is a registry with a stage of every sort. waiting is told when a stage
// waits to be stopped.
func fake(waiting chan<- struct{}) func() *pipeline.Registry {
	return func() *pipeline.Registry {
		r := pipeline.NewRegistry()
		r.AddKind(pipeline.Kind{Name: "loader", Doc: "gives rows", Gives: pipeline.GivesRows})
		r.AddKind(pipeline.Kind{Name: "path", Doc: "joins noise and data", Gives: pipeline.GivesService})
		r.AddKind(pipeline.Kind{Name: "evaluator", Doc: "looks at rows", Gives: pipeline.GivesMetrics, Ports: []pipeline.Port{
			{Name: "data", Doc: "rows", Takes: pipeline.GivesRows}, {Name: "path", Doc: "a path", Takes: pipeline.GivesService, Kind: "path", Optional: true, Default: "condot"}}})
		r.AddKind(pipeline.Kind{Name: "sampler", Doc: "makes rows", Gives: pipeline.GivesRows, Stored: true})
		r.AddKind(pipeline.Kind{Name: "writer", Doc: "keeps rows", Gives: pipeline.GivesService})
		rows := func(n int64, split map[string]float64) stage {
			give := func(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
				all := map[string]pipeline.Rows{"": ones{n}}
				for k, f := range split {
					all[k] = ones{int64(f * float64(n))}
				}
				return pipeline.Outputs{Rows: all}, nil
			}
			return stage{give, give}
		}
		pipeline.Register(r, "loader", "count", "gives ones", countConfig{}, func(_ context.Context, _ pipeline.Env, c countConfig) (pipeline.Stage, error) {
			return rows(c.Rows, c.Split), nil
		})
		pipeline.Register(r, "sampler", "ode", "gives ones", countConfig{}, func(_ context.Context, _ pipeline.Env, c countConfig) (pipeline.Stage, error) {
			return rows(c.Rows, nil), nil
		}).Example = "{rows: 100}"
		pipeline.Register(r, "path", "condot", "the straight path", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
			return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return line{}, nil }), nil
		})
		for _, name := range []string{"parquet", "csv"} {
			pipeline.Register(r, "writer", name, "keeps counts", struct{}{}, func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) {
				return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return countFile{}, nil }), nil
			})
		}
		pipeline.Register(r, "evaluator", "work", "does what it is told", workConfig{Do: "nothing", Speed: 1}, func(_ context.Context, env pipeline.Env, c workConfig) (pipeline.Stage, error) {
			return stage{
				check: func(context.Context, pipeline.Inputs) (pipeline.Outputs, error) { return pipeline.Outputs{}, nil },
				run: func(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
					env.Emit(pipeline.Event{Type: pipeline.StageProgress, Done: 1, Total: 2, Unit: "steps", Values: map[string]float64{"loss": 0.5}})
					env.Emit(pipeline.Event{Type: pipeline.StageWarning, Message: "mind the <gap>"})
					switch c.Do {
					case "fail":
						return pipeline.Outputs{}, schemas.Errorf(schemas.NonFinite, "the loss is infinite at step 3").Suggest("lower the learning rate")
					case "panic":
						panic("boom")
					case "wait", "hang":
						waiting <- struct{}{}
						if c.Do == "wait" {
							<-env.Stop
							return pipeline.Outputs{}, pipeline.ErrInterrupted
						}
						<-ctx.Done()
						return pipeline.Outputs{}, ctx.Err()
					}
					f, speed := env.Stage+".json", c.Speed
					if c.Do == "seed" { // the measure is the seed; 13 fails, and 99 waits where a file says so
						speed = float64(env.Seed)
						if _, err := os.Stat("wait"); env.Seed == 99 && err == nil {
							waiting <- struct{}{}
							<-env.Stop
							return pipeline.Outputs{}, pipeline.ErrInterrupted
						}
						if env.Seed == 13 {
							return pipeline.Outputs{}, schemas.Errorf(schemas.NonFinite, "the loss is infinite at step 3")
						}
					}
					return pipeline.Outputs{Files: []string{f}, Metrics: map[string]float64{"speed": speed},
						Report: []pipeline.ReportItem{{Kind: "quality", Data: []map[string]any{{"name": "speed", "value": c.Speed, "se": nil, "floor": 0.1}}}},
					}, pipeline.WriteFile(filepath.Join(env.Out, f), []byte(`{"metrics": [{"name": "speed", "floor": 0.25}]}`))
				}}, nil
		})
		return r
	}
}

const goodFile = `version: 1
name: fake
seed: 3
params:
  rows: 50
stages:
  data: {kind: loader, use: count, with: {rows: "${params.rows}", split: {test: 0.5}}}
  samples:
    kind: sampler
    use: ode
    with: {rows: 40}
    to: samples.parquet
  quality:
    kind: evaluator
    use: work
    from: {data: data.test}
    with: {do: nothing}
`

// in makes a folder with the good file and makes it current.
func in(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "good.yaml", goodFile)
	write(t, "plugin.yaml", strings.Replace(goodFile, "stages:", "plugins: {broken: {command: [/nosuch/program]}}\nstages:", 1))
	write(t, "bad.yaml", strings.NewReplacer("rows: 40", "rowz: 40", "do: nothing", "do: nothin, speed: 0").Replace(goodFile))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// host runs a command in this process.
func host(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(Process{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Env: func(string) (string, bool) { return "", false }, Registry: fake(make(chan struct{}, 1))})
	return code, out.String(), errs.String()
}

// envelope is the document of --json.
type envelope struct {
	OK     *bool             `json:"ok"`
	Result json.RawMessage   `json:"result"`
	Errors []json.RawMessage `json:"errors"`
}

func parseDocument(t *testing.T, text string) envelope {
	t.Helper()
	var e envelope
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&e); err != nil {
		t.Fatalf("no document: %v\n%s", err, text)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("something follows the document:\n%s", text)
	}
	if e.OK == nil {
		t.Fatalf("no ok in\n%s", text)
	}
	return e
}
