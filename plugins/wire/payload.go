package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// FrameBytes is the largest payload of one frame, on both sides. Larger batches
// are cut by rows.
const FrameBytes = 64 << 20

// continuation starts an encapsulated message.
const continuation = 0xFFFFFFFF

// Decode reads an encapsulated message of the schema. The bytes are hostile:
// every length and offset is checked before it is used. The record shares the
// payload's memory.
func Decode(schema *arrow.Schema, payload []byte) (rec arrow.Record, err error) {
	return decode(schema, payload, nil)
}

// maxMetadata bounds the metadata of a message in shared memory.
const maxMetadata = 16 << 20

// decode reads a payload in a frame (k is nil) or in a block of shared memory.
// The other side may write to a block while it is read here: what decides where
// to read is copied, then checked; values are wrapped in place and hold the
// block.
func decode(schema *arrow.Schema, payload []byte, k *hold) (rec arrow.Record, err error) {
	// What follows reads no position unchecked. Should Arrow think otherwise of
	// a column, its panic is a refusal.
	defer func() {
		if p := recover(); p != nil {
			rec, err = nil, fmt.Errorf("wire: a record batch is refused: %v", p)
		}
	}()
	if len(payload) < 8 || binary.LittleEndian.Uint32(payload) != continuation {
		return nil, errors.New("wire: a payload is not an encapsulated message")
	}
	size := int64(binary.LittleEndian.Uint32(payload[4:]))
	if size%8 != 0 || size > int64(len(payload)-8) {
		return nil, errors.New("wire: a message is shorter than its metadata")
	}
	l := layout{body: payload[8+size:], hold: k}
	meta := payload[8 : 8+size]
	if k != nil {
		if size > maxMetadata {
			return nil, fmt.Errorf("wire: a message has %d bytes of metadata", size)
		}
		meta = bytes.Clone(meta)
	}
	if l.meta, err = readMetadata(meta); err != nil {
		return nil, err
	}
	if l.meta.bodyLength != int64(len(l.body)) {
		return nil, fmt.Errorf("wire: a message has %d bytes where it says %d", len(l.body), l.meta.bodyLength)
	}
	rows := l.meta.rows
	if rows < 0 || rows > maxRows {
		return nil, fmt.Errorf("wire: a record batch has %d rows", rows)
	}
	columns := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for _, f := range schema.Fields() {
		data, err := l.array(f, rows)
		if err != nil {
			return nil, err
		}
		columns = append(columns, array.MakeFromData(data))
		data.Release()
	}
	if l.node != l.meta.nodes.len() || l.buffer != l.meta.buffers.len() {
		return nil, errors.New("wire: a record batch has more columns than its schema")
	}
	return array.NewRecord(schema, columns, rows), nil
}
