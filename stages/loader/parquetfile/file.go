package parquetfile

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pathline/pathline/stages/loader/arrowfile"
)

// Magic stands at the start and at the end of a Parquet file.
const Magic = "PAR1"

const (
	maxFooter = 64 << 20
	maxNested = 64
)

// arrowSchemaKey is where writers keep the Arrow schema that Parquet's own
// types do not tell in full.
const arrowSchemaKey = "ARROW:schema"

// File is an opened Parquet file.
type File struct {
	src    io.ReaderAt
	end    int64 // of column data
	rows   int64
	schema *arrow.Schema
	fields []field
	groups []group
}

type group struct {
	rows   int64
	chunks []chunk // by leaf
}

// chunk is where the pages of one column in one row group lie.
type chunk struct {
	start, size int64
	values      int64
	codec       int
}

// field is a column as it is stored.
type field struct {
	leaf     int // -1 when the column is not one leaf
	physical parquet.Type
	length   int // bytes of a fixed-length byte array
	maxDef   int
	maxRep   int
	optional bool // elements of a list may be null
	stored   arrow.DataType
}

// Open reads the footer. src must stay open while the File is used.
func Open(src io.ReaderAt, size int64) (f *File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, errDamaged
		}
	}()
	footer, end, err := readFooter(src, size)
	if err != nil {
		return nil, err
	}
	if err := checkFooter(footer); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	meta, err := metadata.NewFileMetaData(footer, nil)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	if meta.IsSetEncryptionAlgorithm() {
		return nil, errors.New("encrypted files are not supported")
	}
	f = &File{src: src, end: end, rows: meta.GetNumRows()}
	if err := f.readSchema(meta); err != nil {
		return nil, err
	}
	if err := f.readGroups(meta); err != nil {
		return nil, err
	}
	return f, nil
}

// Schema is the Arrow schema of the whole file.
func (f *File) Schema() *arrow.Schema { return f.schema }

// NumRows is the number of rows.
func (f *File) NumRows() int64 { return f.rows }

func readFooter(src io.ReaderAt, size int64) (footer []byte, end int64, err error) {
	const tail = 4 + int64(len(Magic))
	if size < int64(len(Magic))+tail {
		return nil, 0, errShort
	}
	var b [tail]byte
	if _, err := src.ReadAt(b[:4], 0); err != nil {
		return nil, 0, err
	}
	switch string(b[:4]) {
	case Magic:
	case "PARE":
		return nil, 0, errors.New("encrypted files are not supported")
	default:
		return nil, 0, errors.New("this is not a Parquet file")
	}
	if _, err := src.ReadAt(b[:], size-tail); err != nil && err != io.EOF {
		return nil, 0, err
	}
	if string(b[4:]) != Magic {
		return nil, 0, errors.New("the file does not end with its magic: it is cut off")
	}
	n := int64(binary.LittleEndian.Uint32(b[:]))
	end = size - tail - n
	if end < int64(len(Magic)) || n > maxFooter {
		return nil, 0, fmt.Errorf("its footer cannot have %d bytes", n)
	}
	footer = make([]byte, n)
	if _, err := src.ReadAt(footer, end); err != nil && err != io.EOF {
		return nil, 0, err
	}
	return footer, end, nil
}

// checkFooter walks FileMetaData: lengths fit the bytes, and the tree of the
// schema is not so deep that recursive decoders fail. It hides from them what
// they do not know; see logical.
func checkFooter(b []byte) error {
	return guard(func() {
		t := thrift{b: b}
		t.fields(func(id int, kind byte) {
			if id != 2 || kind != tList {
				t.skip(kind, 0)
				return
			}
			n, kind := t.list()
			if kind != tStruct {
				panic(errDamaged)
			}
			var open []int64 // children still to come, by depth
			for range n {
				var children int64
				t.fields(func(id int, kind byte) {
					switch {
					case id == 5 && kind == tI32:
						children = t.integer()
					case id == 10 && kind == tStruct:
						t.logical()
					default:
						t.skip(kind, 1)
					}
				})
				for len(open) > 0 && open[len(open)-1] == 0 {
					open = open[:len(open)-1]
				}
				if len(open) > 0 {
					open[len(open)-1]--
				}
				if children > 0 {
					open = append(open, children)
				}
				if children < 0 || children > int64(n) || len(open) > maxNested {
					panic(errDamaged)
				}
			}
		})
	})
}

// logical reads a logical type. The library knows those up to FLOAT16 and
// takes no file that has another one (VARIANT, GEOMETRY): such a field gets
// the next number, which no decoder knows, and the column is one of bytes or
// of a group.
func (t *thrift) logical() {
	const float16 = 15
	head, known := t.head, true
	t.fields(func(id int, kind byte) {
		known = known && id >= 1 && id <= float16
		t.skip(kind, 2)
	})
	if known {
		return
	}
	if t.b[head]>>4 != 0 {
		t.b[head] += 1 << 4
	} else {
		t.b[head+1] += 2 // zigzag
	}
}

func (f *File) readSchema(meta *metadata.FileMetaData) error {
	kv := meta.KeyValueMetadata()
	if v := kv.FindValue(arrowSchemaKey); v != nil {
		decode := base64.StdEncoding.DecodeString
		if len(*v)%4 != 0 {
			decode = base64.RawStdEncoding.DecodeString
		}
		raw, err := decode(*v)
		if err != nil {
			return fmt.Errorf("%s: %w", arrowSchemaKey, errDamaged)
		}
		if err := arrowfile.CheckEncapsulated(raw); err != nil {
			return fmt.Errorf("%s: %w", arrowSchemaKey, err)
		}
		*v = base64.StdEncoding.EncodeToString(raw)
	}
	manifest, err := pqarrow.NewSchemaManifest(meta.Schema, kv, &pqarrow.ArrowReadProperties{})
	if err != nil {
		// What the library says of a panic that it caught helps nobody.
		if strings.Contains(err.Error(), "runtime error") {
			err = errDamaged
		}
		return fmt.Errorf("schema: %w", err)
	}
	fields := make([]arrow.Field, len(manifest.Fields))
	f.fields = make([]field, len(fields))
	for i, m := range manifest.Fields {
		fields[i] = *m.Field
		f.fields[i] = field{leaf: -1}
		leaf := m.ColIndex
		list, isList := fields[i].Type.(*arrow.FixedSizeListType)
		if isList {
			if len(m.Children) != 1 || len(m.Children[0].Children) != 0 {
				continue
			}
			leaf = m.Children[0].ColIndex
		} else if len(m.Children) != 0 {
			continue
		}
		d := meta.Schema.Column(leaf)
		s := field{leaf: leaf, physical: d.PhysicalType(), length: d.TypeLength(), maxDef: int(d.MaxDefinitionLevel()), maxRep: int(d.MaxRepetitionLevel()),
			optional: d.SchemaNode().RepetitionType() == parquet.Repetitions.Optional}
		if s.maxRep != 0 && !isList || s.maxRep != 1 && isList || s.maxDef > 3 {
			continue
		}
		s.stored = fields[i].Type
		if isList {
			s.stored = list.Elem()
		}
		if s.physical == parquet.Types.Int96 && !isList {
			s.stored = &arrow.TimestampType{Unit: arrow.Nanosecond} // whose zone no file tells
		}
		elem := s.stored
		if o := manifest.OriginSchema; o != nil && o.NumFields() == len(fields) && o.Field(i).Name == fields[i].Name {
			origin := o.Field(i).Type
			if l, ok := origin.(*arrow.FixedSizeListType); ok && isList {
				origin = l.Elem()
			}
			elem = original(origin, elem)
		}
		if fields[i].Type = elem; isList {
			fields[i].Type = arrow.FixedSizeListOf(list.Len(), elem)
		}
		f.fields[i] = s
	}
	var names, texts []string
	for i, k := range kv.Keys() {
		if k != arrowSchemaKey {
			names, texts = append(names, k), append(texts, kv.Values()[i])
		}
	}
	m := arrow.NewMetadata(names, texts)
	f.schema = arrow.NewSchema(fields, &m)
	return nil
}

// original is the type that values had before they were stored: Parquet has no
// durations, no seconds, and dates in days only.
func original(origin, stored arrow.DataType) arrow.DataType {
	switch o := origin.(type) {
	case *arrow.Date64Type:
		if stored.ID() == arrow.DATE32 {
			return o
		}
	case *arrow.DurationType:
		if stored.ID() == arrow.INT64 {
			return o
		}
	case *arrow.TimestampType:
		s, ok := stored.(*arrow.TimestampType)
		switch {
		case !ok:
		case o.Unit == arrow.Second && s.Unit == arrow.Millisecond:
			return o
		case s.TimeZone != "" && o.TimeZone != "": // the place, where Parquet has UTC only
			return &arrow.TimestampType{Unit: s.Unit, TimeZone: o.TimeZone}
		}
	case *arrow.Time32Type:
		if s, ok := stored.(*arrow.Time32Type); ok && o.Unit == arrow.Second && s.Unit == arrow.Millisecond {
			return o
		}
	}
	return stored
}

func (f *File) readGroups(meta *metadata.FileMetaData) error {
	leaves := meta.Schema.NumColumns()
	var sum int64
	for i := range meta.RowGroups {
		rg := meta.RowGroup(i)
		g := group{rows: rg.NumRows(), chunks: make([]chunk, leaves)}
		if sum += g.rows; g.rows < 0 || sum < 0 {
			return errDamaged
		}
		if rg.NumColumns() != leaves {
			return fmt.Errorf("row group %d has %d columns where the schema has %d", i, rg.NumColumns(), leaves)
		}
		for j := range leaves {
			c, err := rg.ColumnChunk(j)
			if err != nil {
				return fmt.Errorf("row group %d: %w", i, err)
			}
			if c.CryptoMetadata() != nil {
				return errors.New("encrypted files are not supported")
			}
			if c.Type() != meta.Schema.Column(j).PhysicalType() {
				return fmt.Errorf("row group %d: column %d has another type than the schema says", i, j)
			}
			k := chunk{start: c.DataPageOffset(), size: c.TotalCompressedSize(), values: c.NumValues(), codec: int(c.Compression())}
			if d := c.DictionaryPageOffset(); c.HasDictionaryPage() && d > 0 && d < k.start {
				k.start = d
			}
			if k.values < 0 || k.start < 0 || k.size < 0 || k.start > f.end || k.size > f.end-k.start {
				return fmt.Errorf("row group %d: column %d lies outside of the file", i, j)
			}
			g.chunks[j] = k
		}
		f.groups = append(f.groups, g)
	}
	if sum != f.rows {
		return fmt.Errorf("it says that it has %d rows, and its row groups have %d", f.rows, sum)
	}
	return nil
}
