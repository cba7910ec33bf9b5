package transform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/random"
)

// trainSplit is the split that transforms are fitted on.
const trainSplit = "train"

// Config is the configuration of transform/standardize: there is nothing to
// choose.
type Config struct{}

// Stage is what a stage of kind transform has to be for a trained flow to name
// it: the flow's file keeps the state, and whoever opens it asks for the
// transform again.
type Stage interface {
	pipeline.Stage
	Fitted(state json.RawMessage, dim int) (Fitted, error)
}

// builtin is a transform with the configuration that a file gives it.
type builtin struct {
	name     string
	register func(r *pipeline.Registry)
	restore  Restorer
	discrete bool // what it fits is Discrete
}

// builtins is the list of transforms; a new one is one entry here and one file.
var builtins = []builtin{
	entry("standardize", "moves every column to mean 0 and standard deviation 1, fitted on the split train, or on all rows when there are no splits",
		Config{}, "{}", func(Config) (Method, error) { return standardize{}, nil }),
	entry("whiten", "moves rows to mean 0 and covariance I, fitted as standardize is",
		WhitenConfig{Root: PCA}, "{root: zca}", func(c WhitenConfig) (Method, error) { return whiten{config: c}, nil }),
	entry("logit", "takes columns with two ends to all real numbers",
		LogitConfig{Alpha: 0.05}, "{alpha: 0.05}", func(c LogitConfig) (Method, error) { return logit{c}, nil }),
	entry("dequantize", "spreads the values of discrete columns over their bins by uniform noise, and rounds down on the way back",
		DequantizeConfig{}, "{}", newDequantize).ofDiscrete(),
}

// ofDiscrete says that what the transform fits is Discrete.
func (b builtin) ofDiscrete() builtin {
	b.discrete = true
	return b
}

// entry derives registration and restoration from one configuration type.
func entry[C any](name, doc string, defaults C, example string, method func(C) (Method, error)) builtin {
	return builtin{name: name,
		register: func(r *pipeline.Registry) { Add(r, name, doc, defaults, method).Example = example },
		restore: func(with, state json.RawMessage, dim int) (Fitted, error) {
			config := defaults
			if len(with) > 0 {
				schema, err := pipeline.SchemaOf(defaults)
				if err != nil {
					return nil, err
				}
				if err := schema.Decode(with, &config); err != nil {
					return nil, schemas.Errorf(schemas.CorruptFile, "%s: %w", name, err)
				}
			}
			m, err := method(config)
			if err != nil {
				return nil, err
			}
			return m.Restore(state, dim)
		}}
}

// Register adds the kind transform and its implementations.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{
		Name: "transform",
		Doc:  "maps data columns to model space by what it learned from training rows, and back",
		Ports: []pipeline.Port{
			{Name: "data", Doc: "rows of numbers, with splits or without", Takes: pipeline.GivesRows},
		},
		Gives:  pipeline.GivesRows,
		Splits: true,
	})
	for _, b := range builtins {
		b.register(r)
	}
}

// Add registers a transform: its method is fitted on the split train, or on all
// rows when there are no splits, and maps the rows of every split. C is the
// configuration, as of pipeline.Register.
func Add[C any](r *pipeline.Registry, name, doc string, defaults C, method func(C) (Method, error)) *pipeline.Implementation {
	return pipeline.Register(r, "transform", name, doc, defaults, func(_ context.Context, env pipeline.Env, c C) (pipeline.Stage, error) {
		m, err := method(c)
		if err != nil {
			return nil, err
		}
		s := &stage{env: env, use: name, method: m}
		if s.with, err = json.Marshal(c); err != nil {
			return nil, err
		}
		if string(s.with) == "{}" {
			s.with = nil
		}
		return s, nil
	})
}

// stage implements Stage.
type stage struct {
	env    pipeline.Env
	use    string
	with   json.RawMessage // nil when there is nothing to configure
	method Method
}

// Fitted implements Stage.
func (s *stage) Fitted(state json.RawMessage, dim int) (Fitted, error) {
	return s.method.Restore(state, dim)
}

// source is what a transform is made of.
type source struct {
	splits  map[string]pipeline.Rows
	fit     pipeline.Rows
	columns []schemas.Column    // of the data file
	numbers []schemas.Column    // that rows hold: the same, or the vector x
	before  []schemas.Transform // already applied
	passed  []arrow.Field       // conditions, which pass through
}

func (s *stage) source(in pipeline.Input) (*source, error) {
	src := &source{splits: in.Splits}
	if len(src.splits) == 0 {
		if in.Rows == nil {
			return nil, schemas.Errorf(schemas.MissingPort, "no rows are joined to the port data").At("from.data")
		}
		src.splits = map[string]pipeline.Rows{"": in.Rows}
	}
	src.fit = src.splits[trainSplit]
	if all := src.splits[""]; src.fit == nil && len(src.splits) == 1 {
		src.fit = all
	}
	if src.fit == nil { // all rows would hold those of a test, too
		return nil, schemas.Errorf(schemas.UnknownSplit, "the data has splits but none named %q to fit on", trainSplit).
			At("from.data").Suggest("name one split, as in NAME.part, or add train to the loader's split")
	}
	return src, src.describe(src.fit.Schema())
}

// describe takes columns and earlier transforms from the schema of rows.
func (src *source) describe(schema *arrow.Schema) error {
	var err error
	if text, ok := schema.Metadata().GetValue(schemas.MetaTransforms); ok {
		if err = json.Unmarshal([]byte(text), &src.before); err == nil {
			text, _ = schema.Metadata().GetValue(schemas.MetaColumns)
			err = json.Unmarshal([]byte(text), &src.columns)
		}
		if err != nil {
			return schemas.Errorf(schemas.CorruptFile, "the rows do not say how they were transformed: %w", err).At("from.data")
		}
	}
	if src.numbers, err = schemas.ColumnsOf(schema); err != nil {
		e := schemas.Errors(err, schemas.ColumnType)[0]
		return e.At("from.data")
	}
	if len(src.numbers) == 0 {
		return schemas.Errorf(schemas.EmptyData, "the data has no columns").At("from.data")
	}
	if src.columns == nil {
		src.columns = src.numbers
	}
	for _, f := range schema.Fields() {
		if !schemas.IsCondition(f) {
			continue
		}
		if f.Name == schemas.ColumnVector {
			return schemas.Errorf(schemas.Conflict, "a condition is named %q, as the column that a transform gives", f.Name).At("from.data").Suggest("rename the column in the file")
		}
		src.passed = append(src.passed, f)
	}
	return nil
}

// Check implements pipeline.Stage: the schema has no fitted state yet.
func (s *stage) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	src, err := s.source(in["data"])
	if err != nil {
		return pipeline.Outputs{}, err
	}
	if _, err := s.informed(src); err != nil {
		return pipeline.Outputs{}, err
	}
	return src.outputs(s.described(nil), nil)
}

// Run implements pipeline.Stage: it fits once, and maps rows as they are read.
func (s *stage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	src, err := s.source(in["data"])
	if err != nil {
		return pipeline.Outputs{}, err
	}
	fitted, summary, err := s.fit(ctx, src)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	out, err := src.outputs(s.described(fitted), fitted)
	out.Summary = summary
	return out, err
}

// informed is the method with the facts of the data.
func (s *stage) informed(src *source) (Method, error) {
	m, ok := s.method.(Informed)
	if !ok {
		return s.method, nil
	}
	return m.Informed(Facts{Key: random.NewKey(s.env.Seed, s.env.Stage, s.use), Columns: src.numbers})
}

// described is the transform as the metadata of rows and a flow's file keep it;
// fitted is nil while checking.
func (s *stage) described(fitted Fitted) schemas.Transform {
	t := schemas.Transform{Use: s.use}
	if s.with != nil {
		t.With = s.with
	}
	if fitted != nil {
		t.State = fitted.State()
	}
	return t
}

// fit reads the training rows once.
func (s *stage) fit(ctx context.Context, src *source) (Fitted, map[string]any, error) {
	dim := schemas.Dims(src.numbers)
	method, err := s.informed(src)
	if err != nil {
		return nil, nil, err
	}
	m, err := method.Fit(dim)
	if err != nil {
		return nil, nil, err
	}
	var done int64
	total := src.fit.Count()
	var x []float64
	err = pipeline.Each(ctx, src.fit, func(rec arrow.Record) error {
		select {
		case <-s.env.Stop:
			return pipeline.ErrInterrupted
		default:
		}
		rows := int(rec.NumRows())
		x = slices.Grow(x[:0], rows*dim)[:rows*dim]
		if err := numbers(x, rec, src.numbers, done); err != nil {
			return err
		}
		if err := m.Add(x, rows); err != nil {
			return err
		}
		done += int64(rows)
		if s.env.Emit != nil {
			s.env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageProgress, Stage: s.env.Stage, Done: done, Total: max(total, 0), Unit: "rows"})
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	fitted, constant, err := m.Fitted()
	if err != nil {
		return nil, nil, err
	}
	summary := map[string]any{"rows_fitted": done}
	if len(constant) > 0 {
		all, names := schemas.DimensionNames(src.numbers), make([]string, len(constant))
		for i, d := range constant {
			names[i] = all[d]
		}
		summary["constant_columns"] = names
		if s.env.Emit != nil {
			s.env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageWarning, Stage: s.env.Stage,
				Message: fmt.Sprintf("constant in all %d rows: %s; a density over a constant means nothing, leave it out of `columns`", done, strings.Join(names, ", "))})
		}
	}
	if noted, ok := fitted.(Noted); ok {
		more, warning := noted.Notes(src.numbers)
		maps.Copy(summary, more)
		if warning != "" && s.env.Emit != nil {
			s.env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageWarning, Stage: s.env.Stage, Message: warning})
		}
	}
	return fitted, summary, nil
}

// numbers is schemas.Numbers whose errors say where the batch is.
func numbers(x []float64, rec arrow.Record, columns []schemas.Column, first int64) error {
	err := schemas.Numbers(x, rec, columns)
	if err == nil {
		return nil
	}
	e := *schemas.Errors(err, schemas.StageFailed)[0]
	e.Message = fmt.Sprintf("in the batch of rows %d to %d: %s", first, first+rec.NumRows()-1, e.Message)
	return &e
}

// outputs are the mapped rows of every split; fitted is nil while checking.
func (src *source) outputs(last schemas.Transform, fitted Fitted) (pipeline.Outputs, error) {
	columns, err := json.Marshal(src.columns)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	transforms, err := json.Marshal(append(slices.Clone(src.before), last))
	if err != nil {
		return pipeline.Outputs{}, err
	}
	meta := arrow.NewMetadata([]string{schemas.MetaColumns, schemas.MetaTransforms}, []string{string(columns), string(transforms)})
	field := arrow.Field{Name: schemas.ColumnVector, Type: schemas.VectorType(schemas.Dims(src.numbers)), Nullable: true}
	schema := arrow.NewSchema(append([]arrow.Field{field}, src.passed...), &meta)
	out := pipeline.Outputs{Rows: map[string]pipeline.Rows{}}
	for name, rows := range src.splits {
		out.Rows[name] = &mapped{in: rows, source: src, fitted: fitted, schema: schema}
	}
	return out, nil
}

// mapped are rows in model space.
type mapped struct {
	in     pipeline.Rows
	source *source
	fitted Fitted
	schema *arrow.Schema
}

// Schema implements pipeline.Rows.
func (m *mapped) Schema() *arrow.Schema { return m.schema }

// Count implements pipeline.Rows.
func (m *mapped) Count() int64 { return m.in.Count() }

// Open implements pipeline.Rows.
func (m *mapped) Open(ctx context.Context) (pipeline.Stream, error) {
	if m.fitted == nil {
		return nil, errors.New("transform: rows of a check have no content")
	}
	in, err := m.in.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &stream{mapped: m, in: in}, nil
}

type stream struct {
	*mapped
	in   pipeline.Stream
	next int64
	x    []float64
	err  error
}

// Next implements pipeline.Stream.
func (s *stream) Next(ctx context.Context) (arrow.Record, error) {
	if s.err != nil {
		return nil, s.err
	}
	rec, err := s.in.Next(ctx)
	if err == nil {
		defer rec.Release()
		rec, err = s.apply(rec)
	}
	s.err = err
	return rec, err
}

// apply maps in float64 and rounds once.
func (s *stream) apply(rec arrow.Record) (arrow.Record, error) {
	rows, dim := int(rec.NumRows()), s.fitted.Dim()
	s.x = slices.Grow(s.x[:0], rows*dim)[:rows*dim]
	if err := numbers(s.x, rec, s.source.numbers, s.next); err != nil {
		return nil, err
	}
	if d, ok := s.fitted.(Discrete); ok {
		if err := d.OnLattice(s.x, Address{First: s.next}, rows); err != nil {
			return nil, err
		}
	}
	if err := s.fitted.Apply(s.x, s.x, nil, Address{First: s.next}, rows); err != nil {
		return nil, err
	}
	z := make([]float32, rows*dim)
	for i, v := range s.x {
		z[i] = float32(v)
		if math.IsNaN(v) || math.IsInf(float64(z[i]), 0) {
			return nil, schemas.Errorf(schemas.NonFinite, "row %d has no finite value in model space, in dimension %d", s.next+int64(i/dim), i%dim).
				Suggest("remove the row, or the value that is not a number")
		}
	}
	s.next += int64(rows)
	column := schemas.VectorArray(z, dim)
	defer column.Release()
	arrays := []arrow.Array{column}
	for _, f := range s.source.passed {
		arrays = append(arrays, rec.Column(rec.Schema().FieldIndices(f.Name)[0]))
	}
	return array.NewRecord(s.schema, arrays, int64(rows)), nil
}

// Close implements pipeline.Stream.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = errors.New("transform: stream is closed")
	}
	return s.in.Close()
}
