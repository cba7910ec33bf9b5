package segment

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Segment is mapped memory. Whoever reads or writes it holds a reference; the
// last [Segment.Release] unmaps it, after which touching it is a fault.
type Segment struct {
	bytes []byte
	file  *os.File // of the maker, until Opened
	refs  atomic.Int64
}

// Bytes is the memory.
func (s *Segment) Bytes() []byte { return s.bytes }

// Retain adds a reference. There must be one already.
func (s *Segment) Retain() {
	if s.refs.Add(1) < 2 {
		panic("segment: retained after its end")
	}
}

// Release drops a reference.
func (s *Segment) Release() {
	switch n := s.refs.Add(-1); {
	case n == 0:
		s.Opened()
		unmap(s.bytes)
		s.bytes = nil
	case n < 0:
		panic("segment: released too often")
	}
}

// Opened closes the maker's file: the other side has it, or will not. The
// memory stays.
func (s *Segment) Opened() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// Pair is the two segments of a session, seen from one side.
type Pair struct {
	Out, In *Segment // that this side writes, and reads
}

// Release drops the references of the pair.
func (p Pair) Release() {
	p.Out.Release()
	p.In.Release()
}

// Offer is how the other side finds a pair.
type Offer struct {
	In, Out string // files of the pair, seen from the maker
	Bytes   int    // of each
	Label   string
}

// Make makes a pair of segments of so many bytes each. The maker calls Opened
// on both when the other side has answered.
func Make(bytes int) (Pair, Offer, error) {
	label, err := newLabel()
	if err != nil {
		return Pair{}, Offer{}, err
	}
	out, err := create(label, bytes, true)
	if err != nil {
		return Pair{}, Offer{}, err
	}
	in, err := create(label, bytes, false)
	if err != nil {
		out.Release()
		return Pair{}, Offer{}, err
	}
	return Pair{Out: out, In: in}, Offer{In: nameOf(in.file), Out: nameOf(out.file), Bytes: bytes, Label: label}, nil
}

// MaxBytes bounds what an offer may ask to be mapped.
const MaxBytes = 1 << 34

// Open opens the pair of an offer from the other side: what the maker writes is
// read here.
func Open(o Offer) (Pair, error) {
	if o.Bytes < page || o.Bytes > MaxBytes || o.Label == "" {
		return Pair{}, fmt.Errorf("segment: an offer of %d bytes called %q", o.Bytes, o.Label)
	}
	in, err := open(o.Out, o.Label, o.Bytes, false)
	if err != nil {
		return Pair{}, err
	}
	out, err := open(o.In, o.Label, o.Bytes, true)
	if err != nil {
		in.Release()
		return Pair{}, err
	}
	return Pair{Out: out, In: in}, nil
}

var errOther = errors.New("segment: the file is not that of the offer")

func mapped(b []byte, f *os.File) *Segment {
	s := &Segment{bytes: b, file: f}
	s.refs.Store(1)
	return s
}
