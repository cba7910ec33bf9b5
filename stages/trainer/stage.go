package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/condition"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// Register adds the kind trainer with its implementations. made makes flows from
// their files.
func Register(r *pipeline.Registry, made flow.Registry) {
	r.AddKind(pipeline.Kind{
		Name: "trainer", Gives: pipeline.GivesFlow,
		Doc: "fits a model to rows and gives a trained flow",
		Ports: []pipeline.Port{
			{Name: "data", Takes: pipeline.GivesRows, Doc: "rows to train on: the training split, after its transforms"},
			{Name: "valid", Takes: pipeline.GivesRows, Optional: true, Doc: "rows to validate on"},
			{Name: "path", Takes: pipeline.GivesService, Kind: "path", Default: "condot", Doc: "the way from noise to data"},
			{Name: "coupling", Takes: pipeline.GivesService, Kind: "coupling", Default: "independent", Doc: "which noise goes with which row"},
			{Name: "model", Takes: pipeline.GivesService, Kind: "model", Doc: "the model to train"},
		},
	})
	i := pipeline.Register(r, "trainer", "cfm", "conditional flow matching: regression on the velocity of a path between noise and data (Lipman et al. 2023)", DefaultConfig(),
		func(_ context.Context, env pipeline.Env, c Config) (pipeline.Stage, error) {
			return &cfm{env: env, config: c, made: made}, nil
		})
	i.Example = "{steps: 5000, batch: 1024, optimizer: {use: adamw, lr: 1e-3}, schedule: cosine, ema: 0.999}"
	kind, _ := r.Kind("trainer")
	i.Ports = append(slices.Clone(kind.Ports), pipeline.Port{Name: "source", Takes: pipeline.GivesRows, Optional: true,
		Doc: "rows to start from in place of noise, with the data file's columns; the flow's transforms are applied to them"})
	i = pipeline.Register(r, "trainer", "reflow", "rectified flow: a straighter flow, trained on noise and what another flow makes of it (Liu et al. 2023); distill: one that is one Euler step", DefaultReflowConfig(),
		func(_ context.Context, env pipeline.Env, c ReflowConfig) (pipeline.Stage, error) {
			return &reflow{cfm: cfm{env: env, config: c.Config, made: made}, config: c}, nil
		})
	i.Example = "{pairs: 100000, steps: 5000, batch: 1024, schedule: cosine}"
	i.Ports = []pipeline.Port{
		{Name: "flow", Takes: pipeline.GivesFlow, Also: "model", Doc: "the flow to straighten: a trainer, a saved flow or an exact model"},
		{Name: "solver", Takes: pipeline.GivesService, Kind: "solver", Optional: true, Default: "dopri5", Doc: "makes rows of noise"},
		{Name: "model", Takes: pipeline.GivesService, Kind: "model", Optional: true, Doc: "the model to train; that of the flow when left out"},
	}
	i = pipeline.Register(r, "trainer", "mle", "maximum likelihood: fits a discrete flow (nice, realnvp, glow, maf, iaf, nsf, planar) or a vector field (ffjord, mlp, resmlp) by its log-density, in nats per row", DefaultLikelihoodConfig(),
		func(_ context.Context, env pipeline.Env, c LikelihoodConfig) (pipeline.Stage, error) {
			return &mle{cfm: cfm{env: env, config: c.common(), made: made}, patience: c.Patience, variational: c.Variational, field: c.Field}, nil
		})
	i.Example = "{epochs: 50, batch: 512, optimizer: {use: adam, lr: 1e-3}, schedule: cosine, patience: 10}"
	i.Ports = []pipeline.Port{
		{Name: "data", Takes: pipeline.GivesRows, Doc: "rows to train on: the training split, after its transforms"},
		{Name: "valid", Takes: pipeline.GivesRows, Optional: true, Doc: "rows to validate on"},
		{Name: "model", Takes: pipeline.GivesService, Kind: "model", Optional: true, Doc: "the discrete flow or the vector field to train"},
		{Name: "solver", Takes: pipeline.GivesService, Kind: "solver", Optional: true, Default: "dopri5", Doc: "of a vector field: integrates it, and is gone back along"},
		{Name: "flow", Takes: pipeline.GivesFlow, Optional: true, Doc: "instead of model: a flow that was trained before, whose vector field is trained on"},
	}
}

// cfm is the stage.
type cfm struct {
	env    pipeline.Env
	config Config
	made   flow.Registry // what flows are made of
}

// parts are the inputs of the stage, understood.
type parts struct {
	data, valid *table        // valid may be nil
	source      pipeline.Rows // nil: noise
	path        path.Described
	coupling    coupling.Coupling
	model       model.Definition
	target      path.Prediction
	flow        flow.Description
}

// Check understands the inputs and describes the flow to come.
func (s *cfm) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	p, err := s.parts(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	if s.config.Loss.Use != "mse" {
		net, err := model.Build(p.model, p.data.layout.Dim, p.data.layout.Held)
		if err != nil {
			return pipeline.Outputs{}, err
		}
		if _, ok := net.(model.Robust); !ok {
			return pipeline.Outputs{}, oneLoss(p.model)
		}
	}
	return s.planned(p), nil
}

// planned is the flow to come.
func (s *cfm) planned(p *parts) pipeline.Outputs {
	out := pipeline.Outputs{Flow: &flow.Source{Planned: &p.flow}, Files: s.files()}
	if count := p.data.rows.Count(); s.config.Epochs == nil || count > 0 {
		out.Summary = map[string]any{"steps": s.config.steps(count)} // for the plan
	}
	return out
}

// Restore gives the flow of an earlier run.
func (s *cfm) Restore(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	p, err := s.parts(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return s.outputs(p), nil
}

func (s *cfm) files() []string {
	return []string{s.env.Stage + ".safetensors", s.env.Stage + ".metrics.parquet"}
}

func (s *cfm) outputs(p *parts) pipeline.Outputs {
	f := s.files()
	return pipeline.Outputs{Flow: &flow.Source{File: filepath.Join(s.env.Out, f[0]), Planned: &p.flow}, Files: f}
}

// tables understands the rows, and says what is wrong with them.
func (p *parts) tables(in pipeline.Inputs) (errs []error) {
	var err error
	if p.data, err = newTable(in, "data"); err != nil {
		errs = append(errs, err)
	}
	if in["valid"].Rows != nil {
		if p.valid, err = newTable(in, "valid"); err != nil {
			errs = append(errs, err)
		} else if p.data != nil {
			errs = append(errs, p.valid.like(p.data))
		}
	}
	return errs
}

func (s *cfm) parts(in pipeline.Inputs) (*parts, error) {
	p := &parts{}
	errs := p.tables(in)
	var err error
	switch m := in["model"].Service.(type) {
	case model.Definition:
		p.model = m
	case bijection.Definition:
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the model %s is a discrete flow, which has no velocity to match", m.Use()).
			At("from.model").Suggest("train it with `use: mle`"))
	case model.Exact:
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "an exact model is known in closed form and has nothing to train").
			At("from.model").Suggest("give it to the port `flow` of a sampler or likelihood, or train another model, as mlp"))
	default:
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the model cannot be trained here").At("from.model"))
	}
	switch v := in["path"].Service.(type) {
	case path.Described:
		p.path = v
	case *path.Described:
		p.path = *v
	default:
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the path does not say what a flow file must keep of it").At("from.path"))
	}
	if c, ok := in["coupling"].Service.(coupling.Coupling); ok {
		p.coupling = c
		if err := coupling.Fits(c, paired(c, s.config.Batch), s.env); err != nil {
			errs = append(errs, err.At("from.coupling"))
		}
		if coupling.ScopeOf(c).Conditions > 0 && p.data != nil && len(p.data.conditions) == 0 {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "the coupling weighs conditions, and the rows have none").
				At("from.coupling").Suggest("leave out condition_weight of the coupling, or name conditions where the rows are loaded"))
		}
	} else {
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the coupling cannot pair rows").At("from.coupling"))
	}
	if p.target, err = path.ParsePrediction(s.config.Target); err != nil {
		errs = append(errs, schemas.Errorf(schemas.UnknownValue, "%w", err).At("target"))
	}
	if _, ok := path.SamplerOf(p.path); ok && p.target != path.Velocity {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "the path %s is not affine: there are no coefficients that turn a prediction of the %s into a velocity", p.path.Use, s.config.Target).
			At("target").Suggest("write target: velocity, or choose an affine path"))
	} else if ok && s.config.Weight.Use != "uniform" {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "the path %s is not affine: there are no coefficients that say how errors at different times compare", p.path.Use).
			At("weight").Suggest("leave out weight, or choose an affine path"))
	}
	if s.config.Epochs == nil {
		errs = append(errs, s.config.fits(s.config.steps(0), p.valid != nil))
	}
	if p.data != nil {
		errs = append(errs, s.conditional(p))
		if rows := in["source"].Rows; rows != nil {
			p.source = rows
			_, err := flow.ColumnsAt(rows.Schema(), "source", p.data.columns)
			errs = append(errs, err, starts(p.path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	std, err := path.BaseStd(p.path.Path)
	if err != nil {
		return nil, err
	}
	p.flow = flow.Description{
		Version: flow.FormatVersion, Columns: p.data.columns, Transforms: p.data.transforms, Dim: p.data.layout.Dim,
		Conditions: p.data.conditions, Dropped: s.config.DropConditions,
		Path:   flow.Component{Use: p.path.Use, With: p.path.Config},
		Model:  flow.Component{Use: p.model.Use(), With: p.model.Config()},
		Target: s.config.Target, BaseStd: std,
	}
	if _, none := p.coupling.(coupling.Independent); !none {
		p.flow.Pairs = flow.PairsCoupled
	}
	if p.source != nil {
		p.flow.Base, p.flow.BaseStd = flow.BaseTable, 1
	}
	return p, nil
}

// conditional says what does not fit the conditions of the rows.
func (s *cfm) conditional(p *parts) error {
	if len(p.data.conditions) == 0 {
		if s.config.DropConditions > 0 {
			return schemas.Errorf(schemas.Conflict, "the rows have no conditions to drop").At("drop_conditions").
				Suggest("name the columns that are conditions in `conditions` of the loader, or leave the key out")
		}
		return nil
	}
	if _, ok := p.model.(model.Conditional); p.model != nil && !ok {
		return schemas.Errorf(schemas.WrongPort, "the model %s takes no conditions, and the rows have some: %s", p.model.Use(), strings.Join(p.data.conditions.Names(), ", ")).
			At("from.model").Suggest("choose mlp, resmlp or ffjord, or leave out `conditions` of the loader")
	}
	return nil
}

// starts says whether a path begins with x0 as it is.
func starts(p path.Described) error {
	var c [1]path.Coef
	if p.Path == nil {
		return nil
	}
	if _, curved := path.SamplerOf(p); !curved {
		if err := p.Coefficients(c[:], []float64{0}); err != nil {
			return err
		}
		if math.Abs(c[0].Alpha) < 1e-9 && math.Abs(c[0].Sigma-1) < 1e-9 {
			return nil
		}
	}
	return schemas.Errorf(schemas.Conflict, "the path %s does not begin with x0 alone, as it must where x0 are rows of a table", p.Use).At("from.path").
		Suggest("choose condot, cosine, linear-vp or icfm, or leave out the input source")
}

// load0 reads the rows to start from.
func (s *cfm) load0(ctx context.Context, p *parts) (*Source, error) {
	if p.source == nil {
		return nil, nil
	}
	var fitted []transform.Fitted
	for _, t := range p.data.transforms {
		f, err := transform.RestoreWith(s.made.Transforms, t, p.data.layout.Dim)
		if err != nil {
			return nil, err
		}
		fitted = append(fitted, f)
	}
	x, err := flow.ReadPoints(ctx, s.env, p.source, "source", p.data.columns, fitted, 0)
	if err != nil {
		return nil, err
	}
	if len(x) == 0 {
		return nil, schemas.Errorf(schemas.EmptyData, "there are no rows to start from").At("from.source")
	}
	out := &Source{X: make([]float32, len(x)), Dim: p.data.layout.Dim}
	for i, v := range x {
		out.X[i] = float32(v)
	}
	return out, nil
}

// learn fits the conditions to the training rows, which then say how they stand in
// a row; validation rows follow them. Those of a flow that is trained on stay.
func (s *cfm) learn(ctx context.Context, p *parts) error {
	if len(p.data.conditions) == 0 {
		return nil
	}
	fitted, err := p.flow.Conditions, error(nil)
	if !fitted.Fitted() {
		fitted, err = condition.Learn(ctx, p.data.conditions, p.data.rows, s.env.Stop)
	}
	if err == nil {
		err = p.data.hold(fitted)
	}
	if err == nil && p.valid != nil {
		err = p.valid.hold(fitted)
	}
	p.flow.Conditions = fitted
	return err
}

// Run trains.
func (s *cfm) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	none := pipeline.Outputs{}
	p, err := s.parts(in)
	if err != nil {
		return none, err
	}
	keys := NewKeys(s.env.Seed, s.env.Stage)
	if err := s.learn(ctx, p); err != nil {
		return none, err
	}
	if keys.Source, err = s.load0(ctx, p); err != nil {
		return none, err
	}
	rows, count, err := s.rows(ctx, p, keys)
	if err != nil {
		return none, err
	}
	defer rows.Close()
	steps := s.config.steps(count)
	if err := s.config.fits(steps, p.valid != nil); err != nil {
		return none, err
	}
	o := s.options(p, steps, keys)
	o.Path, o.Coupling, o.Time, o.Target = p.path.Path, p.coupling, s.config.Time.sampler(), p.target
	o.Loss, o.Weight, o.Drop = s.config.Loss.loss(p.data.layout.Dim), s.config.Weight.weight(), s.config.DropConditions
	if p.valid != nil {
		x, number, err := s.validation(ctx, p, keys)
		if err != nil {
			return none, err
		}
		if o.Valid, err = NewValidation(ctx, x, number, p.data.layout, o.Batch, o.Path, o.Coupling, o.Target, keys); err != nil {
			return none, err
		}
	}
	o.Resume = s.load()
	result, err := Train(ctx, p.model, p.data.layout, rows, o)
	if errors.Is(err, ErrStopped) {
		return none, pipeline.ErrInterrupted
	}
	if err != nil {
		return none, err
	}
	return s.finish(p, rows, result.Network.Tensors(), result.State)
}

// options are those that all ways to train have.
func (s *cfm) options(p *parts, steps int64, keys Keys) Options {
	log, validate, checkpoint := s.config.every(steps)
	return Options{
		Steps: steps, Batch: s.config.Batch, Accumulate: s.config.Accumulate,
		Rule: s.config.Optimizer.rule(), LR: s.config.Optimizer.LR, Schedule: s.config.Schedule.schedule(steps),
		EMA: s.config.EMA, Clip: s.config.Clip,
		ValidateEvery: validate, LogEvery: log, CheckpointEvery: checkpoint,
		Save: func(state *State) error { return s.save(p, state) },
		Stop: s.env.Stop, Keys: keys, Workers: s.env.Threads, Observe: s.observe,
	}
}

// validation draws the rows to validate on.
func (s *cfm) validation(ctx context.Context, p *parts, keys Keys) (x []float32, number []int64, err error) {
	x, number, err = Sample(ctx, p.valid.open(s.env.Stop), p.data.layout.Width(), s.config.ValidationRows, keys.Validation)
	if err == nil && len(number) == 0 {
		err = schemas.Errorf(schemas.EmptyData, "there are no rows to validate on").At("from.valid").Suggest("leave out the input valid, or give it a larger split")
	}
	return x, number, err
}

// windowBytes is what a window takes when its size is not configured: half of
// the memory that a run has when nothing is said. It does not follow the memory
// of a run, because the order of the rows, and so the weights, follow it.
const windowBytes = pipeline.DefaultMemory / 2

// rows chooses between memory and a window, and counts the rows when the number
// of steps depends on it.
func (s *cfm) rows(ctx context.Context, p *parts, keys Keys) (Rows, int64, error) {
	width := p.data.layout.Width()
	limit := s.config.Window
	each := int64(4*width + 8) // a row in a window takes its values and its number
	if limit == 0 {
		limit = max(1, windowBytes/each)
	}
	count := p.data.rows.Count()
	if held := min(limit, count); held*each > s.env.Memory/2 {
		return nil, 0, schemas.Errorf(schemas.TooLarge, "%d training rows of %d columns take %d MiB, which is more than half of the memory of the run, %d MiB", held, width, held*each>>20, s.env.Memory>>20).
			At("window").Suggest(fmt.Sprintf("set window: %d, or allow the run more memory; the order of the rows follows the window", s.env.Memory/2/each))
	}
	var x []float32
	if count <= limit {
		var err error
		if x, count, err = Load(ctx, p.data.open(s.env.Stop), width, limit, max(count, 0), s.config.Epochs != nil); err != nil {
			return nil, 0, err
		}
	}
	if count == 0 {
		return nil, 0, schemas.Errorf(schemas.EmptyData, "there are no rows to train on").At("from.data")
	}
	var rows Rows
	if x != nil {
		rows = NewMemory(x, width, keys.Shuffle)
	} else {
		rows = NewWindow(p.data.open(nil), width, limit, keys.Shuffle)
	}
	rows, err := redraw(rows, p.data.layout, p.data.transforms)
	return rows, count, err
}

func (s *cfm) observe(p Progress) {
	values := map[string]float64{"loss": p.Loss, "lr": p.LearningRate, "rows_per_second": p.RowsPerSecond}
	if p.Validation != nil {
		values["validation_loss"] = *p.Validation
	}
	if p.TransportBefore != nil {
		values["transport_before"], values["transport_after"] = *p.TransportBefore, *p.TransportAfter
	}
	s.env.Emit(pipeline.Event{Type: pipeline.StageProgress, Done: p.Step, Total: p.Steps, Unit: "steps", Values: values})
}

func (s *cfm) checkpoint() string { return filepath.Join(s.env.State, "checkpoint.safetensors") }

func (s *cfm) save(p *parts, state *State) error {
	return pipeline.StreamFile(s.checkpoint(), func(w io.Writer) error { return WriteCheckpoint(w, p.flow, s.env.Key, state) })
}

// load gives the state to go on from, if there is one for this work. A damaged
// checkpoint costs time, nothing else: training starts again.
func (s *cfm) load() *State {
	if !s.env.Resume {
		return nil
	}
	warn := func(err error) {
		s.env.Emit(pipeline.Event{Type: pipeline.StageWarning, File: s.checkpoint(),
			Message: fmt.Sprintf("the checkpoint cannot be used, training starts from scratch: %v", err)})
	}
	f, err := os.Open(s.checkpoint())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		warn(err)
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		warn(err)
		return nil
	}
	state, ok, err := ReadCheckpoint(f, info.Size(), s.env.Key)
	if err != nil {
		warn(err)
		return nil
	}
	if !ok {
		warn(errors.New("it belongs to another configuration, seed, input or program"))
		return nil
	}
	return state
}

// finish writes the flow and the metrics.
func (s *cfm) finish(p *parts, rows Rows, tensors []model.Tensor, state *State) (pipeline.Outputs, error) {
	out := s.outputs(p)
	last := state.Points[len(state.Points)-1]
	weights := 0
	for _, t := range tensors {
		weights += len(t.Data)
	}
	out.Summary = map[string]any{"steps": state.Step, "weights": weights, "loss": last.Loss}
	out.Metrics = map[string]float64{"loss": last.Loss}
	out.Summary["passes"] = rows.Cursor().Pass
	if r, ok := rows.(interface{ read() Rows }); ok {
		rows = r.read()
	}
	if w, ok := rows.(*Window); ok {
		out.Summary["window"] = w.size
	}
	if last.TransportBefore != nil {
		out.Summary["transport_before"], out.Summary["transport_after"] = *last.TransportBefore, *last.TransportAfter
	}
	training := map[string]any{"steps": state.Step, "seed": s.env.Seed, "loss": last.Loss}
	maps.Copy(training, p.flow.Training)
	if v := state.Validation; v != nil {
		out.Metrics["validation_loss"] = *v
		out.Summary["validation_loss"], out.Summary["validation_loss_se"] = *v, *state.ValidationSE
		out.Summary["best_validation_loss"], out.Summary["best_step"] = *state.Best, state.BestStep
		training["validation_loss"] = *v
	}
	out.Report = []pipeline.ReportItem{{Kind: "training", Data: Curves{Points: thin(state.Points)}}}
	p.flow.Training = training
	err := flow.Save(filepath.Join(s.env.Out, out.Files[0]), p.flow, tensors)
	if err == nil {
		err = s.writeMetrics(filepath.Join(s.env.Out, out.Files[1]), state.Points)
	}
	return out, err
}

// reflow is the stage of rectified flows. Checkpoints and metrics are those of cfm.
type reflow struct {
	cfm
	config ReflowConfig
}

// Check understands the inputs and describes the flow to come.
func (s *reflow) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	p, _, err := s.teacher(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	out := pipeline.Outputs{Flow: &flow.Source{Planned: &p.flow}, Files: s.files()}
	out.Summary = map[string]any{"steps": s.config.steps(s.config.Pairs)} // for the plan
	return out, nil
}

// Restore gives the flow of an earlier run.
func (s *reflow) Restore(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	p, _, err := s.teacher(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return s.outputs(p), nil
}

// teacher understands the inputs: the flow that makes the pairs, and the network that
// learns them.
func (s *reflow) teacher(in pipeline.Inputs) (*parts, flow.Source, error) {
	p := &parts{path: path.Described{Path: path.CondOT{}, Use: "condot", Config: json.RawMessage("{}")}}
	src, err := flow.FromInput(in["flow"], "flow")
	if err != nil {
		return nil, src, err
	}
	d, err := flow.Describe(src)
	if err != nil {
		return nil, src, flow.AtPort(err, "flow")
	}
	var errs []error
	if _, err := flow.SolverFromInput(in["solver"], "solver"); err != nil {
		errs = append(errs, err)
	}
	if p.target, err = path.ParsePrediction(s.config.Target); err != nil {
		errs = append(errs, schemas.Errorf(schemas.UnknownValue, "%w", err).At("target"))
	}
	errs = append(errs, flow.Continuous(d, "flow"))
	if d.Base == flow.BaseTable {
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the flow starts from rows of a table, and pairs are made of noise").At("from.flow"))
	}
	if len(d.Conditions) > 0 {
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the flow is conditional, and pairs of a conditional flow cannot be made yet").At("from.flow"))
	}
	switch m := in["model"].Service.(type) {
	case model.Definition:
		p.model = m
		if s.config.Start == "flow" {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "weights of the flow cannot start another model").At("start").Suggest("leave out start, or the input model"))
		}
	case nil:
		p.model, err = s.own(src, d)
		errs = append(errs, err)
	default:
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the model cannot be trained here").At("from.model").Suggest("choose one that is trained, as mlp"))
	}
	if s.config.Epochs == nil {
		errs = append(errs, s.config.fits(s.config.steps(0), true))
	}
	// A pair is x1 and x0; a validated one has x_t, its target, an answer and, while these
	// are made, parts of them beside it.
	each, validated := 8*int64(d.Dim), 32*int64(d.Dim)*int64(s.config.ValidationRows)
	if room := s.env.Memory / 2; validated > room {
		errs = append(errs, schemas.Errorf(schemas.TooLarge, "%d pairs of %d columns to validate on take %d MiB, which is more than half of the memory of the run, %d MiB", s.config.ValidationRows, d.Dim, validated>>20, s.env.Memory>>20).
			At("validation_rows").Suggest(fmt.Sprintf("set validation_rows: %d, or allow the run more memory", room/32/int64(d.Dim))))
	} else if held := s.config.Pairs*each + validated; held > room {
		errs = append(errs, schemas.Errorf(schemas.TooLarge, "%d pairs of %d columns, and %d to validate on, take %d MiB, which is more than half of the memory of the run, %d MiB", s.config.Pairs, d.Dim, s.config.ValidationRows, held>>20, s.env.Memory>>20).
			At("pairs").Suggest(fmt.Sprintf("set pairs: %d, or 0 to make new ones for every batch, or allow the run more memory", (room-validated)/each)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, src, err
	}
	p.flow = flow.Description{
		Version: flow.FormatVersion, Columns: d.Columns, Transforms: d.Transforms, Dim: d.Dim,
		Path: flow.Component{Use: p.path.Use, With: p.path.Config}, Model: flow.Component{Use: p.model.Use(), With: p.model.Config()},
		Target: s.config.Target, BaseStd: d.BaseStd, Pairs: flow.PairsCoupled,
	}
	if p.flow.Transforms == nil {
		p.flow.Transforms = []schemas.Transform{}
	}
	if s.config.Distill {
		p.flow.Training = map[string]any{"sample_with": "one Euler step"}
	}
	return p, src, nil
}

// own is the model of the flow itself.
func (s *reflow) own(src flow.Source, d flow.Description) (model.Definition, error) {
	if src.Exact != nil {
		return nil, schemas.Errorf(schemas.MissingPort, "an exact model has no network to train").At("from.model").Suggest("join a model that is trained, as mlp")
	}
	if s.starts() && d.Target != s.config.Target {
		return nil, schemas.Errorf(schemas.Conflict, "the network of the flow predicts the %s, and is to start as one that predicts the %s", d.Target, s.config.Target).
			At("target").Suggest(fmt.Sprintf("write target: %s, or start: random", d.Target))
	}
	def, err := s.made.Definition(src, d.Model)
	if err != nil {
		return nil, flow.AtPort(err, "flow")
	}
	return def, nil
}

// starts says whether the flow's weights are those to begin with.
func (s *reflow) starts() bool { return s.config.Start != "random" }

// Run makes pairs and trains.
func (s *reflow) Run(ctx context.Context, in pipeline.Inputs) (none pipeline.Outputs, err error) {
	p, src, err := s.teacher(in)
	if err != nil {
		return none, err
	}
	f, err := flow.Open(src, s.made)
	if err != nil {
		return none, flow.AtPort(err, "flow")
	}
	if f.Base == nil || !standard(f.Base, p.flow) {
		return none, schemas.Errorf(schemas.WrongPort, "the flow does not begin with normal noise, which a trained flow does").At("from.flow").Suggest("choose a path that begins with noise alone, as condot")
	}
	keys := NewKeys(s.env.Seed, s.env.Stage)
	pairs := Pairs{Flow: f, Key: random.NewKey(s.env.Seed, s.env.Stage, "pairs")}
	if pairs.Solver, err = flow.SolverFromInput(in["solver"], "solver"); err != nil {
		return none, err
	}
	told := func(total int64) func(int64) error {
		return func(made int64) error {
			if flow.Interrupted(s.env) {
				return pipeline.ErrInterrupted
			}
			s.env.Emit(pipeline.Event{Type: pipeline.StageProgress, Done: made, Total: total, Unit: "pairs"})
			return nil
		}
	}
	layout, rows := pairs.Layout(), pairs.Endless()
	if s.config.Pairs > 0 {
		x, err := pairs.Table(ctx, 0, s.config.Pairs, told(s.config.Pairs))
		if err != nil {
			return none, err
		}
		rows = NewMemory(x, layout.Width(), keys.Shuffle)
	}
	steps := s.config.steps(s.config.Pairs)
	if err := s.config.fits(steps, true); err != nil {
		return none, err
	}
	o := s.options(p, steps, keys)
	o.Path, o.Time, o.Target = path.Path(p.path.Path), s.config.Time.sampler(), p.target
	if s.config.Distill {
		o.Path = oneStep{}
	}
	o.Loss, o.Weight = s.config.Loss.loss(layout.Dim), s.config.Weight.weight()
	// Pairs to validate on have numbers that no pair to train on has.
	const apart = 1 << 40
	number := make([]int64, s.config.ValidationRows)
	for i := range number {
		number[i] = apart + int64(i)
	}
	held, err := pairs.Table(ctx, apart, int64(len(number)), told(int64(len(number))))
	if err != nil {
		return none, err
	}
	if o.Valid, err = NewValidation(ctx, held, number, layout, o.Batch, o.Path, nil, o.Target, keys); err != nil {
		return none, err
	}
	if in["model"].Service == nil && s.starts() {
		if _, o.Start, err = flow.Load(src.File); err != nil {
			return none, flow.AtPort(err, "flow")
		}
	}
	o.Resume = s.load()
	result, err := Train(ctx, p.model, layout, rows, o)
	if errors.Is(err, ErrStopped) {
		return none, pipeline.ErrInterrupted
	}
	if err != nil {
		return none, err
	}
	return s.finish(p, rows, result.Network.Tensors(), result.State)
}

// standard says whether a base is the normal one that a trained flow has: their
// densities agree at some points.
func standard(base model.Base, d flow.Description) bool {
	const points = 5
	x := make([]float64, points*d.Dim)
	for i := range x {
		x[i] = d.BaseStd * float64(i%7-3) / 2
	}
	a, b := make([]float64, points), make([]float64, points)
	base.LogProb(a, x, points)
	flow.Normal{Dim: d.Dim, Std: d.BaseStd}.LogProb(b, x, points)
	for i := range a {
		if !(math.Abs(a[i]-b[i]) < 1e-4*(1+math.Abs(b[i]))) {
			return false
		}
	}
	return true
}

// mle is the stage of maximum likelihood. Rows, checkpoints and metrics are
// those of cfm.
type mle struct {
	cfm
	patience    int64
	variational *bijection.NoiseConfig // nil: uniform
	field       FieldConfig
}

// Check understands the inputs and describes the flow to come.
func (s *mle) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	p, _, err := s.fit(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return s.planned(p), nil
}

// Restore gives the flow of an earlier run.
func (s *mle) Restore(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	p, _, err := s.fit(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return s.outputs(p), nil
}

func (s *mle) fit(in pipeline.Inputs) (*parts, bijection.Definition, error) {
	p := &parts{}
	errs := p.tables(in)
	start := in["flow"].Flow != nil
	if start && in["model"].Service != nil {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "the flow brings its model").At("from.model").Suggest("keep one of model and flow"))
		return nil, nil, errors.Join(errs...)
	}
	if start || isField(in) {
		if s.variational != nil {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "noise is learned with discrete flows, and this is a vector field").
				At("variational").Suggest("leave it out, or train a discrete flow, as glow"))
		}
		errs = append(errs, s.fitField(p, in))
		if err := errors.Join(errs...); err != nil {
			return nil, nil, err
		}
		return p, nil, nil
	}
	if in["solver"].From != "" {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "a discrete flow needs no solver: nothing is solved").At("from.solver").Suggest("leave the input out"))
	}
	var def bijection.Definition
	switch m := in["model"].Service.(type) {
	case bijection.Definition:
		if s.field != DefaultFieldConfig() {
			errs = append(errs, schemas.Errorf(schemas.Conflict, "%s is a discrete flow, and `field` says how a vector field is trained", m.Use()).
				At("field").Suggest("leave it out, or train a vector field, as ffjord"))
		}
		if p.data == nil {
			break
		}
		var err error
		if def, err = s.noisy(m, p.data); err == nil {
			err = fitsColumns(def, p.data)
		}
		errs = append(errs, err)
	case nil:
		errs = append(errs, schemas.Errorf(schemas.MissingPort, "there is neither a model to train nor a flow to go on from").At("from.model"))
	default:
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "the model cannot be trained by maximum likelihood here").
			At("from.model").Suggest("choose nice, realnvp, glow, maf, iaf, nsf, planar, ffjord, mlp or resmlp, or a discrete flow of a plugin"))
	}
	errs = append(errs, s.lasts(p))
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	p.flow = flow.Description{
		Version: flow.FormatVersion, Columns: p.data.columns, Transforms: p.data.transforms, Dim: p.data.layout.Dim,
		Conditions: p.data.conditions,
		Model:      flow.Component{Use: def.Use(), With: def.Config()},
		Target:     flow.TargetBase, BaseStd: 1,
	}
	return p, def, nil
}

// fitsColumns finds what does not fit the columns of the rows before anything runs.
// How many columns the conditions take is not known yet.
func fitsColumns(m bijection.Definition, data *table) error {
	held := 0
	if len(data.conditions) > 0 {
		held = 1
		if _, ok := m.(bijection.Conditional); !ok {
			return schemas.Errorf(schemas.WrongPort, "the model %s takes no conditions, and the rows have some: %s", m.Use(), strings.Join(data.conditions.Names(), ", ")).
				At("from.model").Suggest("choose nice, realnvp, glow, maf, iaf, nsf or planar, or leave out `conditions` of the loader")
		}
	}
	if _, err := bijection.Build(m, data.layout.Dim, held); err != nil {
		return schemas.Errorf(schemas.DimensionDiffer, "%w", err).At("from.model")
	}
	return nil
}

// lasts says what is wrong with how long to train.
func (s *mle) lasts(p *parts) error {
	var errs []error
	if s.patience > 0 && p.valid == nil {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "patience counts validations, and there are no rows to validate on").
			At("patience").Suggest("join the input valid, or leave patience out"))
	}
	if s.config.Epochs == nil {
		errs = append(errs, s.config.fits(s.config.steps(0), p.valid != nil))
	}
	return errors.Join(errs...)
}

// isField says whether the model is a vector field.
func isField(in pipeline.Inputs) bool {
	_, ok := in["model"].Service.(model.Definition)
	return ok
}

// fitField understands the inputs of a vector field: a model, or a flow to go on
// from.
func (s *mle) fitField(p *parts, in pipeline.Inputs) error {
	var errs []error
	m, ok := in["solver"].Service.(*solver.Method)
	if !ok {
		errs = append(errs, schemas.Errorf(schemas.WrongPort, "a gradient goes back along the steps of a Runge-Kutta method of the host").At("from.solver").
			Suggest("name a solver as dopri5 or rk4, or leave the input out"))
	} else if _, err := solver.NewTape[float32](m, 1, 0); err != nil {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "%w", err).At("from.solver"))
	}
	errs = append(errs, s.lasts(p))
	p.flow = flow.Description{Version: flow.FormatVersion, Path: flow.Component{Use: "condot", With: json.RawMessage("{}")}, Target: flow.TargetVelocity, BaseStd: 1, Pairs: flow.PairsNone}
	if in["flow"].Flow == nil {
		p.model = in["model"].Service.(model.Definition)
	} else if err := p.goOn(in["flow"], s.made); err != nil {
		errs = append(errs, err)
	}
	if p.data != nil {
		errs = append(errs, s.conditional(p))
	}
	if err := errors.Join(errs...); err != nil || p.data == nil {
		return err
	}
	net, err := model.Build(p.model, p.data.layout.Dim, p.data.layout.Held)
	if err != nil {
		return schemas.Errorf(schemas.DimensionDiffer, "%w", err).At("from.model")
	}
	if _, ok := net.(model.Reversible[float32]); !ok {
		return schemas.Errorf(schemas.WrongPort, "the model %s has no reverse mode, which its likelihood needs", p.model.Use()).
			At("from.model").Suggest("train it with `use: cfm`, or choose ffjord, mlp or resmlp")
	}
	if err := s.fitsExact(net); err != nil {
		return err
	}
	p.flow.Columns, p.flow.Transforms, p.flow.Dim = p.data.columns, p.data.transforms, p.data.layout.Dim
	if in["flow"].Flow == nil {
		p.flow.Conditions = p.data.conditions
	}
	p.flow.Model = flow.Component{Use: p.model.Use(), With: p.model.Config()}
	return nil
}

// fitsExact says whether the derivatives that exact integrals are made of have room:
// each of the columns by each, for the rows that the lanes take at a time.
func (s *mle) fitsExact(net model.Network) error {
	if s.field.Trace != "exact" {
		return nil
	}
	weights := 0
	for _, t := range net.Tensors() {
		weights += len(t.Data)
	}
	lanes, d := laneCount(s.config.Batch, weights), int64(net.Dim())
	need := 4 * d * d * int64(min(tileRows, (s.config.Batch+lanes-1)/lanes)*min(lanes, max(1, s.env.Threads)))
	if s.field.Jacobian > 0 {
		need *= 2
	}
	if s.env.Memory > 0 && need > s.env.Memory/2 {
		return schemas.Errorf(schemas.TooLarge, "all derivatives of a field of %d columns take %d MiB, which is more than half of the memory of the run, %d MiB", d, need>>20, s.env.Memory>>20).
			At("field.trace").Suggest("write field: {trace: hutchinson}, which takes a few random directions, or allow the run more memory")
	}
	return nil
}

// goOn takes model, base and conditions of a flow that was trained before.
func (p *parts) goOn(in pipeline.Input, made flow.Registry) error {
	src, err := flow.FromInput(in, "flow")
	if err != nil {
		return err
	}
	d, err := flow.Describe(src)
	if err != nil {
		return flow.AtPort(err, "flow")
	}
	if d.Target != flow.TargetVelocity {
		return schemas.Errorf(schemas.WrongPort, "the flow of model %s predicts the %s: what is trained on by likelihood is a velocity", d.Model.Use, d.Target).
			At("from.flow").Suggest("train it with target: velocity")
	}
	if src.Exact != nil {
		return schemas.Errorf(schemas.WrongPort, "an exact model is known in closed form and has nothing to train").At("from.flow")
	}
	if p.model, err = made.Definition(src, d.Model); err != nil {
		return flow.AtPort(err, "flow")
	}
	if p.data != nil {
		if !same(d.Columns, p.data.columns) || !slices.EqualFunc(d.Transforms, p.data.transforms, mayBe) || !alike(d.Conditions, p.data.conditions) {
			return schemas.Errorf(schemas.Conflict, "the flow was trained on other columns, transforms or conditions than these rows have").
				At("from.data").Suggest("join the rows that the flow was trained on")
		}
	}
	p.flow.Path, p.flow.BaseStd, p.flow.Conditions = d.Path, d.BaseStd, d.Conditions
	return nil
}

// runField trains a vector field.
func (s *mle) runField(ctx context.Context, p *parts, in pipeline.Inputs, rows Rows, valid *HeldOut, o Options) (*Result, error) {
	base := flow.Normal{Dim: p.flow.Dim, Std: p.flow.BaseStd}
	c := Continuous{Loss: s.field.loss(base, in["solver"].Service.(*solver.Method))}
	if in["flow"].Flow != nil {
		src, err := flow.FromInput(in["flow"], "flow")
		if err != nil {
			return nil, err
		}
		if _, o.Start, err = flow.Load(src.File); err != nil {
			return nil, flow.AtPort(err, "flow")
		}
	}
	return ContinuousLikelihood(ctx, p.model, p.data.layout, rows, valid, c, o)
}

// Run trains.
func (s *mle) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	none := pipeline.Outputs{}
	p, def, err := s.fit(in)
	if err != nil {
		return none, err
	}
	keys := NewKeys(s.env.Seed, s.env.Stage)
	if err := s.learn(ctx, p); err != nil {
		return none, err
	}
	rows, count, err := s.rows(ctx, p, keys)
	if err != nil {
		return none, err
	}
	defer rows.Close()
	steps := s.config.steps(count)
	if err := s.config.fits(steps, p.valid != nil); err != nil {
		return none, err
	}
	o := s.options(p, steps, keys)
	o.Patience = s.patience
	var valid *HeldOut
	var length *codeLength
	if p.valid != nil {
		x, number, err := s.validation(ctx, p, keys)
		if err != nil {
			return none, err
		}
		valid = NewHeldOut(x, number)
		if length, err = newCodeLength(x, len(number), p.data.layout, p.data.transforms, s.made.Transforms); err != nil {
			return none, err
		}
	}
	o.Resume = s.load()
	if def == nil {
		result, err := s.runField(ctx, p, in, rows, valid, o)
		if errors.Is(err, ErrStopped) {
			return none, pipeline.ErrInterrupted
		}
		if err != nil {
			return none, err
		}
		return s.ended(p, rows, result.Network.Tensors(), result.State, length)
	}
	result, err := MaximumLikelihood(ctx, def, p.data.layout, rows, valid, o)
	if errors.Is(err, ErrStopped) {
		return none, pipeline.ErrInterrupted
	}
	if err != nil {
		return none, s.outside(err)
	}
	return s.ended(p, rows, result.Network.Tensors(), result.State, length)
}

// ended is finish, with bits per dimension for values that were dequantised.
func (s *mle) ended(p *parts, rows Rows, tensors []model.Tensor, state *State, length *codeLength) (pipeline.Outputs, error) {
	out, err := s.finish(p, rows, tensors, state)
	if v := state.Validation; v != nil && length != nil && err == nil {
		out.Metrics["validation_bits_per_dim"] = length.of(*v)
		out.Summary["validation_bits_per_dim"] = length.of(*v)
	}
	return out, err
}

// writeMetrics writes the metrics table.
func (s *cfm) writeMetrics(name string, points []Point) error {
	float := arrow.PrimitiveTypes.Float64
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "step", Type: arrow.PrimitiveTypes.Int64}, {Name: "loss", Type: float},
		{Name: "validation_loss", Type: float, Nullable: true}, {Name: "gradient_norm", Type: float},
		{Name: "learning_rate", Type: float}, {Name: "rows_per_second", Type: float},
		{Name: "transport_before", Type: float, Nullable: true}, {Name: "transport_after", Type: float, Nullable: true},
		{Name: "condition_drift", Type: float, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(s.env.Alloc, schema)
	defer b.Release()
	number := func(i int) *array.Float64Builder { return b.Field(i).(*array.Float64Builder) }
	maybe := func(i int, v *float64) {
		if v != nil {
			number(i).Append(*v)
		} else {
			number(i).AppendNull()
		}
	}
	for _, p := range points {
		b.Field(0).(*array.Int64Builder).Append(p.Step)
		number(1).Append(p.Loss)
		maybe(2, p.Validation)
		number(3).Append(p.GradientNorm)
		number(4).Append(p.LearningRate)
		number(5).Append(p.RowsPerSecond)
		maybe(6, p.TransportBefore)
		maybe(7, p.TransportAfter)
		maybe(8, p.ConditionDrift)
	}
	rec := b.NewRecord()
	defer rec.Release()
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &buf, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return fmt.Errorf("trainer: metrics: %w", err)
	}
	if err := w.Write(rec); err != nil {
		return fmt.Errorf("trainer: metrics: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("trainer: metrics: %w", err)
	}
	return pipeline.WriteFile(name, buf.Bytes())
}

// table reads rows as points of model space: the vector column that transforms
// give, or the numbers of raw rows.
type table struct {
	rows       pipeline.Rows
	port       string
	columns    []schemas.Column
	transforms []schemas.Transform
	conditions condition.Columns
	source     *condition.Source // nil where there are none
	vector     bool
	layout     Layout
}

// hold reads conditions that are fitted, behind x1.
func (t *table) hold(fitted condition.Columns) error {
	var err error
	t.conditions, t.layout.Held = fitted, fitted.Held()
	t.source, err = condition.SourceOf(fitted, t.rows.Schema())
	return err
}

func newTable(in pipeline.Inputs, port string) (*table, error) {
	at := "from." + port
	rows := in[port].Rows
	if rows == nil {
		return nil, schemas.Errorf(schemas.MissingPort, "there are no rows").At(at)
	}
	t := &table{rows: rows, port: port, transforms: []schemas.Transform{}}
	schema := rows.Schema()
	var err error
	if t.conditions, err = condition.Of(schema); err != nil {
		return nil, flow.AtPort(err, port)
	}
	meta := schema.Metadata()
	if text, ok := meta.GetValue(schemas.MetaColumns); ok {
		if err := json.Unmarshal([]byte(text), &t.columns); err != nil {
			return nil, schemas.Errorf(schemas.ColumnType, "the rows do not say which columns they come from: %w", err).At(at)
		}
		if text, ok := meta.GetValue(schemas.MetaTransforms); ok {
			if err := json.Unmarshal([]byte(text), &t.transforms); err != nil {
				return nil, schemas.Errorf(schemas.ColumnType, "the rows do not say how they were transformed: %w", err).At(at)
			}
		}
		fields, ok := schema.FieldsByName(schemas.ColumnVector)
		if !ok || len(fields) != 1 {
			return nil, schemas.Errorf(schemas.UnknownColumn, "the rows have no column %q", schemas.ColumnVector).At(at)
		}
		list, ok := fields[0].Type.(*arrow.FixedSizeListType)
		if !ok || list.Elem().ID() != arrow.FLOAT32 || list.Len() < 1 {
			return nil, schemas.Errorf(schemas.ColumnType, "column %q has type %s where a fixed-size list of float32 is needed", schemas.ColumnVector, fields[0].Type).At(at)
		}
		t.vector, t.layout.Dim = true, int(list.Len())
		return t, nil
	}
	if t.columns, err = schemas.ColumnsOf(schema); err != nil {
		var e *schemas.Error
		if errors.As(err, &e) {
			return nil, e.At(at)
		}
		return nil, err
	}
	if t.layout.Dim = schemas.Dims(t.columns); t.layout.Dim == 0 {
		return nil, schemas.Errorf(schemas.EmptyData, "the rows have no columns").At(at)
	}
	return t, nil
}

// like says whether t, the validation rows, lies in the space of other.
func (t *table) like(other *table) error {
	fail := func(r schemas.Reason, format string, args ...any) error {
		return schemas.Errorf(r, format, args...).At("from.valid").Suggest("take both inputs from splits of the same stage")
	}
	if t.layout != other.layout {
		return fail(schemas.DimensionDiffer, "the validation rows have %d dimensions, the training rows %d", t.layout.Dim, other.layout.Dim)
	}
	for i, c := range t.columns {
		if i >= len(other.columns) || c.Name != other.columns[i].Name || c.Width != other.columns[i].Width {
			return fail(schemas.DimensionDiffer, "the validation rows have other columns than the training rows")
		}
	}
	if !alike(t.conditions, other.conditions) {
		return fail(schemas.Conflict, "the validation rows have other conditions than the training rows")
	}
	if !same(t.transforms, other.transforms) {
		return fail(schemas.Conflict, "the validation rows went through other transforms than the training rows")
	}
	return nil
}

// same says whether two values are the same in a file.
func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// mayBe says whether transforms are the same, as far as is known of one that is not
// fitted yet.
func mayBe(a, b schemas.Transform) bool {
	return a.Use == b.Use && same(a.With, b.With) && (a.State == nil || b.State == nil || same(a.State, b.State))
}

// alike says whether conditions are the same columns, fitted or not.
func alike(a, b condition.Columns) bool {
	return slices.EqualFunc(a, b, func(a, b condition.Column) bool { return a.Name == b.Name && a.Kind == b.Kind && a.Width == b.Width })
}

// open is the Table to read from. A closed stop ends a reading, where there is
// nothing to save yet.
func (t *table) open(stop <-chan struct{}) Table {
	return func(ctx context.Context) (Reader, error) {
		s, err := t.rows.Open(ctx)
		if err != nil {
			return nil, err
		}
		return &reader{table: t, stream: s, stop: stop}, nil
	}
}

// reader cuts record batches into as many rows as are asked for.
type reader struct {
	*table
	stream pipeline.Stream
	stop   <-chan struct{}
	rec    arrow.Record // nil when all of it was read
	at     int64        // rows of rec that were read
	first  int64        // number of the first row of rec
	number []float64
}

// pieceRows is how many rows of a batch are converted at a time.
const pieceRows = 4096

func (r *reader) Read(ctx context.Context, x []float32) (int, error) {
	n, want := 0, len(x)/r.layout.Width()
	for n < want {
		if r.rec == nil {
			select {
			case <-r.stop:
				return n, pipeline.ErrInterrupted
			default:
			}
			rec, err := r.stream.Next(ctx)
			if err != nil {
				return n, err
			}
			r.rec, r.at = rec, 0
		}
		m := min(int64(want-n), r.rec.NumRows()-r.at, pieceRows)
		if err := r.piece(x[n*r.layout.Width():(n+int(m))*r.layout.Width()], m); err != nil {
			return n, err
		}
		n += int(m)
		if r.at += m; r.at == r.rec.NumRows() {
			r.first += r.at
			r.rec.Release()
			r.rec = nil
		}
	}
	return n, nil
}

// piece writes m rows of the batch.
func (r *reader) piece(x []float32, m int64) error {
	piece := r.rec.NewSlice(r.at, r.at+m)
	defer piece.Release()
	d, w := r.layout.Dim, r.layout.Width()
	if r.source != nil {
		if err := r.source.Write(x, w, d, piece, r.first+r.at); err != nil {
			return flow.AtPort(err, r.port)
		}
	}
	if r.vector {
		v, dim, err := schemas.Vector(piece, schemas.ColumnVector)
		if err == nil && dim != r.layout.Dim {
			err = schemas.Errorf(schemas.DimensionDiffer, "a batch has %d dimensions where %d were promised", dim, r.layout.Dim)
		}
		if w == d {
			copy(x, v)
			return err
		}
		for i := 0; i < len(v) && err == nil; i += d {
			copy(x[i/d*w:], v[i:i+d])
		}
		return err
	}
	if n := int(m) * d; len(r.number) < n {
		r.number = make([]float64, n)
	}
	if err := schemas.Numbers(r.number, piece, r.columns); err != nil {
		return err
	}
	for i := range int(m) * d {
		x[i/d*w+i%d] = float32(r.number[i])
	}
	return nil
}

func (r *reader) Close() error {
	if r.rec != nil {
		r.rec.Release()
		r.rec = nil
	}
	return r.stream.Close()
}
