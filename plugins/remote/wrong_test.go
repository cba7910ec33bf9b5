package remote

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// liar is a plugin with one instance, which gives a service with these facts
// and the same answer to every call.
type liar struct {
	pluginpb.UnimplementedPluginServer
	kind, facts string
	answer      wire.Message
	says        func(ctx context.Context, method string, m wire.Message) (wire.Message, bool) // before the rest; may be nil
}

func (l liar) Session(s pluginpb.Plugin_SessionServer) error {
	if _, err := s.Recv(); err != nil {
		return err
	}
	if err := s.Send(&pluginpb.Frame{Body: &pluginpb.Frame_Result{Result: &pluginpb.Result{
		Opened: &pluginpb.Opened{WindowBytes: wire.WindowBytes, FrameBytes: wire.FrameBytes}}}}); err != nil {
		return err
	}
	return wire.NewSession(s, wire.Options{Handler: func(ctx context.Context, target, method string, m wire.Message) (wire.Message, error) {
		if l.says != nil {
			if out, ok := l.says(ctx, method, m); ok {
				return out, nil
			}
		}
		switch {
		case target == "" && method == "run":
			return wire.Message{Outputs: &pluginpb.Outputs{Service: &pluginpb.Service{Kind: l.kind, Target: "it", Facts: []byte(l.facts)}}}, nil
		case method == "fitted":
			return wire.Message{Values: []byte(`{"target": "it"}`)}, nil
		case method == "build":
			return wire.Message{Values: []byte(`{"target": "it", "lanes": true, "base": "normal", "tensors": [{"name": "w", "shape": [2, 3]}]}`)}, nil
		}
		for _, rec := range l.answer.Batches { // the session releases what it sends
			rec.Retain()
		}
		return l.answer, nil
	}}).Run()
}

// service gives what the host makes of the service.
func (l liar) service(t *testing.T) (stage pipeline.Stage, v any, err error) {
	listener := bufconn.Listen(1 << 16)
	g := grpc.NewServer()
	pluginpb.RegisterPluginServer(g, l)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	i, stage, err := Open(t.Context(), pluginpb.NewPluginClient(conn), l.kind, "liar", json.RawMessage("{}"), pipeline.Env{Stage: "the-" + l.kind},
		Options{As: func(use string) string { return "mine/" + use }, Inline: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.Close(context.Background())
		conn.Close()
		g.Stop()
		<-served
	})
	out, err := stage.Run(t.Context(), pipeline.Inputs{})
	return stage, out.Service, err
}

func column[T wire.Number](name string, width int, v ...T) wire.Column {
	return wire.ColumnOf(name, v, width)
}

func message(columns ...wire.Column) wire.Message {
	return wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}
}

func coefficientColumns(n int, at map[string]float64) wire.Message {
	var columns []wire.Column
	for _, name := range coefficientNames {
		v := make([]float64, n)
		if x, ok := at[name]; ok {
			v[n-1] = x
		}
		columns = append(columns, wire.ColumnOf(name, v, 0))
	}
	return message(columns...)
}

// What a service answers is checked before it is used: the number of batches and
// rows, columns and their types, and what the kind promises.
func TestWrongAnswers(t *testing.T) {
	ask := map[string]func(t *testing.T, s pipeline.Stage, v any) error{
		"path": func(_ *testing.T, _ pipeline.Stage, v any) error {
			if s, ok := path.SamplerOf(v.(path.Path)); ok {
				return s.Sample(make([]float32, 6), make([]float32, 6), make([]float32, 6), make([]float32, 6), make([]float64, 3), 3, 2)
			}
			return v.(path.Path).Coefficients(make([]path.Coef, 3), []float64{0, 0.5, 1})
		},
		"coupling": func(_ *testing.T, _ pipeline.Stage, v any) error {
			return v.(coupling.Coupling).Pair(make([]int32, 3), make([]float32, 6), make([]float32, 6), 3, 2)
		},
		"solver": func(t *testing.T, _ pipeline.Stage, v any) error {
			_, err := v.(solver.Solver).Solve32(t.Context(), nil, solver.State[float32]{X: make([]float32, 6), Rows: 3, Dim: 2}, 0, 1)
			return err
		},
		"model": func(t *testing.T, _ pipeline.Stage, v any) error {
			if e, ok := v.(model.Exact); ok {
				return e.Eval(t.Context(), make([]float64, 6), make([]float64, 3), make([]float64, 6), 3)
			}
			if d, ok := v.(bijection.Definition); ok {
				b, err := d.Bijection(2)
				if err != nil {
					return err
				}
				if err := b.Normalize(t.Context(), make([]float32, 6), make([]float32, 6), make([]float64, 3), 3); err != nil {
					return err
				}
				_, err = b.Gradient(t.Context(), [][]float32{make([]float32, 6)}, nil, make([]float32, 6), nil, 3)
				return err
			}
			n, err := v.(model.Definition).Build(2)
			if err != nil {
				return err
			}
			return n.(model.Batched).BatchGradient(t.Context(), [][]float32{make([]float32, 6)}, make([]float64, 2), model.Batch{
				T: make([]float64, 3), X: make([]float32, 6), Target: make([]float32, 6), Rows: 3, Lanes: model.Lanes{{0, 2}, {2, 3}}, First: true, Last: true})
		},
		"writer": func(t *testing.T, _ pipeline.Stage, v any) error {
			w := v.(pipeline.RowFile)
			if w.Readable() {
				_, err := w.Open(t.Context(), "x")
				return err
			}
			_, err := w.Write(t.Context(), filepath.Join(t.TempDir(), "x"), noRows{})
			return err
		},
		"transform": func(_ *testing.T, s pipeline.Stage, _ any) error {
			f, err := s.(transform.Stage).Fitted(json.RawMessage("{}"), 2)
			if err != nil {
				return err
			}
			return f.Apply(make([]float64, 6), make([]float64, 6), make([]float64, 3), transform.Address{}, 3)
		},
	}
	const protocol = schemas.PluginProtocol
	affine, curve := `{"lo": 0, "hi": 1, "use": "liar"}`, `{"lo": 0, "hi": 1, "use": "liar", "form": "sample"}`
	exact, trained := `{"form": "exact", "dim": 2, "columns": ["a", "b"]}`, `{"form": "definition", "use": "liar"}`
	discrete := `{"form": "bijection", "use": "liar"}`
	nan, nan32 := math.NaN(), float32(math.NaN())
	six, six32 := make([]float64, 6), make([]float32, 6)
	for name, c := range map[string]struct {
		kind, facts string
		answer      wire.Message
		reason      schemas.Reason
		words       []string
	}{
		"coefficients of two times":    {"path", affine, coefficientColumns(2, nil), protocol, []string{"2 rows, not 3"}},
		"coefficients without batch":   {"path", affine, wire.Message{}, protocol, []string{"the-path (mine/liar)", "0 batches"}},
		"coefficients without columns": {"path", affine, message(column[float64]("alpha", 0, 1, 2, 3)), protocol, []string{`"sigma"`}},
		"coefficients in float32":      {"path", affine, message(column[float32]("alpha", 0, 1, 2, 3)), protocol, []string{`"alpha"`, "float32"}},
		"a coefficient that is no number": {"path", affine, coefficientColumns(3, map[string]float64{"dsigma": nan}), schemas.NonFinite,
			[]string{"the-path (mine/liar)", "dsigma at t = 1"}},
		"a domain outside":        {"path", `{"lo": 0, "hi": 2}`, wire.Message{}, protocol, []string{"[0, 2]"}},
		"a path of another form":  {"path", `{"lo": 0, "hi": 1, "form": "spiral"}`, wire.Message{}, protocol, []string{"spiral"}},
		"a base of no spread":     {"path", `{"lo": 0, "hi": 1, "base_std": 0}`, wire.Message{}, protocol, []string{"standard deviation 0"}},
		"a sample of two rows":    {"path", curve, message(column("xt", 2, six32[:4]...), column("ut", 2, six32[:4]...)), protocol, []string{"2 rows, not 3"}},
		"a sample without ut":     {"path", curve, message(column("xt", 2, six32...)), protocol, []string{`"ut"`}},
		"a sample of one column":  {"path", curve, message(column("xt", 1, six32[:3]...), column("ut", 1, six32[:3]...)), protocol, []string{`"xt"`}},
		"a velocity of no number": {"path", curve, message(column("xt", 2, six32...), column("ut", 2, 0, 0, 0, nan32, 0, 0)), schemas.NonFinite, []string{"the-path (mine/liar)", "ut of row 1", "dimension 1"}},

		"an index of two rows":   {"coupling", "{}", message(column[int32]("index", 0, 0, 1)), protocol, []string{"2 rows, not 3"}},
		"an index of int64":      {"coupling", "{}", message(column[int64]("index", 0, 0, 1, 2)), protocol, []string{"int64"}},
		"an index twice":         {"coupling", "{}", message(column[int32]("index", 0, 2, 1, 2)), protocol, []string{"the-coupling (mine/liar)", "rows 0 and 2", "noise 2"}},
		"an index below zero":    {"coupling", "{}", message(column[int32]("index", 0, 0, -1, 2)), protocol, []string{"row 1", "noise -1"}},
		"an index of three rows": {"coupling", "{}", message(column[int32]("index", 0, 0, 1, 3)), protocol, []string{"row 2", "noise 3"}},

		"a status that does not exist": {"solver", "{}", message(column("x", 2, six32...), column[uint8]("status", 0, 0, 9, 0)), protocol, []string{"row 1", "status 9"}},
		"a state of two rows":          {"solver", "{}", message(column("x", 2, six32[:4]...)), protocol, []string{"2 rows, not 3"}},
		"a tableau of no order":        {"solver", `{"tableau": {"name": "x"}, "options": {"steps": 3}}`, wire.Message{}, protocol, []string{"no stages"}},

		"a velocity of two rows":        {"model", exact, message(column("v", 2, six[:4]...)), protocol, []string{"2 rows, not 3"}},
		"a velocity in float32":         {"model", exact, message(column("v", 2, six32...)), protocol, []string{"float32"}},
		"an exact model of no columns":  {"model", `{"form": "exact", "dim": 2}`, wire.Message{}, protocol, []string{"2 dimensions and 0 columns"}},
		"an exact model of many":        {"model", `{"form": "exact", "dim": 999999999}`, wire.Message{}, protocol, []string{"999999999"}},
		"one loss of two":               {"model", trained, wire.Message{Batches: []arrow.Record{wire.Batch(column[float64]("loss", 0, 1)), wire.Batch(column("grad", 0, six32...))}}, protocol, []string{"1 rows, not 2"}},
		"a gradient of another network": {"model", trained, wire.Message{Batches: []arrow.Record{wire.Batch(column[float64]("loss", 0, 1, 2)), wire.Batch(column("grad", 0, six32[:5]...))}}, protocol, []string{"5 rows, not 6"}},
		"no gradient":                   {"model", trained, message(column[float64]("loss", 0, 1, 2)), protocol, []string{"1 batches"}},

		"a base of two rows":             {"model", discrete, message(column("z", 2, six32[:4]...), column("logdet", 0, six[:2]...)), protocol, []string{"2 rows, not 3"}},
		"a base of three columns":        {"model", discrete, message(column("z", 3, append(six32, 0, 0, 0)...), column("logdet", 0, six[:3]...)), protocol, []string{`"z"`, "not 2 values"}},
		"a base in float64":              {"model", discrete, message(column("z", 2, six...), column("logdet", 0, six[:3]...)), protocol, []string{"float64"}},
		"a base without determinant":     {"model", discrete, message(column("z", 2, six32...)), protocol, []string{`"logdet"`}},
		"a bijection without a gradient": {"model", discrete, message(column("z", 2, six32...), column("logdet", 0, six[:3]...), column("loss", 0, six[:3]...)), protocol, []string{"1 batches", "2 are due"}},

		"fewer rows than none": {"writer", "{}", wire.Message{Values: []byte(`{"rows": -1}`)}, protocol, []string{"-1 rows"}},
		"no rows of a file":    {"writer", `{"readable": true}`, wire.Message{}, protocol, []string{"gives no rows"}},

		"two rows of model space": {"transform", "", message(column("z", 2, six[:4]...), column("logdet", 0, six[:2]...)), protocol, []string{"2 rows, not 3"}},
		"no log-determinant":      {"transform", "", message(column("z", 2, six...)), protocol, []string{`"logdet"`}},
		"no number of model space": {"transform", "", message(column("z", 2, 0, 0, nan, 0, 0, 0), column("logdet", 0, six[:3]...)), schemas.NonFinite,
			[]string{"the-transform (mine/liar)", "apply of row 1", "dimension 0"}},

		"a service of no kind": {"teapot", "{}", wire.Message{}, protocol, []string{"teapot"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, v, err := liar{kind: c.kind, facts: c.facts, answer: c.answer}.service(t)
			if c.kind == "transform" || err == nil {
				if ask[c.kind] == nil {
					t.Fatal("a service of no kind came")
				}
				err = ask[c.kind](t, s, v)
			}
			var e *schemas.Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %T %v", err, err)
			}
			if e.Reason != c.reason {
				t.Errorf("reason is %s, not %s: %v", e.Reason, c.reason, err)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		})
	}
}

// noRows is a table without rows.
type noRows struct{}

func (noRows) Schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Float32}}, nil)
}

func (noRows) Count() int64 { return 0 }

func (noRows) Open(context.Context) (pipeline.Stream, error) {
	return nil, errors.New("not to be read")
}

// What a bijection says of itself is bounded before anything is made of it.
func TestWrongBijections(t *testing.T) {
	for name, c := range map[string]struct{ build, says string }{
		"another base":     {`{"target": "it", "base": "cauchy"}`, "cauchy"},
		"many weights":     {`{"target": "it", "base": "normal", "tensors": [{"name": "w", "shape": [99999999, 99999999]}]}`, "shape"},
		"weights in sum":   {`{"target": "it", "base": "normal", "tensors": [{"name": "a", "shape": [134217728]}, {"name": "b", "shape": [1]}]}`, `"b"`},
		"no weights":       {`{"target": "it", "base": "normal", "tensors": [{"name": "w", "shape": [0]}]}`, "shape"},
		"a name twice":     {`{"target": "it", "base": "normal", "tensors": [{"name": "w", "shape": [1]}, {"name": "w", "shape": [1]}]}`, "two tensors"},
		"zeros of columns": {`{"target": "it", "base": "normal", "depends": [[0]]}`, "depend on"},
		"zeros outside":    {`{"target": "it", "base": "normal", "depends": [[0], [2]]}`, "depend on"},
		"not JSON":         {`{"target": 3}`, "not what was asked"},
	} {
		t.Run(name, func(t *testing.T) {
			l := liar{kind: "model", facts: `{"form": "bijection", "use": "liar"}`,
				says: func(_ context.Context, method string, _ wire.Message) (wire.Message, bool) {
					return wire.Message{Values: []byte(c.build)}, method == "build"
				}}
			_, v, err := l.service(t)
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.(bijection.Definition).Bijection(2)
			var e *schemas.Error
			if !errors.As(err, &e) || e.Reason != schemas.PluginProtocol || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%T %v, want %q", err, err, c.says)
			}
		})
	}
}
