package random

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/pathline/pathline/stages/internal/kernel/philox"
)

// Key selects one stream of random numbers. It is a value: there is no state
// to advance, to lock or to save.
type Key uint64

// NewKey is the key of the stream that a stage uses for one purpose: the first
// 64 bits (little-endian) of
//
//	SHA-256("pathline-rng-v1" 0 seed(8 bytes LE) stage 0 stream)
func NewKey(seed uint64, stage, stream string) Key {
	h := sha256.New()
	h.Write([]byte("pathline-rng-v1\x00"))
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write([]byte(stage))
	h.Write([]byte{0})
	h.Write([]byte(stream))
	return Key(binary.LittleEndian.Uint64(h.Sum(nil)))
}

// Block is the random block at an address: 128 bits that depend on nothing
// but (key, row, step, block).
func (k Key) Block(row uint64, step, block uint32) [4]uint32 {
	return philox.At(philox.Counter{Key: uint64(k), Row: row, Step: step, Block: block})
}

// at is the first block of (row, step).
func (k Key) at(row uint64, step uint32) philox.Counter {
	return philox.Counter{Key: uint64(k), Row: row, Step: step}
}

// Uniforms writes draws 0..len(dst)-1 of (row, step), uniform on [0, 1) with
// 53 bits; two to a block.
func (k Key) Uniforms(dst []float64, row uint64, step uint32) {
	for i := 0; i < len(dst); i += 2 {
		b := k.Block(row, step, uint32(i/2))
		dst[i] = philox.Uniform(b[0], b[1])
		if i+1 < len(dst) {
			dst[i+1] = philox.Uniform(b[2], b[3])
		}
	}
}

// Uniform is draw 0 of Uniforms.
func (k Key) Uniform(row uint64, step uint32) float64 {
	b := k.Block(row, step, 0)
	return philox.Uniform(b[0], b[1])
}

// UniformRows writes Uniform(first+i, step) to dst[i].
func (k Key) UniformRows(dst []float64, first uint64, step uint32) {
	philox.UniformRows(dst, k.at(first, step))
}

// Signs writes draws 0..len(dst)-1 of (row, step), +1 or -1 with equal
// probability (Rademacher), one bit each.
func (k Key) Signs(dst []float32, row uint64, step uint32) {
	var b [4]uint32
	for i := range dst {
		if i%128 == 0 {
			b = k.Block(row, step, uint32(i/128))
		}
		dst[i] = 1 - 2*float32(b[i%128/32]>>(i%32)&1)
	}
}
