package random

import (
	"math"
	"math/bits"

	"github.com/pathline/pathline/stages/internal/kernel/philox"
)

// shuffleBlock keeps Shuffle's blocks apart from those of draws and of Permute.
const shuffleBlock = 0xC0000000

// Shuffle writes a permutation of 0..len(p)-1 to p, a function of the key, the
// length and the pass: all permutations are equally probable. It is the method of
// Fisher and Yates, from the top (Knuth, TAOCP 2, algorithm 3.4.2P): p starts as
// 0, 1, 2, ..., then for i = len(p)-1 down to 1, p[i] and p[j] change places,
//
//	j = floor(x (i+1) / 2^64)
//
// where x are words 2(i%2) and 2(i%2)+1, low word first, of the block at (row
// i/2, step pass, block 3 2^30). A j has the probability 1/(i+1) within a factor
// of 1 +- (i+1)/2^64, less than 2^-33 from 1. Lengths above 2^31 - 1 panic.
//
// Permute answers for one place of a permutation; where all are wanted, this is
// some hundred times faster.
func (k Key) Shuffle(p []int32, pass uint32) {
	if len(p) > math.MaxInt32 {
		panic("random: more places than an int32 can number")
	}
	for i := range p {
		p[i] = int32(i)
	}
	const chunk = 256 // places with blocks at hand
	var block [chunk / 2][4]uint32
	for end := len(p); end > 1; {
		start := (end - 1) / chunk * chunk
		at := philox.Counter{Key: uint64(k), Row: uint64(start / 2), Step: pass, Block: shuffleBlock}
		philox.Rows(block[:(end-start+1)/2], at)
		for i := end - 1; i >= max(start, 1); i-- {
			w := &block[(i-start)/2]
			x := uint64(w[0]) | uint64(w[1])<<32
			if i%2 == 1 {
				x = uint64(w[2]) | uint64(w[3])<<32
			}
			j, _ := bits.Mul64(x, uint64(i+1))
			p[i], p[j] = p[j], p[i]
		}
		end = start
	}
}
