package philox

// Counter is the address of a block.
type Counter struct {
	Key, Row    uint64
	Step, Block uint32
}

// Multipliers of the rounds and increments of the key, of Salmon et al. 2011,
// section 4.3 and table 2.
const (
	multiplier0, multiplier1 = 0xD2511F53, 0xCD9E8D57
	weyl0, weyl1             = 0x9E3779B9, 0xBB67AE85
)

// At is Philox4x32-10 at c: four words of 32 bits.
func At(c Counter) [4]uint32 {
	return philox4x32([4]uint32{uint32(c.Row), uint32(c.Row >> 32), c.Step, c.Block},
		[2]uint32{uint32(c.Key), uint32(c.Key >> 32)})
}

// philox4x32 is Philox4x32-10 of counter c and key k.
func philox4x32(c [4]uint32, k [2]uint32) [4]uint32 {
	for round := 0; round < 10; round++ {
		p0 := uint64(multiplier0) * uint64(c[0])
		p1 := uint64(multiplier1) * uint64(c[2])
		c = [4]uint32{uint32(p1>>32) ^ c[1] ^ k[0], uint32(p1), uint32(p0>>32) ^ c[3] ^ k[1], uint32(p0)}
		k[0] += weyl0
		k[1] += weyl1
	}
	return c
}

// Rows writes the blocks of consecutive rows.
func Rows(dst [][4]uint32, c Counter) {
	l := c.rows()
	if fastBlocks(dst, &l) {
		return
	}
	for i := range dst {
		dst[i] = l.at(i)
	}
}
