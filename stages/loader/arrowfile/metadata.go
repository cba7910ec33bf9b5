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
	typeDecimal  = 7
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
// decoded in memory that is proportional to its length. In meta, decimals of 32
// and 64 bits, which Arrow's Go library does not know and no reader here gives,
// become such of 128 bits, so that the other columns can be read.
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
	} else if ok && f.int8(2) == typeDecimal {
		if p := t.field(2); p != 0 {
			if bits := binary.LittleEndian.Uint32(t.buf[p:]); bits == 32 || bits == 64 {
				binary.LittleEndian.PutUint32(t.buf[p:], 128)
			}
		}
	}
	pos, n := f.elements(5, 4)
	for k := range n {
		checkField(at(f.buf, pos+4*k), left, depth+1)
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
