package parquetfile

import (
	"encoding/binary"
	"errors"
)

// errDamaged is what bytes give that are not what the format says.
var errDamaged = errors.New("the file is damaged")

// errShort is what a file gives whose end is missing.
var errShort = errors.New("the file is cut off")

// thrift walks a structure in Thrift's compact protocol. Its methods panic
// with errDamaged or with a bounds error of the runtime; callers use guard.
type thrift struct {
	b    []byte
	p    int
	head int // where the head of the present field of fields is
}

// Types of the compact protocol.
const (
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
)

const thriftDepth = 64

func (t *thrift) varint() uint64 {
	v, n := binary.Uvarint(t.b[t.p:])
	if n <= 0 {
		panic(errDamaged)
	}
	t.p += n
	return v
}

func (t *thrift) integer() int64 {
	v := t.varint()
	return int64(v>>1) ^ -int64(v&1)
}

// fields calls f for every field of the structure that begins here; f
// consumes the value with integer, skip, fields or list.
func (t *thrift) fields(f func(id int, kind byte)) {
	id := 0
	for {
		head := t.b[t.p]
		t.head = t.p
		t.p++
		if head == 0 {
			return
		}
		if d := int(head >> 4); d != 0 {
			id += d
		} else {
			id = int(t.integer())
		}
		f(id, head&15)
	}
}

// list reads the head of a list. Every element has at least one byte.
func (t *thrift) list() (n int, kind byte) {
	head := t.b[t.p]
	t.p++
	n = int(head >> 4)
	if n == 15 {
		v := t.varint()
		if v > uint64(len(t.b)-t.p) {
			panic(errDamaged)
		}
		n = int(v)
	}
	if n > len(t.b)-t.p {
		panic(errDamaged)
	}
	return n, head & 15
}

func (t *thrift) skip(kind byte, depth int) {
	if depth > thriftDepth {
		panic(errDamaged)
	}
	switch kind {
	case tTrue, tFalse: // the value lies in the head of the field
	case tByte:
		t.advance(1)
	case tI16, tI32, tI64:
		t.varint()
	case tDouble:
		t.advance(8)
	case tBinary:
		n := t.varint()
		if n > uint64(len(t.b)) {
			panic(errDamaged)
		}
		t.advance(int(n))
	case tList, tSet:
		n, kind := t.list()
		for range n {
			t.element(kind, depth+1)
		}
	case tMap:
		n := t.varint()
		if n == 0 {
			return
		}
		if n > uint64(len(t.b)-t.p) {
			panic(errDamaged)
		}
		kinds := t.b[t.p]
		t.p++
		for range n {
			t.element(kinds>>4, depth+1)
			t.element(kinds&15, depth+1)
		}
	case tStruct:
		t.fields(func(_ int, kind byte) { t.skip(kind, depth+1) })
	default:
		panic(errDamaged)
	}
}

// element skips an element of a list: there, booleans have a byte.
func (t *thrift) element(kind byte, depth int) {
	if kind == tTrue || kind == tFalse {
		t.advance(1)
		return
	}
	t.skip(kind, depth)
}

func (t *thrift) advance(n int) {
	if n > len(t.b)-t.p {
		panic(errDamaged)
	}
	t.p += n
}

// guard turns panics over damaged bytes into an error.
func guard(f func()) (err error) {
	defer func() {
		if recover() != nil {
			err = errDamaged
		}
	}()
	f()
	return nil
}
