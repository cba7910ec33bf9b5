package arrowfile

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/arrow"
)

// place counts nodes, buffers and variadic buffer counts.
type place struct{ node, buffer, variadic int }

// metadataV5 is the number of the version in which unions lost their validity
// bitmap.
const metadataV5 = 4

// starts gives where the nodes and buffers of every column begin.
func (b *batch) starts(s *arrow.Schema) ([]place, error) {
	out := make([]place, s.NumFields())
	var p place
	for i, f := range s.Fields() {
		out[i] = p
		if err := b.skip(&p, f.Type); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// skip moves p behind a column of type t.
func (b *batch) skip(p *place, t arrow.DataType) error {
	p.node++
	if p.node > len(b.nodes)/16 {
		return errMetadata
	}
	switch t := t.(type) {
	case *arrow.NullType:
		return nil
	case *arrow.RunEndEncodedType:
		if err := b.skip(p, t.RunEnds()); err != nil {
			return err
		}
		return b.skip(p, t.Encoded())
	case arrow.ExtensionType:
		p.node--
		return b.skip(p, t.StorageType())
	case *arrow.FixedSizeListType:
		p.buffer++
		return b.skip(p, t.Elem())
	case *arrow.StructType:
		p.buffer++
		return b.skipFields(p, t.Fields())
	case arrow.UnionType:
		p.buffer++
		if t.Mode() == arrow.DenseMode {
			p.buffer++
		}
		if b.version < metadataV5 {
			p.buffer++
		}
		return b.skipFields(p, t.Fields())
	case *arrow.ListViewType:
		p.buffer += 3
		return b.skip(p, t.Elem())
	case *arrow.LargeListViewType:
		p.buffer += 3
		return b.skip(p, t.Elem())
	case *arrow.MapType:
		p.buffer += 2
		return b.skip(p, t.Elem())
	case arrow.ListLikeType:
		p.buffer += 2
		return b.skip(p, t.Elem())
	case arrow.BinaryViewDataType:
		if p.variadic >= len(b.variadic)/8 {
			return errMetadata
		}
		n := int64(binary.LittleEndian.Uint64(b.variadic[8*p.variadic:]))
		if n < 0 || n > int64(len(b.buffers)/16) {
			return errMetadata
		}
		p.variadic++
		p.buffer += 2 + int(n)
		return nil
	case arrow.BinaryDataType:
		p.buffer += 3
		return nil
	}
	p.buffer += 2 // fixed width, and the indices of dictionaries
	return nil
}

func (b *batch) skipFields(p *place, fields []arrow.Field) error {
	for _, f := range fields {
		if err := b.skip(p, f.Type); err != nil {
			return err
		}
	}
	return nil
}
