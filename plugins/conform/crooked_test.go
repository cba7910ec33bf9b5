package conform

import (
	"context"
	"testing"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// crooked are discrete flows with one mistake each, for wrong.
var crooked = []struct {
	name, fails, says string
	bend              func(*twisted)
}{
	{"lossy", "round-trip", "comes back as", func(b *twisted) {
		b.generated = func(x []float32, _ []float64, _ int) { x[0] += 0.01 }
	}},
	{"stretched", "log-determinant", "differences of normalize give", func(b *twisted) {
		b.normalized = func(_ []float32, logdet []float64, _ int) { add(logdet, 0.05) }
		b.generated = func(_ []float32, logdet []float64, _ int) { add(logdet, -0.05) }
	}},
	{"one-way", "round-trip", "which do not cancel", func(b *twisted) {
		b.generated = func(_ []float32, logdet []float64, _ int) { add(logdet, 0.05) }
	}},
	{"dense", "zeros", "is said not to depend on", func(b *twisted) { b.depends = [][]int{{0}, {1}, {2}} }},
	{"heavy", "density", "has the loss", func(b *twisted) {
		b.trained = func(_ [][]float32, loss []float64) { add(loss, 0.1) }
	}},
	{"flat", "gradient", "differences of the loss give", func(b *twisted) {
		b.trained = func(grad [][]float32, _ []float64) {
			for _, g := range grad {
				for i := range g {
					g[i] /= 2
				}
			}
		}
	}},
	{"sociable", "rows", "alone than among", func(b *twisted) {
		b.normalized = func(z []float32, _ []float64, rows int) { z[0] += 1e-3 * float32(rows) }
	}},
	{"deaf", "conditions", "give the same z", func(b *twisted) { b.deaf = true }},
	{"gossip", "conditions", "change row", func(b *twisted) { b.gossip = true }},
	{"clock", "init", "the same key gives other weights", func(b *twisted) { b.unseeded = true }},
	{"secret", "write", "a second bijection gives other values", func(b *twisted) {
		secret := float32(instances.Add(1))
		b.normalized = func(z []float32, _ []float64, _ int) { z[0] += secret }
	}},
	{"unfit-base", "base", "not to 1", func(b *twisted) { b.base = shifted{b.Trainable.Base()} }},
	{"restless", "start", "give other weights to begin with", func(b *twisted) { b.restless = true }},
}

func crookedFlows() (all []mistake) {
	for _, c := range crooked {
		all = append(all, mistake{name: c.name, kind: "model", fails: "model/bijection-" + c.fails, says: c.says,
			build: func() any { return bending{straight(), c.bend} }})
	}
	return all
}

func add(to []float64, v float64) {
	for i := range to {
		to[i] += v
	}
}

// straight is a discrete flow without a mistake.
func straight() bijection.Conditional {
	d, err := bijection.NewMAF(bijection.Config{Transforms: 2, Hidden: []int{8}, Activation: "tanh", ActNorm: true})
	if err != nil {
		panic(err)
	}
	return d.(bijection.Conditional)
}

// bending makes bijections with a mistake.
type bending struct {
	bijection.Conditional
	bend func(*twisted)
}

func (d bending) Bijection(dim int) (bijection.Trainable, error) { return d.BijectionHeld(dim, 0) }

func (d bending) BijectionHeld(dim, held int) (bijection.Trainable, error) {
	b, err := d.Conditional.BijectionHeld(dim, held)
	if err != nil {
		return nil, err
	}
	t := &twisted{Trainable: b, dim: dim}
	d.bend(t)
	return t, nil
}

// twisted is a bijection whose results are changed.
type twisted struct {
	bijection.Trainable
	dim                              int
	normalized, generated            func(y []float32, logdet []float64, rows int)
	trained                          func(grad [][]float32, loss []float64)
	depends                          [][]int
	base                             model.Base
	deaf, gossip, unseeded, restless bool
}

func (b *twisted) Base() model.Base {
	if b.base != nil {
		return b.base
	}
	return b.Trainable.Base()
}

// Depends promises all columns where there is no mistake in it.
func (b *twisted) Depends() [][]int {
	if b.depends != nil {
		return b.depends
	}
	var all [][]int
	for range b.dim {
		var on []int
		for j := range b.dim {
			on = append(on, j)
		}
		all = append(all, on)
	}
	return all
}

func (b *twisted) Init(key random.Key) {
	if b.unseeded {
		key = random.NewKey(uint64(instances.Add(1)), "a", "b")
	}
	b.Trainable.Init(key)
}

func (b *twisted) Start(ctx context.Context, x []float32, rows int) error {
	err := b.Trainable.(bijection.Started).Start(ctx, x, rows)
	if b.restless {
		b.Tensors()[0].Data[0] += float32(instances.Add(1))
	}
	return err
}

func (b *twisted) Normalize(ctx context.Context, z, x []float32, logdet []float64, rows int) error {
	w := b.Dim()
	if b.deaf {
		x = append([]float32(nil), x...)
		for i := range x {
			if i%w >= b.dim {
				x[i] = 0
			}
		}
	}
	err := b.Trainable.Normalize(ctx, z, x, logdet, rows)
	if b.gossip && w > b.dim {
		for r := range rows {
			z[r*w] += x[(r+1)%rows*w+b.dim]
		}
	}
	if b.normalized != nil {
		b.normalized(z, logdet, rows)
	}
	return err
}

func (b *twisted) Generate(ctx context.Context, x, z []float32, logdet []float64, rows int) error {
	err := b.Trainable.Generate(ctx, x, z, logdet, rows)
	if b.generated != nil {
		b.generated(x, logdet, rows)
	}
	return err
}

func (b *twisted) Gradient(ctx context.Context, grad [][]float32, loss []float64, x, weight []float32, rows int) (float64, error) {
	sum, err := b.Trainable.Gradient(ctx, grad, loss, x, weight, rows)
	if b.trained != nil {
		b.trained(grad, loss)
	}
	return sum, err
}

// shifted is a base whose density does not integrate to 1.
type shifted struct{ model.Base }

func (s shifted) LogProb(logp, x []float64, rows int) {
	s.Base.LogProb(logp, x, rows)
	add(logp[:rows], 0.5)
}

// careless makes bijections of any size. A plugin in Go cannot have it: what serves
// it refuses.
type careless struct{ bijection.Definition }

func (c careless) Bijection(int) (bijection.Trainable, error) { return c.Definition.Bijection(3) }

func TestSizesOfABijectionMustBeRefused(t *testing.T) {
	if law.Run(t.Context(), func(l law.T) { bijectionSizes(l, careless{straight()}) }) == nil {
		t.Error("a bijection of no columns conforms")
	}
	if err := law.Run(t.Context(), func(l law.T) { bijectionSizes(l, straight()) }); err != nil {
		t.Error(err)
	}
}
