package matrix_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/pathline/pathline/stages/internal/kernel/matrix"
)

// fenced is memory with a page before it and one after it that cannot be read.
type fenced struct{ floats []float32 }

func newFenced(t *testing.T, size int) fenced {
	t.Helper()
	page := syscall.Getpagesize()
	inner := (4*size + page - 1) / page * page
	b, err := syscall.Mmap(-1, 0, inner+2*page,
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	for _, fence := range [][]byte{b[:page], b[page+inner:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return fenced{unsafe.Slice((*float32)(unsafe.Pointer(&b[page])), inner/4)}
}

// part is the first or the last size elements.
func (f fenced) part(size int, last bool) []float32 {
	if last {
		return f.floats[len(f.floats)-size:]
	}
	return f.floats[:size:size]
}

// Reading or writing one element outside of an operand ends the test's process.
func TestNothingOutsideIsTouched(t *testing.T) {
	each(t, func(t *testing.T) {
		const most = 67 * 70
		memory := [4]fenced{newFenced(t, most), newFenced(t, most), newFenced(t, most), newFenced(t, most)}
		sizes(t, func(r *rand.Rand, m, n, k int) {
			if max(m, n, k) > 67 {
				return
			}
			for _, last := range []bool{false, true} {
				a, b := memory[0].part(m*k, last), memory[1].part(k*n, last)
				c, bias := memory[2].part(m*n, last), memory[3].part(n, last)
				var p matrix.Packed
				p.Pack(b, n, k, n)
				matrix.Multiply(c, n, a, k, &p, m, bias, false)
				matrix.Multiply(c, n, a, k, &p, m, nil, true)
				p.PackTransposed(b, k, k, n)
				matrix.Multiply(c, n, a, k, &p, m, nil, false)
				matrix.AddTransposed(c, n, a, m, b, n, m, n, k)
			}
		})
	})
}
