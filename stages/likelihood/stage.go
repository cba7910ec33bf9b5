package likelihood

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// Config is the configuration of likelihood/ode.
type Config struct {
	TraceConfig
	Guidance   float64 `yaml:"guidance" json:"guidance" doc:"weight of classifier-free guidance of the flow whose density is wanted, as of a sampler" min:"0"`
	Draws      int     `yaml:"draws" json:"draws" doc:"draws of the noise of dequantize that the density is averaged over; each costs a solve" min:"1" max:"65536"`
	BitsPerDim bool    `yaml:"bits_per_dim" json:"bits_per_dim" doc:"also give bits per dimension, -(log_prob + ln of the bins of dequantize) / (dimensions ln 2)"`
	RoundTrip  int64   `yaml:"round_trip" json:"round_trip" doc:"first rows that are also taken to the base and back; the summary has the largest and the root mean square distance from where they began" min:"0"`
	Batch      int     `yaml:"batch" json:"batch" doc:"rows that are solved together; changes no score, unless the solver has one step for a batch" min:"1" max:"1048576"`
}

// Register adds the kind likelihood and its implementations. parts makes flows
// from their files.
func Register(r *pipeline.Registry, parts flow.Registry) {
	r.AddKind(pipeline.Kind{
		Name: "likelihood",
		Doc:  "gives rows of data their log-density under a trained flow or an exact model",
		Ports: []pipeline.Port{
			{Name: "flow", Doc: "a trainer, a saved flow or an exact model", Takes: pipeline.GivesFlow, Also: "model"},
			{Name: "data", Doc: "rows with the data file's columns; others pass through", Takes: pipeline.GivesRows},
			{Name: "solver", Doc: "integrates the flow's field", Takes: pipeline.GivesService, Kind: "solver", Optional: true, Default: "dopri5"},
			{Name: "path", Doc: "the flow as if it had been trained on this affine path; its own when left out", Takes: pipeline.GivesService, Kind: "path", Optional: true},
		},
		Gives:  pipeline.GivesRows,
		Stored: true,
	})
	impl := pipeline.Register(r, "likelihood", "ode", "integrates the divergence of the flow's field from data to base",
		Config{TraceConfig: TraceConfig{Trace: Exact}, Guidance: 1, Draws: 1, RoundTrip: 64, Batch: 4096},
		func(_ context.Context, env pipeline.Env, c Config) (pipeline.Stage, error) {
			return &stage{env: env, config: c, parts: parts}, nil
		})
	impl.Example = "{trace: hutchinson, probes: 8}"
}

type stage struct {
	env    pipeline.Env
	config Config
	parts  flow.Registry
}

// Check implements pipeline.Stage.
func (s *stage) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	src, err := flow.FromInput(in["flow"], "flow")
	if err != nil {
		return pipeline.Outputs{}, err
	}
	d, err := flow.Describe(src)
	if err != nil {
		return pipeline.Outputs{}, flow.AtPort(err, "flow")
	}
	_, err = flow.SolverFor(d, in["solver"], "solver")
	errs := []error{err, s.config.CheckDiscrete(d),
		flow.CheckPath(src, d, s.parts, in["path"].Service, "path"),
		d.Guidable(s.config.Guidance), d.CheckDensity("from.flow"),
		s.config.Room(s.env, s.config.Batch, d.Dim+d.Conditions.Held())}
	if s.config.Draws > 1 && !slices.ContainsFunc(d.Transforms, func(t schemas.Transform) bool { return transform.IsDiscrete(t.Use) }) {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "the flow has no transform that draws noise: all draws would be the same").
			At("draws").Suggest("leave draws out, or train behind the transform dequantize"))
	}
	rows, err := s.rows(&d, in["data"].Rows)
	if err := errors.Join(append(errs, err)...); err != nil {
		return pipeline.Outputs{}, err
	}
	return pipeline.Outputs{Rows: map[string]pipeline.Rows{"": rows}}, nil
}

// Run implements pipeline.Stage. Rows are scored when the stream is pulled; the
// summary, the metrics and the report are complete when a stream has ended.
func (s *stage) Run(_ context.Context, in pipeline.Inputs) (out pipeline.Outputs, err error) {
	src, err := flow.FromInput(in["flow"], "flow")
	if err != nil {
		return out, err
	}
	f, err := flow.Open(src, s.parts)
	if err != nil {
		return out, flow.AtPort(err, "flow")
	}
	f.Workers = s.env.Threads
	if f, err = f.OnInput(in["path"].Service, "path"); err != nil {
		return out, err
	}
	rows, err := s.rows(&f.Description, in["data"].Rows)
	if err != nil {
		return out, err
	}
	if f, err = f.Guided(s.config.Guidance); err != nil {
		return out, err
	}
	if rows.solver, err = flow.SolverFor(f.Description, in["solver"], "solver"); err != nil {
		return out, err
	}
	if err := s.config.Fits(f); err != nil {
		return out, err
	}
	rows.flow, rows.trace = f, s.config.With(random.NewKey(s.env.Seed, s.env.Stage, "probes"))
	rows.trace.WarnOfOne(s.env)
	rows.summary, rows.metrics, rows.report = map[string]any{}, map[string]float64{}, &Scores{}
	return pipeline.Outputs{
		Rows:    map[string]pipeline.Rows{"": rows},
		Summary: rows.summary,
		Metrics: rows.metrics,
		Report:  []pipeline.ReportItem{{Kind: "likelihood", Data: rows.report}},
	}, nil
}

// rows finds the flow's columns among those of the data. The types may differ,
// as long as they are numbers; the widths may not.
func (s *stage) rows(d *flow.Description, data pipeline.Rows) (*scored, error) {
	if data == nil {
		return nil, schemas.Errorf(schemas.MissingPort, "no rows are joined to the port data").At("from.data")
	}
	in := data.Schema()
	meta := in.Metadata()
	out := &scored{stage: s, data: data}
	var errs []error
	var err error
	if out.columns, err = flow.ColumnsAt(in, "data", d.Columns); err != nil {
		errs = append(errs, err)
	}
	if out.conditions, err = condition.SourceOf(d.Conditions, in); err != nil {
		errs = append(errs, flow.AtPort(err, "data"))
	}
	var fields []arrow.Field
	out.status = -1
	for i, f := range in.Fields() {
		if f.Name == schemas.ColumnStatus && f.Type.ID() == arrow.STRING && f.Metadata.FindKey(schemas.MetaOmitWhen) >= 0 {
			out.status = i
			continue
		}
		fields, out.passed = append(fields, f), append(out.passed, i)
	}
	fields = append(fields, s.added()...)
	for _, f := range s.added() {
		if at := in.FieldIndices(f.Name); len(at) > 0 && at[0] != out.status {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "the data has a column %q already", f.Name).
				At("from.data").Suggest("rename it or leave it out in the loader's columns"))
		}
	}
	out.schema = arrow.NewSchema(fields, &meta)
	return out, errors.Join(errs...)
}

// Fields are the columns of a log-density, with its standard error where the trace
// is estimated.
func Fields(c TraceConfig) []arrow.Field {
	fields := []arrow.Field{numberField(schemas.ColumnLogProb)}
	if c.Trace != Exact {
		fields = append(fields, numberField(schemas.ColumnLogProbSE))
	}
	return fields
}

func numberField(name string) arrow.Field {
	return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}
}

// Array is a column of numbers. The caller releases it.
func Array(mem memory.Allocator, v []float64) arrow.Array {
	b := array.NewFloat64Builder(mem)
	defer b.Release()
	b.AppendValues(v, nil)
	return b.NewArray()
}

// added are the columns that scoring adds.
func (s *stage) added() []arrow.Field {
	fields := Fields(s.config.TraceConfig)
	if s.config.BitsPerDim {
		fields = append(fields, numberField(schemas.ColumnBits))
	}
	return append(fields, flow.StatusField())
}

// scored are the rows; the parts of the flow are missing while checking.
type scored struct {
	*stage
	data       pipeline.Rows
	columns    []schemas.Column // those that the flow models, as the data has them
	conditions *condition.Source
	passed     []int // columns of the data that pass through
	status     int   // the data's own status column, which scoring continues; -1 is none
	schema     *arrow.Schema
	flow       *flow.Flow
	solver     solver.Solver
	trace      Trace

	mu      sync.Mutex
	summary map[string]any // filled, with the two below, by the first stream that ends
	metrics map[string]float64
	report  *Scores
}

// Schema implements pipeline.Rows.
func (s *scored) Schema() *arrow.Schema { return s.schema }

// Count implements pipeline.Rows.
func (s *scored) Count() int64 { return s.data.Count() }

// Open implements pipeline.Rows.
func (s *scored) Open(ctx context.Context) (pipeline.Stream, error) {
	if s.flow == nil {
		return nil, errors.New("likelihood: rows of a check have no content")
	}
	in, err := s.data.Open(ctx)
	if err != nil {
		return nil, err
	}
	out := &stream{scored: s, in: in, instead: make([]float64, s.flow.Dim())}
	if err := s.flow.Generated(out.instead, nil, 1); err != nil {
		in.Close()
		return nil, err
	}
	for _, t := range s.flow.Transforms {
		if d, ok := t.(transform.Discrete); ok {
			out.bins += d.LogBin()
		}
	}
	return out, nil
}

// stream is one reading: a batch is scored when it is asked for.
type stream struct {
	*scored
	in   pipeline.Stream
	next int64 // number of the next row
	// instead is a row of the kind of the data: what 0 of model space is.
	instead []float64
	bins    float64 // sum of the logarithms of the bins of discrete transforms
	tally   flow.Tally
	spread  spread
	trip    trip
	err     error
}

// Next implements pipeline.Stream.
func (s *stream) Next(ctx context.Context) (arrow.Record, error) {
	if s.err != nil {
		return nil, s.err
	}
	rec, err := s.in.Next(ctx)
	if err == nil {
		defer rec.Release()
		rec, err = s.score(ctx, rec)
	}
	if err == io.EOF {
		s.finish()
	}
	s.err = err
	return rec, err
}

// score appends its columns to a record, whose own columns are shared. Long
// records are solved in pieces.
func (s *stream) score(ctx context.Context, rec arrow.Record) (arrow.Record, error) {
	rows, d, w := int(rec.NumRows()), s.flow.Dim(), s.flow.Width()
	x := make([]float64, rows*d)
	if err := schemas.Numbers(x, rec, s.columns); err != nil {
		return nil, s.placed(err, rows)
	}
	held := make([]float32, rows*(w-d))
	if w > d {
		if err := s.conditions.Write(held, w-d, 0, rec, s.next); err != nil {
			return nil, flow.AtPort(err, "data")
		}
	}
	before := s.before(rec)
	for r, status := range before {
		if status != solver.OK.String() { // a row that its sampler could not make is not scored
			copy(x[r*d:(r+1)*d], s.instead)
		}
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, schemas.Errorf(schemas.NonFinite, "row %d has %v in column %q", s.next+int64(i/d), v, s.flow.Description.Names()[i%d])
		}
	}
	if w > d {
		data := x
		x = make([]float64, rows*w)
		s.flow.SetData(x, data)
		s.flow.SetConditions(x, held)
	}
	logp, se, status := make([]float64, rows), make([]float64, rows), make([]string, 0, rows)
	for r := 0; r < rows; {
		if flow.Interrupted(s.env) {
			return nil, pipeline.ErrInterrupted
		}
		n := min(s.config.Batch, rows-r)
		report, err := LogMeanProb(ctx, s.flow, s.solver, logp[r:], se[r:], x[r*w:], s.next, n, s.config.Draws, s.trace)
		if err != nil {
			return nil, fmt.Errorf("likelihood: rows %d to %d: %w", s.next, s.next+int64(n)-1, err)
		}
		if check := int(min(int64(n), s.config.RoundTrip-s.next)); check > 0 {
			away := make([]float64, check)
			if err := RoundTrip(ctx, s.flow, s.solver, away, x[r*w:], s.next, check); err != nil {
				return nil, err
			}
			s.trip.add(away)
		}
		for i, v := range report.Status {
			status = append(status, v.String())
			if k := r + i; before != nil && before[k] != solver.OK.String() {
				status[k], logp[k], se[k] = before[k], math.NaN(), math.NaN()
			}
		}
		s.tally.Add(report)
		s.spread.add(logp[r : r+n])
		r, s.next = r+n, s.next+int64(n)
		if s.env.Emit != nil {
			s.env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageProgress, Stage: s.env.Stage, Done: s.next, Total: max(s.Count(), 0), Unit: "rows"})
		}
	}
	return s.append(rec, logp, se, status), nil
}

// placed says where in the data the batch of an error is.
func (s *stream) placed(err error, rows int) error {
	e := *schemas.Errors(err, schemas.StageFailed)[0]
	e.Message = fmt.Sprintf("in the batch of rows %d to %d: %s", s.next, s.next+int64(rows)-1, e.Message)
	return &e
}

// before is the status that rows came with, nil when they came with none.
func (s *stream) before(rec arrow.Record) []string {
	if s.scored.status < 0 {
		return nil
	}
	column := rec.Column(s.scored.status).(*array.String)
	out := make([]string, column.Len())
	for i := range out {
		out[i] = column.Value(i)
	}
	return out
}

func (s *stream) append(rec arrow.Record, logp, se []float64, status []string) arrow.Record {
	mem := s.env.Alloc
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	var columns []arrow.Array
	for _, i := range s.passed {
		columns = append(columns, rec.Column(i))
	}
	own := len(columns)
	number := func(v []float64) { columns = append(columns, Array(mem, v)) }
	number(logp)
	if s.config.Trace != Exact {
		number(se)
	}
	if s.config.BitsPerDim {
		bits := make([]float64, len(logp))
		for i, v := range logp {
			bits[i] = s.bits(v)
		}
		number(bits)
	}
	columns = append(columns, flow.StatusArray(mem, status))
	out := array.NewRecord(s.schema, columns, rec.NumRows())
	for _, c := range columns[own:] {
		c.Release()
	}
	return out
}

// bits are those that a row takes for each dimension, with the values of a
// discrete transform as what they are: values, not densities.
func (s *stream) bits(logp float64) float64 {
	return -(logp + s.bins) / (float64(s.flow.Dim()) * math.Ln2)
}

// WarnOfOne warns of an estimate without a standard error.
func (t Trace) WarnOfOne(env pipeline.Env) {
	if t.Probes > 0 && t.quads() == 1 && env.Emit != nil {
		env.Emit(pipeline.Event{Type: pipeline.StageWarning, Stage: env.Stage, Message: "one probe has no standard error: log_prob_se is not a number; set probes to 2 or more (6 for hutchpp)"})
	}
}

// finish fills what Run gave, once for all streams: they are all the same.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.summary) > 0 || s.tally.Rows == 0 {
		return
	}
	*s.report = s.spread.scores()
	s.tally.Summarize(s.summary)
	s.tally.WarnNotOK(s.env)
	if s.report.Rows > 0 {
		s.summary["mean_log_prob"], s.metrics["mean_log_prob"] = s.report.Mean, s.report.Mean
	}
	if s.report.Rows > 1 {
		s.summary["mean_log_prob_se"], s.metrics["mean_log_prob_se"] = s.report.SE, s.report.SE
	}
	if s.config.BitsPerDim && s.report.Rows > 0 {
		bits := s.bits(s.report.Mean)
		s.summary["mean_bits_per_dim"], s.metrics["mean_bits_per_dim"] = bits, bits
	}
	if s.trip.Rows > 0 {
		s.report.RoundTrip = s.trip.done()
		s.summary["round_trip_max"], s.summary["round_trip_rms"] = s.trip.Max, s.report.RoundTrip.RMS
		s.summary["round_trip_rows"] = s.trip.Rows
	}
}

// Close implements pipeline.Stream.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = errors.New("likelihood: stream is closed")
	}
	return s.in.Close()
}

// moved is how many rows a worker of a solver moves at a time, usually.
const moved = 256

// Room is an error at the key probes when the probes of rows of width columns, and the
// integrals of a batch, one for every probe, take more than half of the memory of the
// run.
func (c TraceConfig) Room(env pipeline.Env, batch, width int) error {
	t := c.With(0)
	if t.HutchPP {
		t = t.within(width)
	}
	if t.Probes == 0 || env.Memory <= 0 {
		return nil
	}
	// A worker holds the probes twice, as float32, or Hutch++'s and their products, and
	// the slopes of the integrals for the stages of a step.
	const stages = 7
	tile := float64(min(batch, moved) * max(env.Threads, 1))
	each := tile*(2*4*float64(width)+8*stages) + 8*float64(batch) // of a probe
	need := float64(t.Probes) * each
	if need <= float64(env.Memory/2) {
		return nil
	}
	suggest := "set a smaller batch"
	if fit := int(float64(env.Memory/2) / each); fit >= 3 {
		suggest = fmt.Sprintf("set probes: %d", fit/3*3)
	}
	return schemas.Errorf(schemas.TooLarge, "%d probes of %d columns take %.0f MiB, which is more than half of the memory of the run, %d MiB", t.Probes, width, need/(1<<20), env.Memory>>20).
		At("probes").Suggest(suggest + ", or allow the run more memory")
}
