package bijection_test

import (
	"errors"
	"testing"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/bijection/bijectiontest"
	"github.com/pathline/pathline/stages/random"
)

// model is a definition to test.
type model struct {
	name   string
	define func() (bijection.Definition, error)
	alone  bool // it takes one column
}

func models() []model {
	with := func(define func(bijection.Config) (bijection.Definition, error), c bijection.Config) func() (bijection.Definition, error) {
		c.Hidden, c.Activation = []int{16, 16}, "tanh"
		return func() (bijection.Definition, error) { return define(c) }
	}
	splines := func(c bijection.SplineConfig) func() (bijection.Definition, error) {
		c.Hidden, c.Activation, c.Transforms = []int{16, 16}, "tanh", 3
		return func() (bijection.Definition, error) { return bijection.NewNSF(c) }
	}
	return []model{
		{name: "nice", define: with(bijection.NewNICE, bijection.Config{})},
		{name: "realnvp", define: with(bijection.NewRealNVP, bijection.Config{Transforms: 4, Mix: "random", Seed: 3})},
		{name: "realnvp with householder", define: with(bijection.NewRealNVP, bijection.Config{Transforms: 3, Mix: "householder", ActNorm: true, Base: "logistic"})},
		{name: "maf", define: with(bijection.NewMAF, bijection.Config{Transforms: 3, Mix: "lu", ActNorm: true}), alone: true},
		{name: "iaf", define: with(bijection.NewIAF, bijection.Config{Transforms: 2}), alone: true},
		{name: "nsf", define: splines(bijection.SplineConfig{Bins: 4, Bound: 3}), alone: true},
		{name: "nsf of couplings", define: splines(bijection.SplineConfig{Kind: "coupling", Bins: 6, Bound: 3, Config: bijection.Config{Mix: "none"}})},
		{name: "planar", define: func() (bijection.Definition, error) {
			return bijection.NewPlanar(bijection.PlanarConfig{Transforms: 5})
		}, alone: true},
	}
}

// TestModels: every model obeys the laws of a bijection, and is built again
// from the configuration that a file keeps.
func TestModels(t *testing.T) {
	for _, m := range models() {
		t.Run(m.name, func(t *testing.T) {
			def, err := m.define()
			if err != nil {
				t.Fatal(err)
			}
			for _, dim := range []int{1, 2, 5} {
				n, err := bijection.Builtin()[def.Use()](def.Config(), dim)
				if dim == 1 && !m.alone {
					if err == nil {
						t.Fatal("one column was taken")
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if dim > 1 {
					bijectiontest.Test(t, bijectiontest.Case{Network: n.(*bijection.Network)})
				}
			}
		})
	}
}

// TestIAF: an iaf is a maf with its directions swapped, to the bit.
func TestIAF(t *testing.T) {
	const rows, d = 20, 4
	c := bijection.Config{Transforms: 1, Hidden: []int{16}}
	nets := [2]bijection.Trainable{}
	for i, define := range []func(bijection.Config) (bijection.Definition, error){bijection.NewMAF, bijection.NewIAF} {
		def, err := define(c)
		if err == nil {
			nets[i], err = def.Bijection(d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bijectiontest.Draw(nets[0].(*bijection.Network), 9)
	if name, ok := bijection.Restore(nets[1], nets[0].Tensors()); !ok {
		t.Fatalf("no tensor %q", name)
	}
	x := make([]float32, rows*d)
	random.NewKey(1, "test", "rows").Normals32Rows(x, d, 0, rows, 0)
	a, b := make([]float32, rows*d), make([]float32, rows*d)
	la, lb := make([]float64, rows), make([]float64, rows)
	if err := errors.Join(nets[0].Normalize(t.Context(), a, x, la, rows), nets[1].Generate(t.Context(), b, x, lb, rows)); err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if a[i] != b[i] || la[i/d] != lb[i/d] {
			t.Fatalf("number %d: %v and %v", i, a[i], b[i])
		}
	}
}

// TestConfigurations: what is out of range names its key.
func TestConfigurations(t *testing.T) {
	for _, c := range []bijection.Config{
		{Transforms: -1}, {Transforms: 1000}, {Hidden: []int{0}}, {Activation: "sine"}, {Mix: "both"}, {Base: "uniform"},
	} {
		if _, err := bijection.NewMAF(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	for _, c := range []bijection.SplineConfig{{Bins: 1}, {Bound: -1}, {Kind: "free"}} {
		if _, err := bijection.NewNSF(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if _, err := bijection.NewPlanar(bijection.PlanarConfig{Transforms: -3}); err == nil {
		t.Error("a planar flow of -3 transforms was taken")
	}
}
