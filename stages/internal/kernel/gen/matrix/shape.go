package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
)

// The fields of the struct tile of the package matrix, in bytes.
const (
	fieldC = 8 * iota
	fieldStart
	fieldA
	fieldB
	fieldLdc
	fieldLdstart
	fieldLda
	fieldLdb
	fieldK
	fieldBlocks
	fieldMask
	fieldLanes
)

// shape is a width of tiles: vectors of lanes, for every number of rows up to
// the most.
type shape struct {
	width, vectors, rows int
}

// set is an instruction set and the tiles that suit it.
type set struct {
	shapes []shape
	masks  bool  // registers for masks, which cost nothing, and 32 for vectors
	wide   []int // columns of wide tiles, by the number of rows
}

var (
	avx512 = set{[]shape{{32, 2, 14}, {16, 1, 14}, {8, 1, 14}}, true, []int{1: 64, 2: 64}}
	avx2   = set{[]shape{{16, 2, 6}, {8, 1, 6}}, false, []int{1: 64, 2: 32}}
)

// tiles writes one function for every shape and number of rows:
//
//	NAMErowsxwidth(t *tile)
//
// computes t.blocks blocks of rows of C, one below the other: every element
// starts with what stands at start, and the products of its row of A (its
// column, if transposed) and its column of B are added in their order.
// The last vector of each row of C and of start, and if transposed of B, are the
// lanes of t.mask alone; t.lanes is that mask as AVX2 needs it. Where ldstart is
// 0, all rows of a block have one start, which is loaded once.
func tiles(c *build.Context, s set, name string, transposed bool) {
	for _, h := range s.shapes {
		for rows := 1; rows <= h.rows; rows++ {
			c.Function(s.function(name, rows, h.width))
			c.Doc(fmt.Sprintf("%s adds products to blocks of %d rows by %d columns.",
				s.function(name, rows, h.width), rows, h.width))
			c.Attributes(nosplit)
			c.Pragma("noescape")
			c.Signature(signature("func(t *tile)"))
			w := &tile{Context: c, set: s, shape: h, n: rows, transposed: transposed}
			w.write()
		}
	}
}

func (s set) function(name string, rows, width int) string {
	return fmt.Sprintf("%s%dx%d%s", name, rows, width, s.suffix())
}

func (s set) suffix() string {
	if s.masks {
		return "AVX512"
	}
	return "AVX2"
}
