package segment

import (
	"slices"
	"sync"
)

// page is the granularity of blocks.
const page = 4096

// Block is a part of a segment.
type Block struct {
	Offset, Length int
	Generation     uint64 // counts from 1, never used again
}

// Blocks says which parts of a segment are taken: first fit, from its start, so
// that few pages are touched. It may be used concurrently.
type Blocks struct {
	mu    sync.Mutex
	free  []span // by offset, never touching each other
	taken map[uint64]Block
	last  uint64
}

type span struct{ from, to int }

// NewBlocks divides size bytes.
func NewBlocks(size int) *Blocks {
	return &Blocks{free: []span{{0, size}}, taken: map[uint64]Block{}}
}

// Take gives a block of n > 0 bytes; ok is false when there is no room.
func (b *Blocks) Take(n int) (Block, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, f := range b.free {
		if f.to-f.from < n {
			continue
		}
		end := min(f.from+(n+page-1)/page*page, f.to)
		if end == f.to {
			b.free = slices.Delete(b.free, i, i+1)
		} else {
			b.free[i].from = end
		}
		b.last++
		k := Block{f.from, n, b.last}
		b.taken[b.last] = Block{f.from, end - f.from, b.last}
		return k, true
	}
	return Block{}, false
}

// Look gives a block that is taken, with all of its pages.
func (b *Blocks) Look(generation uint64) (Block, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.taken[generation]
	return k, ok
}

// Give takes a block back. It says false when the generation is not one that is
// taken.
func (b *Blocks) Give(generation uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.taken[generation]
	if !ok {
		return false
	}
	delete(b.taken, generation)
	s := span{k.Offset, k.Offset + k.Length}
	i, _ := slices.BinarySearchFunc(b.free, s, func(a, b span) int { return a.from - b.from })
	b.free = slices.Insert(b.free, i, s)
	if i+1 < len(b.free) && b.free[i].to == b.free[i+1].from {
		b.free[i].to = b.free[i+1].to
		b.free = slices.Delete(b.free, i+1, i+2)
	}
	if i > 0 && b.free[i-1].to == b.free[i].from {
		b.free[i-1].to = b.free[i].to
		b.free = slices.Delete(b.free, i, i+1)
	}
	return true
}

// Taken is how many blocks are taken.
func (b *Blocks) Taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.taken)
}
