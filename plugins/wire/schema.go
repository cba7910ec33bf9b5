package wire

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// Limits of a schema that another process sends.
const (
	maxFields = 1 << 16 // fields of a schema, nested ones counted
	maxDepth  = 8       // of nesting
	maxWidth  = 1 << 28 // elements of a fixed-size list, bytes of a fixed-size value
)

// plain are the types without parameters.
var plain = map[pluginpb.Type]arrow.DataType{
	pluginpb.Type_BOOL:         arrow.FixedWidthTypes.Boolean,
	pluginpb.Type_INT8:         arrow.PrimitiveTypes.Int8,
	pluginpb.Type_INT16:        arrow.PrimitiveTypes.Int16,
	pluginpb.Type_INT32:        arrow.PrimitiveTypes.Int32,
	pluginpb.Type_INT64:        arrow.PrimitiveTypes.Int64,
	pluginpb.Type_UINT8:        arrow.PrimitiveTypes.Uint8,
	pluginpb.Type_UINT16:       arrow.PrimitiveTypes.Uint16,
	pluginpb.Type_UINT32:       arrow.PrimitiveTypes.Uint32,
	pluginpb.Type_UINT64:       arrow.PrimitiveTypes.Uint64,
	pluginpb.Type_FLOAT16:      arrow.FixedWidthTypes.Float16,
	pluginpb.Type_FLOAT32:      arrow.PrimitiveTypes.Float32,
	pluginpb.Type_FLOAT64:      arrow.PrimitiveTypes.Float64,
	pluginpb.Type_UTF8:         arrow.BinaryTypes.String,
	pluginpb.Type_LARGE_UTF8:   arrow.BinaryTypes.LargeString,
	pluginpb.Type_BINARY:       arrow.BinaryTypes.Binary,
	pluginpb.Type_LARGE_BINARY: arrow.BinaryTypes.LargeBinary,
	pluginpb.Type_DATE32:       arrow.FixedWidthTypes.Date32,
	pluginpb.Type_DATE64:       arrow.FixedWidthTypes.Date64,
}

var plainOf = func() map[arrow.Type]pluginpb.Type {
	m := make(map[arrow.Type]pluginpb.Type, len(plain))
	for p, a := range plain {
		m[a.ID()] = p
	}
	return m
}()

// SchemaToProto writes a schema in plain fields. The id is left 0.
func SchemaToProto(s *arrow.Schema) (*pluginpb.Schema, error) {
	p := &pluginpb.Schema{Metadata: metadataToProto(s.Metadata())}
	for _, f := range s.Fields() {
		q, err := fieldToProto(f)
		if err != nil {
			return nil, err
		}
		p.Fields = append(p.Fields, q)
	}
	return p, nil
}

func fieldToProto(f arrow.Field) (*pluginpb.Field, error) {
	p := &pluginpb.Field{Name: f.Name, Nullable: f.Nullable, Metadata: metadataToProto(f.Metadata)}
	if t, ok := plainOf[f.Type.ID()]; ok {
		p.Type = t
		return p, nil
	}
	switch t := f.Type.(type) {
	case *arrow.FixedSizeListType:
		child, err := fieldToProto(t.ElemField())
		if err != nil {
			return nil, err
		}
		p.Type, p.Width, p.Children = pluginpb.Type_FIXED_SIZE_LIST, t.Len(), []*pluginpb.Field{child}
	case *arrow.FixedSizeBinaryType:
		p.Type, p.Width = pluginpb.Type_FIXED_SIZE_BINARY, int32(t.ByteWidth)
	case *arrow.TimestampType:
		p.Type, p.Unit, p.Zone = pluginpb.Type_TIMESTAMP, pluginpb.Unit(t.Unit), t.TimeZone
	case *arrow.DurationType:
		p.Type, p.Unit = pluginpb.Type_DURATION, pluginpb.Unit(t.Unit)
	case *arrow.Time32Type:
		p.Type, p.Unit = pluginpb.Type_TIME32, pluginpb.Unit(t.Unit)
	case *arrow.Time64Type:
		p.Type, p.Unit = pluginpb.Type_TIME64, pluginpb.Unit(t.Unit)
	case *arrow.Decimal128Type:
		p.Type, p.Width, p.Scale = pluginpb.Type_DECIMAL128, t.Precision, t.Scale
	default:
		return nil, fmt.Errorf("wire: column %q has type %s, which does not travel", f.Name, f.Type)
	}
	return p, nil
}

// SchemaFromProto reads a schema that another process sent.
func SchemaFromProto(p *pluginpb.Schema) (*arrow.Schema, error) {
	if p == nil {
		return nil, fmt.Errorf("wire: a schema is missing")
	}
	left := maxFields
	fields := make([]arrow.Field, 0, min(len(p.Fields), maxFields))
	for _, q := range p.Fields {
		f, err := fieldFromProto(q, &left, maxDepth)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	m := metadataFromProto(p.Metadata)
	return arrow.NewSchema(fields, &m), nil
}

func fieldFromProto(p *pluginpb.Field, left *int, depth int) (arrow.Field, error) {
	f := arrow.Field{Name: p.GetName(), Nullable: p.GetNullable(), Metadata: metadataFromProto(p.GetMetadata())}
	if *left--; *left < 0 || depth == 0 {
		return f, fmt.Errorf("wire: a schema has more than %d fields or is nested deeper than %d", maxFields, maxDepth)
	}
	wrong := func(what string) (arrow.Field, error) {
		return f, fmt.Errorf("wire: column %q has %s", p.GetName(), what)
	}
	if t, ok := plain[p.GetType()]; ok {
		if len(p.Children) != 0 {
			return wrong("children")
		}
		f.Type = t
		return f, nil
	}
	if p.GetWidth() < 0 || p.GetWidth() > maxWidth {
		return wrong(fmt.Sprintf("width %d", p.Width))
	}
	if p.GetUnit() < 0 || p.GetUnit() > pluginpb.Unit_NANOSECOND {
		return wrong("an unknown unit")
	}
	unit := arrow.TimeUnit(p.GetUnit())
	switch p.GetType() {
	case pluginpb.Type_FIXED_SIZE_LIST:
		if len(p.Children) != 1 || p.Width == 0 {
			return wrong("no elements")
		}
		child, err := fieldFromProto(p.Children[0], left, depth-1)
		if err != nil {
			return f, err
		}
		f.Type = arrow.FixedSizeListOfField(p.Width, child)
	case pluginpb.Type_FIXED_SIZE_BINARY:
		if p.Width == 0 {
			return wrong("width 0")
		}
		f.Type = &arrow.FixedSizeBinaryType{ByteWidth: int(p.Width)}
	case pluginpb.Type_TIMESTAMP:
		f.Type = &arrow.TimestampType{Unit: unit, TimeZone: p.Zone}
	case pluginpb.Type_DURATION:
		f.Type = &arrow.DurationType{Unit: unit}
	case pluginpb.Type_TIME32:
		if unit > arrow.Millisecond {
			return wrong("a unit that is too fine for 32 bits")
		}
		f.Type = &arrow.Time32Type{Unit: unit}
	case pluginpb.Type_TIME64:
		if unit < arrow.Microsecond {
			return wrong("a unit that is too coarse for 64 bits")
		}
		f.Type = &arrow.Time64Type{Unit: unit}
	case pluginpb.Type_DECIMAL128:
		if p.Width < 1 || p.Width > 38 {
			return wrong(fmt.Sprintf("precision %d", p.Width))
		}
		f.Type = &arrow.Decimal128Type{Precision: p.Width, Scale: p.Scale}
	default:
		return wrong(fmt.Sprintf("an unknown type (%d)", p.GetType()))
	}
	return f, nil
}

func metadataToProto(m arrow.Metadata) []*pluginpb.KeyValue {
	var p []*pluginpb.KeyValue
	for i, k := range m.Keys() {
		p = append(p, &pluginpb.KeyValue{Key: k, Value: m.Values()[i]})
	}
	return p
}

func metadataFromProto(p []*pluginpb.KeyValue) arrow.Metadata {
	keys, values := make([]string, 0, len(p)), make([]string, 0, len(p))
	for _, kv := range p {
		keys, values = append(keys, kv.GetKey()), append(values, kv.GetValue())
	}
	return arrow.NewMetadata(keys, values)
}
