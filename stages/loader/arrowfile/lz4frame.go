package arrowfile

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/pierrec/lz4/v4"
)

// LZ4 frames are read here because the library holds the checksums of blocks
// against the wrong bytes, those after decompression, and so refuses what
// Polars writes. Blocks are decompressed by the library.
//
// Reference: "LZ4 Frame Format Description", version 1.6.4; "xxHash Fast
// Digest Algorithm", XXH32.

const (
	lz4Magic  = 0x184D2204
	lz4Window = 64 << 10 // bytes that a block may refer back to
)

var errLZ4 = errors.New("an LZ4 frame is damaged")

// lz4Frames reads frames, one after another.
type lz4Frames struct {
	r      io.Reader
	inside bool // of a frame
	alone  bool // blocks do not refer to those before them
	sums   bool // blocks have checksums
	sum    *xxh32
	raw    []byte // the block as stored
	block  []byte // room for a block behind the window
	begin  int    // where in block the decompressed bytes begin
	end    int    // and where they end
	out    []byte // what of them was not read yet
}

func (f *lz4Frames) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		var err error
		if f.inside {
			err = f.next()
		} else {
			err = f.head()
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// bytes reads n bytes that must be there.
func (f *lz4Frames) bytes(n int) ([]byte, error) {
	if cap(f.raw) < n {
		f.raw = make([]byte, n)
	}
	_, err := io.ReadFull(f.r, f.raw[:n])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return f.raw[:n], err
}

func (f *lz4Frames) number() (uint32, error) {
	b, err := f.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// head reads the descriptor of a frame; io.EOF when there is none.
func (f *lz4Frames) head() error {
	var magic [4]byte
	if _, err := io.ReadFull(f.r, magic[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(magic[:]) != lz4Magic {
		return errLZ4
	}
	b, err := f.bytes(2)
	if err != nil {
		return err
	}
	desc := []byte{b[0], b[1]}
	flags, size := b[0], b[1]>>4&7
	if flags>>6 != 1 || flags&3 != 0 || b[1]&0x8F != 0 || size < 4 { // dictionaries are never used in Arrow
		return errLZ4
	}
	if flags&8 != 0 { // the size of the content, which the buffer tells too
		if b, err = f.bytes(8); err != nil {
			return err
		}
		desc = append(desc, b...)
	}
	if b, err = f.bytes(1); err != nil {
		return err
	}
	if b[0] != byte(sumOf(desc)>>8) {
		return errLZ4
	}
	f.alone, f.sums, f.sum, f.inside = flags&32 != 0, flags&16 != 0, nil, true
	if flags&4 != 0 {
		f.sum = newXXH32()
	}
	most := 64 << 10 << (2 * (size - 4))
	if cap(f.block) < lz4Window+most {
		f.block = make([]byte, lz4Window+most)
	}
	f.block, f.begin = f.block[:lz4Window+most], 0
	f.end = 0
	return nil
}

// next reads a block, or the end of the frame.
func (f *lz4Frames) next() error {
	n, err := f.number()
	if err != nil {
		return err
	}
	if n == 0 {
		f.inside = false
		if f.sum == nil {
			return nil
		}
		if n, err = f.number(); err == nil && n != f.sum.sum() {
			err = errLZ4
		}
		return err
	}
	if !f.alone { // the window slides to the start of the room
		f.begin = copy(f.block, f.block[max(0, f.end-lz4Window):f.end])
	}
	plain := n>>31 == 1
	n &= 1<<31 - 1
	if int64(n) > int64(len(f.block)-lz4Window) {
		return errLZ4
	}
	raw, err := f.bytes(int(n))
	if err != nil {
		return err
	}
	if f.sums {
		var stored [4]byte
		if _, err := io.ReadFull(f.r, stored[:]); err != nil {
			return io.ErrUnexpectedEOF
		}
		if binary.LittleEndian.Uint32(stored[:]) != sumOf(raw) {
			return errLZ4
		}
	}
	dst := f.block[f.begin : f.begin+len(f.block)-lz4Window]
	size := 0
	if plain {
		size = copy(dst, raw)
	} else if size, err = lz4.UncompressBlockWithDict(raw, dst, f.block[:f.begin]); err != nil {
		return errLZ4
	}
	if f.sum != nil {
		f.sum.write(dst[:size])
	}
	f.out, f.end = dst[:size], f.begin+size
	return nil
}

// xxh32 is the hash of bytes that come in pieces, with seed 0.
type xxh32 struct {
	v     [4]uint32
	total uint32
	rest  []byte // fewer than 16
}

const (
	xxh1 uint32 = 2654435761
	xxh2 uint32 = 2246822519
	xxh3 uint32 = 3266489917
	xxh4 uint32 = 668265263
	xxh5 uint32 = 374761393
)

func newXXH32() *xxh32 {
	one, two := xxh1, xxh2
	return &xxh32{v: [4]uint32{one + two, two, 0, -one}}
}

func sumOf(b []byte) uint32 {
	h := newXXH32()
	h.write(b)
	return h.sum()
}

func (h *xxh32) write(b []byte) {
	h.total += uint32(len(b))
	if len(h.rest) > 0 {
		n := min(16-len(h.rest), len(b))
		h.rest = append(h.rest, b[:n]...)
		if b = b[n:]; len(h.rest) < 16 {
			return
		}
		h.stripes(h.rest)
		h.rest = h.rest[:0]
	}
	n := len(b) / 16 * 16
	h.stripes(b[:n])
	h.rest = append(h.rest, b[n:]...)
}

func (h *xxh32) stripes(b []byte) {
	v := h.v
	for ; len(b) >= 16; b = b[16:] {
		for i := range v {
			v[i] = bits.RotateLeft32(v[i]+binary.LittleEndian.Uint32(b[4*i:])*xxh2, 13) * xxh1
		}
	}
	h.v = v
}

func (h *xxh32) sum() uint32 {
	s := h.v[2] + xxh5
	if h.total >= 16 {
		s = bits.RotateLeft32(h.v[0], 1) + bits.RotateLeft32(h.v[1], 7) + bits.RotateLeft32(h.v[2], 12) + bits.RotateLeft32(h.v[3], 18)
	}
	s += h.total
	b := h.rest
	for ; len(b) >= 4; b = b[4:] {
		s = bits.RotateLeft32(s+binary.LittleEndian.Uint32(b)*xxh3, 17) * xxh4
	}
	for _, c := range b {
		s = bits.RotateLeft32(s+uint32(c)*xxh5, 11) * xxh1
	}
	s = (s ^ s>>15) * xxh2
	s = (s ^ s>>13) * xxh3
	return s ^ s>>16
}
