package sampler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// trajectoryRows is how many rows a report follows through time.
const trajectoryRows = 256

// RowsConfig says which rows a sampler makes.
type RowsConfig struct {
	Rows       *int64         `yaml:"rows" json:"rows,omitempty" doc:"number of rows to make; with the input cond, whose rows are taken again from the first one when they end, as many as it has when left out" min:"1"`
	Given      map[string]any `yaml:"given" json:"given,omitempty" doc:"values of the flow's conditions, by name, for all rows"`
	Guidance   float64        `yaml:"guidance" json:"guidance" doc:"weight of classifier-free guidance: 1 is none, 0 leaves the conditions out, more than 1 exaggerates them; for flows trained with drop_conditions" min:"0"`
	Seed       *uint64        `yaml:"seed" json:"seed,omitempty" doc:"seed of the base draws; the pipeline's when left out"`
	Trajectory []float64      `yaml:"trajectory" json:"trajectory,omitempty" doc:"increasing times at which the report shows the first 256 rows" min:"0" max:"1"`
	Batch      int            `yaml:"batch" json:"batch" doc:"rows that are solved together; changes no row, unless the solver has one step for a batch" min:"1" max:"1048576"`
}

// Config is the configuration of sampler/ode.
type Config struct {
	RowsConfig
	LogProb     bool           `yaml:"log_prob" json:"log_prob" doc:"also give the log-density of every row, in nats, integrated on the way; of the row before values of columns of whole numbers are rounded"`
	Fix         map[string]any `yaml:"fix" json:"fix,omitempty" doc:"values of some columns of the data, by name, that all rows are to have: the others are drawn given them (inpainting), as well as levels and corrections allow"`
	Levels      int            `yaml:"levels" json:"levels" doc:"with fix: times at which the other columns are corrected, and solves on the way" min:"1" max:"100000"`
	Corrections int            `yaml:"corrections" json:"corrections" doc:"with fix: steps of Langevin's dynamics at every level" min:"0" max:"100000"`
	likelihood.TraceConfig
}

// Validate reports what the tags of the fields cannot say.
func (c Config) Validate() error {
	if !c.LogProb && (c.Trace != likelihood.Exact || c.Probes != nil || c.Noise != "") {
		return schemas.Errorf(schemas.Conflict, "without log_prob there is no trace to compute").At("trace").Suggest("write log_prob: true, or leave trace, probes and noise out")
	}
	if err := c.TraceConfig.Validate(); err != nil {
		return err
	}
	if c.Fix != nil && c.LogProb {
		return schemas.Errorf(schemas.Conflict, "rows with fixed columns have no density").At("log_prob").Suggest("leave it out")
	}
	if c.Fix != nil && len(c.Trajectory) > 0 {
		return schemas.Errorf(schemas.Conflict, "rows with fixed columns are not followed").At("trajectory").Suggest("leave it out")
	}
	if n := (Fix{Levels: c.Levels, Steps: c.Corrections}).corrections(); c.Fix != nil && n > mostCorrections {
		return schemas.Errorf(schemas.OutOfRange, "%d levels of %d corrections are %d, and random numbers of a row have addresses for %d", c.Levels, c.Corrections, n, int64(mostCorrections)).
			At("corrections").Suggest("set fewer levels or corrections")
	}
	return c.RowsConfig.Validate()
}

// Validate reports what the tags of the fields cannot say.
func (c RowsConfig) Validate() error {
	for i := 1; i < len(c.Trajectory); i++ {
		if !(c.Trajectory[i] > c.Trajectory[i-1]) {
			return schemas.Errorf(schemas.OutOfRange, "times must increase, and %v comes after %v", c.Trajectory[i], c.Trajectory[i-1]).At("trajectory")
		}
	}
	return nil
}

// rows is the number of rows to make, 0 for as many as there are conditions.
func (c RowsConfig) rows() int64 {
	if c.Rows == nil {
		return 0
	}
	return *c.Rows
}

// Register adds the kind sampler and its implementations. parts makes flows
// from their files.
func Register(r *pipeline.Registry, parts flow.Registry) {
	r.AddKind(pipeline.Kind{
		Name: "sampler",
		Doc:  "makes rows of data from a trained flow or an exact model",
		Ports: []pipeline.Port{
			{Name: "flow", Doc: "a trainer, a saved flow or an exact model", Takes: pipeline.GivesFlow, Also: "model"},
			{Name: "cond", Doc: "rows whose columns are the conditions of the rows to make, one for one", Takes: pipeline.GivesRows, Optional: true},
			{Name: "solver", Doc: "integrates the flow's field", Takes: pipeline.GivesService, Kind: "solver", Optional: true, Default: "dopri5"},
			{Name: "path", Doc: "the flow as if it had been trained on this affine path; its own when left out", Takes: pipeline.GivesService, Kind: "path", Optional: true},
		},
		Gives:  pipeline.GivesRows,
		Stored: true,
	})
	impl := pipeline.Register(r, "sampler", "ode", "moves draws of the base along the flow's field from t = 0 to t = 1",
		Config{RowsConfig: RowsConfig{Guidance: 1, Batch: 8192}, Levels: 100, Corrections: 10, TraceConfig: likelihood.TraceConfig{Trace: likelihood.Exact}},
		func(_ context.Context, env pipeline.Env, c Config) (pipeline.Stage, error) {
			return &stage{env: env, config: c, parts: parts}, nil
		})
	impl.Example = "{rows: 100000}"
	kind, _ := r.Kind("sampler")
	impl.Ports = append(slices.Clone(kind.Ports), pipeline.Port{Name: "source", Takes: pipeline.GivesRows, Optional: true,
		Doc: "rows to start from, for a flow that was trained from rows of a table: one made row for each, in their order"})
	impl = pipeline.Register(r, "sampler", "sde", "moves draws of the base along the flow's field with noise on the way, by Euler and Maruyama or a stochastic Heun",
		SDEConfig{RowsConfig: RowsConfig{Guidance: 1, Batch: 8192}, Diffusion: DiffusionConfig{Use: flow.DiffusionSigma, Scale: 1}},
		func(_ context.Context, env pipeline.Env, c SDEConfig) (pipeline.Stage, error) {
			return &stage{env: env, config: Config{RowsConfig: c.RowsConfig}, parts: parts, noise: &stochastic{flow.Diffusion(c.Diffusion)}}, nil
		})
	impl.Example = "{rows: 10000, diffusion: {use: constant, scale: 0.5}}"
}

type stage struct {
	env    pipeline.Env
	config Config
	parts  flow.Registry
	noise  *stochastic // nil for ode
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
	if _, err := flow.SolverFor(d, in["solver"], "solver"); err != nil {
		return pipeline.Outputs{}, err
	}
	if s.config.LogProb {
		if err := s.config.CheckDiscrete(d); err != nil {
			return pipeline.Outputs{}, err
		}
	}
	if s.noise != nil {
		if err := flow.Continuous(d, "flow"); err != nil {
			return pipeline.Outputs{}, err
		}
	}
	if s.config.Fix != nil {
		if err := d.CheckIndependent("fix", "where fixed columns come from"); err != nil {
			return pipeline.Outputs{}, err
		}
	}
	if d.Discrete() && s.config.Fix != nil {
		return pipeline.Outputs{}, schemas.Errorf(schemas.Conflict, "columns are fixed on the way from noise to data, and a discrete flow (model %s) has none", d.Model.Use).
			At("fix").Suggest("leave the key out")
	}
	if d.Discrete() && len(s.config.Trajectory) > 0 {
		return pipeline.Outputs{}, schemas.Errorf(schemas.Conflict, "a discrete flow (model %s) has no times between noise and data", d.Model.Use).
			At("trajectory").Suggest("leave the key out")
	}
	if err := flow.CheckPath(src, d, s.parts, in["path"].Service, "path"); err != nil {
		return pipeline.Outputs{}, err
	}
	if s.noise != nil {
		if err := s.noise.check(src, in); err != nil {
			return pipeline.Outputs{}, err
		}
		if err := d.CheckIndependent("from.flow", "a score"); err != nil {
			return pipeline.Outputs{}, err
		}
		if err := d.CheckDensity("from.flow"); err != nil {
			return pipeline.Outputs{}, err
		}
	}
	if err := flow.CheckSource(d, in["source"], "source"); err != nil {
		return pipeline.Outputs{}, err
	}
	if s.config.LogProb {
		if err := errors.Join(d.CheckDensity("log_prob"), s.config.Room(s.env, s.config.Batch, d.Dim+d.Conditions.Held())); err != nil {
			return pipeline.Outputs{}, err
		}
	}
	rows, err := s.rows(&d, in["cond"].Rows)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return pipeline.Outputs{Rows: map[string]pipeline.Rows{"": rows}}, nil
}

// Run implements pipeline.Stage. Rows are made when the stream is pulled; the
// summary is complete when a stream has ended.
func (s *stage) Run(ctx context.Context, in pipeline.Inputs) (out pipeline.Outputs, err error) {
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
	rows, err := s.rows(&f.Description, in["cond"].Rows)
	if err != nil {
		return out, err
	}
	if f, err = f.Guided(rows.guidance(&f.Description)); err != nil {
		return out, err
	}
	if f, err = f.FromSource(ctx, s.env, in["source"], "source", max(0, rows.Count())); err != nil {
		return out, err
	}
	rows.flow, rows.summary = f, map[string]any{}
	if rows.solver, err = flow.SolverFor(f.Description, in["solver"], "solver"); err != nil {
		return out, err
	}
	seed := s.env.Seed
	if s.config.Seed != nil {
		seed = *s.config.Seed
	}
	if s.noise != nil {
		if rows.flow, rows.solver, err = s.noise.prepare(f, in, s.env, seed); err != nil {
			return out, err
		}
		f = rows.flow
	}
	rows.key = random.NewKey(seed, s.env.Stage, "base")
	if rows.fix != nil {
		rows.fix.Key = random.NewKey(seed, s.env.Stage, "fix")
	}
	if s.config.LogProb {
		if err := s.config.Fits(f); err != nil {
			return out, err
		}
		rows.trace = s.config.With(random.NewKey(seed, s.env.Stage, "probes"))
		rows.trace.WarnOfOne(s.env)
	}
	out.Rows, out.Summary = map[string]pipeline.Rows{"": rows}, rows.summary
	if len(s.config.Trajectory) > 0 {
		n := trajectoryRows
		if count := rows.Count(); count >= 0 {
			n = int(min(count, trajectoryRows))
		}
		given := rows.given.Open(s.config.rows() > 0)
		defer given.Close()
		values, n, err := given.Next(ctx, n)
		if err != nil {
			return out, flow.AtPort(err, "cond")
		}
		held := make([]float32, n*f.Held())
		if err := rows.given.Columns.Encode(held, values, 0); err != nil {
			return out, flow.AtPort(err, "cond")
		}
		t, err := Trajectory(ctx, f, rows.solver, rows.key, 0, n, s.config.Trajectory, held)
		if err != nil {
			return out, err
		}
		out.Report = []pipeline.ReportItem{{Kind: "trajectory", Data: t}}
	}
	return out, nil
}

// conditions are those of the rows to make.
func (s *stage) conditions(d *flow.Description, table pipeline.Rows) (*condition.Supply, error) {
	c, names := s.config, strings.Join(d.Conditions.Names(), ", ")
	none := c.Given == nil && table == nil
	var errs []error
	switch {
	case len(d.Conditions) == 0 && c.Given != nil:
		errs = append(errs, schemas.Errorf(schemas.Conflict, "the flow has no conditions").At("given").Suggest("leave the key out"))
	case len(d.Conditions) == 0 && table != nil:
		errs = append(errs, schemas.Errorf(schemas.Conflict, "the flow has no conditions").At("from.cond").Suggest("leave the input out"))
	case c.Given != nil && table != nil:
		errs = append(errs, schemas.Errorf(schemas.Conflict, "given and the input cond both say what the rows are conditional on").At("given").Suggest("keep one"))
	case len(d.Conditions) > 0 && none && d.Discrete():
		errs = append(errs, schemas.Errorf(schemas.MissingKey, "the flow is conditional on %s, and nothing says what the rows are to be given", names).At("given").
			Suggest("write `given`, or join the input cond"))
	case len(d.Conditions) > 0 && none && d.Dropped == 0:
		errs = append(errs, schemas.Errorf(schemas.MissingKey, "the flow is conditional on %s, and nothing says what the rows are to be given", names).At("given").
			Suggest("write `given`, join the input cond, or train with drop_conditions to sample without conditions"))
	}
	if none && len(d.Conditions) > 0 && c.Guidance != 1 {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "rows without conditions have nothing to be guided by").At("guidance").Suggest("leave the key out"))
	} else {
		errs = append(errs, d.Guidable(c.Guidance))
	}
	if c.Rows == nil && table == nil {
		errs = append(errs, schemas.Errorf(schemas.MissingKey, "the key \"rows\" is missing").At("rows").Suggest("say how many rows to make"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	given, err := condition.NewSupply(d.Conditions, c.Given, table)
	switch {
	case err == nil:
		return given, nil
	case table != nil:
		return nil, flow.AtPort(err, "cond")
	}
	for _, e := range schemas.Errors(err, schemas.UnknownValue) {
		at := *e
		if at.Path = "given." + e.Path; e.Path == "" {
			at.Path = "given"
		}
		errs = append(errs, &at)
	}
	return nil, errors.Join(errs...)
}

// fixed are the columns to fix, in the order of the flow's.
func (s *stage) fixed(columns []schemas.Column) (*Fix, error) {
	if s.config.Fix == nil {
		return nil, nil
	}
	fix := &Fix{Levels: s.config.Levels, Steps: s.config.Corrections}
	var names []string
	var errs []error
	at := 0
	for _, c := range columns {
		names = append(names, c.Name)
		v, ok := s.config.Fix[c.Name]
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		if ok && len(list) != c.Dims() {
			errs = append(errs, schemas.Errorf(schemas.UnknownValue, "column %q has %d numbers, not %d", c.Name, c.Dims(), len(list)).At("fix."+c.Name))
		}
		for i := 0; ok && i < min(len(list), c.Dims()); i++ {
			x, number := list[i].(float64)
			if !number {
				errs = append(errs, schemas.Errorf(schemas.UnknownValue, "column %q is made of numbers, and %v is none", c.Name, list[i]).At("fix."+c.Name))
			}
			fix.Columns, fix.Values = append(fix.Columns, at+i), append(fix.Values, x)
		}
		at += c.Dims()
	}
	for name := range s.config.Fix {
		if !slices.Contains(names, name) {
			e := schemas.Errorf(schemas.UnknownColumn, "the flow has no column %q", name).At("fix." + name)
			if near := pipeline.DidYouMean(name, names); near != "" {
				e.Suggest(near)
			}
			errs = append(errs, e)
		}
	}
	if len(errs) == 0 && (len(fix.Columns) == 0 || len(fix.Columns) == at) {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "%d of %d columns are fixed: some must be, and some must be left to draw", len(fix.Columns), at).At("fix"))
	}
	return fix, errors.Join(errs...)
}

// guidance is the weight that a flow is sampled with: 0 when it has conditions and
// the rows do not.
func (s *sampled) guidance(d *flow.Description) float64 {
	if len(d.Conditions) > 0 && len(s.given.Columns) == 0 {
		return 0
	}
	return s.config.Guidance
}

func (s *stage) rows(d *flow.Description, table pipeline.Rows) (*sampled, error) {
	given, err := s.conditions(d, table)
	if err != nil {
		return nil, err
	}
	fix, err := s.fixed(d.Columns)
	if err != nil {
		return nil, err
	}
	fields, err := schemas.Fields(d.Columns)
	if err != nil {
		return nil, err
	}
	marked, err := given.Columns.Fields()
	if err != nil {
		return nil, err
	}
	fields = append(fields, marked...)
	added := []arrow.Field{flow.StatusField()}
	if s.config.LogProb {
		added = append(likelihood.Fields(s.config.TraceConfig), added...)
	}
	for _, f := range fields {
		if slices.ContainsFunc(added, func(a arrow.Field) bool { return a.Name == f.Name }) {
			return nil, schemas.Errorf(schemas.Conflict, "a data column is named %q, as a column that the sampler adds", f.Name).
				At("from.flow").Suggest("rename the data column")
		}
	}
	fields = append(fields, added...)
	return &sampled{stage: s, columns: d.Columns, given: given, fix: fix, schema: arrow.NewSchema(fields, nil)}, nil
}

// sampled are the rows; the parts of the flow are missing while checking.
type sampled struct {
	*stage
	columns []schemas.Column
	given   *condition.Supply
	fix     *Fix // nil where nothing is fixed
	schema  *arrow.Schema
	flow    *flow.Flow
	solver  solver.Solver
	key     random.Key
	trace   likelihood.Trace // of log_prob

	mu      sync.Mutex
	summary map[string]any // filled by the first stream that ends
}

// Schema implements pipeline.Rows.
func (s *sampled) Schema() *arrow.Schema { return s.schema }

// Count implements pipeline.Rows.
func (s *sampled) Count() int64 {
	if s.config.rows() > 0 {
		return s.config.rows()
	}
	return s.given.Count()
}

// Open implements pipeline.Rows.
func (s *sampled) Open(context.Context) (pipeline.Stream, error) {
	if s.flow == nil {
		return nil, errors.New("sampler: rows of a check have no content")
	}
	return &stream{sampled: s, given: s.given.Open(s.config.rows() > 0)}, nil
}

// stream is one reading: it makes a batch when it is asked for one.
type stream struct {
	*sampled
	given *condition.Supplied
	next  int64
	tally flow.Tally
	err   error
}

// Next implements pipeline.Stream.
func (s *stream) Next(ctx context.Context) (arrow.Record, error) {
	if s.err != nil {
		return nil, s.err
	}
	if flow.Interrupted(s.env) {
		s.err = pipeline.ErrInterrupted
		return nil, s.err
	}
	most := int64(s.config.Batch)
	if s.config.rows() > 0 {
		most = min(most, s.config.rows()-s.next)
	}
	values, n, err := s.given.Next(ctx, int(most))
	if err != nil {
		s.err = flow.AtPort(err, "cond")
		return nil, s.err
	}
	if n == 0 {
		s.finish()
		s.err = io.EOF
		return nil, s.err
	}
	rec, err := s.batch(ctx, values, n)
	if err != nil {
		s.err = err
		return nil, err
	}
	s.next += rec.NumRows()
	if s.env.Emit != nil {
		s.env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageProgress, Stage: s.env.Stage, Done: s.next, Total: max(s.Count(), 0), Unit: "rows"})
	}
	return rec, nil
}

func (s *stream) batch(ctx context.Context, values []condition.Value, rows int) (arrow.Record, error) {
	x, held := make([]float64, rows*s.flow.Width()), make([]float32, rows*s.flow.Held())
	if err := s.given.Columns.Encode(held, values, s.next); err != nil {
		return nil, flow.AtPort(err, "cond")
	}
	s.flow.SetConditions(x, held)
	var logp, se []float64
	var report solver.Report
	var err error
	switch {
	case s.fix != nil:
		report, err = Inpaint(ctx, s.flow, s.solver, x, s.key, s.next, rows, *s.fix)
	case s.config.LogProb:
		logp, se = make([]float64, rows), make([]float64, rows)
		draw(s.flow, x, s.key, s.next, rows)
		report, err = likelihood.Generate(ctx, s.flow, s.solver, x, logp, se, s.next, rows, s.trace)
	default:
		report, err = Sample(ctx, s.flow, s.solver, x, s.key, s.next, rows)
	}
	if err != nil {
		return nil, fmt.Errorf("sampler: rows %d to %d: %w", s.next, s.next+int64(rows)-1, err)
	}
	s.tally.Add(report)
	mem := s.env.Alloc
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	arrays, err := schemas.Build(mem, s.columns, s.flow.Data(x), rows)
	if err != nil {
		return nil, err
	}
	conditions, err := s.given.Columns.Build(mem, values)
	if err != nil {
		for _, a := range arrays {
			a.Release()
		}
		return nil, err
	}
	arrays = append(arrays, conditions...)
	if s.config.LogProb {
		arrays = append(arrays, likelihood.Array(mem, logp))
		if s.config.Trace != likelihood.Exact {
			arrays = append(arrays, likelihood.Array(mem, se))
		}
	}
	arrays = append(arrays, flow.StatusArray(mem, flow.StatusWords(report.Status)))
	rec := array.NewRecord(s.schema, arrays, int64(rows))
	for _, a := range arrays {
		a.Release()
	}
	return rec, nil
}

// finish fills the summary, once for all streams: they are all the same.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.summary) == 0 {
		s.tally.Summarize(s.summary)
		s.tally.WarnNotOK(s.env)
	}
}

// Close implements pipeline.Stream.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = errors.New("sampler: stream is closed")
	}
	return s.given.Close()
}

// usualSteps are those of a stochastic sampler that is given no solver.
const usualSteps = 200

// SDEConfig is the configuration of sampler/sde.
type SDEConfig struct {
	RowsConfig
	Diffusion DiffusionConfig `yaml:"diffusion" json:"diffusion" doc:"the noise on the way; every choice gives rows of the same distribution"`
}

// DiffusionConfig is a flow.Diffusion.
type DiffusionConfig struct {
	Use   string  `yaml:"use" json:"use" doc:"constant: g = scale, for a bridge its sigma; sigma: g² = scale² times the noise that is left; zero: none" enum:"constant,sigma,zero"`
	Scale float64 `yaml:"scale" json:"scale" doc:"how much noise" min:"0" max:"1000"`
}

// stochastic is what sde does otherwise than ode.
type stochastic struct{ diffusion flow.Diffusion }

// solver is the method of a port: one with fixed steps to which noise can be added,
// or the method of Euler and Maruyama where nothing is joined to it.
func (c *stochastic) solver(in pipeline.Input, threads int) (m *solver.Method, err error) {
	given, ok := in.Service.(*solver.Method)
	if ok && in.From == "" && given.Adaptive() {
		given = &solver.Method{Tableau: solver.Euler(), Options: solver.Options{Steps: usualSteps, Workers: threads}}
	}
	if ok {
		m = &solver.Method{Tableau: given.Tableau, Options: given.Options}
		m.Options.Stochastic = true
		ok = m.Check() == nil
	}
	if !ok {
		return nil, schemas.Errorf(schemas.Conflict, "this solver cannot add noise to its steps").At("from.solver").
			Suggest("join euler, or heun, with the steps that you want, or leave the port out")
	}
	return m, nil
}

// check says before anything runs what the flow lacks.
func (c *stochastic) check(src flow.Source, in pipeline.Inputs) error {
	if _, err := c.solver(in["solver"], 1); err != nil {
		return err
	}
	if src.Exact != nil {
		if _, ok := src.Exact.(interface{ Path() path.Path }); !ok {
			return schemas.Errorf(schemas.Conflict, "the model does not say which path it is on, as one in another process does not: there is no score").
				At("from.flow").Suggest("use sampler ode, or run the model in the host")
		}
	}
	return nil
}

// prepare gives the flow its noise and the solver that adds it.
func (c *stochastic) prepare(f *flow.Flow, in pipeline.Inputs, env pipeline.Env, seed uint64) (*flow.Flow, *solver.Method, error) {
	m, err := c.solver(in["solver"], env.Threads)
	if err != nil {
		return nil, nil, err
	}
	out, err := f.Stochastic(c.diffusion, m, random.NewKey(seed, env.Stage, "noise"))
	if errors.Is(err, path.ErrNotAffine) {
		err = schemas.Errorf(schemas.Conflict, "the flow is on a path that is not affine: there is no score")
	}
	if err != nil {
		return nil, nil, flow.AtPort(err, "flow")
	}
	return out, m, nil
}
