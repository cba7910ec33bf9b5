package random

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
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
	return philox4x32([4]uint32{uint32(row), uint32(row >> 32), step, block}, [2]uint32{uint32(k), uint32(k >> 32)})
}

// Uniforms writes draws 0..len(dst)-1 of (row, step), uniform on [0, 1) with
// 53 bits; two to a block.
func (k Key) Uniforms(dst []float64, row uint64, step uint32) {
	for i := 0; i < len(dst); i += 2 {
		b := k.Block(row, step, uint32(i/2))
		dst[i] = unit53(b[0], b[1])
		if i+1 < len(dst) {
			dst[i+1] = unit53(b[2], b[3])
		}
	}
}

// Uniform is draw 0 of Uniforms.
func (k Key) Uniform(row uint64, step uint32) float64 {
	b := k.Block(row, step, 0)
	return unit53(b[0], b[1])
}

// Normals64 writes draws 0..len(dst)-1 of (row, step), standard normal, by the
// transform of Box and Muller (1958) on 53-bit uniforms; a block gives draws
// 2b and 2b+1:
//
//	r = sqrt(-2 ln(1-u1)), a = 2 pi u2, draws r cos a and r sin a
func (k Key) Normals64(dst []float64, row uint64, step uint32) {
	for i := 0; i < len(dst); i += 2 {
		b := k.Block(row, step, uint32(i/2))
		r := math.Sqrt(-2 * math.Log1p(-unit53(b[0], b[1])))
		sin, cos := math.Sincos(2 * math.Pi * unit53(b[2], b[3]))
		dst[i] = r * cos
		if i+1 < len(dst) {
			dst[i+1] = r * sin
		}
	}
}

// Normals32 is the same transform on 32-bit uniforms u = (word + 1/2) / 2^32,
// evaluated in float64 and rounded once; a block gives four draws. Draws lie
// within 6.77 standard deviations.
func (k Key) Normals32(dst []float32, row uint64, step uint32) {
	for i := 0; i < len(dst); i += 4 {
		b := k.Block(row, step, uint32(i/4))
		var z [4]float64
		for j := 0; j < 4; j += 2 {
			r := math.Sqrt(-2 * math.Log((float64(b[j])+0.5)*0x1p-32))
			sin, cos := math.Sincos(2 * math.Pi * (float64(b[j+1]) + 0.5) * 0x1p-32)
			z[j], z[j+1] = r*cos, r*sin
		}
		for j := 0; j < 4 && i+j < len(dst); j++ {
			dst[i+j] = float32(z[j])
		}
	}
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

func unit53(lo, hi uint32) float64 {
	return float64((uint64(hi)<<32|uint64(lo))>>11) * 0x1p-53
}
