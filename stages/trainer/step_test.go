package trainer

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
)

var optimSGD = optim.SGD{}

// normal is a table of 333 normal rows.
func normal(dim int) *Memory {
	return NewMemory(gaussian(333, dim, 1, 0.5, "data"), dim, NewKeys(7, "train").Shuffle)
}

func near(a, b, relative float64) bool {
	return math.Abs(a-b) <= relative*(math.Abs(a)+math.Abs(b))/2
}

func TestStepAllocatesNothing(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		for name, change := range map[string]func(*Options){
			"plain":      func(*Options) {},
			"clip":       func(o *Options) { o.EMA, o.Clip = 0.99, 1 },
			"coupling":   func(o *Options) { o.Coupling = backwards{} },
			"weights":    func(o *Options) { o.Weight, o.Loss = MinSNR(5), model.Huber(1) },
			"draws":      func(o *Options) { o.Coupling = entropic() },
			"accumulate": func(o *Options) { o.Accumulate, o.Time = 3, Stratified{} },
			"observed":   func(o *Options) { o.Observe = func(Progress) {} },
			"logged":     func(o *Options) { o.LogEvery = 1 },
		} {
			o := options(1<<40, 256)
			o.Workers, o.LogEvery = workers, 0
			change(&o)
			l, err := newLoop(network(t, 8), Layout{Dim: 2}, normal(2), o)
			if err != nil {
				t.Fatal(err)
			}
			allocatesNothing(t, fmt.Sprintf("%s, %d workers", name, workers), l, 0)
		}
	}
}

// BenchmarkStep is one step of training: small is two columns, three layers of
// 64 with SELU, batch 256; medium is eight columns, three layers of 128 with
// SiLU and 32 frequencies of time, batch 512. Networks named mute have as many
// weights and compute nothing: what remains is the step around a network.
func BenchmarkStep(b *testing.B) {
	mlp := func(c model.MLPConfig) model.Definition {
		def, err := model.NewMLP(c)
		if err != nil {
			b.Fatal(err)
		}
		return def
	}
	quiet := func(in, width, out int) model.Definition {
		return mute{sizes: []int{in * width, width, width * width, width, width * width, width, width * out, out}}
	}
	small := mlp(model.MLPConfig{Hidden: []int{64, 64, 64}, Activation: "selu", Time: model.TimeConfig{Use: "concat"}})
	medium := mlp(model.MLPConfig{Hidden: []int{128, 128, 128}, Activation: "silu", Time: model.TimeConfig{Use: "fourier", Features: 32}})
	for _, c := range []struct {
		name             string
		net              model.Definition
		dim, batch, rows int
		rule             optim.Rule
	}{
		{"small", small, 2, 256, 10_000, optim.DefaultAdamW()},
		{"small-mute", quiet(3, 64, 2), 2, 256, 10_000, optim.DefaultAdamW()},
		{"medium", medium, 8, 512, 65_536, optim.DefaultAdam()},
		{"medium-mute", quiet(72, 128, 8), 8, 512, 65_536, optim.DefaultAdam()},
	} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", c.name, workers), func(b *testing.B) {
				o := options(1<<40, c.batch)
				o.LogEvery, o.Workers, o.Rule, o.LR = 0, workers, c.rule, 1e-3
				l, err := newLoop(c.net, Layout{Dim: c.dim}, NewMemory(gaussian(c.rows, c.dim, 0, 1, "data"), c.dim, o.Keys.Shuffle), o)
				if err != nil {
					b.Fatal(err)
				}
				defer l.crew.dismiss()
				ctx := context.Background()
				if err := l.begin(ctx); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					if err := l.step(ctx); err != nil {
						b.Fatal(err)
					}
					if err := l.between(ctx); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*float64(c.batch)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
