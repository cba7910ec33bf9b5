package wire

import (
	"os"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pathline/pathline/plugins/segment"
	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

// SharedMemory is a variable of the environment: off for sessions without shared
// memory, test for one that also takes small payloads and overwrites blocks as
// soon as they are free, so that whoever reads them longer is found out.
const SharedMemory = "PATHLINE_SHARED_MEMORY"

// SegmentBytes is the size of the segments of a session. Pages that nothing was
// written to take no memory.
const SegmentBytes = 256 << 20

// inlineBytes is the largest payload that travels inside of its frame when there
// is a segment.
const inlineBytes = 32 << 10

// shared is what a session knows of its segments. A nil shared has none.
type shared struct {
	pair   segment.Pair
	blocks *segment.Blocks // of pair.Out
	inline int             // larger payloads go to shared memory
	poison bool            // overwrite blocks that are free, for tests

	mu       sync.Mutex
	held     map[uint64]bool // generations of the other side that are read here
	over     bool
	released []uint64 // generations of the other side that it does not know to be free yet
	waiting  int64    // their bytes
	flushing bool
}

func newShared(p *segment.Pair) *shared {
	if p == nil {
		return nil
	}
	h := &shared{pair: *p, held: map[uint64]bool{}, blocks: segment.NewBlocks(len(p.Out.Bytes())), inline: inlineBytes}
	if os.Getenv(SharedMemory) == "test" {
		h.inline, h.poison = 1<<10, true
	}
	return h
}

// take gives a block and its memory, which done lets go of once it is written.
func (h *shared) take(n int) (b segment.Block, memory []byte, done func(), ok bool) {
	if h == nil {
		return b, nil, nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return b, nil, nil, false
	}
	if b, ok = h.blocks.Take(n); !ok {
		return b, nil, nil, false
	}
	h.pair.Out.Retain()
	return b, h.pair.Out.Bytes()[b.Offset : b.Offset+n : b.Offset+n], h.pair.Out.Release, true
}

// given takes generations back that the other side has read; Run alone calls it.
func (h *shared) given(generations []uint64) error {
	if len(generations) > 0 && h == nil {
		return broken("a block is given back and there is no shared memory")
	}
	for _, g := range generations {
		b, ok := h.blocks.Look(g)
		if !ok {
			return broken("block %d is given back and is not taken", g)
		}
		if h.poison {
			m := h.pair.Out.Bytes()[b.Offset : b.Offset+b.Length]
			for i := range m {
				m[i] = 0xA5
			}
		}
		h.blocks.Give(g)
	}
	return nil
}

// find gives the bytes of a block of the other side, and what holds it.
func (h *shared) find(b *pluginpb.Block) ([]byte, *hold, error) {
	if h == nil {
		return nil, nil, broken("a payload is in shared memory and there is none")
	}
	in := h.pair.In.Bytes()
	n := uint64(len(in))
	if b.GetOffset()%64 != 0 || b.GetOffset() > n || b.GetLength() > n-b.GetOffset() {
		return nil, nil, broken("a block of %d bytes at %d lies outside of the shared memory", b.GetLength(), b.GetOffset())
	}
	h.mu.Lock()
	twice := h.held[b.GetGeneration()]
	h.held[b.GetGeneration()] = true
	h.mu.Unlock()
	if twice || b.GetGeneration() == 0 {
		return nil, nil, broken("block %d is sent again before it was given back", b.GetGeneration())
	}
	to := b.GetOffset() + b.GetLength()
	h.pair.In.Retain()
	k := &hold{shared: h, generation: b.GetGeneration(), bytes: int64(b.GetLength())}
	k.refs.Store(1)
	return in[b.GetOffset():to:to], k, nil
}

// pending are the generations to tell the other side with the next frame.
func (h *shared) pending() []uint64 {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.released
	h.released, h.waiting = nil, 0
	return out
}

// free notes that a block of the other side was read. It says whether the other
// side should hear of it without waiting for the next frame.
func (h *shared) free(generation uint64, bytes int64) (now bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, generation)
	h.released = append(h.released, generation)
	h.waiting += bytes
	if h.over || h.flushing || h.waiting < int64(len(h.pair.In.Bytes())/4) {
		return false
	}
	h.flushing = true
	return true
}

func (h *shared) flushed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flushing = false
}

// end lets go of the segments; memory that is still held stays mapped until it
// is released.
func (h *shared) end() {
	if h == nil {
		return
	}
	h.mu.Lock()
	over := h.over
	h.over = true
	h.mu.Unlock()
	if !over {
		h.pair.Release()
	}
}

// hold keeps a block of the other side until every buffer in it was released.
// It is the allocator of those buffers, which frees and never allocates.
type hold struct {
	shared     *shared
	session    *Session
	generation uint64
	bytes      int64
	refs       atomic.Int64
	ended      atomic.Bool
}

// buffer wraps bytes of the block.
func (k *hold) buffer(b []byte) *memory.Buffer {
	k.refs.Add(1)
	return memory.NewBufferWithAllocator(b, k)
}

// Free implements memory.Allocator.
func (k *hold) Free([]byte) {
	if k.refs.Add(-1) == 0 {
		k.end()
	}
}

// Allocate implements memory.Allocator.
func (*hold) Allocate(int) []byte { panic("wire: buffers of shared memory do not grow") }

// Reallocate implements memory.Allocator.
func (*hold) Reallocate(int, []byte) []byte { panic("wire: buffers of shared memory do not grow") }

// end gives the block back. Without a record nobody else does.
func (k *hold) end() {
	if !k.ended.CompareAndSwap(false, true) {
		return
	}
	now := k.shared.free(k.generation, k.bytes)
	k.shared.pair.In.Release()
	if now {
		k.session.flush()
	}
}

// flush tells the other side which blocks are free. It does not wait: whoever
// releases a buffer may be the one that reads frames.
func (s *Session) flush() {
	s.mu.Lock()
	ended := s.err != nil
	if !ended {
		s.joined.Add(1)
	}
	s.mu.Unlock()
	if ended {
		return
	}
	go func() {
		defer s.joined.Done()
		_ = s.send(&pluginpb.Frame{}, nil) // the frame that carries them
		s.shared.flushed()
	}()
}
