package parquetfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
)

// maxWidth is the longest fixed-size list.
const maxWidth = 1 << 20

// column reads one column of one row group from its start to its end.
type column struct {
	field field
	t     arrow.DataType // of one value, as it is given
	list  arrow.DataType // the column's type, when it is a list
	width int            // of a list, or 0
	size  int            // bytes of a stored value; 0 strings, -1 booleans

	pages pages
	chunk int64 // values of the chunk that no page has given yet
	left  int64 // values of the page that were not read yet
	rep   *hybrid
	def   *hybrid
	vals  values
	dict  *dictionary
	reps  []uint32
	defs  []uint32
}

// newColumn checks that a column can be read.
func newColumn(f field, t arrow.DataType) (*column, error) {
	if f.leaf < 0 {
		return nil, fmt.Errorf("type %s is not supported", t)
	}
	c := &column{field: f, t: t}
	if list, ok := t.(*arrow.FixedSizeListType); ok {
		c.list, c.width, c.t = t, int(list.Len()), list.Elem()
		if c.width < 1 || c.width > maxWidth {
			return nil, fmt.Errorf("lists of %d elements are not supported", c.width)
		}
	}
	switch f.physical {
	case parquet.Types.Boolean:
		c.size = -1
	case parquet.Types.Int32, parquet.Types.Float:
		c.size = 4
	case parquet.Types.Int64, parquet.Types.Double:
		c.size = 8
	case parquet.Types.Int96:
		c.size = 12
	case parquet.Types.FixedLenByteArray:
		c.size = f.length
	}
	if !convertible(f, c.size, c.t) || c.width > 0 && c.size == 0 {
		return nil, fmt.Errorf("type %s, stored as %s, is not supported", t, f.physical)
	}
	return c, nil
}

func (c *column) rowBytes() int64 {
	if c.size == 0 {
		return 64
	}
	return int64(max(c.size, 1)) * int64(max(c.width, 1))
}

func (c *column) open(src io.ReaderAt, k chunk) {
	c.pages = pages{src: src, pos: k.start, end: k.start + k.size, code: k.codec}
	c.chunk = k.values
}

func (c *column) close() { c.pages.close() }

// ensure makes sure that a value can be read.
func (c *column) ensure() error {
	for c.left == 0 {
		if c.chunk == 0 {
			return errors.New("it has fewer values than rows")
		}
		g, err := c.pages.next()
		if err == io.EOF {
			return errors.New("it has fewer values than its head says")
		}
		if err != nil {
			return err
		}
		switch g.kind {
		case dictionaryPage:
			if c.dict != nil {
				return errDamaged
			}
			if c.dict, err = newDictionary(&g, c.size); err != nil {
				return err
			}
		case dataPage, dataPageV2:
			if g.values > c.chunk {
				return errors.New("it has more values than its head says")
			}
			var data []byte
			if c.rep, c.def, data, err = g.levels(c.field.maxRep, c.field.maxDef); err != nil {
				return err
			}
			if c.vals, err = newValues(g.encoding, data, c.size, c.dict); err != nil {
				return err
			}
			c.left = g.values
			c.chunk -= g.values
		}
	}
	return nil
}

// segment reads the levels of up to n values of one page.
func (c *column) segment(n int64) error {
	if err := c.ensure(); err != nil {
		return err
	}
	n = min(n, c.left)
	if int64(cap(c.defs)) < n {
		c.defs, c.reps = make([]uint32, n), make([]uint32, n)
	}
	c.defs, c.reps = c.defs[:n], c.reps[:n]
	if err := c.def.next(c.defs); err != nil {
		return err
	}
	if err := c.rep.next(c.reps); err != nil {
		return err
	}
	c.left -= n
	return nil
}

// read gives the next n rows.
func (c *column) read(n int64, mem memory.Allocator) (arrow.Array, error) {
	if c.width > 0 {
		return c.readLists(n, mem)
	}
	if c.size == 0 {
		return c.readStrings(n, mem)
	}
	width := max(c.size, 1)
	raw := make([]byte, n*int64(width))
	valid := newBits(n)
	most := uint32(c.field.maxDef)
	for at := int64(0); at < n; {
		if err := c.segment(n - at); err != nil {
			return nil, err
		}
		m := int64(len(c.defs))
		there := 0
		for i, d := range c.defs {
			if d > most {
				return nil, errDamaged
			}
			if d == most {
				there++
			} else {
				valid.null(at + int64(i))
			}
		}
		dst := raw[at*int64(width) : (at+m)*int64(width)]
		if err := c.vals.fixed(dst, there); err != nil {
			return nil, err
		}
		if there < int(m) {
			spread(dst, c.defs, most, width, there)
		}
		at += m
	}
	return c.array(raw, n, valid, mem)
}

// spread moves values, which lie one after another at the start of dst, to
// the places whose level is most.
func spread(dst []byte, defs []uint32, most uint32, width, there int) {
	for i := len(defs) - 1; i >= 0; i-- {
		to := dst[i*width : (i+1)*width]
		if defs[i] == most {
			there--
			copy(to, dst[there*width:(there+1)*width])
		} else {
			clear(to)
		}
	}
}

// readLists reads rows of exactly width elements. A level of maxDef is an
// element, one less where elements may be null a null element; below that the
// row is null, or a list without elements, which does not have the width.
func (c *column) readLists(n int64, mem memory.Allocator) (arrow.Array, error) {
	w := int64(c.width)
	raw := make([]byte, n*w*int64(max(c.size, 1)))
	rows, elems := newBits(n), newBits(n*w)
	most := uint32(c.field.maxDef)
	slot := most
	if c.field.optional {
		slot--
	}
	size := max(c.size, 1)
	row, elem := int64(0), int64(0) // elem is the place in the present row; 0 at its start
	for row < n {
		// Every level ends at most one row, and the elements of a row that was
		// begun follow for sure: this never reads into row n.
		ask := n - row
		if elem > 0 {
			ask += w - elem - 1
		}
		if err := c.segment(ask); err != nil {
			return nil, err
		}
		if m := int64(len(c.defs)); c.full(elem) {
			place := row*w + elem
			if err := c.vals.fixed(raw[place*int64(size):(place+m)*int64(size)], int(m)); err != nil {
				return nil, err
			}
			row, elem = (place+m)/w, (place+m)%w
			continue
		}
		k := 0
		for k < len(c.defs) {
			d, r := c.defs[k], c.reps[k]
			if d > most || r > 1 || (r == 0) != (elem == 0) {
				return nil, fmt.Errorf("row %d of the row group's window is not a list of %d elements", row, w)
			}
			if d < slot {
				if elem != 0 || d+1 == slot {
					return nil, fmt.Errorf("row %d of the row group's window is not a list of %d elements", row, w)
				}
				rows.null(row)
				for j := range w {
					elems.null(row*w + j)
				}
				row++
				k++
			} else {
				place := row*w + elem
				if d == most {
					if err := c.vals.fixed(raw[place*int64(size):(place+1)*int64(size)], 1); err != nil {
						return nil, err
					}
				} else {
					elems.null(place)
				}
				k++
				if elem++; elem == w {
					elem = 0
					row++
				}
			}
		}
	}
	leaf, err := c.array(raw, n*w, elems, mem)
	if err != nil {
		return nil, err
	}
	defer leaf.Release()
	return made(c.list, n, []*memory.Buffer{rows.buffer()}, []arrow.ArrayData{leaf.Data()}, rows.nulls), nil
}

// full says that the segment has nothing but elements, of lists that begin
// where they should; elem elements of the first came before.
func (c *column) full(elem int64) bool {
	most, w := uint32(c.field.maxDef), int64(c.width)
	for i, d := range c.defs {
		if d != most || c.reps[i] > 1 || (c.reps[i] == 0) != (elem == 0) {
			return false
		}
		if elem++; elem == w {
			elem = 0
		}
	}
	return true
}

func (c *column) readStrings(n int64, mem memory.Allocator) (arrow.Array, error) {
	b := array.NewBuilder(mem, c.t)
	defer b.Release()
	most := uint32(c.field.maxDef)
	var list [][]byte
	for at := int64(0); at < n; {
		if err := c.segment(n - at); err != nil {
			return nil, err
		}
		there := 0
		for _, d := range c.defs {
			if d == most {
				there++
			}
		}
		var err error
		if list, err = c.vals.strings(list[:0], there); err != nil {
			return nil, err
		}
		k := 0
		for _, d := range c.defs {
			if d != most {
				b.AppendNull()
				continue
			}
			switch b := b.(type) {
			case *array.StringBuilder:
				b.Append(string(list[k]))
			case *array.LargeStringBuilder:
				b.Append(string(list[k]))
			case *array.BinaryBuilder: // of either width of offsets
				b.Append(list[k])
			}
			k++
		}
		at += int64(len(c.defs))
	}
	return b.NewArray(), nil
}

// bitmap is a validity bitmap that is made when the first null comes.
type bitmap struct {
	n     int64
	b     []byte
	nulls int
}

func newBits(n int64) *bitmap { return &bitmap{n: n} }

func (b *bitmap) null(i int64) {
	if b.b == nil {
		b.b = make([]byte, (b.n+7)/8)
		bitutil.SetBitsTo(b.b, 0, b.n, true)
	}
	bitutil.ClearBit(b.b, int(i))
	b.nulls++
}

func (b *bitmap) buffer() *memory.Buffer {
	if b.b == nil {
		return nil
	}
	return memory.NewBufferBytes(b.b)
}

func made(t arrow.DataType, n int64, buffers []*memory.Buffer, children []arrow.ArrayData, nulls int) arrow.Array {
	data := array.NewData(t, int(n), buffers, children, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
