package remote

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

func discrete(t testing.TB) bijection.Definition {
	t.Helper()
	d, err := bijection.NewMAF(bijection.Config{Transforms: 1, Hidden: []int{4}, Activation: "tanh", Base: "mixture", Components: 2, Mix: "none"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// serve builds a bijection as the other side asks for it and gives what answers.
func serve(t testing.TB, build string) (*peer, object, error) {
	p := newPeer()
	out, err := answerBijections(p, discrete(t), "build", wire.Message{Values: []byte(build)})
	if err != nil {
		return p, nil, err
	}
	var f bijectionFacts
	if err := json.Unmarshal(out.Values, &f); err != nil {
		t.Fatal(err)
	}
	return p, func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
		return p.handle(ctx, f.Target, method, m)
	}, nil
}

// What another process asks of a bijection here is bounded and checked.
func TestBijectionsThatAreAskedWrongly(t *testing.T) {
	for _, build := range []string{`{"dim": 0}`, `{"dim": -1}`, `{"dim": 16777217}`, `{"dim": 2, "held": -1}`, `{"dim": 2, "held": 16777217}`, `{"dim": "two"}`, `{`} {
		if _, _, err := serve(t, build); err == nil {
			t.Errorf("%s is built", build)
		}
	}
	_, ask, err := serve(t, `{"dim": 2, "held": 1}`)
	if err != nil {
		t.Fatal(err)
	}
	x, c := column("x", 2, make([]float32, 6)...), column("c", 1, make([]float32, 3)...)
	for name, m := range map[string]struct {
		method, values string
		batches        []arrow.Record
		words          string
	}{
		"no conditions":           {"normalize", "", []arrow.Record{wire.Batch(x)}, `"c"`},
		"conditions in the rows":  {"normalize", "", []arrow.Record{wire.Batch(column("x", 3, make([]float32, 9)...))}, `"x"`},
		"wide conditions":         {"normalize", "", []arrow.Record{wire.Batch(x, column("c", 2, make([]float32, 6)...))}, `"c"`},
		"x to generate":           {"generate", "", []arrow.Record{wire.Batch(x, c)}, `"z"`},
		"float64":                 {"normalize", "", []arrow.Record{wire.Batch(column("x", 2, make([]float64, 6)...), c)}, "float64"},
		"no rows":                 {"normalize", "", nil, "0 batches"},
		"weights of another":      {"write", "", []arrow.Record{wire.Batch(column("w", 0, make([]float32, 3)...))}, "3 rows"},
		"no key":                  {"init", `{"key": "x"}`, nil, "key"},
		"training without words":  {"train", "", []arrow.Record{wire.Batch(x, c)}, "parameters"},
		"a gradient that is not":  {"train", `{}`, []arrow.Record{wire.Batch(x, c)}, "1 batches"},
		"a gradient of another":   {"train", `{}`, []arrow.Record{wire.Batch(x, c), wire.Batch(column("grad", 0, make([]float32, 3)...))}, "3 rows"},
		"weights of rows missing": {"train", `{"zero": true, "weight": true}`, []arrow.Record{wire.Batch(x, c)}, `"weight"`},
		"another method":          {"invert", "", []arrow.Record{wire.Batch(x, c)}, "no method"},
	} {
		if _, err := ask(t.Context(), m.method, wire.Message{Values: []byte(m.values), Batches: m.batches}); err == nil || !strings.Contains(err.Error(), m.words) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if out, err := ask(t.Context(), "train", wire.Message{Values: []byte(`{"loss": true}`), Batches: []arrow.Record{wire.Batch(x, c)}}); err != nil || len(out.Batches) != 1 {
		t.Errorf("what is right is answered with %v", err)
	}
}

// The parts of a flow are made for the rows of its file and for no others.
func TestPartsOfAFlowHaveItsSize(t *testing.T) {
	of := part{flow.Component{}, 2, 1}
	b := partBijections{of, func([]byte) (bijection.Definition, error) { return discrete(t), nil }}
	m := partDefinition{of, func([]byte) (model.Definition, error) { return definition(t), nil }}
	for _, c := range [][2]int{{2, 1}, {1, 1}, {3, 0}, {1 << 24, 1}} {
		_, errB := b.BijectionHeld(c[0], c[1])
		_, errM := m.BuildHeld(c[0], c[1])
		if fits := c == [2]int{2, 1}; fits != (errB == nil) || fits != (errM == nil) {
			t.Errorf("%d dimensions and %d conditions: %v, %v", c[0], c[1], errB, errM)
		}
	}
}

// Weights that the other side drew, or took from data, are written to it before they
// are used, so that a process which takes over has them.
func TestDrawnWeightsAreWritten(t *testing.T) {
	var calls []string
	var written []float32
	_, v, err := liar{kind: "model", facts: `{"form": "bijection", "use": "liar"}`, says: func(_ context.Context, method string, m wire.Message) (wire.Message, bool) {
		if method != "run" {
			calls = append(calls, method)
		}
		switch method {
		case "build":
			return wire.Message{Values: []byte(`{"target": "it", "base": "normal", "starts": true, "tensors": [{"name": "w", "shape": [2]}]}`)}, true
		case "init", "start":
			return message(column[float32]("w", 0, float32(len(calls)), 7)), true
		case "write":
			w, err := wire.Values[float32](m.Batches[0], "w", 0, 2)
			if err != nil {
				t.Error(err)
			}
			written = slices.Clone(w)
			return wire.Message{}, true
		case "normalize":
			return message(column[float32]("z", 1, 1), column[float64]("logdet", 0, 0)), true
		}
		return wire.Message{}, false
	}}.service(t)
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.(bijection.Definition).Bijection(1)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 1)
	n.Init(1)
	if err := n.(bijection.Started).Start(t.Context(), x, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.Normalize(t.Context(), x, x, nil, 1); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"build", "init", "write", "start", "write", "normalize", "normalize"}; !slices.Equal(calls, want) {
		t.Errorf("the calls are %v, not %v", calls, want)
	}
	if !slices.Equal(written, []float32{4, 7}) {
		t.Errorf("the weights %v are written", written)
	}
}

// FuzzServedBijection asks for anything: an error or an answer comes, and no panic.
func FuzzServedBijection(f *testing.F) {
	for _, method := range []string{"normalize", "generate", "train", "write", "init", "start", "base"} {
		f.Add(method, `{"dim": 2, "held": 1}`, `{"zero": true, "key": "7"}`, uint8(2), uint8(1), uint8(3), int16(30))
		f.Add(method, `{"dim": 1}`, `{"weight": true}`, uint8(1), uint8(0), uint8(0), int16(0))
	}
	f.Fuzz(func(t *testing.T, method, build, values string, width, held, rows uint8, weights int16) {
		var c buildParams
		if json.Unmarshal([]byte(build), &c) == nil && (c.Dim > 64 || c.Held > 64) && c.Dim <= maxDim && c.Held <= maxDim {
			t.Skip("what is allowed may be large")
		}
		_, ask, err := serve(t, build)
		if err != nil {
			return
		}
		n := int(rows)
		var b arrow.Record
		if width, held := int(width%8), int(held%8); held > 0 {
			b = wire.Batch(column("x", width, make([]float32, n*max(width, 1))...), column("z", width, make([]float32, n*max(width, 1))...),
				column("c", held, make([]float32, n*held)...), column("weight", 0, make([]float32, n)...))
		} else {
			b = wire.Batch(column("x", width, make([]float32, n*max(width, 1))...), column("z", width, make([]float32, n*max(width, 1))...))
		}
		w := make([]float32, max(int(weights), 0))
		batches := []arrow.Record{b}
		if weights != 0 {
			batches = append(batches, wire.Batch(column("grad", 0, w...)))
		}
		if method == "write" {
			batches = []arrow.Record{wire.Batch(column("w", 0, w...))}
		}
		_, _ = ask(t.Context(), method, wire.Message{Values: []byte(values), Batches: batches})
	})
}

// A bijection that holds conditions has the bits of the one in this process, rows cut
// and joined.
func TestConditionsBesideRows(t *testing.T) {
	d := discrete(t)
	here, err := bijection.Build(d, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	there, err := bijection.Build(d, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	here.Init(random.Key(5))
	there.Init(random.Key(5))
	served := &servedBijection{servedWeights{newPeer(), there}, there, 2, 3}
	const rows = 600 // more than a block
	x := make([]float32, rows*5)
	random.Key(6).Normals32(x, 0, 0)
	want, logdet := make([]float32, len(x)), make([]float64, rows)
	if err := here.Normalize(t.Context(), want, x, logdet, rows); err != nil {
		t.Fatal(err)
	}
	var c []float32
	for r := range rows {
		c = append(c, x[r*5+2:(r+1)*5]...)
	}
	data := without(x, 2, 3)
	out, err := served.answer(t.Context(), "normalize", message(wire.ColumnOf("x", data, 2), wire.ColumnOf("c", c, 3)))
	if err != nil {
		t.Fatal(err)
	}
	z, err := wire.Values[float32](out.Batches[0], "z", 2, rows)
	if err != nil {
		t.Fatal(err)
	}
	l, err := wire.Values[float64](out.Batches[0], "logdet", 0, rows)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(z, without(want, 2, 3)) || !slices.Equal(l, logdet) {
		t.Error("beside rows and behind them conditions give other bits")
	}
}
