package bijection_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/autodiff"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/bijection/bijectiontest"
	"github.com/pathline/pathline/stages/random"
)

var (
	small  = bijection.Conditioner{Hidden: []int{12, 9}, Activation: (*autodiff.Graph).Tanh}
	bare   = bijection.Conditioner{}
	weight = autodiff.Init{}
	wide   = bijection.Spline{Bins: 5, Bound: 3}
	within = bijection.Spline{Bins: 4, Bound: 1}
)

func equal(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

func alternate(dim int) []bool {
	keep := make([]bool, dim)
	for i := range keep {
		keep[i] = i%2 == 0
	}
	return keep
}

// descending is the order from the last column to the first.
func descending(n int) []int {
	r := ascending(n)
	slices.Reverse(r)
	return r
}

func ascending(dim int) []int {
	rank := make([]int, dim)
	for i := range rank {
		rank[i] = i
	}
	return rank
}

// layer is a layer for rows of dim columns.
type layer struct {
	name   string
	dim    int
	layer  bijection.Layer
	lo, hi float64
}

func layers() []layer {
	key := random.NewKey(1, "test", "permutation")
	return []layer{
		{name: "additive coupling", dim: 5, layer: bijection.Coupling{Keep: alternate(5), Function: bijection.Shift{}, Conditioner: small}},
		{name: "affine coupling", dim: 5, layer: bijection.Coupling{Keep: alternate(5), Function: bijection.Affine{}, Conditioner: small}},
		{name: "affine coupling, linear conditioner", dim: 2, layer: bijection.Coupling{Keep: []bool{false, true}, Function: bijection.Affine{}, Conditioner: bare}},
		{name: "spline coupling", dim: 4, layer: bijection.Coupling{Keep: alternate(4), Function: wide, Conditioner: small}, lo: -4, hi: 4},
		{name: "spline of one bin", dim: 2, layer: bijection.Coupling{Keep: alternate(2), Function: bijection.Spline{Bins: 1, Bound: 1.5}, Conditioner: small}},
		{name: "autoregressive", dim: 5, layer: bijection.Autoregressive{Rank: []int{2, 0, 4, 1, 3}, Function: bijection.Affine{}, Conditioner: small}},
		{name: "autoregressive, one column", dim: 1, layer: bijection.Autoregressive{Rank: []int{0}, Function: bijection.Affine{}, Conditioner: small}},
		{name: "autoregressive, linear", dim: 3, layer: bijection.Autoregressive{Rank: []int{2, 1, 0}, Function: bijection.Affine{}, Conditioner: bare}},
		{name: "autoregressive, few units", dim: 9, layer: bijection.Autoregressive{Rank: ascending(9), Function: bijection.Affine{}, Conditioner: bijection.Conditioner{Hidden: []int{4}, Activation: small.Activation}}},
		{name: "autoregressive, three blocks", dim: 35, layer: bijection.Autoregressive{Rank: descending(35), Function: bijection.Affine{}, Conditioner: bijection.Conditioner{Hidden: []int{41, 20}, Activation: small.Activation}}},
		{name: "inverse autoregressive", dim: 4, layer: bijection.Reversed{Layer: bijection.Autoregressive{Rank: ascending(4), Function: bijection.Affine{}, Conditioner: small}}},
		{name: "autoregressive spline", dim: 4, layer: bijection.Autoregressive{Rank: ascending(4), Function: wide, Conditioner: small}, lo: -4, hi: 4},
		{name: "planar", dim: 3, layer: bijection.Planar{}},
		{name: "radial", dim: 3, layer: bijection.Radial{}},
		{name: "reverse", dim: 4, layer: bijection.Reverse(4)},
		{name: "random permutation", dim: 7, layer: bijection.Random(7, key, 3)},
		{name: "lu", dim: 5, layer: bijection.LU{}},
		{name: "lu, one column", dim: 1, layer: bijection.LU{}},
		{name: "householder", dim: 5, layer: bijection.Householder{Reflections: 3}},
		{name: "actnorm", dim: 3, layer: bijection.ActNorm{}},
		{name: "batchnorm", dim: 3, layer: bijection.BatchNorm{Eps: 1e-5}},
		{name: "logit", dim: 3, layer: bijection.Logit{Alpha: 0.05}, lo: 0.001, hi: 0.999},
		{name: "squeeze", dim: 24, layer: image(4, 2, 3, bijection.Squeeze{Height: 4, Width: 2}, bijection.Flat(2, 1, 12))},
		{name: "split", dim: 12, layer: image(2, 2, 3, bijection.Split{Channels: 3, Rest: bijection.Chain{bijection.ActNorm{}, bijection.Flat(2, 2, 2)}})},
		{name: "1x1 convolution", dim: 12, layer: image(2, 2, 3, bijection.Convolution1x1(3, key, 2), bijection.Flat(2, 2, 3))},
		{name: "1x1 convolution, one channel", dim: 4, layer: image(2, 2, 1, bijection.Convolution1x1(1, key, 2), bijection.Flat(2, 2, 1))},
		{name: "coupling of channels", dim: 18, layer: image(2, 3, 3, bijection.Coupling{Keep: alternate(3), Function: bijection.Affine{}, Conditioner: kernels(2, 3)}, bijection.Flat(2, 3, 3))},
		{name: "spline coupling of channels", dim: 8, layer: image(2, 2, 2, bijection.Coupling{Keep: alternate(2), Function: wide, Conditioner: kernels(2, 2)}, bijection.Flat(2, 2, 2)), lo: -4, hi: 4},
		{name: "checkerboard", dim: 12, layer: image(4, 3, 1, bijection.Checkerboard{Height: 4, Width: 3, Function: bijection.Affine{}, Conditioner: kernels(4, 3)}, bijection.Flat(4, 3, 1))},
		{name: "odd checkerboard", dim: 18, layer: image(3, 3, 2, bijection.Checkerboard{Height: 3, Width: 3, Odd: true, Function: bijection.Affine{}, Conditioner: kernels(3, 3)}, bijection.Flat(3, 3, 2))},
		{name: "actnorm of channels", dim: 8, layer: image(2, 2, 2, bijection.ActNorm{}, bijection.Flat(2, 2, 2))},
		{name: "batchnorm of channels", dim: 8, layer: image(2, 2, 2, bijection.BatchNorm{Eps: 1e-5}, bijection.Flat(2, 2, 2))},
		{name: "dequantization", dim: 3, layer: bijection.Dequantization{Step: []float64{1, 0.5, 2}, Offset: []float64{0, 0.25, -1}, Low: -1, High: 3,
			Noise: bijection.Chain{bijection.Coupling{Keep: alternate(3), Function: within, Conditioner: small}}}, lo: -1, hi: 3},
		{name: "dequantization of images", dim: 12, layer: bijection.Dequantization{Step: equal(12, 1), Offset: equal(12, 0), High: 4, Places: 6,
			Noise: image(2, 3, 2, bijection.Checkerboard{Height: 2, Width: 3, Function: within, Conditioner: kernels(2, 3)}, bijection.Flat(2, 3, 2))}, hi: 4},
		{name: "chain", dim: 4, layer: bijection.Chain{
			bijection.ActNorm{}, bijection.LU{},
			bijection.Coupling{Keep: alternate(4), Function: wide, Conditioner: small},
			bijection.Householder{Reflections: 2}, bijection.Reverse(4),
			bijection.Autoregressive{Rank: ascending(4), Function: bijection.Affine{}, Conditioner: small}}},
	}
}

// image is a chain of layers for images of a size.
func image(height, width, channels int, layers ...bijection.Layer) bijection.Layer {
	return append(bijection.Chain{bijection.Image(height, width, channels)}, layers...)
}

func kernels(height, width int) bijection.Convolution {
	return bijection.Convolution{Height: height, Width: width, Hidden: []int{5, 4}, Activation: (*autodiff.Graph).Tanh}
}

// TestLayers: every layer obeys the laws of a bijection, without and with
// conditions.
func TestLayers(t *testing.T) {
	for _, l := range layers() {
		for held, name := range map[int]string{0: l.name, 2: l.name + ", two conditions"} {
			t.Run(name, func(t *testing.T) {
				n, err := bijection.NewHeldNetwork(l.dim, held, l.layer, bijection.Normal{Dim: l.dim})
				if err != nil {
					t.Fatal(err)
				}
				bijectiontest.Test(t, bijectiontest.Case{Network: n, Lo: l.lo, Hi: l.hi})
			})
		}
	}
}

// TestAutoregressivePattern: z_i does not change by a bit when a number of the
// same or a higher rank does, but for itself, and does when one of a lower rank
// does.
func TestAutoregressivePattern(t *testing.T) {
	for _, hidden := range [][]int{{}, {16}, {12, 9}, {40, 40, 40}} {
		for _, rank := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}} {
			t.Run(fmt.Sprint(hidden, rank), func(t *testing.T) {
				d := len(rank)
				n, err := bijection.NewNetwork(d, bijection.Autoregressive{Rank: rank, Function: bijection.Affine{},
					Conditioner: bijection.Conditioner{Hidden: hidden, Activation: (*autodiff.Graph).Tanh}}, bijection.Normal{Dim: d})
				if err != nil {
					t.Fatal(err)
				}
				bijectiontest.Draw(n, 2)
				x := []float32{0.3, -1.2, 0.7, 0.1, -0.4}
				z := make([]float32, d)
				normalize := func(z, x []float32) {
					if err := n.Normalize(context.Background(), z, x, nil, 1); err != nil {
						t.Fatal(err)
					}
				}
				normalize(z, x)
				for j := range d {
					other, moved := slices.Clone(x), make([]float32, d)
					other[j] += 1.5
					normalize(moved, other)
					for i := range d {
						if depends := rank[j] <= rank[i]; depends != (moved[i] != z[i]) {
							t.Errorf("column %d of rank %d, when column %d of rank %d moves: changed %v", i, rank[i], j, rank[j], !depends)
						}
					}
				}
			})
		}
	}
}

// TestActNormStart: after Start, columns have mean 0 and variance 1 behind every
// actnorm and batch-norm of a chain.
func TestActNormStart(t *testing.T) {
	const rows, d = 500, 3
	for _, last := range []bijection.Layer{bijection.ActNorm{}, bijection.BatchNorm{Eps: 1e-12}} {
		chain := bijection.Chain{bijection.ActNorm{}, bijection.Coupling{Keep: alternate(d), Function: bijection.Affine{}, Conditioner: small}, last}
		n, err := bijection.NewNetwork(d, chain, bijection.Normal{Dim: d})
		if err != nil {
			t.Fatal(err)
		}
		n.Init(random.NewKey(1, "test", "init"))
		for _, w := range n.Tensors() {
			if w.Name == "1.layers.2.weight" {
				for i := range w.Data {
					w.Data[i] = float32(i%5) / 5
				}
			}
		}
		x := make([]float32, rows*d)
		random.NewKey(2, "test", "rows").Normals32Rows(x, d, 0, rows, 0)
		for i := range x {
			x[i] = 7 + 3*x[i]*x[i]
		}
		if err := n.Start(t.Context(), x, rows); err != nil {
			t.Fatal(err)
		}
		z := make([]float32, rows*d)
		if err := n.Normalize(t.Context(), z, x, nil, rows); err != nil {
			t.Fatal(err)
		}
		for c := range d {
			var mean, square float64
			for r := range rows {
				v := float64(z[r*d+c])
				mean, square = mean+v/rows, square+v*v/rows
			}
			if math.Abs(mean) > 1e-5 || math.Abs(square-1) > 1e-5 {
				t.Errorf("%T: column %d has mean %v and mean square %v", last, c, mean, square)
			}
		}
	}
}

// TestStartInside: actnorms inside of levels and splits begin from what comes to
// them: every channel has mean 0 and variance 1 behind each.
func TestStartInside(t *testing.T) {
	const rows, d = 300, 16
	def, err := bijection.NewGlow(bijection.GlowConfig{Levels: 2, Steps: 1, Hidden: []int{4}})
	if err != nil {
		t.Fatal(err)
	}
	net, err := def.Bijection(d)
	if err != nil {
		t.Fatal(err)
	}
	n := net.(*bijection.Network)
	n.Init(random.NewKey(1, "test", "init"))
	x := make([]float32, rows*d)
	random.NewKey(2, "test", "rows").Normals32Rows(x, d, 0, rows, 0)
	for i := range x {
		x[i] = float32(i%d) + (1+float32(i%3))*x[i]
	}
	if err := n.Start(t.Context(), x, rows); err != nil {
		t.Fatal(err)
	}
	z := make([]float32, rows*d)
	if err := n.Normalize(t.Context(), z, x, nil, rows); err != nil {
		t.Fatal(err)
	}
	// Behind the actnorms come rotations, which keep the sum of the variances, and
	// couplings that begin as the identity. The base of what is factored out begins
	// as a standard one.
	for lo, hi := range map[int]int{0: 8, 8: 16} {
		var mean, square float64
		for r := range rows {
			for _, v := range z[r*d+lo : r*d+hi] {
				mean, square = mean+float64(v)/(rows*8), square+float64(v)*float64(v)/(rows*8)
			}
		}
		if math.Abs(mean) > 1e-5 || math.Abs(square-1) > 0.2 || lo == 0 && math.Abs(square-1) > 1e-4 {
			t.Errorf("columns %d to %d have mean %v and mean square %v", lo, hi, mean, square)
		}
	}
}

// free are the layers that have no conditioner, and so see no context; a spline of
// one bin is the identity.
var free = []string{"spline of one bin", "radial", "reverse", "random permutation", "lu", "lu, one column", "householder", "actnorm", "batchnorm", "logit",
	"squeeze", "1x1 convolution", "1x1 convolution, one channel", "actnorm of channels", "batchnorm of channels", "split"}

// TestContext: a context reaches the layers that have a conditioner, and the
// derivatives of z and of its log-determinant with respect to inputs, context and
// weights are the limits of differences.
func TestContext(t *testing.T) {
	const k, h = 2, 1e-5
	for _, l := range layers() {
		t.Run(l.name, func(t *testing.T) {
			g := autodiff.New()
			x, c := g.Input("x", l.dim), g.Input("c", k)
			z, logdet := l.layer.Normalize(bijection.NewBuilder(g, c), x)
			// A number in which all that comes out has a weight of its own.
			mix := make([]float64, l.dim)
			for i := range mix {
				mix[i] = 1 + float64(i)/3
			}
			out := g.Add(g.Sum(g.Mul(z, g.Const(mix, l.dim)), 0), g.Scale(logdet, 0.7))
			one := g.Reshape(g.Select(g.Fill(1, 1), g.Fill(1, 1), g.Slice(x, 0, 1))) // of the row, as out may not be
			out = g.Mul(out, one)
			params := g.ParamValues()
			slopes := g.VJP([]autodiff.Value{out}, []autodiff.Value{g.Fill(1)}, append([]autodiff.Value{x, c}, params...))
			at := [][]float64{make([]float64, l.dim), {0.2, -0.5}}
			lo, hi := -1.0, 1.0
			if l.lo != l.hi {
				lo, hi = l.lo, l.hi
			}
			for i := range at[0] {
				at[0][i] = lo + (hi-lo)*(0.5+0.4*math.Sin(float64(7*i+1)))
			}
			for i, p := range g.Params() {
				w := make([]float64, p.Size())
				for j := range w {
					w[j] = 0.6 * math.Sin(float64(3*i+j)+0.4)
				}
				at = append(at, w)
			}
			run := func(outs ...autodiff.Value) [][]float64 {
				t.Helper()
				y, err := g.Interpret(outs, at[2:], at[:2], 1)
				if err != nil {
					t.Fatal(err)
				}
				return y
			}
			got, seen := run(slopes...), 0.0
			for i, v := range at {
				for j := range v {
					keep := v[j]
					v[j] = keep + h
					up := run(out)[0][0]
					v[j] = keep - h
					down := run(out)[0][0]
					v[j] = keep
					want := (up - down) / (2 * h)
					fixed := i >= 2 && (bijectiontest.Case{}).Fixed(g.Params()[i-2].Name)
					if e := math.Abs(got[i][j] - want); !fixed && !(e < 1e-7*(1+math.Abs(want))) {
						t.Errorf("input %d, number %d: derivative %v, differences give %v", i, j, got[i][j], want)
					}
					if i == 1 {
						seen += math.Abs(got[i][j])
					}
				}
			}
			if sees := !slices.Contains(free, l.name); sees != (seen > 1e-6) {
				t.Errorf("the derivatives with respect to the context have the sum %v", seen)
			}
		})
	}
}
