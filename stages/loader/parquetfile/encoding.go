package parquetfile

import (
	"encoding/binary"
	"fmt"
)

// Encodings, as in parquet.thrift.
const (
	encPlain           = 0
	encPlainDictionary = 2
	encRLE             = 3
	encBitPacked       = 4
	encDelta           = 5
	encRLEDictionary   = 8
	encStreamSplit     = 9
)

// values decodes the values of one page, in order. Fixed-width values go to
// dst, one after another; strings are appended to list.
type values interface {
	fixed(dst []byte, n int) error
	strings(list [][]byte, n int) ([][]byte, error)
}

// newValues starts the values of a page. size is the bytes of a value, 0 for
// strings, -1 for booleans, which become a byte each.
func newValues(enc int, data []byte, size int, dict *dictionary) (values, error) {
	switch {
	case len(data) == 0 && (enc == encRLE || enc == encDelta):
		return &plain{size: max(size, 1)}, nil // of nulls alone, for which some writers write nothing
	case enc == encPlain && size < 0:
		return &booleans{bits: &hybrid{b: data, width: 1, packed: true, run: 8 * uint64(len(data))}}, nil
	case enc == encRLE && size < 0:
		if len(data) < 4 {
			return nil, errDamaged
		}
		return &booleans{bits: newHybrid(data[4:], 1)}, nil
	case size < 0:
	case enc == encPlain:
		return &plain{b: data, size: size}, nil
	case enc == encPlainDictionary || enc == encRLEDictionary:
		if dict == nil {
			return nil, errDamaged
		}
		if len(data) == 0 {
			return &indexed{dict: dict, index: newHybrid(nil, 1)}, nil
		}
		if data[0] > 32 {
			return nil, errDamaged
		}
		return &indexed{dict: dict, index: newHybrid(data[1:], int(data[0]))}, nil
	case enc == encDelta && (size == 4 || size == 8):
		return newDelta(data, size)
	case enc == encStreamSplit && size > 0:
		return &streamSplit{b: data, size: size}, nil
	}
	return nil, fmt.Errorf("encoding number %d is not supported for this column", enc)
}

// plain is one value after another; strings have their length in front.
type plain struct {
	b    []byte
	size int
}

func (p *plain) fixed(dst []byte, n int) error {
	k := n * p.size
	if k > len(p.b) {
		return errDamaged
	}
	copy(dst, p.b[:k])
	p.b = p.b[k:]
	return nil
}

func (p *plain) strings(list [][]byte, n int) ([][]byte, error) {
	for range n {
		if len(p.b) < 4 {
			return nil, errDamaged
		}
		k := binary.LittleEndian.Uint32(p.b)
		if uint64(k) > uint64(len(p.b)-4) {
			return nil, errDamaged
		}
		list = append(list, p.b[4:4+k:4+k])
		p.b = p.b[4+k:]
	}
	return list, nil
}

// dictionary holds the distinct values of a chunk.
type dictionary struct {
	fixed []byte
	size  int
	texts [][]byte
}

func newDictionary(g *page, size int) (*dictionary, error) {
	if size < 0 || g.encoding != encPlain && g.encoding != encPlainDictionary {
		return nil, errDamaged
	}
	d := &dictionary{size: size}
	if size > 0 {
		if g.values > int64(len(g.data)/size) {
			return nil, errDamaged
		}
		d.fixed = g.data[:int(g.values)*size]
		return d, nil
	}
	if g.values > int64(len(g.data)/4) {
		return nil, errDamaged
	}
	var err error
	d.texts, err = (&plain{b: g.data}).strings(nil, int(g.values))
	return d, err
}

// indexed values are places in a dictionary.
type indexed struct {
	dict  *dictionary
	index *hybrid
	buf   [1024]uint32
}

func (x *indexed) fixed(dst []byte, n int) error {
	size := x.dict.size
	for n > 0 {
		k := min(n, len(x.buf))
		if err := x.index.next(x.buf[:k]); err != nil {
			return err
		}
		for _, i := range x.buf[:k] {
			at := uint64(i) * uint64(size)
			if at+uint64(size) > uint64(len(x.dict.fixed)) {
				return errDamaged
			}
			copy(dst[:size], x.dict.fixed[at:])
			dst = dst[size:]
		}
		n -= k
	}
	return nil
}

func (x *indexed) strings(list [][]byte, n int) ([][]byte, error) {
	for n > 0 {
		k := min(n, len(x.buf))
		if err := x.index.next(x.buf[:k]); err != nil {
			return nil, err
		}
		for _, i := range x.buf[:k] {
			if uint64(i) >= uint64(len(x.dict.texts)) {
				return nil, errDamaged
			}
			list = append(list, x.dict.texts[i])
		}
		n -= k
	}
	return list, nil
}

// booleans become one byte each.
type booleans struct {
	bits *hybrid
	buf  [1024]uint32
}

func (x *booleans) fixed(dst []byte, n int) error {
	for n > 0 {
		k := min(n, len(x.buf))
		if err := x.bits.next(x.buf[:k]); err != nil {
			return err
		}
		for i, v := range x.buf[:k] {
			dst[i] = byte(v)
		}
		dst, n = dst[k:], n-k
	}
	return nil
}

func (x *booleans) strings([][]byte, int) ([][]byte, error) { return nil, errDamaged }

// streamSplit keeps first bytes of all values, then the second bytes, and so
// on.
type streamSplit struct {
	b    []byte
	size int
	at   int
}

func (s *streamSplit) fixed(dst []byte, n int) error {
	count := len(s.b) / s.size
	if n > count-s.at {
		return errDamaged
	}
	for i := range n {
		for j := range s.size {
			dst[i*s.size+j] = s.b[j*count+s.at+i]
		}
	}
	s.at += n
	return nil
}

func (s *streamSplit) strings([][]byte, int) ([][]byte, error) { return nil, errDamaged }

// delta decodes DELTA_BINARY_PACKED: blocks of miniblocks of bit-packed
// differences.
type delta struct {
	b              []byte
	size           int
	minis, perMini int
	left           uint64 // values of the page
	last           int64
	first          bool
	least          int64 // least difference of the block
	widths         []byte
	mini, inMini   int // miniblock of the block; values left in it
	bit            uint64
}

func newDelta(b []byte, size int) (*delta, error) {
	d := &delta{b: b, size: size, first: true}
	block, ok1 := d.varint()
	minis, ok2 := d.varint()
	left, ok3 := d.varint()
	last, ok4 := d.zigzag()
	if !ok1 || !ok2 || !ok3 || !ok4 || block == 0 || block > 1<<20 || block%128 != 0 || minis == 0 || block%minis != 0 || block/minis%32 != 0 {
		return nil, errDamaged
	}
	d.minis, d.perMini, d.left, d.last = int(minis), int(block/minis), left, last
	d.mini = d.minis
	return d, nil
}

func (d *delta) varint() (uint64, bool) {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		return 0, false
	}
	d.b = d.b[n:]
	return v, true
}

func (d *delta) zigzag() (int64, bool) {
	v, ok := d.varint()
	return int64(v>>1) ^ -int64(v&1), ok
}

func (d *delta) fixed(dst []byte, n int) error {
	if uint64(n) > d.left {
		return errDamaged
	}
	d.left -= uint64(n)
	for i := range n {
		if !d.first {
			step, err := d.step()
			if err != nil {
				return err
			}
			d.last += step
		}
		d.first = false
		if d.size == 4 {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(d.last))
		} else {
			binary.LittleEndian.PutUint64(dst[8*i:], uint64(d.last))
		}
	}
	return nil
}

func (d *delta) strings([][]byte, int) ([][]byte, error) { return nil, errDamaged }

// step is the next difference.
func (d *delta) step() (int64, error) {
	if d.inMini == 0 {
		if d.mini+1 >= d.minis || d.widths == nil {
			if d.widths != nil {
				d.b = d.b[min(int((d.bit+7)/8), len(d.b)):]
			}
			var ok bool
			if d.least, ok = d.zigzag(); !ok || len(d.b) < d.minis {
				return 0, errDamaged
			}
			d.widths, d.b, d.mini = d.b[:d.minis], d.b[d.minis:], 0
		} else {
			d.b = d.b[min(int((d.bit+7)/8), len(d.b)):]
			d.mini++
		}
		d.bit, d.inMini = 0, d.perMini
		if d.widths[d.mini] > 64 {
			return 0, errDamaged
		}
	}
	w := uint64(d.widths[d.mini])
	if d.bit+w > uint64(len(d.b))*8 {
		return 0, errDamaged
	}
	v := word(d.b, d.bit/8) >> (d.bit % 8)
	if k := 64 - d.bit%8; w > k {
		v |= uint64(d.b[d.bit/8+8]) << k
	}
	if w < 64 {
		v &= 1<<w - 1
	}
	d.bit += w
	d.inMini--
	return d.least + int64(v), nil
}
