package matrix_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// identity multiplied with B is B.
func unpack(p *matrix.Packed) *operand {
	next := 0
	identity := newOperand(p.K(), p.K(), 0, func() float32 {
		next++
		if (next-1)%(p.K()+1) == 0 {
			return 1
		}
		return 0
	})
	c := newOperand(p.K(), p.N(), 0, zero)
	matrix.Multiply(c.x, c.ld, identity.x, identity.ld, p, p.K(), nil, false)
	return c
}

// One Packed is used for one size after another, with pieces packed by several
// goroutines: nothing of an earlier matrix may shine through.
func TestPackingByPieces(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		var p matrix.Packed
		for range 40 {
			k, n := 1+r.IntN(40), 1+r.IntN(140)
			b := newOperand(k, n, r.IntN(3), normals(r))
			w := b.transposed(r.IntN(3))
			p.Resize(k, n)
			if p.K() != k || p.N() != n {
				t.Fatalf("K, N = %d, %d, want %d, %d", p.K(), p.N(), k, n)
			}
			transposed := r.IntN(2) == 0
			var all sync.WaitGroup
			for i := range p.Pieces() {
				all.Go(func() {
					if transposed {
						p.PackPieceTransposed(i, w.x, w.ld)
					} else {
						p.PackPiece(i, b.x, b.ld)
					}
				})
			}
			all.Wait()
			c := unpack(&p)
			for l := range k {
				for j := range n {
					same(t, "B", l, j, c.at(l, j), b.at(l, j))
				}
			}
		}
	})
}

func TestPackedIsForOneLevel(t *testing.T) {
	if kernel.Best() == kernel.Generic {
		t.Skip("there is one level")
	}
	b := newOperand(3, 5, 0, zero)
	var p matrix.Packed
	defer kernel.Use(kernel.Use(kernel.Best()))
	p.Pack(b.x, b.ld, 3, 5)
	kernel.Use(kernel.Generic)
	panics(t, "matrix: B is packed for another instruction set", func() {
		matrix.Multiply(make([]float32, 5), 5, make([]float32, 3), 3, &p, 1, nil, false)
	})
}

// panics fails unless f panics with this text.
func panics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panics with %v, want %q", got, want)
		}
	}()
	f()
}

func TestWrongOperands(t *testing.T) {
	each(t, func(t *testing.T) {
		const (
			short  = "matrix: slice is too short"
			narrow = "matrix: leading dimension is less than the columns"
			length = "matrix: bias is not as long as B has columns"
			starts = "matrix: a bias and what C holds are two starts"
		)
		x := func(n int) []float32 { return make([]float32, n) }
		var p matrix.Packed
		p.Pack(x(3*5), 5, 3, 5)
		for _, c := range []struct {
			want string
			f    func()
		}{
			{short, func() { matrix.Multiply(x(4*7+4), 7, x(15), 3, &p, 5, nil, false) }},
			{short, func() { matrix.Multiply(x(4*7+5), 7, x(14), 3, &p, 5, nil, false) }},
			{short, func() { matrix.Multiply(nil, 7, x(15), 3, &p, 5, nil, false) }},
			{narrow, func() { matrix.Multiply(x(50), 4, x(50), 3, &p, 5, nil, false) }},
			{narrow, func() { matrix.Multiply(x(50), 5, x(50), 2, &p, 5, nil, false) }},
			{"matrix: negative size", func() { matrix.Multiply(x(50), 5, x(50), 3, &p, -1, nil, false) }},
			{length, func() { matrix.Multiply(x(25), 5, x(15), 3, &p, 5, x(4), false) }},
			{starts, func() { matrix.Multiply(x(25), 5, x(15), 3, &p, 5, x(5), true) }},
			{short, func() { matrix.AddTransposed(x(4*9+5), 9, x(2*5), 5, x(2*6), 6, 5, 6, 2) }},
			{short, func() { matrix.AddTransposed(x(30), 6, x(2*5-1), 5, x(2*6), 6, 5, 6, 2) }},
			{short, func() { matrix.AddTransposed(x(30), 6, x(2*5), 5, x(2*6-1), 6, 5, 6, 2) }},
			{narrow, func() { matrix.AddTransposed(x(30), 5, x(10), 5, x(12), 6, 5, 6, 2) }},
			{short, func() { p.PackPiece(0, x(14), 5) }},
			{short, func() { p.PackPieceTransposed(0, x(14), 3) }},
			{narrow, func() { p.PackPiece(0, x(50), 4) }},
			{"matrix: no such piece", func() { p.PackPiece(p.Pieces(), x(15), 5) }},
			{"matrix: no such piece", func() { p.PackPieceTransposed(-1, x(15), 3) }},
			{"matrix: negative size", func() { p.Resize(-1, 4) }},
		} {
			panics(t, c.want, c.f)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	each(t, func(t *testing.T) {
		const m, n, k = 23, 53, 70
		r := rand.New(rand.NewPCG(11, 12))
		a, b := newOperand(m, k, 0, normals(r)), newOperand(k, n, 0, normals(r))
		at, w, c := a.transposed(0), b.transposed(0), newOperand(m, n, 0, zero)
		bias := make([]float32, n)
		var p matrix.Packed
		p.Resize(k+1, n+30)
		for name, f := range map[string]func(){
			"Multiply":       func() { matrix.Multiply(c.x, n, a.x, k, &p, m, bias, false) },
			"AddTransposed":  func() { matrix.AddTransposed(c.x, n, at.x, m, b.x, n, m, n, k) },
			"Pack":           func() { p.Pack(b.x, n, k, n) },
			"PackTransposed": func() { p.PackTransposed(w.x, k, k, n) },
			"PeakFMA":        func() { matrix.PeakFMA(1) },
		} {
			p.Pack(b.x, n, k, n)
			if count := testing.AllocsPerRun(20, f); count != 0 {
				t.Errorf("%s allocates %v times", name, count)
			}
		}
	})
}
