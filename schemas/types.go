package schemas

import (
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
)

// numberTypes are the Arrow types whose values are numbers to a flow, except
// timestamps with a time zone, of which there are many. The order is that of
// the documentation.
var numberTypes = []arrow.DataType{
	arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
	arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
	arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64,
	arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Time64ns,
	arrow.FixedWidthTypes.Duration_s, arrow.FixedWidthTypes.Duration_ms, arrow.FixedWidthTypes.Duration_us, arrow.FixedWidthTypes.Duration_ns,
	&arrow.TimestampType{Unit: arrow.Second}, &arrow.TimestampType{Unit: arrow.Millisecond},
	&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Nanosecond},
}

// IsNumber says whether values of the type are numbers to a flow. Dates, times,
// durations and timestamps are: they count the units of their type.
func IsNumber(t arrow.DataType) bool {
	return t.ID() == arrow.TIMESTAMP || numberType(t.String()) != nil
}

// IsTemporal says whether values of the type are points or spans of time.
func IsTemporal(t arrow.DataType) bool {
	if list, ok := t.(*arrow.FixedSizeListType); ok {
		t = list.Elem()
	}
	switch t.ID() {
	case arrow.DATE32, arrow.DATE64, arrow.TIME32, arrow.TIME64, arrow.DURATION, arrow.TIMESTAMP:
		return true
	}
	return false
}

func numberType(words string) arrow.DataType {
	for _, t := range numberTypes {
		if t.String() == words {
			return t
		}
	}
	return nil
}

// elementType is the type of one number of the column.
func (c Column) elementType() (arrow.DataType, error) {
	if t := numberType(c.Type); t != nil {
		return t, nil
	}
	if unit, zone, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(c.Type, "timestamp["), "]"), ", tz="); ok {
		if t, _ := numberType("timestamp[" + unit + "]").(*arrow.TimestampType); t != nil {
			t := &arrow.TimestampType{Unit: t.Unit, TimeZone: zone}
			if t.String() == c.Type {
				return t, nil
			}
		}
	}
	return nil, Errorf(ColumnType, "column %q has type %s, which is not a number", c.Name, c.Type)
}

// DataType is the Arrow type of the column: that of one number, or a
// fixed-size list of Width of them.
func (c Column) DataType() (arrow.DataType, error) {
	t, err := c.elementType()
	if err == nil && c.Width > 0 {
		t = arrow.FixedSizeListOf(int32(c.Width), t)
	}
	return t, err
}

// Fields are the Arrow fields of columns; nullable, as every column of a file
// that pathline writes.
func Fields(columns []Column) ([]arrow.Field, error) {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		t, err := c.DataType()
		if err != nil {
			return nil, err
		}
		fields[i] = arrow.Field{Name: c.Name, Type: t, Nullable: true}
	}
	return fields, nil
}

// ColumnsOf describes the data columns of a schema: all that are no conditions.
// A column that is not made of numbers is an error that names it and says what to
// do.
func ColumnsOf(schema *arrow.Schema) ([]Column, error) {
	columns := make([]Column, 0, schema.NumFields())
	for _, f := range schema.Fields() {
		if IsCondition(f) {
			continue
		}
		c, err := ColumnOf(f)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// IsCondition says whether a column is marked as one that the data is
// conditional on (MetaCondition).
func IsCondition(f arrow.Field) bool { return f.Metadata.FindKey(MetaCondition) >= 0 }

// ColumnOf describes one column.
func ColumnOf(f arrow.Field) (Column, error) {
	c := Column{Name: f.Name}
	elem := f.Type
	if list, ok := f.Type.(*arrow.FixedSizeListType); ok {
		elem, c.Width = list.Elem(), int(list.Len())
		if c.Width < 1 {
			return c, Errorf(ColumnType, "column %q is a list of no elements", f.Name).Suggest("leave the column out of `columns`")
		}
	}
	if !IsNumber(elem) {
		return c, Errorf(ColumnType, "column %q has type %s, which is not a number or a fixed-size list of numbers", f.Name, f.Type).Suggest(remedy(f.Type))
	}
	c.Type = elem.String()
	return c, nil
}

func remedy(t arrow.DataType) string {
	const others = "list the columns to use in `columns`"
	switch t.ID() {
	case arrow.BOOL:
		return "store it as uint8, or " + others
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY, arrow.DICTIONARY:
		return "store it as a number, or " + others
	case arrow.DECIMAL128, arrow.DECIMAL256:
		return "store it as float64, or " + others
	case arrow.LIST, arrow.LARGE_LIST, arrow.LIST_VIEW, arrow.LARGE_LIST_VIEW:
		return "store it as a fixed-size list, or " + others
	case arrow.STRUCT, arrow.MAP, arrow.FIXED_SIZE_LIST:
		return "store its numbers as columns of their own, or " + others
	}
	return others
}
