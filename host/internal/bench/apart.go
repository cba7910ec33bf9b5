package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	arrays "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// Stages of the plugin that the workload plugins talks to: rows that are there
// already, and a reader that looks at none of them.
const (
	sourceUse = "bench-source"
	sinkUse   = "bench-sink"

	movedRows, movedWidth = 1 << 20, 25 // float32: 100 MiB
)

// Offer adds the stages of the workload plugins to a registry that is served as
// a plugin.
func Offer(r *pipeline.Registry) {
	pipeline.Register(r, "loader", sourceUse, "rows for host bench", struct{}{},
		func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) { return source{}, nil })
	pipeline.Register(r, "evaluator", sinkUse, "reads rows for host bench", struct{}{},
		func(context.Context, pipeline.Env, struct{}) (pipeline.Stage, error) { return sink{}, nil })
}

// source is a stage that gives one batch, made once.
type source struct{}

// Check implements pipeline.Stage.
func (s source) Check(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return s.Run(ctx, in)
}

// Run implements pipeline.Stage.
func (source) Run(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
	return pipeline.Outputs{Rows: map[string]pipeline.Rows{"": newHeld()}}, nil
}

// Fingerprint implements pipeline.Fingerprinter: the emptiest call there is.
func (source) Fingerprint(context.Context) (string, error) { return "", nil }

// held are rows in memory.
type held struct{ rec arrow.Record }

func newHeld() held {
	x := make([]float32, movedRows*movedWidth)
	for i := range x {
		x[i] = float32(i)
	}
	column := schemas.VectorArray(x, movedWidth)
	field := arrow.Field{Name: "x", Type: schemas.VectorType(movedWidth), Nullable: true}
	return held{arrays.NewRecord(arrow.NewSchema([]arrow.Field{field}, nil), []arrow.Array{column}, movedRows)}
}

// Schema implements pipeline.Rows.
func (h held) Schema() *arrow.Schema { return h.rec.Schema() }

// Count implements pipeline.Rows.
func (h held) Count() int64 { return h.rec.NumRows() }

// Open implements pipeline.Rows.
func (h held) Open(context.Context) (pipeline.Stream, error) { return &once{rec: h.rec}, nil }

type once struct {
	rec  arrow.Record
	done bool
}

// Next implements pipeline.Stream.
func (o *once) Next(context.Context) (arrow.Record, error) {
	if o.done {
		return nil, io.EOF
	}
	o.done = true
	o.rec.Retain()
	return o.rec, nil
}

// Close implements pipeline.Stream.
func (*once) Close() error { return nil }

// sink reads its input.
type sink struct{}

// Check implements pipeline.Stage.
func (sink) Check(context.Context, pipeline.Inputs) (pipeline.Outputs, error) {
	return pipeline.Outputs{}, nil
}

// Run implements pipeline.Stage.
func (sink) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	return pipeline.Outputs{}, read(ctx, in["data"].Rows)
}

func read(ctx context.Context, rows pipeline.Rows) error {
	return pipeline.Each(ctx, rows, func(arrow.Record) error { return nil })
}

// apart is what being in a process of its own costs: the least call, rows in
// both directions beside a copy in memory, and networks of w6 beside the same
// networks here, in turn.
func apart(ctx context.Context, s *session) ([]Result, error) {
	var out []Result
	for _, inline := range []bool{false, true} {
		results, err := transport(ctx, s, inline)
		if err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	for _, net := range []string{"small", "wide"} {
		r, err := isolatedModel(ctx, s, net)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func transport(ctx context.Context, s *session, inline bool) ([]Result, error) {
	h := plugins.NewHost(zerolog.Nop())
	defer h.Close()
	r := stages.Builtin()
	if err := h.Add(ctx, r, "bench", plugins.Plugin{Command: s.Plugin, Inline: inline}); err != nil {
		return nil, err
	}
	from, err := instance(ctx, r, "loader", "bench/"+sourceUse)
	if err != nil {
		return nil, err
	}
	to, err := instance(ctx, r, "evaluator", "bench/"+sinkUse)
	if err != nil {
		return nil, err
	}
	given, err := from.Run(ctx, nil)
	if err != nil {
		return nil, err
	}
	mine := newHeld()
	memory := "shared memory"
	if inline {
		memory = "in frames"
	}

	call, err := measure(ctx, s, clock(func() error {
		_, err := from.(pipeline.Fingerprinter).Fingerprint(ctx)
		return err
	}))
	if err != nil {
		return nil, err
	}
	for i := range call {
		call[i] *= 1e6
	}
	least := call.seconds(Result{Metric: "empty call", Params: "empty call, " + memory}, 0)
	least.Unit = "µs"
	out := []Result{least}

	const bytes = movedRows * movedWidth * 4
	src, dst := make([]byte, bytes), make([]byte, bytes)
	for i := range src { // memory that was never written is not read from memory
		src[i] = byte(i)
	}
	for _, c := range []struct {
		metric string
		move   func() error
	}{
		{"rows from a plugin", func() error { return read(ctx, given.Rows[""]) }},
		{"rows to a plugin", func() error {
			_, err := to.Run(ctx, pipeline.Inputs{"data": {Rows: mine}})
			return err
		}},
	} {
		// In turn with the copy that it is compared with.
		var ratios timings
		for len(ratios) < s.Repeats {
			one := *s
			one.Repeats = 1
			plain, err := measure(ctx, &one, clock(func() error { copy(dst, src); return nil }))
			if err != nil {
				return nil, err
			}
			moved, err := measure(ctx, &one, clock(c.move))
			if err != nil {
				return nil, err
			}
			ratios = append(ratios, moved[0]/plain[0])
		}
		r := ratios.rate(Result{Metric: c.metric, Params: "100 MiB of " + c.metric + ", " + memory, Unit: "of memcpy", Rows: movedRows}, 1, 0)
		out = append(out, r)
	}
	return out, nil
}

func instance(ctx context.Context, r *pipeline.Registry, kind, use string) (pipeline.Stage, error) {
	i, ok := r.Find(kind, use)
	if !ok {
		return nil, fmt.Errorf("bench: the plugin has no %s %s", kind, use)
	}
	return i.Build(ctx, pipeline.Env{Stage: use, Log: zerolog.Nop(), Emit: func(pipeline.Event) {}}, json.RawMessage("{}"))
}

// isolatedModel is w6 with the network here and in a process of its own.
func isolatedModel(ctx context.Context, s *session, net string) (Result, error) {
	none := Result{}
	f, err := trained(s.Data, net)
	if err != nil {
		return none, err
	}
	registry, h, err := plugins.Isolate(stages.Builtin(), []string{"model"}, zerolog.Nop(), s.Plugin...)
	if err != nil {
		return none, err
	}
	defer h.Close()
	weights, err := readArrays(s.Data, net+"_weights")
	if err != nil {
		return none, err
	}
	var tensors []model.Tensor
	for key, a := range weights {
		tensors = append(tensors, model.Tensor{Name: key, Shape: a.shape, Data: a.float32s()})
	}
	far, err := named[net].openFrom(tensors, h.Parts(registry))
	if err != nil {
		return none, err
	}
	inputs, err := readArrays(s.Data, "inputs")
	if err != nil {
		return none, err
	}
	x0 := inputs["x0_"+net].first(s.Rows)
	begin := x0.float32s()
	m := s.dopri5()
	solve := func(f *flow.Flow) ([]float32, float64, error) {
		state := solver.State[float32]{X: append([]float32(nil), begin...), Rows: x0.shape[0], Dim: f.Dim()}
		at := time.Now()
		report, err := m.Solve32(ctx, f.Field32, state, 0, 1)
		took := time.Since(at).Seconds()
		if err == nil {
			err = allOK(report)
		}
		return state.X, took, err
	}
	var ratios timings
	for range s.Repeats + 1 { // the first warms up
		here, near, err := solve(f)
		if err != nil {
			return none, err
		}
		there, away, err := solve(far)
		if err != nil {
			return none, err
		}
		for i := range here {
			if here[i] != there[i] {
				return none, fmt.Errorf("bench: row %d of the isolated network differs", i/f.Dim())
			}
		}
		ratios = append(ratios, away/near)
	}
	r := ratios[1:].seconds(Result{Metric: "isolated model", Params: fmt.Sprintf("isolated model, w6 net=%s rows=%d", net, x0.shape[0]), Rows: x0.shape[0]}, 0)
	r.Unit = "of in process"
	return r, nil
}
