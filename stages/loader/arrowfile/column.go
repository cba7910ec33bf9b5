package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// maxWidth is the longest fixed-size list.
const maxWidth = 1 << 20

// column reads one column of one record batch from its start to its end.
type column struct {
	bits   int // of one value; 0 for strings
	offset int // bytes of one offset of strings: 4 or 8
	width  int // of a fixed-size list, or 0

	valid  *buffer // of rows; nil when none is null
	elems  *buffer // validity of the elements of lists
	values *buffer
	ends   *buffer // offsets of strings
	last   int64   // the offset that was read last
}

func columnOf(t arrow.DataType) (*column, error) {
	c := &column{}
	if list, ok := t.(*arrow.FixedSizeListType); ok {
		if c.width = int(list.Len()); c.width < 1 || c.width > maxWidth {
			return nil, fmt.Errorf("lists of %d elements are not supported", list.Len())
		}
		t = list.Elem()
	}
	switch t.ID() {
	case arrow.STRING, arrow.BINARY:
		c.offset = 4
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		c.offset = 8
	case arrow.DICTIONARY, arrow.EXTENSION:
		return nil, fmt.Errorf("type %s is not supported", t)
	default:
		fixed, ok := t.(arrow.FixedWidthDataType)
		if !ok || fixed.BitWidth() < 1 || fixed.BitWidth() > 1<<16 || fixed.BitWidth() != 1 && fixed.BitWidth()%8 != 0 {
			return nil, fmt.Errorf("type %s is not supported", t)
		}
		c.bits = fixed.BitWidth()
	}
	if c.bits == 0 && c.width > 0 {
		return nil, fmt.Errorf("lists of %s are not supported", t)
	}
	return c, nil
}

func (c *column) rowBytes() int64 {
	if c.bits == 0 {
		return 64
	}
	return (int64(c.bits)*int64(max(c.width, 1)) + 7) / 8
}

// open finds the buffers of a column whose nodes and buffers begin at p and
// checks that they are long enough.
func (c *column) open(b *batch, p place, body *io.SectionReader, size int64) error {
	rows, nulls, err := pair(b.nodes, p.node)
	if err != nil {
		return err
	}
	if rows != b.rows || nulls < 0 || nulls > rows {
		return errors.New("its length is not that of the record batch")
	}
	next := p.buffer
	take := func(need int64) (*buffer, error) {
		at, n, err := pair(b.buffers, next)
		if err != nil {
			return nil, err
		}
		next++
		if need == 0 {
			return nil, nil
		}
		if at < 0 || n < 0 || at > size-n {
			return nil, errMetadata
		}
		return openBuffer(io.NewSectionReader(body, at, n), n, need, b.codec)
	}
	bitmap := func(rows, nulls int64) int64 {
		if nulls == 0 {
			return 0
		}
		return (rows + 7) / 8
	}
	if c.valid, err = take(bitmap(rows, nulls)); err != nil {
		return err
	}
	if c.width > 0 {
		if rows > 1<<62/int64(c.width) {
			return errMetadata
		}
		n, nulls, err := pair(b.nodes, p.node+1)
		if err != nil {
			return err
		}
		rows *= int64(c.width)
		if n < rows || nulls < 0 || nulls > n {
			return errors.New("it has too few elements for its lists")
		}
		if c.elems, err = take(bitmap(rows, nulls)); err != nil {
			return err
		}
	}
	if c.bits == 0 {
		if rows >= 1<<59 {
			return errMetadata
		}
		if c.ends, err = take((rows + 1) * int64(c.offset)); err != nil {
			return err
		}
		first, err := c.ends.next(int64(c.offset))
		if err != nil {
			return err
		}
		c.last = integer(first, c.offset)
		at, n, err := pair(b.buffers, next)
		if err != nil {
			return err
		}
		if n > 0 {
			if at < 0 || at > size-n {
				return errMetadata
			}
			if c.values, err = openBuffer(io.NewSectionReader(body, at, n), n, 0, b.codec); err != nil {
				return err
			}
			if err := c.values.skip(c.last); err != nil {
				return err
			}
		}
		return nil
	}
	if rows > 1<<62/int64(c.bits) {
		return errMetadata
	}
	c.values, err = take((rows*int64(c.bits) + 7) / 8)
	return err
}

func integer(b []byte, size int) int64 {
	if size == 4 {
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func (c *column) close() {
	for _, b := range []*buffer{c.valid, c.elems, c.values, c.ends} {
		if b != nil {
			b.close()
		}
	}
}

// read gives the next n rows; n is a multiple of 8 except at the end.
func (c *column) read(n int64, t arrow.DataType, mem memory.Allocator) (arrow.Array, error) {
	valid, nulls, err := c.valid.bitmap(n, mem)
	if err != nil {
		return nil, err
	}
	defer release(valid)
	if c.width > 0 {
		m := n * int64(c.width)
		elems, elemNulls, err := c.elems.bitmap(m, mem)
		if err != nil {
			return nil, err
		}
		defer release(elems)
		values, err := c.values.buffer((m*int64(c.bits)+7)/8, mem)
		if err != nil {
			return nil, err
		}
		defer release(values)
		leaf := array.NewData(t.(*arrow.FixedSizeListType).Elem(), int(m), []*memory.Buffer{elems, values}, nil, elemNulls, 0)
		defer leaf.Release()
		return made(t, n, []*memory.Buffer{valid}, []arrow.ArrayData{leaf}, nulls), nil
	}
	if c.bits == 0 {
		return c.strings(n, t, valid, nulls, mem)
	}
	values, err := c.values.buffer((n*int64(c.bits)+7)/8, mem)
	if err != nil {
		return nil, err
	}
	defer release(values)
	return made(t, n, []*memory.Buffer{valid, values}, nil, nulls), nil
}

func (c *column) strings(n int64, t arrow.DataType, valid *memory.Buffer, nulls int, mem memory.Allocator) (arrow.Array, error) {
	raw, err := c.ends.next(n * int64(c.offset))
	if err != nil {
		return nil, err
	}
	offsets := memory.NewResizableBuffer(mem)
	defer release(offsets)
	offsets.Resize(int(n+1) * c.offset)
	first := c.last
	clear(offsets.Bytes()[:c.offset])
	for i := range int(n) {
		end := integer(raw[i*c.offset:], c.offset)
		if end < c.last {
			return nil, errMetadata
		}
		c.last = end
		if c.offset == 4 {
			binary.LittleEndian.PutUint32(offsets.Bytes()[4*(i+1):], uint32(end-first))
		} else {
			binary.LittleEndian.PutUint64(offsets.Bytes()[8*(i+1):], uint64(end-first))
		}
	}
	values, err := c.values.buffer(c.last-first, mem)
	if err != nil {
		return nil, err
	}
	defer release(values)
	return made(t, n, []*memory.Buffer{valid, offsets, values}, nil, nulls), nil
}

func made(t arrow.DataType, n int64, buffers []*memory.Buffer, children []arrow.ArrayData, nulls int) arrow.Array {
	data := array.NewData(t, int(n), buffers, children, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

func release(b *memory.Buffer) {
	if b != nil {
		b.Release()
	}
}

// bitmap reads the validity of n values; nil when none is null.
func (b *buffer) bitmap(n int64, mem memory.Allocator) (*memory.Buffer, int, error) {
	if b == nil {
		return nil, 0, nil
	}
	bits, err := b.buffer((n+7)/8, mem)
	if err != nil {
		return nil, 0, err
	}
	nulls := int(n) - bitutil.CountSetBits(bits.Bytes(), 0, int(n))
	if nulls == 0 {
		bits.Release()
		return nil, 0, nil
	}
	return bits, nulls, nil
}
