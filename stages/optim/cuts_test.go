package optim_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/optim"
)

// TestCuts: a step shared out among goroutines, in pieces of all sizes, is Step,
// bit for bit; and so is an average.
func TestCuts(t *testing.T) {
	eachRule(t, func(t *testing.T, r optim.Rule) {
		sizes := []int{300, 0, 1, 77}
		fresh := func() (w [][]float32) {
			for i, n := range sizes {
				w = append(w, make([]float32, n))
				for j := range w[i] {
					w[i][j] = float32(j%11) - 4.7
				}
			}
			return w
		}
		whole, cut, grads := fresh(), fresh(), fresh()
		one, two := start(t, r, sizes...), start(t, r, sizes...)
		average := func(w [][]float32) *optim.EMA {
			e, err := optim.NewEMA(0.99, true, w)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		a, b := average(whole), average(cut)
		for step := range 6 {
			noise(grads, step)
			one.Step(0.01, whole, grads)
			a.Update(whole)
			two.Begin(0.01)
			b.Begin()
			var all sync.WaitGroup
			for i, n := range sizes {
				size := 1 + (17*step+5*i)%60
				for lo := 0; lo < n; lo += size {
					all.Go(func() {
						hi := min(n, lo+size)
						two.Update(i, lo, hi, cut[i], grads[i])
						b.UpdateRange(i, lo, hi, cut[i])
					})
				}
			}
			all.Wait()
		}
		for i := range sizes {
			if !slices.Equal(whole[i], cut[i]) {
				t.Errorf("tensor %d differs in pieces", i)
			}
		}
		if fmt.Sprint(one.State(), a.State()) != fmt.Sprint(two.State(), b.State()) {
			t.Error("states differ at the end")
		}
	})
}

func TestUpdatePanics(t *testing.T) {
	eachRule(t, func(t *testing.T, r optim.Rule) {
		for _, short := range []int{0, 1} {
			func() {
				defer func() {
					if recover() != "optim: slice not as long as its tensor" {
						t.Error("no panic")
					}
				}()
				o := start(t, r, 3)
				o.Begin(0.1)
				x := [][]float32{make([]float32, 3), make([]float32, 3)}
				x[short] = x[short][:2]
				o.Update(0, 0, 1, x[0], x[1])
			}()
		}
	})
}

func BenchmarkStep(b *testing.B) {
	for name, r := range rules {
		for _, n := range []int{2048, 100_000} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				o := start(b, r, n)
				w, g := [][]float32{make([]float32, n)}, [][]float32{make([]float32, n)}
				noise(g, 1)
				for b.Loop() {
					o.Step(1e-6, w, g)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/weight")
			})
		}
	}
}

func BenchmarkEMA(b *testing.B) {
	w := [][]float32{make([]float32, 2048)}
	e, err := optim.NewEMA(0.999, false, w)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e.Update(w)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2048, "ns/weight")
}
