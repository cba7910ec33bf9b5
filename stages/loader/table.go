package loader

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/condition"
)

// Table configures parquet and arrow.
type Table struct {
	Path       string             `yaml:"path" json:"path" doc:"file or pattern (*, ?, [...]), relative to the pipeline file" required:"true"`
	Columns    []string           `yaml:"columns" json:"columns" doc:"columns to use, in this order; all when left out"`
	Conditions []ConditionOf      `yaml:"conditions" json:"conditions" doc:"columns that are no data but what the data is conditional on: categories or numbers"`
	Timestamps string             `yaml:"timestamps" json:"timestamps" doc:"what to do with columns of dates and times: refuse them, or take their count of units as a number" enum:"error,number"`
	Nulls      string             `yaml:"nulls" json:"nulls" doc:"what to do with rows that have a null in a column that is used" enum:"error,drop"`
	Split      map[string]float64 `yaml:"split" json:"split" doc:"fraction of the rows of each split, by name; which rows depends on the seed and the row's number only"`
	Batch      int                `yaml:"batch" json:"batch" doc:"rows of a batch, at most" min:"1" max:"10000000"`
}

// ConditionOf names a column that is a condition, and its kind where the type does
// not say it.
type ConditionOf struct {
	Use string `yaml:"use" json:"use" doc:"name of the column" required:"true"`
	As  string `yaml:"as" json:"as,omitempty" doc:"category or number; when left out text, truth values and integers are categories" enum:"category,number"`
}

// TableDefaults are the settings of keys that are left out.
func TableDefaults() Table { return Table{Timestamps: "error", Nulls: "error", Batch: 65536} }

// Validate checks what the tags do not say.
func (t Table) Validate() error {
	seen := map[string]bool{}
	for i, c := range t.Columns {
		if seen[c] {
			return schemas.Errorf(schemas.Conflict, "column %q is listed twice", c).At(fmt.Sprintf("columns[%d]", i))
		}
		seen[c] = true
	}
	for i, c := range t.Conditions {
		if seen[c.Use] {
			return schemas.Errorf(schemas.Conflict, "column %q is listed twice", c.Use).At(fmt.Sprintf("conditions[%d]", i)).
				Suggest("a column is data, in `columns`, or a condition")
		}
		seen[c.Use] = true
	}
	return checkSplit(t.Split)
}

// tableStage is the stage of parquet and arrow.
type tableStage struct {
	env    pipeline.Env
	config Table
	format string
}

// Check reads the footers of all files.
func (s *tableStage) Check(ctx context.Context, _ pipeline.Inputs) (pipeline.Outputs, error) {
	src, err := s.source(ctx)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	return pipeline.Outputs{Rows: s.rows(src)}, nil
}

// Run counts the rows that are dropped; everything else is read when rows are
// opened.
func (s *tableStage) Run(ctx context.Context, _ pipeline.Inputs) (pipeline.Outputs, error) {
	src, err := s.source(ctx)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	rows := s.rows(src)
	out := pipeline.Outputs{Rows: rows}
	if src.drop {
		dropped, err := src.countNulls(ctx, rows)
		if err != nil {
			return pipeline.Outputs{}, err
		}
		out.Summary = map[string]any{"dropped_rows": dropped}
		if dropped > 0 && s.env.Emit != nil {
			s.env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageWarning, Stage: s.env.Stage, Rows: dropped,
				Message: fmt.Sprintf("%d of %d rows have a null and are dropped", dropped, src.total)})
		}
	}
	return out, nil
}

// Fingerprint is the SHA-256 of the files.
func (s *tableStage) Fingerprint(ctx context.Context) (string, error) {
	names, err := find(s.env.Dir, s.config.Path)
	if err != nil {
		return "", err
	}
	return fingerprint(ctx, names)
}

func (s *tableStage) rows(src *source) map[string]pipeline.Rows {
	out := map[string]pipeline.Rows{}
	for name, v := range intervals(s.config.Split, s.env.Seed, s.env.Stage) {
		out[name] = &tableRows{source: src, part: v, split: name, known: -1}
	}
	return out
}

// source finds the files, and the columns in them.
func (s *tableStage) source(ctx context.Context) (*source, error) {
	names, err := find(s.env.Dir, s.config.Path)
	if err != nil {
		return nil, err
	}
	src := &source{format: s.format, names: names, batch: int64(max(s.config.Batch, 1)), drop: s.config.Nulls == "drop", mem: s.env.Alloc}
	var first *arrow.Schema
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := open(s.format, name)
		if err != nil {
			return nil, err
		}
		f.Close()
		if first == nil {
			first = f.Schema()
			if err := s.choose(src, f); err != nil {
				return nil, err
			}
		} else if d := difference(first, f.Schema()); d != "" {
			return nil, schemas.Errorf(schemas.ColumnType, "%s and %s have different columns: %s", names[0], name, d).At("path").
				Suggest("load files of one kind, or write them with the same columns")
		}
		src.counts = append(src.counts, f.NumRows())
		src.total += f.NumRows()
	}
	return src, nil
}

// choose finds the columns of the configuration in a file.
func (s *tableStage) choose(src *source, f *opened) error {
	schema := f.Schema()
	names := make([]string, schema.NumFields())
	for i, field := range schema.Fields() {
		names[i] = field.Name
	}
	conditions := map[string]string{} // kind by name
	for _, c := range s.config.Conditions {
		conditions[c.Use] = c.As
	}
	wanted, at := s.config.Columns, func(i int) string { return fmt.Sprintf("columns[%d]", i) }
	if wanted == nil {
		at = func(int) string { return "path" }
		for _, name := range names {
			if _, ok := conditions[name]; !ok {
				wanted = append(wanted, name)
			}
		}
	}
	data, where := len(wanted), at
	if data == 0 {
		return schemas.Errorf(schemas.UnknownColumn, "no column is chosen").At("columns").Suggest("the file has " + quoted(names))
	}
	at = func(i int) string {
		if i < data {
			return where(i)
		}
		return fmt.Sprintf("conditions[%d]", i-data)
	}
	for _, c := range s.config.Conditions { // behind the data
		wanted = append(wanted, c.Use)
	}
	fields := make([]arrow.Field, len(wanted))
	for i, name := range wanted {
		where := schema.FieldIndices(name)
		switch {
		case len(where) == 0:
			e := schemas.Errorf(schemas.UnknownColumn, "the data has no column %q", name).At(at(i))
			if d := pipeline.DidYouMean(name, names); d != "" {
				return e.Suggest(d)
			}
			return e.Suggest("it has " + quoted(names))
		case len(where) > 1:
			return schemas.Errorf(schemas.UnknownColumn, "the data has %d columns named %q", len(where), name).At(at(i))
		}
		field := schema.Field(where[0])
		kind, held := conditions[name]
		var err error
		if held {
			kind, err = condition.KindOf(field, kind)
		} else {
			_, err = schemas.ColumnOf(field)
		}
		if err != nil {
			return err.(*schemas.Error).At(at(i))
		}
		if schemas.IsTemporal(field.Type) && s.config.Timestamps != "number" {
			return schemas.Errorf(schemas.ColumnType, "column %q has type %s, a time", name, field.Type).At(at(i)).
				Suggest("set `timestamps: number` to use its count of units as a number, or list the columns to use in `columns`")
		}
		if r, err := f.newReader(where, src.batch, src.mem); err != nil {
			return schemas.Errorf(schemas.ColumnType, "%w", err).At(at(i)).Suggest("list the columns to use in `columns`")
		} else {
			r.Close()
		}
		fields[i] = arrow.Field{Name: name, Type: field.Type, Nullable: field.Nullable}
		if held {
			fields[i] = condition.Mark(fields[i], kind)
		}
		src.columns = append(src.columns, where[0])
	}
	meta := ours(schema.Metadata())
	src.schema = arrow.NewSchema(fields, &meta)
	return nil
}

// ours keeps what pathline wrote about the rows.
func ours(m arrow.Metadata) arrow.Metadata {
	var keys, values []string
	for i, k := range m.Keys() {
		if strings.HasPrefix(k, "pathline.") {
			keys, values = append(keys, k), append(values, m.Values()[i])
		}
	}
	return arrow.NewMetadata(keys, values)
}

func quoted(names []string) string {
	const most = 20
	q := make([]string, 0, most)
	for i, n := range names {
		if i == most {
			q = append(q, "...")
			break
		}
		q = append(q, fmt.Sprintf("%q", n))
	}
	return strings.Join(q, ", ")
}

// difference tells in words how two schemas differ in names and types.
func difference(a, b *arrow.Schema) string {
	if a.NumFields() != b.NumFields() {
		return fmt.Sprintf("%d and %d columns", a.NumFields(), b.NumFields())
	}
	for i, f := range a.Fields() {
		g := b.Field(i)
		if f.Name != g.Name || !arrow.TypeEqual(f.Type, g.Type) {
			return fmt.Sprintf("column %d is %q %s and %q %s", i, f.Name, f.Type, g.Name, g.Type)
		}
	}
	return ""
}
