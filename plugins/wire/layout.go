package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// maxRows bounds the rows of one batch.
const maxRows = 1<<31 - 1

// layout walks the nodes and buffers of a record batch in the order of the
// schema and checks each against the bytes of the body.
type layout struct {
	hold         *hold // nil: the body is in private memory
	meta         metadata
	body         []byte
	node, buffer int
}

// array checks and wraps one column of n values.
func (l *layout) array(f arrow.Field, n int64) (arrow.ArrayData, error) {
	wrong := func(format string, a ...any) (arrow.ArrayData, error) {
		return nil, fmt.Errorf("wire: column %q of a record batch "+format, append([]any{f.Name}, a...)...)
	}
	if l.node >= l.meta.nodes.len() {
		return wrong("is missing")
	}
	length, nulls := l.meta.nodes.at(l.node)
	l.node++
	if length != n || nulls < 0 || nulls > n {
		return wrong("has %d values and %d nulls where %d values are due", length, nulls, n)
	}
	valid, err := l.next(f, true)
	if err != nil {
		return nil, err
	}
	switch {
	case valid == nil || valid.Len() == 0:
		if valid = nil; nulls != 0 {
			return wrong("has nulls and no validity bits")
		}
	case int64(valid.Len()) < (n+7)/8:
		return wrong("has too few validity bits")
	case zeroBits(valid.Bytes(), n) != nulls:
		return wrong("counts its nulls wrongly")
	}
	if nulls > 0 && !f.Nullable {
		return wrong("has nulls, which its schema rules out")
	}
	if t, ok := f.Type.(*arrow.FixedSizeListType); ok {
		width := int64(t.Len())
		if n > 0 && width > maxRows/n {
			return wrong("has more elements than a batch may have")
		}
		child, err := l.array(t.ElemField(), n*width)
		if err != nil {
			return nil, err
		}
		defer child.Release()
		return array.NewData(t, int(n), []*memory.Buffer{valid}, []arrow.ArrayData{child}, int(nulls), 0), nil
	}
	width, variable := offsetWidth(f.Type)
	values, err := l.next(f, variable)
	if err != nil {
		return nil, err
	}
	defer values.Release() // the array holds it
	buffers := []*memory.Buffer{valid, values}
	if variable {
		text, err := l.next(f, false)
		if err != nil {
			return nil, err
		}
		defer text.Release()
		if n == 0 {
			// Writers may leave out the one offset of no values.
			values, text = memory.NewBufferBytes(make([]byte, width)), memory.NewBufferBytes(nil)
		}
		if err := checkOffsets(values.Bytes(), n, width, int64(text.Len())); err != nil {
			return wrong("%w", err)
		}
		buffers = []*memory.Buffer{valid, values, text}
	} else if have, need := int64(values.Len()), (n*int64(f.Type.(arrow.FixedWidthDataType).BitWidth())+7)/8; have < need {
		return wrong("has %d bytes where %d are due", have, need)
	}
	return array.NewData(f.Type, int(n), buffers, nil, int(nulls), 0), nil
}

// next wraps the next buffer of the body: in place, or a copy where others can
// write and the buffer decides where is read.
func (l *layout) next(f arrow.Field, decides bool) (*memory.Buffer, error) {
	if l.buffer >= l.meta.buffers.len() {
		return nil, fmt.Errorf("wire: column %q of a record batch has too few buffers", f.Name)
	}
	offset, length := l.meta.buffers.at(l.buffer)
	l.buffer++
	if offset < 0 || length < 0 || offset%8 != 0 || offset > int64(len(l.body)) || length > int64(len(l.body))-offset {
		return nil, fmt.Errorf("wire: column %q of a record batch lies outside of the message", f.Name)
	}
	b := l.body[offset : offset+length : offset+length]
	switch {
	case l.hold == nil:
		return memory.NewBufferBytes(b), nil
	case decides:
		return memory.NewBufferBytes(bytes.Clone(b)), nil
	}
	return l.hold.buffer(b), nil
}

// offsetWidth is the size of an offset of a type of variable length.
func offsetWidth(t arrow.DataType) (int, bool) {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY:
		return 4, true
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return 8, true
	}
	return 0, false
}

// checkOffsets says whether n+1 offsets do not fall and stay inside of size.
func checkOffsets(b []byte, n int64, width int, size int64) error {
	if int64(len(b)) < (n+1)*int64(width) {
		return fmt.Errorf("has too few offsets")
	}
	last := int64(0)
	for i := int64(0); i <= n; i++ {
		var o int64
		if width == 4 {
			o = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		} else {
			o = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
		if o < last || o > size {
			return fmt.Errorf("has a wrong offset at value %d", i)
		}
		last = o
	}
	return nil
}

// zeroBits counts the zeros among the first n bits.
func zeroBits(b []byte, n int64) int64 {
	ones := 0
	whole := n / 8
	for _, x := range b[:whole] {
		ones += bits.OnesCount8(x)
	}
	if rest := n % 8; rest > 0 {
		ones += bits.OnesCount8(b[whole] & (1<<rest - 1))
	}
	return n - int64(ones)
}
