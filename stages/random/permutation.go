package random

import "math/bits"

// Permute is a keyed permutation of 0..n-1: it says which row stands at place
// i in pass number pass. No table is kept; any place can be asked for at any
// time, so resuming in the middle of a pass needs no replay. It is a balanced
// Feistel network of ten rounds with Philox as round function, cycle-walked
// into the range (Black and Rogaway 2002). Ten, because six leave a bias of some
// per cent among a handful of rows.
func (k Key) Permute(i, n uint64, pass uint32) uint64 {
	if i >= n {
		panic("random: place outside of the permutation")
	}
	if n < 2 {
		return i
	}
	half := uint((bits.Len64(n-1) + 1) / 2)
	mask := uint64(1)<<half - 1
	for {
		l, r := i>>half, i&mask
		for round := uint32(0); round < 10; round++ {
			b := k.Block(r, pass, 0x80000000|round)
			l, r = r, l^(uint64(b[0])|uint64(b[1])<<32)&mask
		}
		if i = l<<half | r; i < n {
			return i
		}
	}
}
