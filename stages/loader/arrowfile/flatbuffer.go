package arrowfile

import (
	"encoding/binary"
	"errors"
)

// The metadata of Arrow messages are flatbuffers. Arrow's own decoder believes
// the lengths that it finds, and one flipped bit makes it ask for more memory
// than there is, which ends the process. So messages are walked here first,
// with every offset and length held against the bytes that there are.

// errMetadata is what a broken flatbuffer gives.
var errMetadata = errors.New("the metadata of a message is damaged")

// table is a flatbuffer table. Its methods panic with errMetadata or with a
// bounds error of the runtime; callers recover.
type table struct {
	buf []byte
	pos int
}

func root(buf []byte) table { return at(buf, 0) }

// at follows the offset that is stored at pos. Offsets point forward, so no
// walk goes in circles.
func at(buf []byte, pos int) table {
	t := table{buf, pos + int(binary.LittleEndian.Uint32(buf[pos:]))}
	if t.pos > len(buf)-4 {
		panic(errMetadata)
	}
	return t
}

// field is the place of field i, or 0 when it is left out.
func (t table) field(i int) int {
	v := t.pos - int(int32(binary.LittleEndian.Uint32(t.buf[t.pos:])))
	if v < 0 {
		panic(errMetadata)
	}
	size := int(binary.LittleEndian.Uint16(t.buf[v:]))
	if 4+2*i >= size { // as the decoder has it, also for odd sizes
		return 0
	}
	o := int(binary.LittleEndian.Uint16(t.buf[v+4+2*i:]))
	if o == 0 {
		return 0
	}
	return t.pos + o
}

func (t table) int8(i int) int {
	if p := t.field(i); p != 0 {
		return int(int8(t.buf[p]))
	}
	return 0
}

func (t table) int16(i int) int {
	if p := t.field(i); p != 0 {
		return int(int16(binary.LittleEndian.Uint16(t.buf[p:])))
	}
	return 0
}

func (t table) int64(i int) int64 {
	if p := t.field(i); p != 0 {
		return int64(binary.LittleEndian.Uint64(t.buf[p:]))
	}
	return 0
}

func (t table) table(i int) (table, bool) {
	p := t.field(i)
	if p == 0 {
		return table{}, false
	}
	return at(t.buf, p), true
}

// vector gives the bytes of a vector whose elements have size bytes.
func (t table) vector(i, size int) (elems []byte, n int) {
	p, n := t.elements(i, size)
	return t.buf[p : p+n*size], n
}

// elements gives the place and the number of a vector's elements.
func (t table) elements(i, size int) (pos, n int) {
	p := t.field(i)
	if p == 0 {
		return 0, 0
	}
	p += int(binary.LittleEndian.Uint32(t.buf[p:]))
	n = int(binary.LittleEndian.Uint32(t.buf[p:]))
	if n > (len(t.buf)-p-4)/size {
		panic(errMetadata)
	}
	return p + 4, n
}

// budget is what a walk may still cost, in bytes. Tables may be shared, so a
// small buffer can stand for a very large tree.
type budget int

func (b *budget) spend(bytes int) {
	if *b -= budget(bytes); *b < 0 {
		panic(errMetadata)
	}
}

// guard turns the panics of a walk into an error.
func guard(f func()) (err error) {
	defer func() {
		if recover() != nil {
			err = errMetadata
		}
	}()
	f()
	return nil
}
