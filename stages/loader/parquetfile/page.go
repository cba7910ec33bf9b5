package parquetfile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	maxPage   = 256 << 20 // bytes of one page, before or after decompression
	maxHeader = 16 << 20
)

// Kinds of pages and codecs, as in parquet.thrift.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3

	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecBrotli = 4
	codecLZ4    = 5 // as Hadoop frames it
	codecZstd   = 6
	codecLZ4Raw = 7
)

// page is one page, decompressed.
type page struct {
	kind     int
	values   int64
	encoding int
	defEnc   int
	repEnc   int
	rep, def []byte // levels, version 2 only
	data     []byte
}

// pages reads the pages of a chunk in order.
type pages struct {
	src  io.ReaderAt
	pos  int64
	end  int64
	code int
	zstd *zstd.Decoder
}

func (p *pages) close() {
	if p.zstd != nil {
		p.zstd.Close()
		p.zstd = nil
	}
}

type pageHeader struct {
	kind                     int64
	uncompressed, compressed int64
	crc                      int64
	hasCRC, plain            bool
	values                   int64
	encoding, def, rep       int64
	defLen, repLen           int64
	size                     int // of the header itself
}

func parseHeader(b []byte) (h pageHeader, err error) {
	err = guard(func() {
		t := thrift{b: b}
		// inner reads the header of the page's kind: which of its fields are
		// kept, by number.
		inner := func(keep map[int]*int64, flag int) {
			t.fields(func(id int, kind byte) {
				switch {
				case keep[id] != nil && kind == tI32:
					*keep[id] = t.integer()
				case id == flag && kind == tFalse:
					h.plain = true
				default:
					t.skip(kind, 1)
				}
			})
		}
		t.fields(func(id int, kind byte) {
			top := map[int]*int64{1: &h.kind, 2: &h.uncompressed, 3: &h.compressed, 4: &h.crc}[id]
			switch {
			case top != nil && kind == tI32:
				*top = t.integer()
				h.hasCRC = h.hasCRC || id == 4
			case id == 5 && kind == tStruct:
				inner(map[int]*int64{1: &h.values, 2: &h.encoding, 3: &h.def, 4: &h.rep}, -1)
			case id == 7 && kind == tStruct:
				inner(map[int]*int64{1: &h.values, 2: &h.encoding}, -1)
			case id == 8 && kind == tStruct:
				inner(map[int]*int64{1: &h.values, 4: &h.encoding, 5: &h.defLen, 6: &h.repLen}, 7)
			default:
				t.skip(kind, 0)
			}
		})
		h.size = t.p
	})
	return h, err
}

// next gives the next page, or io.EOF at the end of the chunk.
func (p *pages) next() (page, error) {
	if p.pos >= p.end {
		return page{}, io.EOF
	}
	var h pageHeader
	for n := int64(512); ; n *= 8 {
		b := make([]byte, min(n, p.end-p.pos))
		if _, err := p.src.ReadAt(b, p.pos); err != nil && err != io.EOF {
			return page{}, err
		}
		var err error
		if h, err = parseHeader(b); err == nil {
			break
		}
		if int64(len(b)) == p.end-p.pos || n > maxHeader {
			return page{}, err
		}
	}
	p.pos += int64(h.size)
	if h.compressed < 0 || h.uncompressed < 0 || h.compressed > p.end-p.pos || h.values < 0 || h.defLen < 0 || h.repLen < 0 {
		return page{}, errDamaged
	}
	if max(h.compressed, h.uncompressed) > maxPage {
		return page{}, fmt.Errorf("a page has %d bytes, more than the supported %d", max(h.compressed, h.uncompressed), maxPage)
	}
	raw := make([]byte, h.compressed)
	if _, err := p.src.ReadAt(raw, p.pos); err != nil && err != io.EOF {
		return page{}, err
	}
	p.pos += h.compressed
	if h.hasCRC && crc32.ChecksumIEEE(raw) != uint32(h.crc) {
		return page{}, fmt.Errorf("the checksum of a page is wrong: %w", errDamaged)
	}
	out := page{kind: int(h.kind), values: h.values, encoding: int(h.encoding), defEnc: int(h.def), repEnc: int(h.rep)}
	code := p.code
	if h.kind == dataPageV2 {
		levels := h.repLen + h.defLen
		if levels > int64(len(raw)) || levels > h.uncompressed {
			return page{}, errDamaged
		}
		out.rep, out.def, raw = raw[:h.repLen], raw[h.repLen:levels], raw[levels:]
		h.uncompressed -= levels
		if h.plain || len(raw) == 0 {
			code = codecNone
		}
	}
	var err error
	out.data, err = p.decompress(raw, h.uncompressed, code)
	return out, err
}

// decompress gives exactly size bytes. What is decompressed is never larger
// than its input can explain.
func (p *pages) decompress(raw []byte, size int64, code int) ([]byte, error) {
	switch code {
	case codecNone:
		if int64(len(raw)) != size {
			return nil, errDamaged
		}
		return raw, nil
	case codecSnappy:
		n, err := snappy.DecodedLen(raw)
		if err != nil || int64(n) != size || n > 64*len(raw) {
			return nil, errDamaged
		}
		out, err := snappy.Decode(nil, raw)
		if err != nil {
			return nil, errDamaged
		}
		return out, nil
	case codecLZ4Raw, codecLZ4:
		if size > 256*int64(len(raw)) {
			return nil, errDamaged
		}
		out := make([]byte, size)
		if code == codecLZ4 && hadoop(out, raw) {
			return out, nil
		}
		if n, err := lz4.UncompressBlock(raw, out); err != nil || int64(n) != size {
			return nil, errDamaged
		}
		return out, nil
	case codecGzip:
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, errDamaged
		}
		return all(z, size)
	case codecBrotli:
		c, err := compress.GetCodec(compress.Codecs.Brotli)
		if err != nil {
			return nil, err
		}
		z := c.NewReader(bytes.NewReader(raw))
		defer z.Close()
		return all(z, size)
	case codecZstd:
		if p.zstd == nil {
			z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
			if err != nil {
				return nil, err
			}
			p.zstd = z
		}
		if err := p.zstd.Reset(bytes.NewReader(raw)); err != nil {
			return nil, errDamaged
		}
		return all(p.zstd, size)
	}
	return nil, errCodec(code)
}

// errCodec is nil when the codec is supported.
func errCodec(code int) error {
	switch code {
	case codecNone, codecSnappy, codecGzip, codecBrotli, codecLZ4, codecZstd, codecLZ4Raw:
		return nil
	}
	return fmt.Errorf("compression codec number %d is not supported", code)
}

// hadoop decompresses LZ4 blocks that have their lengths in front, decompressed
// and compressed, and says whether they fill out. The codec LZ4 never said what
// it is: Hadoop's programs write this, others one block alone.
func hadoop(out, raw []byte) bool {
	for len(raw) >= 8 {
		size, n := binary.BigEndian.Uint32(raw), binary.BigEndian.Uint32(raw[4:])
		raw = raw[8:]
		if uint64(size) > uint64(len(out)) || uint64(n) > uint64(len(raw)) {
			return false
		}
		if got, err := lz4.UncompressBlock(raw[:n], out[:size]); err != nil || got != int(size) {
			return false
		}
		out, raw = out[size:], raw[n:]
	}
	return len(out) == 0 && len(raw) == 0
}

// all reads a stream that has exactly size bytes.
func all(r io.Reader, size int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(size, 1<<20) + bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(r, size+1)); err != nil || int64(b.Len()) != size {
		return nil, errDamaged
	}
	return b.Bytes(), nil
}

// levels takes the levels apart from the values of a data page.
func (g *page) levels(maxRep, maxDef int) (rep, def *hybrid, data []byte, err error) {
	data = g.data
	if g.kind == dataPageV2 {
		return newHybrid(g.rep, width(maxRep)), newHybrid(g.def, width(maxDef)), data, nil
	}
	take := func(most, enc int) (*hybrid, error) {
		if most == 0 {
			return newHybrid(nil, 0), nil
		}
		if enc == encBitPacked {
			n := (g.values*int64(width(most)) + 7) / 8
			if n > int64(len(data)) {
				return nil, errDamaged
			}
			h := packed(data[:n], width(most))
			data = data[n:]
			return h, nil
		}
		if len(data) < 4 {
			return nil, errDamaged
		}
		n := binary.LittleEndian.Uint32(data)
		if uint64(n) > uint64(len(data)-4) {
			return nil, errDamaged
		}
		h := newHybrid(data[4:4+n], width(most))
		data = data[4+n:]
		return h, nil
	}
	if rep, err = take(maxRep, g.repEnc); err != nil {
		return
	}
	def, err = take(maxDef, g.defEnc)
	return rep, def, data, err
}
