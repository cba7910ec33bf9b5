package wire

import (
	"encoding/binary"
	"errors"
)

// The metadata of a record batch is a FlatBuffer of two tables:
//
//	Message     0 version i16, 1 header_type u8, 2 header, 3 bodyLength i64
//	RecordBatch 0 length i64, 1 nodes [(length, null_count)], 2 buffers [(offset, length)],
//	            3 compression, 4 variadicBufferCounts
//
// (format/Message.fbs of Apache Arrow). It is read here, with every position
// checked, and not by Arrow's reader, which takes the numbers in it for
// granted.

var errMetadata = errors.New("wire: the metadata of a record batch is damaged")

// headerRecordBatch is MessageHeader.RecordBatch.
const headerRecordBatch = 3

// metadata is what the two tables say.
type metadata struct {
	bodyLength int64
	rows       int64
	nodes      pairs
	buffers    pairs
}

// pairs is a vector of structs of two int64.
type pairs struct {
	b []byte
}

func (p pairs) len() int { return len(p.b) / 16 }

func (p pairs) at(i int) (a, b int64) {
	return int64(binary.LittleEndian.Uint64(p.b[16*i:])), int64(binary.LittleEndian.Uint64(p.b[16*i+8:]))
}

// readMetadata reads the metadata of a record batch message.
func readMetadata(b []byte) (metadata, error) {
	var m metadata
	message, err := tableAt(b, 0)
	if err != nil {
		return m, err
	}
	if kind, ok := message.bytes(1, 1); !ok || kind[0] != headerRecordBatch {
		return m, errors.New("wire: a message is not a record batch")
	}
	if n, ok := message.bytes(3, 8); ok {
		m.bodyLength = int64(binary.LittleEndian.Uint64(n))
	}
	at, ok := message.field(2, 4)
	if !ok {
		return m, errMetadata
	}
	batch, err := tableAt(b, at)
	if err != nil {
		return m, err
	}
	if n, ok := batch.bytes(0, 8); ok {
		m.rows = int64(binary.LittleEndian.Uint64(n))
	}
	if _, ok := batch.field(3, 4); ok {
		return m, errors.New("wire: a record batch is compressed")
	}
	if m.nodes, err = batch.pairs(1); err != nil {
		return m, err
	}
	m.buffers, err = batch.pairs(2)
	return m, err
}

// table is a FlatBuffer table: its place, and that of its vtable.
type table struct {
	b            []byte
	at, vtable   int
	vsize, tsize int
}

// tableAt follows the offset that stands at a place.
func tableAt(b []byte, place int) (table, error) {
	at, ok := follow(b, place)
	if !ok || at+4 > len(b) {
		return table{}, errMetadata
	}
	v := int64(at) - int64(int32(binary.LittleEndian.Uint32(b[at:])))
	if v < 0 || v+4 > int64(len(b)) {
		return table{}, errMetadata
	}
	t := table{b: b, at: at, vtable: int(v)}
	t.vsize = int(binary.LittleEndian.Uint16(b[v:]))
	t.tsize = int(binary.LittleEndian.Uint16(b[v+2:]))
	if t.vsize < 4 || t.vtable+t.vsize > len(b) || t.tsize < 4 || t.at+t.tsize > len(b) {
		return table{}, errMetadata
	}
	return t, nil
}

// follow reads a relative offset and gives the place that it points to.
func follow(b []byte, place int) (int, bool) {
	if place < 0 || place+4 > len(b) {
		return 0, false
	}
	to := int64(place) + int64(binary.LittleEndian.Uint32(b[place:]))
	return int(to), to < int64(len(b))
}

// field gives the place of a field of size bytes; ok is false when the table
// does not have it, or not inside of itself.
func (t table) field(slot, size int) (place int, ok bool) {
	entry := 4 + 2*slot
	if entry+2 > t.vsize {
		return 0, false
	}
	off := int(binary.LittleEndian.Uint16(t.b[t.vtable+entry:]))
	return t.at + off, off >= 4 && off+size <= t.tsize
}

func (t table) bytes(slot, size int) ([]byte, bool) {
	at, ok := t.field(slot, size)
	if !ok {
		return nil, false
	}
	return t.b[at : at+size], true
}

// pairs reads a vector of structs of two int64; an absent one is empty.
func (t table) pairs(slot int) (pairs, error) {
	at, ok := t.field(slot, 4)
	if !ok {
		return pairs{}, nil
	}
	at, ok = follow(t.b, at)
	if !ok || at+4 > len(t.b) {
		return pairs{}, errMetadata
	}
	n := int64(binary.LittleEndian.Uint32(t.b[at:]))
	from := int64(at) + 4
	if from+16*n > int64(len(t.b)) {
		return pairs{}, errMetadata
	}
	return pairs{t.b[from : from+16*n]}, nil
}
