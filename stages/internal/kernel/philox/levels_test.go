package philox

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// shape is a call: rows of dim draws, or one row of dim draws where along is set.
type shape struct {
	dim, rows int
	along     bool
}

// kind is a kind of draw: draw fills a slice of dim*rows numbers between guards
// and gives their bits; value is the definition of one.
type kind struct {
	name   string
	shapes []shape
	draw   func(s shape, c Counter) []uint64
	value  func(c Counter, draw int) uint64
}

func kinds() []kind {
	var single, table, line []shape
	lengths := []int{100, 127, 128, 129, 300, 1000}
	for n := range 68 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		single = append(single, shape{dim: 1, rows: n})
		line = append(line, shape{dim: n, rows: 1, along: true})
		for _, dim := range []int{1, 2, 3, 4, 5, 7, 8, 21, 64} {
			table = append(table, shape{dim: dim, rows: n})
		}
	}
	return []kind{
		{"blocks", single,
			func(s shape, c Counter) []uint64 {
				const before = 0xabcdef01
				x := make([][4]uint32, s.rows+2*guard)
				for i := range x {
					x[i] = [4]uint32{before, before, before, before}
				}
				Rows(x[guard:guard+s.rows], c)
				return numbers(x, func(b [4]uint32) uint64 {
					return uint64(b[0]) ^ uint64(b[1])<<16 ^ uint64(b[2])<<32 ^ uint64(b[3])<<48 ^ uint64(b[3])>>16
				})
			},
			func(c Counter, _ int) uint64 {
				b := At(c)
				return uint64(b[0]) ^ uint64(b[1])<<16 ^ uint64(b[2])<<32 ^ uint64(b[3])<<48 ^ uint64(b[3])>>16
			}},
		{"uniforms", single,
			func(s shape, c Counter) []uint64 {
				x := guarded[float64](s)
				UniformRows(inner(x), c)
				return numbers(x, math.Float64bits)
			},
			func(c Counter, _ int) uint64 { b := At(c); return math.Float64bits(Uniform(b[0], b[1])) }},
		{"normals32", append(table, line...),
			func(s shape, c Counter) []uint64 {
				x := guarded[float32](s)
				if s.along {
					Normals32(inner(x), c)
				} else {
					Normals32Rows(inner(x), s.dim, s.rows, c)
				}
				return numbers(x, bits32)
			},
			func(c Counter, draw int) uint64 {
				c.Block += uint32(draw / 4)
				return bits32(normals32(At(c), 4)[draw%4])
			}},
		{"normals64", append(table, line...),
			func(s shape, c Counter) []uint64 {
				x := guarded[float64](s)
				if s.along {
					Normals64(inner(x), c)
				} else {
					Normals64Rows(inner(x), s.dim, s.rows, c)
				}
				return numbers(x, math.Float64bits)
			},
			func(c Counter, draw int) uint64 {
				c.Block += uint32(draw / 2)
				return math.Float64bits(normals64(At(c))[draw%2])
			}},
	}
}

const guard = 37

func guarded[T float32 | float64](s shape) []T {
	x := make([]T, s.dim*s.rows+2*guard)
	for i := range x {
		x[i] = -77.25
	}
	return x
}

func inner[T any](x []T) []T { return x[guard : len(x)-guard] }

func numbers[T any](x []T, bits func(T) uint64) []uint64 {
	list := make([]uint64, len(x))
	for i, v := range x {
		list[i] = bits(v)
	}
	return list
}

func bits32(v float32) uint64 { return uint64(math.Float32bits(v)) }

// counters are addresses where parts of the counter overflow.
var counters = []Counter{
	{},
	{Key: 0x0123456789abcdef, Row: 1<<32 - 3, Step: 7, Block: 5},
	{Key: math.MaxUint64, Row: math.MaxUint64 - 9, Step: math.MaxUint32, Block: math.MaxUint32 - 2},
}

// levels are the instruction sets that are there.
func levels() (list []kernel.Level) {
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		list = append(list, l)
	}
	return list
}

// use changes the level and gives what changes it back.
func use(l kernel.Level) func() {
	before := kernel.Use(l)
	return func() { kernel.Use(before) }
}

// eachLevel runs test under every instruction set.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	for _, l := range levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer use(l)()
			test(t)
		})
	}
}

// TestLevels: under every instruction set every draw has the bits of its
// definition, and nothing else is written.
func TestLevels(t *testing.T) {
	for _, k := range kinds() {
		for _, c := range counters {
			for _, s := range k.shapes {
				want := definition(k, s, c)
				eachLevel(t, func(t *testing.T) {
					got := k.draw(s, c)
					for i, v := range got {
						if v != want[i] {
							t.Fatalf("%s %+v from %+v: place %d is %x, want %x", k.name, s, c, i-guard, v, want[i])
						}
					}
				})
				if t.Failed() {
					return
				}
			}
		}
	}
}

// definition is what k.draw gives, one draw after another.
func definition(k kind, s shape, c Counter) []uint64 {
	empty := k.draw(shape{dim: 0, rows: 0, along: s.along}, c)
	want := make([]uint64, 0, len(empty)+s.dim*s.rows)
	want = append(want, empty[:guard]...)
	for r := range s.rows {
		at := c
		at.Row += uint64(r)
		for j := range s.dim {
			want = append(want, k.value(at, j))
		}
	}
	return append(want, empty[:guard]...)
}

func FuzzDraws(f *testing.F) {
	f.Add(uint8(2), uint8(5), uint8(19), false, uint64(1), uint64(2), uint32(3), uint32(4))
	f.Add(uint8(3), uint8(3), uint8(1), true, uint64(1), uint64(math.MaxUint64), uint32(3), uint32(math.MaxUint32))
	f.Fuzz(func(t *testing.T, which, dim, rows uint8, along bool, key, row uint64, step, block uint32) {
		k := kinds()[which%4]
		s := shape{dim: int(dim), rows: int(rows), along: along && which%4 > 1}
		if which%4 < 2 {
			s.dim = 1
		}
		if s.along {
			s.rows = 1
		}
		c := Counter{key, row, step, block}
		want := definition(k, s, c)
		eachLevel(t, func(t *testing.T) {
			for i, v := range k.draw(s, c) {
				if v != want[i] {
					t.Fatalf("%s %+v from %+v: place %d is %x, want %x", k.name, s, c, i-guard, v, want[i])
				}
			}
		})
	})
}

func TestAllocatesNothing(t *testing.T) {
	a, b, c := make([]float64, 330), make([]float32, 330), make([][4]uint32, 33)
	eachLevel(t, func(t *testing.T) {
		if n := testing.AllocsPerRun(10, func() {
			Rows(c, Counter{})
			UniformRows(a, Counter{})
			Normals64(a, Counter{})
			Normals32(b, Counter{})
			Normals64Rows(a, 11, 30, Counter{})
			Normals32Rows(b, 11, 30, Counter{})
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestShapePanics(t *testing.T) {
	defer func() {
		if recover() != "philox: destination is not rows of dim draws" {
			t.Error("no panic")
		}
	}()
	Normals32Rows(make([]float32, 6), 2, 4, Counter{})
}
