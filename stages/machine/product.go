package machine

import (
	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// Product multiplies matrices of one size: C = A B with A [m][k], B [k][n] and
// C [m][n], row-major and dense. It keeps what packing takes between calls and is
// used by one goroutine at a time.
type Product struct {
	m, n, k, threads int
	packed           matrix.Packed
}

// NewProduct makes a product for sizes above zero.
func NewProduct(m, n, k, threads int) *Product {
	if m < 1 || n < 1 || k < 1 || threads < 1 {
		panic("machine: size of a product below one")
	}
	p := &Product{m: m, n: n, k: k, threads: threads}
	p.packed.Resize(k, n)
	return p
}

// FLOPs is the number of operations of a product, 2 m n k.
func (p *Product) FLOPs() float64 { return 2 * float64(p.m) * float64(p.n) * float64(p.k) }

// shared is the size of B from which packing is worth sharing out.
const shared = 1 << 15

// Multiply writes C = A B. B is packed anew by every call. The bits do not depend
// on the number of threads: each has some of the rows of C.
func (p *Product) Multiply(c, a, b []float32) {
	if len(a) < p.m*p.k || len(b) < p.k*p.n || len(c) < p.m*p.n {
		panic("machine: slice shorter than its matrix")
	}
	pieces := p.packed.Pieces()
	if p.threads == 1 || p.k*p.n < shared {
		for i := range pieces {
			p.packed.PackPiece(i, b, p.n)
		}
	} else {
		each(p.threads, func(w int) {
			for i := w; i < pieces; i += p.threads {
				p.packed.PackPiece(i, b, p.n)
			}
		})
	}
	if p.threads == 1 {
		matrix.Multiply(c, p.n, a, p.k, &p.packed, p.m, nil, false)
		return
	}
	each(p.threads, func(w int) {
		if lo, hi := w*p.m/p.threads, (w+1)*p.m/p.threads; lo < hi {
			matrix.Multiply(c[lo*p.n:], p.n, a[lo*p.k:], p.k, &p.packed, hi-lo, nil, false)
		}
	})
}
