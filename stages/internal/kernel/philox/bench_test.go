package philox

import (
	"fmt"
	"testing"
)

func eachLevelBench(b *testing.B, f func(b *testing.B)) {
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			defer use(l)()
			f(b)
		})
	}
}

// per reports the time of one of the n draws of an iteration.
func per(b *testing.B, n int, what string) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/"+what)
}

const rows = 256

func BenchmarkNormals32Rows(b *testing.B) {
	for _, dim := range []int{1, 2, 3, 4, 8, 21, 64} {
		b.Run(fmt.Sprint(dim), func(b *testing.B) {
			eachLevelBench(b, func(b *testing.B) {
				x := make([]float32, dim*rows)
				for b.Loop() {
					Normals32Rows(x, dim, rows, Counter{Key: 1})
				}
				per(b, len(x), "normal")
			})
		})
	}
}

func BenchmarkNormals64Rows(b *testing.B) {
	for _, dim := range []int{1, 2, 21} {
		b.Run(fmt.Sprint(dim), func(b *testing.B) {
			eachLevelBench(b, func(b *testing.B) {
				x := make([]float64, dim*rows)
				for b.Loop() {
					Normals64Rows(x, dim, rows, Counter{Key: 1})
				}
				per(b, len(x), "normal")
			})
		})
	}
}

// BenchmarkNormals32 draws one row.
func BenchmarkNormals32(b *testing.B) {
	for _, dim := range []int{2, 21, 1000} {
		b.Run(fmt.Sprint(dim), func(b *testing.B) {
			eachLevelBench(b, func(b *testing.B) {
				x := make([]float32, dim)
				for b.Loop() {
					Normals32(x, Counter{Key: 1})
				}
				per(b, len(x), "normal")
			})
		})
	}
}

func BenchmarkUniformRows(b *testing.B) {
	eachLevelBench(b, func(b *testing.B) {
		x := make([]float64, rows)
		for b.Loop() {
			UniformRows(x, Counter{Key: 1})
		}
		per(b, len(x), "uniform")
	})
}

func BenchmarkRows(b *testing.B) {
	eachLevelBench(b, func(b *testing.B) {
		x := make([][4]uint32, rows)
		for b.Loop() {
			Rows(x, Counter{Key: 1})
		}
		per(b, len(x), "block")
	})
}
