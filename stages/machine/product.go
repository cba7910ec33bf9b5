package machine

import (
	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// Product multiplies matrices of one size: C = A B with A [m][k], B [k][n] and
// C [m][n], row-major and dense. It keeps what packing takes and its goroutines
// between calls, and is used by one goroutine at a time.
type Product struct {
	m, n, k, threads int
	crew             *crew
	packed           matrix.Packed

	// Of the call at hand: arguments, and what the crew does with them.
	c, a, b        []float32
	pack, multiply func(w int)
}

// NewProduct makes a product for sizes above zero. Close ends it.
func NewProduct(m, n, k, threads int) *Product {
	if m < 1 || n < 1 || k < 1 || threads < 1 {
		panic("machine: size of a product below one")
	}
	p := &Product{m: m, n: n, k: k, threads: threads, crew: newCrew(threads)}
	p.pack, p.multiply = p.packPieces, p.multiplyRows
	p.packed.Resize(k, n)
	return p
}

// Close ends the goroutines of a product.
func (p *Product) Close() { p.crew.close() }

// FLOPs is the number of operations of a product, 2 m n k.
func (p *Product) FLOPs() float64 { return 2 * float64(p.m) * float64(p.n) * float64(p.k) }

// shared is the size of B from which packing is worth handing out.
const shared = 1 << 14

// Multiply writes C = A B. B is packed anew by every call. The bits do not depend
// on the number of threads: each has some of the rows of C.
func (p *Product) Multiply(c, a, b []float32) {
	if len(a) < p.m*p.k || len(b) < p.k*p.n || len(c) < p.m*p.n {
		panic("machine: slice shorter than its matrix")
	}
	p.c, p.a, p.b = c, a, b
	if p.k*p.n < shared {
		for i := range p.packed.Pieces() {
			p.packed.PackPiece(i, b, p.n)
		}
	} else {
		p.crew.each(p.pack)
	}
	p.crew.each(p.multiply)
}

// packPieces packs the share of worker w.
func (p *Product) packPieces(w int) {
	for i := w; i < p.packed.Pieces(); i += p.threads {
		p.packed.PackPiece(i, p.b, p.n)
	}
}

// multiplyRows computes the rows of worker w.
func (p *Product) multiplyRows(w int) {
	lo, hi := w*p.m/p.threads, (w+1)*p.m/p.threads
	if lo < hi {
		matrix.Multiply(p.c[lo*p.n:], p.n, p.a[lo*p.k:], p.k, &p.packed, hi-lo, nil, false)
	}
}
