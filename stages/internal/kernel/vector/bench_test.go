package vector_test

import (
	"fmt"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/vector"
)

// strip is a length that lies in the first level of the cache.
const strip = 1024

// BenchmarkElementwise has the nanoseconds for one element of every function
// under every instruction set; "clock" is one cycle of the processor, measured as
// one of many additions that each wait for the one before.
func BenchmarkElementwise(b *testing.B) {
	r := random(8)
	data := make([][]float32, 8)
	for i := range data {
		data[i] = make([]float32, strip)
		for j := range data[i] {
			data[i][j] = (float32(r.next()>>40)/(1<<24) - 0.5) * 8
		}
	}
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			additions(strip)
		}
		perElement(b, strip)
	})
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		for _, e := range entries {
			b.Run(fmt.Sprintf("%s/%s", e.name, l), func(b *testing.B) {
				defer kernel.Use(kernel.Use(l))
				out, in := data[:e.out], data[e.out:e.out+e.in]
				for b.Loop() {
					e.call(out, in)
				}
				perElement(b, strip)
			})
		}
	}
}

// additions takes a cycle for each of n.
//
//go:noinline
func additions(n uint64) (sum uint64) {
	for i := uint64(0); i < n; i++ {
		sum += i
	}
	return sum
}

func perElement(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/element")
}

// BenchmarkSums has sums, sums of rows and copies with another layout.
func BenchmarkSums(b *testing.B) {
	r := random(9)
	const rows, n = 32, 64
	x, y := finite(&r, rows*n), finite(&r, rows*n)
	dst := make([]float32, rows*n)
	for _, c := range []struct {
		name string
		call func()
	}{
		{"Dot", func() { sink = vector.Dot(x, y) }},
		{"Sum", func() { sink = vector.Sum(x) }},
		{"SumSquares", func() { sink = vector.SumSquares(x) }},
		{"RowSums", func() { vector.RowSums(dst, x, n, rows, n) }},
		{"RowDots", func() { vector.RowDots(dst, x, n, y, n, rows, n) }},
		{"RowDots of 4", func() { vector.RowDots(dst, x, 4, y, 4, rows*n/4, 4) }},
		{"AddColumns", func() { vector.AddColumns(dst, x, n, rows, n) }},
		{"Transpose", func() { vector.Transpose(dst, rows, x, n, rows, n) }},
	} {
		for l := kernel.Generic; l <= kernel.Best(); l++ {
			b.Run(fmt.Sprintf("%s/%s", c.name, l), func(b *testing.B) {
				defer kernel.Use(kernel.Use(l))
				for b.Loop() {
					c.call()
				}
				perElement(b, rows*n)
			})
		}
	}
}
