package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Kinds of messages and the codes of types that need care, as in Arrow's
// Message.fbs and Schema.fbs.
const (
	headerSchema = 1
	headerBatch  = 3
	typeInt      = 2
	typeDecimal  = 7
	typeFixed    = 15 // FixedSizeBinary
	typeUnion    = 14
)

const (
	maxMetadata = 64 << 20 // bytes of one message's metadata, or of a footer
	maxDepth    = 64
)

// message is the head of one message.
type message struct {
	version int
	kind    int
	header  table
	body    int64 // length
}

func parseMessage(meta []byte) (m message, err error) {
	err = guard(func() {
		t := root(meta)
		m.version, m.kind, m.body = t.int16(0), t.int8(1), t.int64(3)
		h, ok := t.table(2)
		if !ok || m.body < 0 {
			panic(errMetadata)
		}
		m.header = h
	})
	return m, err
}

// CheckSchema says whether meta, the flatbuffer of a schema message, can be
// decoded in memory that is proportional to its length. It changes types in
// meta that Arrow's Go library does not know; see widen.
func CheckSchema(meta []byte) error {
	m, err := parseMessage(meta)
	if err != nil {
		return err
	}
	if m.kind != headerSchema {
		return errors.New("the first message is not a schema")
	}
	if m.body != 0 {
		return errMetadata // the decoder would ask for that much memory
	}
	return checkSchema(m.header)
}

func checkSchema(t table) error {
	return guard(func() {
		left := budget(1024 + 4*len(t.buf))
		checkPairs(t, 2, &left)
		t.vector(3, 8)
		pos, n := t.elements(1, 4)
		for k := range n {
			checkField(at(t.buf, pos+4*k), &left, 0)
		}
	})
}

func checkField(f table, left *budget, depth int) {
	left.spend(16)
	if depth > maxDepth {
		panic(errMetadata)
	}
	_, name := f.vector(0, 1)
	left.spend(name)
	checkPairs(f, 6, left)
	if t, ok := f.table(3); ok && f.int8(2) == typeUnion {
		_, n := t.vector(1, 4)
		left.spend(4 * n)
	} else if ok {
		widen(f, t)
	}
	pos, n := f.elements(5, 4)
	for k := range n {
		checkField(at(f.buf, pos+4*k), left, depth+1)
	}
}

// widen turns types that make Arrow's Go library refuse the whole schema, and
// that no reader here gives, into known ones with the same number of buffers,
// so that the other columns can be read: decimals of 32 and 64 bits into such
// of 128, integers of 128 bits into bytes.
func widen(f, t table) {
	kind := f.int8(2)
	at := map[int]int{typeInt: 0, typeDecimal: 2}[kind] // where the type has its number of bits
	if kind != typeInt && kind != typeDecimal || t.field(at) == 0 {
		return
	}
	bits := t.buf[t.field(at):]
	switch n := binary.LittleEndian.Uint32(bits); {
	case kind == typeDecimal && (n == 32 || n == 64):
		binary.LittleEndian.PutUint32(bits, 128)
	case kind == typeInt && n == 128:
		binary.LittleEndian.PutUint32(bits, 16)
		t.buf[f.field(2)] = typeFixed
	}
}

// checkPairs checks a vector of tables of two strings.
func checkPairs(t table, i int, left *budget) {
	pos, n := t.elements(i, 4)
	for k := range n {
		p := at(t.buf, pos+4*k)
		_, key := p.vector(0, 1)
		_, value := p.vector(1, 1)
		left.spend(16 + key + value)
	}
}

// CheckEncapsulated checks a schema message with its length in front, as
// Parquet files keep one under ARROW:schema, as CheckSchema does.
func CheckEncapsulated(b []byte) error {
	for range 2 {
		if len(b) < 4 {
			return errMetadata
		}
		n := binary.LittleEndian.Uint32(b)
		b = b[4:]
		if n != continuation {
			if uint64(n) > uint64(len(b)) {
				return errMetadata
			}
			return CheckSchema(b[:n])
		}
	}
	return errMetadata
}

// decodeSchema gives the schema of a schema message.
func decodeSchema(meta []byte) (s *arrow.Schema, err error) {
	if err := CheckSchema(meta); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			s, err = nil, errMetadata
		}
	}()
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, []uint32{continuation, uint32(len(meta))})
	b.Write(meta)
	r, err := ipc.NewReader(&b, ipc.WithAllocator(thrifty{memory.NewGoAllocator()}))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if s = r.Schema(); !s.IsNativeEndian() {
		return nil, errors.New("the file has the other byte order")
	}
	return s, nil
}

// thrifty refuses memory that no schema needs, should the walk have missed
// something.
type thrifty struct{ memory.Allocator }

func (t thrifty) Allocate(size int) []byte {
	if size > 4096 {
		panic(errMetadata)
	}
	return t.Allocator.Allocate(size)
}

// message is the schema of a footer in a message of its own. Message.fbs: the
// version, the kind and the place of the header are fields 0 to 2.
func (t table) message() ([]byte, bool) {
	const front, slot = 32, 24
	schema, ok := t.table(1)
	if !ok {
		return nil, false
	}
	le := binary.LittleEndian
	b := make([]byte, front, front+len(t.buf))
	le.PutUint32(b, 16) // the table; before it, from 4 on, its vtable
	for i, v := range []uint16{10, 12, 4, 6, slot - 16} {
		le.PutUint16(b[4+2*i:], v)
	}
	le.PutUint32(b[16:], 12) // back to the vtable
	le.PutUint16(b[20:], uint16(t.int16(0)))
	b[22] = headerSchema
	le.PutUint32(b[slot:], uint32(front+schema.pos-slot))
	return append(b, t.buf...), true
}

// batch is the head of a record batch.
type batch struct {
	version  int
	rows     int64
	nodes    []byte // (length, null count), 16 bytes each
	buffers  []byte // (offset, length), 16 bytes each
	codec    int    // -1 none, 0 LZ4 frame, 1 zstd
	variadic []byte
}

func parseBatch(m message) (b batch, err error) {
	err = guard(func() {
		b.version, b.rows, b.codec = m.version, m.header.int64(0), -1
		b.nodes, _ = m.header.vector(1, 16)
		b.buffers, _ = m.header.vector(2, 16)
		b.variadic, _ = m.header.vector(4, 8)
		if c, ok := m.header.table(3); ok {
			b.codec = c.int8(0)
			if c.int8(1) != 0 {
				panic(errMetadata)
			}
		}
	})
	if err == nil && b.rows < 0 {
		err = errMetadata
	}
	if err == nil && b.codec > 1 {
		err = fmt.Errorf("a record batch is compressed by an unknown codec, number %d", b.codec)
	}
	return b, err
}

func pair(b []byte, i int) (first, second int64, err error) {
	if i < 0 || i >= len(b)/16 {
		return 0, 0, errMetadata
	}
	first = int64(binary.LittleEndian.Uint64(b[16*i:]))
	second = int64(binary.LittleEndian.Uint64(b[16*i+8:]))
	return first, second, nil
}
