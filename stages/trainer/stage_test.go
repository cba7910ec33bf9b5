package trainer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
)

// given are rows in batches of some size; vector ones come as transforms give
// them, others as float64 columns.
type given struct {
	x         []float32
	dim, size int
	vector    bool
	uncounted bool
	opened    *int
}

func (g given) Schema() *arrow.Schema {
	columns := []schemas.Column{{Name: "a b", Type: "double"}, {Name: "ü", Type: "double"}}[:g.dim]
	if !g.vector {
		var fields []arrow.Field
		for _, c := range columns {
			fields = append(fields, arrow.Field{Name: c.Name, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
		}
		return arrow.NewSchema(fields, nil)
	}
	for i := range columns {
		columns[i].Type = "float64"
	}
	text, _ := json.Marshal(columns)
	meta := arrow.NewMetadata([]string{schemas.MetaColumns, schemas.MetaTransforms},
		[]string{string(text), `[{"use":"standardize","state":{"mean":[0,0],"sd":[1,1]}}]`})
	return arrow.NewSchema([]arrow.Field{{Name: "x", Type: schemas.VectorType(g.dim), Nullable: true}}, &meta)
}

func (g given) Count() int64 {
	if g.uncounted {
		return -1
	}
	return int64(len(g.x) / g.dim)
}

func (g given) Open(context.Context) (pipeline.Stream, error) {
	if g.opened != nil {
		*g.opened++
	}
	return &givenStream{given: g}, nil
}

type givenStream struct {
	given
	at int
}

func (g *givenStream) Next(context.Context) (arrow.Record, error) {
	n := min(g.size, len(g.x)/g.dim-g.at)
	if n == 0 {
		return nil, io.EOF
	}
	x := g.x[g.at*g.dim : (g.at+n)*g.dim]
	g.at += n
	var columns []arrow.Array
	if g.vector {
		columns = append(columns, schemas.VectorArray(x, g.dim))
	} else {
		for j := range g.dim {
			b := array.NewFloat64Builder(memory.DefaultAllocator)
			for i := range n {
				b.Append(float64(x[i*g.dim+j]))
			}
			columns = append(columns, b.NewArray())
		}
	}
	return array.NewRecord(g.Schema(), columns, int64(n)), nil
}

func (g *givenStream) Close() error { return nil }

type run struct {
	t      *testing.T
	env    pipeline.Env
	in     pipeline.Inputs
	config string
	use    string // cfm when empty
	made   flow.Registry

	mu     sync.Mutex
	events []pipeline.Event
}

func newRun(t *testing.T) *run {
	r := &run{t: t, config: `{"steps": 30, "batch": 40, "ema": 0.9, "checkpoint_every": 7}`}
	r.env = pipeline.Env{Stage: "train", Seed: 3, Out: t.TempDir(), State: t.TempDir(), Threads: 2, Memory: 1 << 20, Key: "k",
		Log: zerolog.Nop(), Alloc: memory.DefaultAllocator,
		Emit: func(e pipeline.Event) { r.mu.Lock(); r.events = append(r.events, e); r.mu.Unlock() }}
	r.in = pipeline.Inputs{
		"data":     {Rows: given{x: gaussian(500, 2, 1, 2, "data"), dim: 2, size: 64, vector: true}},
		"valid":    {Rows: given{x: gaussian(100, 2, 1, 2, "valid"), dim: 2, size: 64, vector: true}},
		"path":     {Service: path.Described{Path: path.CondOT{}, Use: "condot", Config: json.RawMessage(`{}`)}},
		"coupling": {Service: coupling.Independent{}},
		"model":    {Service: network(t, 6)},
	}
	return r
}

func (r *run) registry() *pipeline.Registry {
	registry := pipeline.NewRegistry()
	Register(registry, r.made)
	return registry
}

func (r *run) stage() pipeline.Stage {
	r.t.Helper()
	i, ok := r.registry().Find("trainer", cmp.Or(r.use, "cfm"))
	if !ok {
		r.t.Fatal("not registered")
	}
	s, err := i.Build(context.Background(), r.env, json.RawMessage(r.config))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *run) do() (pipeline.Outputs, error) {
	r.t.Helper()
	return r.stage().Run(context.Background(), r.in)
}

// flow is the bytes of the flow file after a run that succeeds.
func (r *run) flow() []byte {
	r.t.Helper()
	if _, err := r.do(); err != nil {
		r.t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(r.env.Out, "train.safetensors"))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *run) metrics() (points [][]float64) {
	r.t.Helper()
	f, err := file.OpenParquetFile(filepath.Join(r.env.Out, "train.metrics.parquet"), false)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	pr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		r.t.Fatal(err)
	}
	table, err := pr.ReadTable(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	defer table.Release()
	names := []string{"step", "loss", "validation_loss", "gradient_norm", "learning_rate", "rows_per_second"}
	for j, name := range names {
		if table.Schema().Field(j).Name != name {
			r.t.Fatalf("column %d is %q", j, table.Schema().Field(j).Name)
		}
		chunk := table.Column(j).Data().Chunk(0)
		for i := range chunk.Len() {
			if j == 0 {
				points = append(points, []float64{float64(chunk.(*array.Int64).Value(i))})
			} else if chunk.IsNull(i) {
				points[i] = append(points[i], -1)
			} else {
				points[i] = append(points[i], chunk.(*array.Float64).Value(i))
			}
		}
	}
	return points
}

func TestStageGivesAFlow(t *testing.T) {
	r := newRun(t)
	s := r.stage()
	planned, err := s.Check(context.Background(), r.in)
	if err != nil {
		t.Fatal(err)
	}
	p := planned.Flow.(*flow.Source)
	if p.File != "" || p.Planned.Check() != nil || p.Planned.Dim != 2 || p.Planned.BaseStd != 1 || p.Planned.Target != "velocity" {
		t.Errorf("planned %+v", p.Planned)
	}
	out, err := s.Run(context.Background(), r.in)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out.Files, []string{"train.safetensors", "train.metrics.parquet"}) {
		t.Errorf("files %v", out.Files)
	}
	b, err := os.ReadFile(out.Flow.(*flow.Source).File)
	if err != nil {
		t.Fatal(err)
	}
	d, tensors, err := flow.Decode(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if d.Path.Use != "condot" || d.Model.Use != "mlp" || len(d.Columns) != 2 || d.Columns[1].Name != "ü" || len(d.Transforms) != 1 {
		t.Errorf("description %+v", d)
	}
	net, _ := network(t, 6).Build(2)
	for i, w := range net.Tensors() {
		if tensors[i].Name != w.Name || !slices.Equal(tensors[i].Shape, w.Shape) {
			t.Errorf("tensor %d is %s %v", i, tensors[i].Name, tensors[i].Shape)
		}
	}
	points := r.metrics()
	if len(points) != 30 || points[29][0] != 30 || points[0][1] == points[29][1] || points[29][2] != out.Metrics["validation_loss"] {
		t.Errorf("%d metrics, last %v", len(points), points[len(points)-1])
	}
	last := r.events[len(r.events)-1]
	if last.Type != pipeline.StageProgress || last.Done != 30 || last.Total != 30 || last.Unit != "steps" || last.Values["loss"] == 0 || last.Values["validation_loss"] == 0 {
		t.Errorf("last event %+v", last)
	}
	if out.Summary["steps"] != int64(30) || len(out.Report) != 1 || out.Report[0].Kind != "training" {
		t.Errorf("summary %v, report %v", out.Summary, out.Report)
	}
	if _, err := json.Marshal(out.Report); err != nil {
		t.Error(err)
	}
	again, err := r.stage().(pipeline.Restorer).Restore(context.Background(), r.in)
	if err != nil || again.Flow.(*flow.Source).File != out.Flow.(*flow.Source).File {
		t.Errorf("restored %+v, %v", again, err)
	}
	left, _ := filepath.Glob(filepath.Join(r.env.Out, ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestStageAccumulates(t *testing.T) {
	var loss []float64
	for _, config := range []string{`{"steps": 10, "batch": 90}`, `{"steps": 10, "batch": 30, "accumulate": 3}`, `{"steps": 10, "batch": 30}`} {
		r := newRun(t)
		r.config = config
		out, err := r.do()
		if err != nil {
			t.Fatal(err)
		}
		loss = append(loss, out.Metrics["validation_loss"])
	}
	if !near(loss[0], loss[1], 1e-5) || near(loss[0], loss[2], 1e-5) {
		t.Errorf("losses with a batch of 90, of three times 30, and of 30: %v", loss)
	}
}

func TestStageDoesNotDependOnBatches(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*run, *given)
		same   bool
	}{
		{"larger batches", func(_ *run, g *given) { g.size = 500 }, true},
		{"uncounted rows", func(_ *run, g *given) { g.uncounted = true }, true},
		{"threads", func(r *run, _ *given) { r.env.Threads = 5 }, true},
		{"less memory", func(r *run, _ *given) { r.env.Memory = 2 * 16 * 500 }, true},
		{"the seed", func(r *run, _ *given) { r.env.Seed = 4 }, false},
	} {
		want := newRun(t).flow()
		r := newRun(t)
		g := r.in["data"].Rows.(given)
		c.change(r, &g)
		r.in["data"] = pipeline.Input{Rows: g}
		if bytes.Equal(r.flow(), want) != c.same {
			t.Errorf("%s: same bytes is not %v", c.name, c.same)
		}
	}
}

func TestWindowStreams(t *testing.T) {
	flows := map[string][]byte{}
	for _, size := range []int{1, 64, 500} {
		for _, uncounted := range []bool{false, true} {
			r := newRun(t)
			opened := 0
			r.in["data"] = pipeline.Input{Rows: given{x: gaussian(500, 2, 1, 2, "data"), dim: 2, size: size, uncounted: uncounted, vector: true, opened: &opened}}
			r.config = `{"epochs": 3, "batch": 50, "window": 90}`
			b := r.flow()
			flows[string(b)] = b
			if n := r.metrics(); len(n) != 30 {
				t.Errorf("three passes over 500 rows are %d steps of 50", len(n))
			}
			if opened > 4 {
				t.Errorf("three passes opened the rows %d times", opened)
			}
		}
	}
	if len(flows) != 1 {
		t.Errorf("%d different flows", len(flows))
	}
}

func TestRawRows(t *testing.T) {
	r := newRun(t)
	want := r.flow()
	raw := newRun(t)
	raw.in["data"] = pipeline.Input{Rows: given{x: gaussian(500, 2, 1, 2, "data"), dim: 2, size: 64}}
	raw.in["valid"] = pipeline.Input{Rows: given{x: gaussian(100, 2, 1, 2, "valid"), dim: 2, size: 64}}
	got := raw.flow()
	_, a, err := flow.Decode(bytes.NewReader(want), int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	d, b, err := flow.Decode(bytes.NewReader(got), int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Transforms) != 0 || d.Columns[0].Type != "float64" || d.Columns[0].Name != "a b" {
		t.Errorf("description %+v", d)
	}
	for i := range a {
		if !slices.Equal(a[i].Data, b[i].Data) {
			t.Errorf("tensor %s differs", a[i].Name)
		}
	}
}

// countdown closes stop at its nth step.
type countdown struct {
	path.Path
	steps *int
	stop  chan struct{}
}

func (c countdown) Coefficients(coef []path.Coef, t []float64) error {
	if *c.steps--; *c.steps == 0 {
		close(c.stop)
	}
	return c.Path.Coefficients(coef, t)
}

func TestStopAndResume(t *testing.T) {
	for _, window := range []string{"", `, "window": 90`} {
		config := `{"steps": 400, "batch": 40, "validate_every": 3, "log_every": 1` + window + `}`
		whole := newRun(t)
		whole.config = config
		want := whole.flow()

		r := newRun(t)
		r.config = config
		stops := 0
		for i := range 200 {
			stop := make(chan struct{})
			r.env.Stop, r.env.Resume = stop, i > 0
			n := 20 + i
			described := r.in["path"].Service.(path.Described)
			described.Path = countdown{path.CondOT{}, &n, stop}
			r.in["path"] = pipeline.Input{Service: described}
			_, err := r.do()
			if err == nil {
				break
			}
			if !errors.Is(err, pipeline.ErrInterrupted) {
				t.Fatal(err)
			}
			stops++
		}
		got, err := os.ReadFile(filepath.Join(r.env.Out, "train.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if stops < 5 {
			t.Errorf("only %d interruptions", stops)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("window %q: after %d interruptions the flow differs", window, stops)
		}
		a, b := whole.metrics(), r.metrics()
		for i := range a {
			if !slices.Equal(a[i][:5], b[i][:5]) {
				t.Errorf("metrics %v and %v", a[i], b[i])
			}
		}
	}
}

func TestStoppedBeforeTheFirstRow(t *testing.T) {
	r := newRun(t)
	stop := make(chan struct{})
	close(stop)
	r.env.Stop = stop
	if _, err := r.do(); !errors.Is(err, pipeline.ErrInterrupted) {
		t.Error(err)
	}
}

func TestWhichCheckpointIsTaken(t *testing.T) {
	base := newRun(t)
	want := base.flow()
	checkpoint, err := os.ReadFile(filepath.Join(base.env.State, "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(checkpoint)
	damaged[len(damaged)-5] ^= 1
	for _, c := range []struct {
		name    string
		file    []byte
		key     string
		resume  bool
		taken   bool
		warning bool
	}{
		{"it fits", checkpoint, "k", true, true, false},
		{"no resume", checkpoint, "k", false, false, false},
		{"other work", checkpoint, "other", true, false, true},
		{"damaged", damaged, "k", true, false, true},
		{"cut", checkpoint[:len(checkpoint)/2], "k", true, false, true},
		{"empty", nil, "k", true, false, true},
	} {
		r := newRun(t)
		r.env.Resume, r.env.Key = c.resume, c.key
		if err := os.WriteFile(filepath.Join(r.env.State, "checkpoint.safetensors"), c.file, 0o666); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.flow(), want) {
			t.Errorf("%s: the flow differs", c.name)
		}
		warned := slices.ContainsFunc(r.events, func(e pipeline.Event) bool { return e.Type == pipeline.StageWarning })
		if warned != c.warning {
			t.Errorf("%s: warned %v", c.name, warned)
		}
		// A run that went on has the speed of its first points from the checkpoint.
		if taken := r.metrics()[0][5] == base.metrics()[0][5]; taken != c.taken {
			t.Errorf("%s: taken %v", c.name, taken)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*run)
		reason schemas.Reason
		at     string
	}{
		{"an exact model", func(r *run) {
			g, err := model.NewGMM(model.GMMConfig{Weights: []float64{1}, Means: [][]float64{{0, 0}}, Std: []float64{1}}, path.CondOT{})
			if err != nil {
				r.t.Fatal(err)
			}
			r.in["model"] = pipeline.Input{Service: g}
		}, schemas.WrongPort, "from.model"},
		{"no model", func(r *run) { r.in["model"] = pipeline.Input{} }, schemas.WrongPort, "from.model"},
		{"a path without words", func(r *run) { r.in["path"] = pipeline.Input{Service: path.CondOT{}} }, schemas.WrongPort, "from.path"},
		{"no coupling", func(r *run) { r.in["coupling"] = pipeline.Input{Service: 3} }, schemas.WrongPort, "from.coupling"},
		{"more pairs than memory", func(r *run) {
			r.env.Memory, r.config = 1<<20, `{"batch": 300}`
			r.in["coupling"] = pipeline.Input{Service: coupling.NewOptimal()}
		}, schemas.TooLarge, "from.coupling"},
		{"no data", func(r *run) { r.in["data"] = pipeline.Input{} }, schemas.MissingPort, "from.data"},
		{"validation of another width", func(r *run) {
			r.in["valid"] = pipeline.Input{Rows: given{x: make([]float32, 3), dim: 1, size: 1, vector: true}}
		}, schemas.DimensionDiffer, "from.valid"},
		{"a loss that the network does not have", func(r *run) {
			r.config, r.in["model"] = `{"loss": "huber"}`, pipeline.Input{Service: tileDefinition{network(r.t, 4)}}
		}, schemas.Conflict, "loss"},
		{"more validations than the metrics hold", func(r *run) { r.config = `{"steps": 1000000, "validate_every": 1}` }, schemas.OutOfRange, "validate_every"},
		{"validation without the transform", func(r *run) {
			r.in["valid"] = pipeline.Input{Rows: given{x: make([]float32, 4), dim: 2, size: 1}}
		}, schemas.Conflict, "from.valid"},
	} {
		r := newRun(t)
		c.change(r)
		_, err := r.stage().Check(context.Background(), r.in)
		errs := schemas.Errors(err, "")
		if len(errs) != 1 || errs[0].Reason != c.reason || errs[0].Path != c.at {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPlannedSteps(t *testing.T) {
	for config, want := range map[string]any{
		`{}`: int64(5000), `{"steps": 7}`: int64(7), `{"epochs": 3, "batch": 40}`: int64(38),
	} {
		r := newRun(t)
		r.config = config
		out, err := r.stage().Check(context.Background(), r.in)
		if err != nil || out.Summary["steps"] != want {
			t.Errorf("%s: %v steps, %v", config, out.Summary["steps"], err)
		}
	}
}

func TestEpochsThatDoNotFit(t *testing.T) {
	for config, at := range map[string]string{
		`{"batch": 40, "epochs": 9000000000000000000}`:                                               "epochs",
		`{"batch": 40, "epochs": 1000000000000}`:                                                     "epochs",
		`{"batch": 40, "epochs": 2, "schedule": {"warmup": 26}}`:                                     "schedule.warmup",
		`{"batch": 1, "epochs": 1000, "log_every": 1}`:                                               "log_every",
		`{"batch": 1, "epochs": 1000, "validate_every": 2, "log_every": 1000, "validation_rows": 1}`: "validate_every",
	} {
		r := newRun(t)
		r.config = config
		_, err := r.do()
		if errs := schemas.Errors(err, ""); len(errs) != 1 || errs[0].Path != at {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// TestTooLittleMemory: the memory of a run never changes the order of the rows;
// when they do not fit, the user says how large the window is to be.
func TestTooLittleMemory(t *testing.T) {
	r := newRun(t)
	r.env.Memory = 2 * 16 * 499
	_, err := r.do()
	errs := schemas.Errors(err, "")
	if len(errs) != 1 || errs[0].Reason != schemas.TooLarge || errs[0].Path != "window" || !strings.Contains(errs[0].Suggestion, "window: 499") {
		t.Errorf("got %v", err)
	}
}

func TestNoRows(t *testing.T) {
	for _, port := range []string{"data", "valid"} {
		r := newRun(t)
		r.in[port] = pipeline.Input{Rows: given{dim: 2, size: 1, vector: true, uncounted: port == "data"}}
		_, err := r.do()
		errs := schemas.Errors(err, "")
		if len(errs) != 1 || errs[0].Reason != schemas.EmptyData || errs[0].Path != "from."+port {
			t.Errorf("%s: %v", port, err)
		}
	}
}

func TestBadRowsFailWithoutAFlow(t *testing.T) {
	r := newRun(t)
	x := gaussian(500, 2, 1, 2, "data")
	x[77] = float32(math.NaN())
	r.in["data"] = pipeline.Input{Rows: given{x: x, dim: 2, size: 64, vector: true}}
	_, err := r.do()
	errs := schemas.Errors(err, "")
	if len(errs) != 1 || errs[0].Reason != schemas.NonFinite || !bytes.Contains([]byte(errs[0].Message), []byte("1 row (38,")) {
		t.Error(err)
	}
	if names, _ := os.ReadDir(r.env.Out); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}
