package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
)

// Encode writes a record batch as one encapsulated IPC message: continuation,
// length of the metadata, metadata, body; body and buffers begin at multiples of
// 64 bytes. The same
// values give the same bytes, however the record is sliced.
func Encode(rec arrow.Record) ([]byte, error) {
	p, err := partsOf(rec)
	if err != nil {
		return nil, err
	}
	out := make([]byte, p.total())
	p.write(out, rec.NumRows())
	return out, nil
}

// partsOf takes a record apart.
func partsOf(rec arrow.Record) (*parts, error) {
	p := &parts{}
	for i, c := range rec.Columns() {
		if err := p.add(c.Data()); err != nil {
			return nil, fmt.Errorf("wire: column %q: %w", rec.ColumnName(i), err)
		}
	}
	return p, nil
}

// head is the length of what comes before the body, which begins at a multiple
// of 64 bytes.
func (p *parts) head() int { return pad64(8 + p.size()) }

// total is the length of the message.
func (p *parts) total() int { return p.head() + p.body }

// write writes the message to out, which may hold anything.
func (p *parts) write(out []byte, rows int64) {
	head := p.head()
	clear(out[:head])
	binary.LittleEndian.PutUint32(out, continuation)
	binary.LittleEndian.PutUint32(out[4:], uint32(head-8))
	p.metadata(out[8:head], rows)
	at := head
	for _, b := range p.buffers {
		n := copy(out[at:], b)
		clear(out[at+n : at+pad64(n)])
		at += pad64(n)
	}
}

func pad64(n int) int { return (n + 63) &^ 63 }

// parts are the nodes and buffers of a record batch in the order of its schema.
type parts struct {
	nodes   [][2]int64 // length, nulls
	buffers [][]byte
	body    int
}

func (p *parts) buffer(b []byte) {
	p.buffers = append(p.buffers, b)
	p.body += pad64(len(b))
}

// add takes a column apart; what a slice leaves out does not travel.
func (p *parts) add(d arrow.ArrayData) error {
	n, off := d.Len(), d.Offset()
	nulls := 0
	valid := d.Buffers()[0]
	if valid != nil && valid.Len() > 0 {
		nulls = n - bitutil.CountSetBits(valid.Bytes(), off, n)
	}
	p.nodes = append(p.nodes, [2]int64{int64(n), int64(nulls)})
	if nulls == 0 {
		p.buffer(nil)
	} else {
		p.buffer(bitsOf(valid.Bytes(), off, n))
	}
	switch t := d.DataType().(type) {
	case *arrow.FixedSizeListType:
		w := int64(t.Len())
		child := array.NewSliceData(d.Children()[0], int64(off)*w, int64(off+n)*w)
		defer child.Release()
		return p.add(child)
	case *arrow.BooleanType:
		if n == 0 {
			p.buffer(nil)
		} else {
			p.buffer(bitsOf(d.Buffers()[1].Bytes(), off, n))
		}
		return nil
	case arrow.FixedWidthDataType:
		if _, ok := plainOf[t.ID()]; !ok && !travels(t) {
			break
		}
		if n == 0 {
			p.buffer(nil)
		} else {
			w := t.BitWidth() / 8
			p.buffer(d.Buffers()[1].Bytes()[off*w : (off+n)*w])
		}
		return nil
	}
	if w, ok := offsetWidth(d.DataType()); ok {
		offsets := make([]byte, (n+1)*w)
		var from, to int64
		if n > 0 {
			raw := d.Buffers()[1].Bytes()
			from = offset(raw, off, w)
			for i := range n + 1 {
				to = offset(raw, off+i, w)
				if w == 4 {
					binary.LittleEndian.PutUint32(offsets[4*i:], uint32(to-from))
				} else {
					binary.LittleEndian.PutUint64(offsets[8*i:], uint64(to-from))
				}
			}
		}
		p.buffer(offsets)
		if to > from {
			p.buffer(d.Buffers()[2].Bytes()[from:to])
		} else {
			p.buffer(nil)
		}
		return nil
	}
	return fmt.Errorf("type %s does not travel", d.DataType())
}

// travels lists the types with parameters that have fixed width.
func travels(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.FIXED_SIZE_BINARY, arrow.TIMESTAMP, arrow.DURATION, arrow.TIME32, arrow.TIME64, arrow.DECIMAL128:
		return true
	}
	return false
}

func offset(raw []byte, i, width int) int64 {
	if width == 4 {
		return int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	return int64(binary.LittleEndian.Uint64(raw[8*i:]))
}

// bitsOf copies n bits from place off to place 0.
func bitsOf(b []byte, off, n int) []byte {
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	bitutil.CopyBitmap(b, off, n, out, 0)
	return out
}

// The metadata is laid out by hand; see flatbuffer.go for its fields. Places:
//
//	 0 root -> 16      4 vtable of Message (12 bytes)
//	16 Message: vtable, header -> 52, bodyLength at 24, version at 32, type at 34
//	36 vtable of RecordBatch (10 bytes)
//	52 RecordBatch: vtable, length at 56, nodes -> 76, buffers -> 84+16n
//	76 nodes: count, pairs from 80     84+16n buffers: count, pairs from 88+16n
const metadataV5 = 4

func (p *parts) size() int { return 88 + 16*len(p.nodes) + 16*len(p.buffers) }

func (p *parts) metadata(b []byte, rows int64) {
	u16 := func(at int, v ...uint16) {
		for i, x := range v {
			binary.LittleEndian.PutUint16(b[at+2*i:], x)
		}
	}
	u32 := func(at int, v int) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }
	u64 := func(at int, v int64) { binary.LittleEndian.PutUint64(b[at:], uint64(v)) }
	u32(0, 16)
	u16(4, 12, 20, 16, 18, 4, 8)
	u32(16, 16-4)
	u32(20, 52-20)
	u64(24, int64(p.body))
	u16(32, metadataV5)
	b[34] = headerRecordBatch
	u16(36, 10, 20, 4, 12, 16)
	u32(52, 52-36)
	u64(56, rows)
	buffers := 84 + 16*len(p.nodes)
	u32(64, 76-64)
	u32(68, buffers-68)
	u32(76, len(p.nodes))
	for i, n := range p.nodes {
		u64(80+16*i, n[0])
		u64(88+16*i, n[1])
	}
	u32(buffers, len(p.buffers))
	at := 0
	for i, x := range p.buffers {
		u64(buffers+4+16*i, int64(at))
		u64(buffers+12+16*i, int64(len(x)))
		at += pad64(len(x))
	}
}
