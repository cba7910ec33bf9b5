package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/rs/zerolog"

	"github.com/pathline/pathline/host/internal/report"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// pageRows is how many rows of each side the page draws.
const pageRows = 4000

// comparisons puts what every sampler made beside the data that it should look
// like: the data of an evaluator that compares the two, else the data that the
// flow was trained on. What cannot be read is left out with a warning.
func comparisons(ctx context.Context, p *pipeline.Pipeline, plugins *pluginSet, rec *pipeline.Record, f resolvedFile, warnings *[]string) []report.Comparison {
	var out []report.Comparison
	for _, name := range rec.Order {
		s := rec.Stages[name]
		if s.Kind != "sampler" || s.Status != pipeline.StatusRan && s.Status != pipeline.StatusUpToDate {
			continue
		}
		c, err := compare(ctx, p, plugins, rec, f, name)
		if err != nil {
			*warnings = append(*warnings, name+": its rows are not drawn: "+err.Error())
		} else if c != nil {
			out = append(out, *c)
		}
	}
	return out
}

func compare(ctx context.Context, p *pipeline.Pipeline, plugins *pluginSet, rec *pipeline.Record, f resolvedFile, name string) (*report.Comparison, error) {
	r := plugins.registry
	if r == nil {
		return nil, nil
	}
	sample, err := outputRows(ctx, r, rec, name)
	if sample == nil || err != nil {
		return nil, err
	}
	c := &report.Comparison{Stage: name}
	have := numeric(sample.Schema(), nil)
	if loader, split, ok := f.dataOf(name); ok {
		data, err := loaderRows(ctx, r, p, f.Stages[loader], split)
		if err != nil {
			return nil, err
		}
		if both := numeric(data.Schema(), have); len(both) > 0 {
			have = both
			if c.Data, err = pick(ctx, data, columnsNamed(data.Schema(), both), true); err != nil {
				return nil, err
			}
		}
	}
	if len(have) == 0 {
		return nil, nil
	}
	columns := columnsNamed(sample.Schema(), have)
	if c.Sample, err = pick(ctx, sample, columns, false); err != nil {
		return nil, err
	}
	c.Columns = dimensionNames(columns)
	c.Shape = f.shapeOf(len(c.Columns))
	return c, nil
}

// shapeOf is the shape that a model of the file gives to rows of so many numbers;
// zero when no model knows of images. A square is what glow takes where none is
// written.
func (f resolvedFile) shapeOf(size int) report.Shape {
	for _, n := range sortedKeys(f.Stages) {
		s := f.Stages[n]
		var with struct {
			Shape []int `json:"shape"`
		}
		if s.Kind != "model" || len(s.With) > 0 && json.Unmarshal(s.With, &with) != nil {
			continue
		}
		side := int(math.Round(math.Sqrt(float64(size))))
		shape := report.Shape{Height: side, Width: side, Channels: 1}
		switch {
		case len(with.Shape) == 2:
			shape.Height, shape.Width = with.Shape[0], with.Shape[1]
		case len(with.Shape) == 3:
			shape = report.Shape{Height: with.Shape[0], Width: with.Shape[1], Channels: with.Shape[2]}
		case s.Use != "glow":
			continue
		}
		if shape.Size() == size {
			return shape
		}
	}
	return report.Shape{}
}

// resolvedFile is what the page asks of the resolved pipeline file.
type resolvedFile struct {
	Seed   uint64                   `json:"seed"`
	Stages map[string]resolvedStage `json:"stages"`
}

type resolvedStage struct {
	Name string                     `json:"-"`
	Kind string                     `json:"kind"`
	Use  string                     `json:"use"`
	With json.RawMessage            `json:"with"`
	From map[string]json.RawMessage `json:"from"`
}

func readResolved(file any) (f resolvedFile) {
	raw, err := json.Marshal(file)
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return resolvedFile{}
	}
	for n, s := range f.Stages {
		s.Name = n
		f.Stages[n] = s
	}
	return f
}

// input is the stage and split that a port reads.
func (s resolvedStage) input(port string) (stage, split string, ok bool) {
	var text string
	if json.Unmarshal(s.From[port], &text) != nil || text == "" {
		return "", "", false
	}
	owner, split, _ := cutAt(text, '.')
	return owner, split, true
}

func cutAt(s string, sep byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// dataOf finds the loader, and the split of it, that a sampler's rows are to be
// compared with.
func (f resolvedFile) dataOf(sampler string) (loader, split string, ok bool) {
	for _, n := range sortedKeys(f.Stages) {
		s := f.Stages[n]
		if from, _, ok := s.input("sample"); s.Kind == "evaluator" && ok && from == sampler {
			return f.loaderOf(s, "data")
		}
	}
	if flow, _, ok := f.Stages[sampler].input("flow"); ok {
		return f.loaderOf(f.Stages[flow], "data")
	}
	return "", "", false
}

// loaderOf goes up through transforms; they keep splits.
func (f resolvedFile) loaderOf(s resolvedStage, port string) (loader, split string, ok bool) {
	for range len(f.Stages) {
		name, sp, ok := s.input(port)
		if !ok {
			return "", "", false
		}
		if split == "" {
			split = sp
		}
		s, port = f.Stages[name], "data"
		if s.Kind == "loader" {
			return name, split, true
		}
	}
	return "", "", false
}

// build makes a stage outside of a run.
func build(ctx context.Context, r *pipeline.Registry, env pipeline.Env, kind, use string, config json.RawMessage) (pipeline.Outputs, error) {
	i, ok := r.Find(kind, use)
	if !ok {
		return pipeline.Outputs{}, schemas.Errorf(schemas.UnknownUse, "there is no %s %q", kind, use)
	}
	config, err := i.Config.Resolve(config)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	env.Threads, env.Memory, env.Log, env.Alloc, env.Config = 1, pipeline.DefaultMemory, zerolog.Nop(), memory.DefaultAllocator, config
	env.Emit = func(pipeline.Event) {}
	s, err := i.Build(ctx, env, config)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return s.Run(ctx, pipeline.Inputs{})
}

// outputRows opens the file that a stage wrote; nil when it wrote none that can
// be read back.
func outputRows(ctx context.Context, r *pipeline.Registry, rec *pipeline.Record, stage string) (pipeline.Rows, error) {
	for _, file := range sortedKeys(rec.Stages[stage].Outputs) {
		use := map[string]string{".parquet": "parquet", ".arrow": "arrow"}[filepath.Ext(file)]
		if use == "" {
			continue
		}
		out, err := build(ctx, r, pipeline.Env{Stage: stage, Dir: rec.Out, Out: rec.Out}, "writer", use, nil)
		if err != nil {
			return nil, err
		}
		if f, ok := out.Service.(pipeline.RowFile); ok && f.Readable() {
			return f.Open(ctx, filepath.Join(rec.Out, filepath.FromSlash(file)))
		}
	}
	return nil, nil
}

func loaderRows(ctx context.Context, r *pipeline.Registry, p *pipeline.Pipeline, s resolvedStage, split string) (pipeline.Rows, error) {
	out, err := build(ctx, r, pipeline.Env{Stage: s.Name, Seed: p.Seed, Dir: p.Dir}, "loader", s.Use, s.With)
	if err != nil {
		return nil, err
	}
	rows, ok := out.Rows[split]
	if !ok {
		return nil, errors.New("the loader gives no split " + split)
	}
	return rows, nil
}

// numeric names the columns of numbers, of those in among when it is not nil;
// columns that stages add are left out.
func numeric(s *arrow.Schema, among []string) []string {
	var out []string
	for _, f := range s.Fields() {
		switch f.Name {
		case schemas.ColumnStatus, schemas.ColumnLogProb, schemas.ColumnLogProbSE, schemas.ColumnBits:
			continue
		}
		if _, err := schemas.ColumnOf(f); err == nil && (among == nil || slices.Contains(among, f.Name)) {
			out = append(out, f.Name)
		}
	}
	return out
}

func columnsNamed(s *arrow.Schema, names []string) []schemas.Column {
	var out []schemas.Column
	for _, f := range s.Fields() {
		if c, err := schemas.ColumnOf(f); err == nil && slices.Contains(names, f.Name) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b schemas.Column) int {
		return slices.Index(names, a.Name) - slices.Index(names, b.Name)
	})
	return out
}

// dimensionNames gives every dimension a name: pixels[3] of a vector column.
func dimensionNames(columns []schemas.Column) []string {
	var out []string
	for _, c := range columns {
		if c.Width == 0 {
			out = append(out, c.Name)
			continue
		}
		for i := range c.Width {
			out = append(out, c.Name+"["+number(float64(i))+"]")
		}
	}
	return out
}

// pick reads about pageRows rows, as [column][row]: the first ones of rows
// that were drawn at random, others evenly spread, since tables are sorted.
func pick(ctx context.Context, rows pipeline.Rows, columns []schemas.Column, spread bool) ([][]float64, error) {
	d := schemas.Dims(columns)
	out := make([][]float64, d)
	every, seen := int64(1), int64(0)
	if n := rows.Count(); spread && n > pageRows {
		every = (n + pageRows - 1) / pageRows
	}
	var values []float64
	enough := io.EOF
	err := pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		n := int(rec.NumRows())
		values = slices.Grow(values[:0], n*d)[:n*d]
		if err := schemas.Numbers(values, rec, columns); err != nil {
			return err
		}
		for i := range n {
			if seen++; (seen-1)%every != 0 {
				continue
			}
			if len(out[0]) == pageRows {
				return enough
			}
			for k := range d {
				out[k] = append(out[k], values[i*d+k])
			}
		}
		return nil
	})
	// What was read before the time was up is worth drawing.
	if errors.Is(err, enough) || errors.Is(err, context.DeadlineExceeded) && len(out[0]) > 100 {
		err = nil
	}
	return out, err
}
