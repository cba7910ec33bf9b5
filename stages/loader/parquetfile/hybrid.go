package parquetfile

import (
	"encoding/binary"
	"math/bits"
)

// width is the number of bits that values up to most take.
func width(most int) int { return bits.Len(uint(most)) }

// hybrid decodes the RLE and bit-packing hybrid, which levels and dictionary
// indices use. Of width 0, all values are 0 and there are no bytes.
type hybrid struct {
	b      []byte
	width  int
	run    uint64 // values left in the present run
	packed bool
	value  uint32 // of a repeated run
	bit    uint64 // place in the bit-packed bytes at b[0]
	most   bool   // Parquet's first bit packing: most significant bits first
}

func newHybrid(b []byte, width int) *hybrid { return &hybrid{b: b, width: width} }

// packed decodes the bit packing of old files, which has no runs.
func packed(b []byte, width int) *hybrid {
	return &hybrid{b: b, width: width, packed: true, most: true, run: uint64(len(b)) * 8 / uint64(width)}
}

// next fills dst.
func (h *hybrid) next(dst []uint32) error {
	if h.width == 0 {
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		if h.run == 0 {
			if err := h.head(); err != nil {
				return err
			}
			continue
		}
		n := int(min(h.run, uint64(len(dst))))
		switch {
		case !h.packed:
			for i := range n {
				dst[i] = h.value
			}
		case h.most:
			h.unpackMost(dst[:n])
		default:
			h.unpack(dst[:n])
		}
		dst, h.run = dst[n:], h.run-uint64(n)
	}
	return nil
}

// head reads the head of a run.
func (h *hybrid) head() error {
	if h.packed {
		h.b = h.b[(h.bit+7)/8:]
		h.bit = 0
	}
	v, n := binary.Uvarint(h.b)
	if n <= 0 {
		return errDamaged
	}
	h.b = h.b[n:]
	if h.packed = v&1 == 1; h.packed {
		if v>>1 > uint64(len(h.b)) {
			return errDamaged
		}
		// Writers may cut the last run short of its padding.
		h.run = min(v>>1*8, uint64(len(h.b))*8/uint64(h.width))
		if h.run == 0 {
			return errDamaged
		}
		return nil
	}
	size := (h.width + 7) / 8
	if len(h.b) < size || v>>1 == 0 {
		return errDamaged
	}
	h.run, h.value = v>>1, 0
	for i := range size {
		h.value |= uint32(h.b[i]) << (8 * i)
	}
	h.b = h.b[size:]
	return nil
}

func (h *hybrid) unpack(dst []uint32) {
	w, mask := uint64(h.width), uint64(1)<<h.width-1
	for i := range dst {
		dst[i] = uint32(word(h.b, h.bit/8) >> (h.bit % 8) & mask)
		h.bit += w
	}
}

// word is the 8 bytes from place at on, zero behind the end.
func word(b []byte, at uint64) uint64 {
	if at+8 <= uint64(len(b)) {
		return binary.LittleEndian.Uint64(b[at:])
	}
	var v uint64
	for i := at; i < uint64(len(b)); i++ {
		v |= uint64(b[i]) << (8 * (i - at))
	}
	return v
}

func (h *hybrid) unpackMost(dst []uint32) {
	for i := range dst {
		var v uint32
		for range h.width {
			v = v<<1 | uint32(h.b[h.bit/8]>>(7-h.bit%8)&1)
			h.bit++
		}
		dst[i] = v
	}
}
