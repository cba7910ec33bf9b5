package bijection_test

import (
	"errors"
	"math"
	"slices"
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
	dims   []int
	lo, hi float64 // of rows
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
	realnvp := func(c bijection.RealNVPConfig) func() (bijection.Definition, error) {
		if c.Activation = "tanh"; c.Hidden == nil {
			c.Hidden = []int{16, 16}
		}
		return func() (bijection.Definition, error) { return bijection.NewRealNVP(c) }
	}
	glow := func(c bijection.GlowConfig) func() (bijection.Definition, error) {
		c.Hidden, c.Activation = []int{6, 5}, "tanh"
		return func() (bijection.Definition, error) { return bijection.NewGlow(c) }
	}
	variational := func(define func() (bijection.Definition, error), step, offset []float64) func() (bijection.Definition, error) {
		return func() (bijection.Definition, error) {
			behind, err := define()
			if err != nil {
				return nil, err
			}
			return bijection.NewVariational(bijection.NoiseConfig{Low: 1, High: 5, Transforms: 2, Hidden: []int{6}}, step, offset, behind)
		}
	}
	return []model{
		{name: "nice", define: with(bijection.NewNICE, bijection.Config{})},
		{name: "nice with a mixture", define: with(bijection.NewNICE, bijection.Config{Base: "mixture", Components: 3})},
		{name: "realnvp", define: realnvp(bijection.RealNVPConfig{Config: bijection.Config{Transforms: 4, Mix: "random", Seed: 3}})},
		{name: "realnvp with householder", define: realnvp(bijection.RealNVPConfig{Config: bijection.Config{Transforms: 3, Mix: "householder", ActNorm: true, Base: "logistic"}})},
		{name: "realnvp of images", dims: []int{16}, define: realnvp(bijection.RealNVPConfig{Shape: []int{4, 4}, Levels: 3,
			Config: bijection.Config{Transforms: 3, Hidden: []int{6, 5}, Mix: "householder", ActNorm: true}})},
		{name: "realnvp of coloured images", dims: []int{12}, define: realnvp(bijection.RealNVPConfig{Shape: []int{2, 2, 3}, Config: bijection.Config{Transforms: 2, Hidden: []int{6}, Base: "mixture"}})},
		{name: "glow", dims: []int{4, 16}, define: glow(bijection.GlowConfig{Levels: 1, Steps: 2})},
		{name: "glow of levels", dims: []int{16}, define: glow(bijection.GlowConfig{Shape: []int{4, 4}, Levels: 2, Steps: 1, Base: "logistic"})},
		{name: "glow of coloured images", dims: []int{24}, define: glow(bijection.GlowConfig{Shape: []int{2, 4, 3}, Levels: 1, Steps: 1, Base: "mixture", Components: 2})},
		{name: "maf", define: with(bijection.NewMAF, bijection.Config{Transforms: 3, Mix: "lu", ActNorm: true}), alone: true},
		{name: "iaf", define: with(bijection.NewIAF, bijection.Config{Transforms: 2, Base: "mixture"}), alone: true},
		{name: "nsf", define: splines(bijection.SplineConfig{Bins: 4, Bound: 3}), alone: true},
		{name: "nsf of couplings", define: splines(bijection.SplineConfig{Kind: "coupling", Bins: 6, Bound: 3, Config: bijection.Config{Mix: "none", Base: "mixture"}})},
		{name: "planar", define: func() (bijection.Definition, error) {
			// Not more: contexts drawn at random shrink some rows a hundredfold in each.
			return bijection.NewPlanar(bijection.PlanarConfig{Transforms: 2})
		}, alone: true},
		{name: "variational maf", lo: 1, hi: 5, define: variational(with(bijection.NewMAF, bijection.Config{Transforms: 1, Base: "mixture"}), []float64{1}, []float64{1})},
		{name: "variational glow", lo: 1, hi: 5, dims: []int{12}, define: variational(glow(bijection.GlowConfig{Shape: []int{2, 2, 3}, Levels: 1, Steps: 1}),
			slices.Repeat([]float64{1, 2, 0.5}, 4), slices.Repeat([]float64{1, -1, 1}, 4))},
		{name: "maf with a mixture", define: with(bijection.NewMAF, bijection.Config{Transforms: 1, Base: "mixture", Components: 4}), alone: true},
		{name: "planar with a mixture", define: func() (bijection.Definition, error) {
			return bijection.NewPlanar(bijection.PlanarConfig{Transforms: 1, Base: "mixture"})
		}, alone: true},
	}
}

// TestModels: every model obeys the laws of a bijection, without and with
// conditions, and is built again from the configuration that a file keeps.
func TestModels(t *testing.T) {
	for _, m := range models() {
		t.Run(m.name, func(t *testing.T) {
			def, err := m.define()
			if err != nil {
				t.Fatal(err)
			}
			dims := m.dims
			if dims == nil {
				dims = []int{1, 2, 5}
			}
			for _, dim := range dims {
				again, err := bijection.Builtin()[def.Use()](def.Config()) // as a file has it
				if err != nil {
					t.Fatal(err)
				}
				_, err = again.Bijection(dim)
				if dim == 1 && !m.alone {
					if err == nil {
						t.Fatal("one column was taken")
					}
					continue
				}
				held := []int{0, 3} // the least rows without conditions, the widest with some
				if dim < dims[len(dims)-1] {
					held = held[:1]
				} else if len(dims) > 1 {
					held = held[1:]
				}
				for _, held := range held {
					n, err := bijection.Build(again, dim, held)
					if err != nil {
						t.Fatal(err)
					}
					if dim > 1 {
						bijectiontest.Test(t, bijectiontest.Case{Network: n.(*bijection.Network), Lo: m.lo, Hi: m.hi})
					}
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
	for i, w := range nets[1].Tensors() {
		copy(w.Data, nets[0].Tensors()[i].Data)
	}
	nets[1].Changed(nil)
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
		{Transforms: -1}, {Transforms: 1000}, {Hidden: []int{0}}, {Activation: "sine"}, {Mix: "both"}, {Base: "uniform"}, {Components: 3}, {Base: "mixture", Components: 2000}, {Base: "mixture", Components: -1},
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
	for _, c := range []bijection.RealNVPConfig{{Levels: 13}, {Shape: []int{3}}, {Shape: []int{2, 0}}, {Config: bijection.Config{Hidden: []int{0}}}} {
		if _, err := bijection.NewRealNVP(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	for _, c := range []bijection.GlowConfig{{Levels: -1}, {Steps: 300}, {Shape: []int{2, 2, 1, 1}}, {Activation: "sine"}, {Base: "uniform"}, {Hidden: []int{0}}} {
		if _, err := bijection.NewGlow(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	for _, c := range []bijection.PlanarConfig{{Transforms: -3}, {Base: "uniform"}, {Components: 2}} {
		if _, err := bijection.NewPlanar(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// TestShapes: an image that does not fit the columns, or the levels, says what does.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		config bijection.GlowConfig
		dim    int
		want   string
	}{
		{bijection.GlowConfig{Levels: 1}, 12, "bijection: glow: shape: rows of 12 columns are no square image of one channel; write shape: [rows, columns, channels], whose product is 12"},
		{bijection.GlowConfig{Shape: []int{28, 28}}, 64, "bijection: glow: shape: an image of 28 x 28 x 1 has 784 numbers and a row has 64; write a shape whose product is 64"},
		{bijection.GlowConfig{Levels: 3}, 784, "bijection: glow: levels: an image of 28 x 28 x 1 can be halved 2 times, not 3; write fewer levels, or scale or pad the images"},
		{bijection.GlowConfig{Levels: 1, Steps: 256, Hidden: []int{65536, 65536}}, 64, "bijection: glow: 1101357123584 weights for images of 4 channels, more than 1073741824"},
	} {
		def, err := bijection.NewGlow(c.config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = def.Bijection(c.dim); err == nil || err.Error() != c.want {
			t.Errorf("%+v for %d columns: %v", c.config, c.dim, err)
		}
	}
}

// TestMixesOfManyColumns: a mix whose matrices would grow without bound is refused.
func TestMixesOfManyColumns(t *testing.T) {
	for _, c := range []struct {
		mix, want string
		dim       int
	}{
		{"lu", "bijection: realnvp: mix: lu takes at most 256 columns, these are 257; use random, or householder for up to 1024", 257},
		{"householder", "bijection: realnvp: mix: householder takes at most 1024 columns, these are 1025; use random", 1025},
	} {
		def, err := bijection.NewRealNVP(bijection.RealNVPConfig{Config: bijection.Config{Transforms: 2, Hidden: []int{4}, Mix: c.mix}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := def.Bijection(c.dim); err == nil || err.Error() != c.want {
			t.Errorf("%v", err)
		}
	}
}

// foreign is a definition that is not of this package.
type foreign struct{ bijection.Definition }

// TestVariationalMistakes: what does not fit is refused, also where a file says it.
func TestVariationalMistakes(t *testing.T) {
	maf, err := bijection.NewMAF(bijection.Config{Hidden: []int{4}})
	if err != nil {
		t.Fatal(err)
	}
	one, zero := []float64{1}, []float64{0}
	for _, c := range []bijection.NoiseConfig{
		{}, {Low: 2, High: 1}, {High: math.Inf(1)}, {High: 2, Alpha: 0.5}, {High: 2, Alpha: -1}, {High: 2, Transforms: 65}, {High: 2, Bins: 1}, {High: 2, Hidden: []int{0}},
	} {
		if _, err := bijection.NewVariational(c, one, zero, maf); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	good := bijection.NoiseConfig{High: 4}
	noisy, err := bijection.NewVariational(good, one, zero, maf)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() (bijection.Definition, error){
		"a flow of another process": func() (bijection.Definition, error) { return bijection.NewVariational(good, one, zero, foreign{maf}) },
		"noise twice":               func() (bijection.Definition, error) { return bijection.NewVariational(good, one, zero, noisy) },
		"no bins":                   func() (bijection.Definition, error) { return bijection.NewVariational(good, nil, zero, maf) },
		"a bin without width": func() (bijection.Definition, error) {
			return bijection.NewVariational(good, []float64{1, 0}, zero, maf)
		},
		"a bin nowhere": func() (bijection.Definition, error) {
			return bijection.NewVariational(good, one, []float64{math.NaN()}, maf)
		},
		"a file without a model": func() (bijection.Definition, error) {
			return bijection.Builtin()["variational"]([]byte(`{"high":4,"step":[1],"offset":[0]}`))
		},
		"a file with noise twice": func() (bijection.Definition, error) {
			return bijection.Builtin()["variational"]([]byte(`{"high":4,"step":[1],"offset":[0],"model":{"use":"variational","with":` + string(noisy.Config()) + `}}`))
		},
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	three, err := bijection.NewVariational(good, []float64{1, 2, 1}, zero, maf)
	if err == nil {
		_, err = three.Bijection(2)
	}
	if want := "bijection: variational: step: 3 numbers for 2 columns"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
