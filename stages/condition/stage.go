package condition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// texts are the types of categories that are no numbers.
var texts = map[string]arrow.DataType{"utf8": arrow.BinaryTypes.String, "large_utf8": arrow.BinaryTypes.LargeString,
	"bool": arrow.FixedWidthTypes.Boolean}

// KindOf is the kind that a column of some type has when nobody says otherwise:
// text, truth values and integers are categories, all else is numbers. An error
// says that the column can be no condition of the kind that is asked for; kind is
// empty where nothing is asked for.
func KindOf(f arrow.Field, kind string) (string, error) {
	t := f.Type
	_, text := texts[t.String()]
	switch {
	case text && kind == Number:
		return "", schemas.Errorf(schemas.ColumnType, "column %q has type %s, whose values are no numbers", f.Name, t).Suggest("leave out `as: number`: it is a category")
	case text:
		return Category, nil
	}
	c, err := schemas.ColumnOf(f)
	if err != nil {
		return "", schemas.Errorf(schemas.ColumnType, "column %q has type %s, which is no condition: those are text, truth values, numbers and fixed-size lists of numbers", f.Name, t)
	}
	switch {
	case kind == Category && c.Width > 0:
		return "", schemas.Errorf(schemas.ColumnType, "column %q has type %s, a list, which is no category", f.Name, t).Suggest("leave out `as: category`")
	case kind != "":
		return kind, nil
	case arrow.IsInteger(t.ID()):
		return Category, nil
	}
	return Number, nil
}

// Of finds the conditions among the columns of rows, by the mark that a loader
// gave them (schemas.MetaCondition). They are not fitted.
func Of(schema *arrow.Schema) (Columns, error) {
	var cs Columns
	for _, f := range schema.Fields() {
		kind, ok := f.Metadata.GetValue(schemas.MetaCondition)
		if !ok {
			continue
		}
		kind, err := KindOf(f, kind)
		if err != nil {
			return nil, err
		}
		c := Column{Name: f.Name, Type: f.Type.String(), Kind: kind}
		if list, ok := f.Type.(*arrow.FixedSizeListType); ok {
			c.Type, c.Width = list.Elem().String(), int(list.Len())
		}
		cs = append(cs, c)
	}
	return cs, cs.Check()
}

// dataType is the Arrow type of a value.
func (c *Column) dataType() (arrow.DataType, error) {
	if t := texts[c.Type]; t != nil {
		return t, nil
	}
	return schemas.Column{Name: c.Name, Type: c.Type, Width: c.Width}.DataType()
}

// Fields are the Arrow fields of conditions, marked as such.
func (cs Columns) Fields() ([]arrow.Field, error) {
	var fields []arrow.Field
	for i := range cs {
		t, err := cs[i].dataType()
		if err != nil {
			return nil, err
		}
		fields = append(fields, Mark(arrow.Field{Name: cs[i].Name, Type: t, Nullable: true}, cs[i].Kind))
	}
	return fields, nil
}

// Mark marks a column as a condition of some kind.
func Mark(f arrow.Field, kind string) arrow.Field {
	f.Metadata = arrow.NewMetadata([]string{schemas.MetaCondition}, []string{kind})
	return f
}

// Source reads conditions from rows.
type Source struct {
	columns Columns
	have    []schemas.Column // of the rows, for numbers
	row     []Value
	numbers []float64
	places  []map[string]int // of the categories, once rows are written
}

// SourceOf finds conditions by name among the columns of rows, where they may be
// of another type of number, and need no mark. A column that is missing or cannot
// be read as its kind is an error.
func SourceOf(cs Columns, schema *arrow.Schema) (*Source, error) {
	s := &Source{columns: cs, have: make([]schemas.Column, len(cs)), row: make([]Value, len(cs))}
	for i := range cs {
		c := &cs[i]
		at := schema.FieldIndices(c.Name)
		if len(at) != 1 {
			e := schemas.Errorf(schemas.UnknownColumn, "the rows have no column %q, which the flow is conditional on", c.Name)
			if near := pipeline.DidYouMean(c.Name, schemas.FieldNames(schema)); near != "" {
				return nil, e.Suggest(near)
			}
			return nil, e.Suggest("add it to the columns of the loader")
		}
		f := schema.Field(at[0])
		if _, text := texts[f.Type.String()]; text && c.Kind == Category {
			continue
		}
		if _, err := KindOf(f, c.Kind); err != nil {
			return nil, err
		}
		have, err := schemas.ColumnOf(f)
		if err != nil {
			return nil, err
		}
		if have.Width != c.Width {
			return nil, schemas.Errorf(schemas.DimensionDiffer, "column %q has %d numbers in the rows and %d in the flow", c.Name, have.Dims(), c.Numbers())
		}
		s.have[i] = have
	}
	return s, nil
}

// Each calls visit with the conditions of every row of rec, in order. What it
// gets is overwritten by the next row.
func (s *Source) Each(rec arrow.Record, visit func(row int, values []Value) error) error {
	rows, at := int(rec.NumRows()), 0
	arrays := make([]arrow.Array, len(s.columns))
	places := make([]int, len(s.columns)) // of numbers among those of a row
	var read []schemas.Column
	for i, c := range s.columns {
		arrays[i] = rec.Column(rec.Schema().FieldIndices(c.Name)[0])
		if row := schemas.FirstNull(arrays[i]); row >= 0 {
			return schemas.Errorf(schemas.NullValue, "column %q, row %d: the condition is null", c.Name, row).
				Suggest("set `nulls: drop` at the loader to leave such rows out, or fill the column")
		}
		if places[i] = at; c.Kind == Number {
			read, at = append(read, s.have[i]), at+c.Numbers()
		}
	}
	if need := rows * at; len(s.numbers) < need {
		s.numbers = make([]float64, need)
	}
	if err := schemas.Numbers(s.numbers, rec, read); err != nil {
		return err
	}
	for r := range rows {
		for i := range s.columns {
			if c := &s.columns[i]; c.Kind == Category {
				s.row[i].Text = arrays[i].ValueStr(r)
			} else {
				s.row[i].Numbers = s.numbers[r*at+places[i]:][:c.Numbers()]
			}
		}
		if err := visit(r, s.row); err != nil {
			return err
		}
	}
	return nil
}

// Write writes the conditions of rec to the columns from..from+Held-1 of dst
// [rows][width], encoded. first is the number of the first row, for errors.
func (s *Source) Write(dst []float32, width, from int, rec arrow.Record, first int64) error {
	if s.places == nil {
		s.places = s.columns.places()
	}
	return s.Each(rec, func(r int, values []Value) error {
		if err := s.columns.putRow(dst[r*width+from:], values, s.places); err != nil {
			return schemas.Errorf(schemas.UnknownValue, "row %d: %w", first+int64(r), err)
		}
		return nil
	})
}

// Learn fits conditions to rows, which are read once.
func Learn(ctx context.Context, cs Columns, rows pipeline.Rows, stop <-chan struct{}) (Columns, error) {
	s, err := SourceOf(cs, rows.Schema())
	if err != nil {
		return nil, err
	}
	fit, first := NewFit(cs), int64(0)
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		select {
		case <-stop:
			return pipeline.ErrInterrupted
		default:
		}
		err := s.Each(rec, func(r int, values []Value) error {
			if err := fit.Add(values); err != nil {
				return schemas.Errorf(schemas.OutOfRange, "row %d: %w", first+int64(r), err)
			}
			return nil
		})
		first += rec.NumRows()
		return err
	})
	if err != nil {
		return nil, err
	}
	return fit.Fitted(), nil
}

// FromConfig takes the values of all conditions from what a configuration says of
// them by name: text, a truth value or a number for a category, a number or a
// list of numbers for numbers. Every condition must be there, and no other name.
// Categories are looked up when the conditions are fitted. Errors say at which
// name they are.
func (cs Columns) FromConfig(given map[string]any) ([]Value, error) {
	var errs []error
	for name := range given {
		if !slices.Contains(cs.Names(), name) {
			e := schemas.Errorf(schemas.UnknownColumn, "the flow has no condition %q", name).At(name)
			if near := pipeline.DidYouMean(name, cs.Names()); near != "" {
				e.Suggest(near)
			} else {
				e.Suggest("its conditions are " + strings.Join(cs.Names(), ", "))
			}
			errs = append(errs, e)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	row := make([]Value, len(cs))
	for i := range cs {
		c := &cs[i]
		v, ok := given[c.Name]
		if !ok {
			errs = append(errs, schemas.Errorf(schemas.MissingKey, "the value of the condition %q is missing", c.Name).
				Suggest("give all conditions of the flow: "+strings.Join(cs.Names(), ", ")))
			continue
		}
		var err error
		if row[i], err = c.value(v); err == nil && cs.Fitted() {
			err = c.Put(make([]float32, c.Held()), row[i])
		}
		if err != nil {
			errs = append(errs, schemas.Errorf(schemas.UnknownValue, "%w", err).At(c.Name))
		}
	}
	return row, errors.Join(errs...)
}

// value takes a value from JSON.
func (c *Column) value(v any) (Value, error) {
	if c.Kind == Category {
		switch v := v.(type) {
		case string:
			return Value{Text: v}, nil
		case bool:
			return Value{Text: strconv.FormatBool(v)}, nil
		case float64:
			return Value{Text: strconv.FormatFloat(v, 'f', -1, 64)}, nil
		}
		return Value{}, fmt.Errorf("column %q is a category: its value is text, a number, true or false", c.Name)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out Value
	for _, v := range list {
		x, ok := v.(float64)
		if !ok {
			return Value{}, fmt.Errorf("column %q is made of numbers, and %v is none", c.Name, v)
		}
		out.Numbers = append(out.Numbers, x)
	}
	if len(out.Numbers) != c.Numbers() {
		return Value{}, fmt.Errorf("column %q has %d numbers, not %d", c.Name, c.Numbers(), len(out.Numbers))
	}
	return out, nil
}

// Supply says what the conditions of rows are that are to be made: the same for
// all, or those of a table, one for one.
type Supply struct {
	Columns Columns // none when there are no conditions to give
	row     []Value
	table   pipeline.Rows
	source  *Source
}

// NewSupply takes values from a configuration (FromConfig) or, when that is nil,
// from a table; of neither, it has no columns. Errors of the table have no place.
func NewSupply(cs Columns, given map[string]any, table pipeline.Rows) (*Supply, error) {
	s := &Supply{table: table}
	var err error
	switch {
	case given != nil:
		s.Columns = cs
		s.row, err = cs.FromConfig(given)
	case table != nil:
		s.Columns = cs
		s.source, err = SourceOf(cs, table.Schema())
	}
	return s, err
}

// Count is the number of rows of the table, -1 when it is not known, 0 without a
// table.
func (s *Supply) Count() int64 {
	if s.table == nil {
		return 0
	}
	return s.table.Count()
}

// Open begins with the first row. When again is set, a table begins again where it
// ends.
func (s *Supply) Open(again bool) *Supplied { return &Supplied{Supply: s, again: again} }

// Supplied is one reading of a Supply.
type Supplied struct {
	*Supply
	again   bool
	stream  pipeline.Stream
	waiting []Value // rows that were read and not taken yet
	read    int64   // rows of the table that were read since it began
}

// Next gives the values [n][len(Columns)] of at most rows rows; n is 0 when a
// table has ended. They stay valid.
func (s *Supplied) Next(ctx context.Context, rows int) (values []Value, n int, err error) {
	k := len(s.Columns)
	if s.source == nil {
		for range rows {
			values = append(values, s.row...)
		}
		return values, rows, nil
	}
	for len(s.waiting) < rows*k {
		if err := s.more(ctx); err == io.EOF {
			break
		} else if err != nil {
			return nil, 0, err
		}
	}
	n = min(rows, len(s.waiting)/k)
	values, s.waiting = s.waiting[:n*k:n*k], s.waiting[n*k:]
	return values, n, nil
}

// more reads a batch of the table.
func (s *Supplied) more(ctx context.Context) error {
	var err error
	if s.stream == nil {
		if s.stream, err = s.table.Open(ctx); err != nil {
			return err
		}
		s.read = 0
	}
	rec, err := s.stream.Next(ctx)
	if err == io.EOF && s.again && s.read > 0 {
		err = s.Close()
		return err // and begin again at the next call
	}
	if err == io.EOF && s.again {
		return schemas.Errorf(schemas.EmptyData, "there are no rows to take conditions from")
	}
	if err != nil {
		return err
	}
	defer rec.Release()
	s.read += rec.NumRows()
	numbers, texts := []float64(nil), map[string]string{} // of the batch, whose memory is not ours
	return s.source.Each(rec, func(_ int, values []Value) error {
		for _, v := range values {
			var own Value
			if n := len(v.Numbers); n > 0 {
				if cap(numbers)-len(numbers) < n {
					numbers = make([]float64, 0, n*int(rec.NumRows()))
				}
				at := len(numbers)
				numbers = append(numbers, v.Numbers...)
				own.Numbers = numbers[at : at+n : at+n]
			} else if text, ok := texts[v.Text]; ok {
				own.Text = text
			} else {
				own.Text = strings.Clone(v.Text)
				texts[own.Text] = own.Text
			}
			s.waiting = append(s.waiting, own)
		}
		return nil
	})
}

// Close ends a reading.
func (s *Supplied) Close() error {
	if s.stream == nil {
		return nil
	}
	stream := s.stream
	s.stream = nil
	return stream.Close()
}

// Encode writes values [n][len(cs)] to dst [n][Held]. first is the number of the
// first row, for errors.
func (cs Columns) Encode(dst []float32, values []Value, first int64) error {
	k, held, places := len(cs), cs.Held(), cs.places()
	for i := 0; i < len(values); i += k {
		if err := cs.putRow(dst[i/k*held:], values[i:i+k], places); err != nil {
			return schemas.Errorf(schemas.UnknownValue, "row %d: %w", first+int64(i/k), err)
		}
	}
	return nil
}

// Build makes the columns of conditions for rows of values [rows][len(cs)]. The
// caller releases the arrays.
func (cs Columns) Build(mem memory.Allocator, values []Value) ([]arrow.Array, error) {
	rows := len(values) / max(len(cs), 1)
	var out []arrow.Array
	for i := range cs {
		c := &cs[i]
		arr, err := c.build(mem, values[min(i, len(values)):], len(cs), rows)
		if err != nil {
			for _, a := range out {
				a.Release()
			}
			return nil, err
		}
		out = append(out, arr)
	}
	return out, nil
}

func (c *Column) build(mem memory.Allocator, values []Value, stride, rows int) (arrow.Array, error) {
	if c.Kind == Number {
		x := make([]float64, 0, rows*c.Numbers())
		for r := range rows {
			x = append(x, values[r*stride].Numbers...)
		}
		arrays, err := schemas.Build(mem, []schemas.Column{{Name: c.Name, Type: c.Type, Width: c.Width}}, x, rows)
		if err != nil {
			return nil, err
		}
		return arrays[0], nil
	}
	t, err := c.dataType()
	if err != nil {
		return nil, err
	}
	b := array.NewBuilder(mem, t)
	defer b.Release()
	for r := range rows {
		if err := b.AppendValueFromString(values[r*stride].Text); err != nil {
			return nil, fmt.Errorf("condition: column %q: %w", c.Name, err)
		}
	}
	return b.NewArray(), nil
}
