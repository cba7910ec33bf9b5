package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// Save writes a flow to a file that is complete or absent.
func Save(name string, d Description, tensors []model.Tensor) error {
	return pipeline.StreamFile(name, func(w io.Writer) error { return Encode(w, d, tensors) })
}

// Load reads a file that Save wrote and compares its checksum.
func Load(name string) (Description, []model.Tensor, error) {
	var d Description
	var tensors []model.Tensor
	err := withFile(name, func(f *os.File, size int64) (err error) {
		d, tensors, err = Decode(f, size)
		return err
	})
	return d, tensors, err
}

// withFile opens a regular file. Errors of its content name it.
func withFile(name string, read func(f *os.File, size int64) error) error {
	f, err := os.Open(name)
	if err != nil {
		return pipeline.FileError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return pipeline.FileError(err)
	}
	if !info.Mode().IsRegular() {
		return schemas.Errorf(schemas.FileAccess, "%s is not a regular file", name)
	}
	if err := read(f, info.Size()); err != nil {
		e := *schemas.Errors(err, schemas.CorruptFile)[0]
		e.Message, e.Cause = fmt.Sprintf("%s: %s", name, e.Message), err
		return &e
	}
	return nil
}

// FromInput is what arrived at a port that takes a flow: a trainer's or a
// file's source, or an exact model.
func FromInput(in pipeline.Input, port string) (Source, error) {
	switch v := in.Flow.(type) {
	case *Source:
		if v != nil {
			return *v, nil
		}
	case Source:
		return v, nil
	case string:
		return Source{File: v}, nil
	}
	switch v := in.Service.(type) {
	case bijection.Definition:
		return Source{}, schemas.Errorf(schemas.WrongPort, "a discrete flow that is not trained is no flow").At("from." + port).
			Suggest("name the trainer that trains it (mle), or a saved flow as {file: NAME.safetensors}")
	case model.Exact:
		return Source{Exact: v}, nil
	case *Source:
		return *v, nil
	case nil:
		return Source{}, schemas.Errorf(schemas.MissingPort, "nothing is joined to the port %s", port).At("from." + port)
	}
	return Source{}, schemas.Errorf(schemas.WrongPort, "a model that is not trained is no flow").At("from." + port).
		Suggest("name the trainer that trains it, a saved flow as {file: NAME.safetensors}, or an exact model")
}

// SolverFromInput is the solver that arrived at a port.
func SolverFromInput(in pipeline.Input, port string) (solver.Solver, error) {
	if s, ok := in.Service.(solver.Solver); ok {
		return s, nil
	}
	return nil, schemas.Errorf(schemas.WrongPort, "what is joined to the port %s is no solver", port).At("from." + port)
}

// SolverFor is the solver that arrived at a port for a flow; a discrete flow has
// none, and none may be joined.
func SolverFor(d Description, in pipeline.Input, port string) (solver.Solver, error) {
	switch {
	case !d.Discrete():
		return SolverFromInput(in, port)
	case in.From != "":
		return nil, schemas.Errorf(schemas.Conflict, "the flow is discrete (model %s): nothing is solved", d.Model.Use).At("from." + port).
			Suggest("leave the input out")
	}
	return nil, nil
}

// Continuous refuses a discrete flow at a port of a stage that follows a field.
func Continuous(d Description, port string) error {
	if !d.Discrete() {
		return nil
	}
	return schemas.Errorf(schemas.Conflict, "the flow is discrete (model %s): there is no field to follow from noise to data", d.Model.Use).At("from." + port).
		Suggest("name a flow that was trained on a velocity (cfm)")
}

// AtPort gives an error without a place the place of a port.
func AtPort(err error, port string) error {
	list := schemas.Errors(err, schemas.StageFailed)
	errs := make([]error, len(list))
	for i, e := range list {
		c := *e
		if c.Path == "" {
			c.Path = "from." + port
		}
		errs[i] = &c
	}
	return errors.Join(errs...)
}

// StatusField is the column that says of every row how its solve ended. It is
// left out of a file in which all rows are ok.
func StatusField() arrow.Field {
	return arrow.Field{Name: schemas.ColumnStatus, Type: arrow.BinaryTypes.String, Nullable: true,
		Metadata: arrow.NewMetadata([]string{schemas.MetaOmitWhen}, []string{solver.OK.String()})}
}

// StatusWords are the words of a status column.
func StatusWords(status []solver.Status) []string {
	out := make([]string, len(status))
	for i, s := range status {
		out[i] = s.String()
	}
	return out
}

// StatusArray is a column of StatusField. The caller releases it.
func StatusArray(mem memory.Allocator, status []string) arrow.Array {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.Reserve(len(status))
	for _, s := range status {
		b.Append(s)
	}
	return b.NewArray()
}

// Interrupted says whether the first interrupt has come.
func Interrupted(env pipeline.Env) bool {
	select {
	case <-env.Stop: // never, when nil
		return true
	default:
		return false
	}
}

// WarnNotOK emits a warning when rows failed.
func (t *Tally) WarnNotOK(env pipeline.Env) {
	if t.NotOK == 0 || env.Emit == nil {
		return
	}
	env.Emit(pipeline.Event{Time: time.Now(), Type: pipeline.StageWarning, Stage: env.Stage,
		Message: fmt.Sprintf("%d of %d rows did not reach the end of the solve; the column %s says why", t.NotOK, t.Rows, schemas.ColumnStatus)})
}

// ColumnsAt finds the flow's columns in the schema of the rows at a port: numbers of
// any type, of the same widths, and not transformed, since the flow does that.
func ColumnsAt(in *arrow.Schema, port string, columns []schemas.Column) ([]schemas.Column, error) {
	at := "from." + port
	meta := in.Metadata()
	if meta.FindKey(schemas.MetaTransforms) >= 0 {
		return nil, schemas.Errorf(schemas.WrongPort, "the rows are transformed already, and the flow would transform them again").
			At(at).Suggest("name the loader's rows: the flow applies its own transforms")
	}
	var out []schemas.Column
	var errs []error
	for _, c := range columns {
		i := in.FieldIndices(c.Name)
		if len(i) != 1 {
			errs = append(errs, schemas.Errorf(schemas.UnknownColumn, "the rows have no column %q, which the flow models", c.Name).At(at).
				Suggest(pipeline.DidYouMean(c.Name, schemas.FieldNames(in))))
			continue
		}
		have, err := schemas.ColumnOf(in.Field(i[0]))
		if err == nil && have.Width != c.Width {
			err = schemas.Errorf(schemas.DimensionDiffer, "column %q has %d numbers in the rows and %d in the flow", c.Name, have.Dims(), c.Dims())
		}
		if err != nil {
			errs = append(errs, AtPort(err, port))
			continue
		}
		out = append(out, have)
	}
	return out, errors.Join(errs...)
}

// CheckSource says whether a flow that starts from rows of a table has some at the
// port, and no other flow has.
func CheckSource(d Description, in pipeline.Input, port string) error {
	at := "from." + port
	switch {
	case d.Base != BaseTable && in.Rows == nil:
		return nil
	case d.Base != BaseTable:
		return schemas.Errorf(schemas.Conflict, "the flow starts from noise").At(at).Suggest("leave the input out")
	case in.Rows == nil:
		return schemas.Errorf(schemas.MissingPort, "the flow starts from rows of a table").At(at).
			Suggest(fmt.Sprintf("join rows with the data's columns as `%s`", port))
	}
	_, err := ColumnsAt(in.Rows.Schema(), port, d.Columns)
	return err
}

// CheckDensity is an error for a flow whose base has no density.
func (d *Description) CheckDensity(path string) error {
	if d.Base != BaseTable {
		return nil
	}
	return schemas.Errorf(schemas.WrongPort, "the flow starts from rows of a table, whose density is not known: neither is that of the flow").At(path).
		Suggest("train from noise, without the input source, for a likelihood")
}

// FromSource is the flow with the first rows of the table at a port as its base, for
// flows that start from a table; others are given back as they are.
func (f *Flow) FromSource(ctx context.Context, env pipeline.Env, in pipeline.Input, port string, rows int64) (*Flow, error) {
	if err := CheckSource(f.Description, in, port); err != nil || f.Description.Base != BaseTable {
		return f, err
	}
	x, err := ReadPoints(ctx, env, in.Rows, port, f.Description.Columns, f.Transforms, rows)
	if err != nil {
		return nil, err
	}
	if have := int64(len(x) / f.Dim()); have < rows {
		return nil, schemas.Errorf(schemas.OutOfRange, "%d rows are to be made, one for each row of the source, which has %d", rows, have).At("rows").
			Suggest(fmt.Sprintf("write rows: %d, or join more rows", have))
	}
	out := *f
	out.Base = Table{X: x, Dim: f.Dim()}
	return &out, nil
}

// ReadPoints reads rows of a table, at most limit or all when it is 0, and takes them to
// model space. More than half of the memory of the run is an error.
func ReadPoints(ctx context.Context, env pipeline.Env, rows pipeline.Rows, port string, columns []schemas.Column, transforms []transform.Fitted, limit int64) ([]float64, error) {
	cols, err := ColumnsAt(rows.Schema(), port, columns)
	if err != nil {
		return nil, err
	}
	d := schemas.Dims(cols)
	var x []float64
	stream, err := rows.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for limit == 0 || int64(len(x)/d) < limit {
		rec, err := stream.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		n := int(rec.NumRows())
		at := len(x)
		if held := int64(at+n*d) * 8; env.Memory > 0 && held > env.Memory/2 {
			rec.Release()
			return nil, schemas.Errorf(schemas.TooLarge, "rows of the source take more than half of the memory of the run, %d MiB", env.Memory>>20).At("from." + port).
				Suggest("join fewer rows, or allow the run more memory")
		}
		x = append(x, make([]float64, n*d)...)
		err = schemas.Numbers(x[at:], rec, cols)
		rec.Release()
		if err != nil {
			return nil, err
		}
	}
	if limit > 0 && int64(len(x)/d) > limit {
		x = x[:limit*int64(d)]
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, schemas.Errorf(schemas.NonFinite, "row %d of the source has the value %v", i/d, v).At("from." + port)
		}
	}
	if err := normalized(transforms, x, nil, transform.Address{}, len(x)/d); err != nil {
		return nil, AtPort(err, port)
	}
	return x, nil
}
