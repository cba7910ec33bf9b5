package conform

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/path/pathtest"
)

func pathCases() []Case {
	return append(lawCases("path", "", pathtest.Laws(), affine),
		own("path", "rows", "Batches of 1, of 100,000 and of a million times, and uneven parts of them, give each time its coefficients.", pathRows, affine),
		own("path", "curved-endpoints", "A path that is not affine is noise at t = 0 and data at t = 1.", curvedEnds, curved),
		own("path", "curved-derivative", "u_t is the derivative of x_t.", curvedDerivative, curved),
		own("path", "curved-rows", "A row's x_t and u_t depend on that row alone.", curvedRows, curved))
}

// affine is a path with coefficients.
func affine(ctx context.Context, s *subject, i *implementation) (path.Path, *instance, error) {
	p, in, err := service[path.Path](ctx, s, i, nil)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := path.SamplerOf(p); ok {
		in.shut()
		return nil, nil, skipf("the path is not affine")
	}
	return p, in, nil
}

// curved is a path without.
func curved(ctx context.Context, s *subject, i *implementation) (path.Sampler, *instance, error) {
	p, in, err := service[path.Path](ctx, s, i, nil)
	if err != nil {
		return nil, nil, err
	}
	c, ok := path.SamplerOf(p)
	if !ok {
		in.shut()
		return nil, nil, skipf("the path is affine")
	}
	return c, in, nil
}

// ends are rows of noise and data.
type ends struct {
	x0, x1    []float32
	rows, dim int
}

func curvedSetting(rows int) ends {
	g := rand.New(rand.NewPCG(9, 10))
	const dim = 3
	return ends{normals(g, rows*dim), normals(g, rows*dim), rows, dim}
}

// sample asks for all rows at one time, or at times of their own.
func (e ends) sample(t law.T, p path.Sampler, times ...float64) (xt, ut []float32) {
	if len(times) == 1 {
		times = slices.Repeat(times, e.rows)
	}
	xt, ut = make([]float32, e.rows*e.dim), make([]float32, e.rows*e.dim)
	if err := p.Sample(xt, ut, e.x0, e.x1, times, e.rows, e.dim); err != nil {
		t.Fatal(err)
	}
	return xt, ut
}

func curvedEnds(t law.T, p path.Sampler) {
	e := curvedSetting(50)
	lo, hi := p.Domain()
	for _, c := range []struct {
		at   float64
		want []float32
		what string
	}{{lo, e.x0, "noise"}, {hi, e.x1, "data"}} {
		xt, _ := e.sample(t, p, c.at)
		for i, v := range xt {
			if math.Abs(float64(v-c.want[i])) > 1e-3 {
				t.Fatalf("at t = %v value %d is %v, the %s is %v", c.at, i, v, c.what, c.want[i])
			}
		}
	}
}

func curvedDerivative(t law.T, p path.Sampler) {
	e := curvedSetting(50)
	for _, at := range []float64{0.1, 0.3, 0.5, 0.77, 0.9} {
		_, ut := e.sample(t, p, at)
		slope := func(h float64) []float64 {
			a, _ := e.sample(t, p, at-h)
			b, _ := e.sample(t, p, at+h)
			d := make([]float64, len(a))
			for i := range d {
				d[i] = (float64(b[i]) - float64(a[i])) / (2 * h)
			}
			return d
		}
		coarse, fine := slope(0x1p-5), slope(0x1p-6)
		for i, v := range ut {
			got := (4*fine[i] - coarse[i]) / 3 // Richardson: the error is of order h⁴
			if math.Abs(got-float64(v)) > 2e-3*(1+math.Abs(got)) {
				t.Fatalf("at t = %v value %d of u_t is %v, differences of x_t give %v", at, i, v, got)
			}
		}
	}
}

func curvedRows(t law.T, p path.Sampler) {
	e := curvedSetting(500)
	times := make([]float64, e.rows)
	for i := range times {
		times[i] = 0.01 + 0.98*float64(i)/float64(e.rows)
	}
	xt, ut := e.sample(t, p, times...)
	for _, part := range [][2]int{{0, 1}, {1, 8}, {8, 499}} {
		lo, hi := part[0]*e.dim, part[1]*e.dim
		sub := ends{e.x0[lo:hi], e.x1[lo:hi], part[1] - part[0], e.dim}
		x, u := sub.sample(t, p, times[part[0]:part[1]]...)
		if !slices.Equal(x, xt[lo:hi]) || !slices.Equal(u, ut[lo:hi]) {
			t.Errorf("rows %d to %d alone are other rows than among %d", part[0], part[1], e.rows)
		}
	}
}

// manyRows and hugeRows are the sizes of batches that must pass: 8 bytes of a
// million times are 8 MB.
const (
	manyRows = 100_000
	hugeRows = 1 << 20
)

func pathRows(t law.T, p path.Path) {
	times := make([]float64, hugeRows)
	for i := range times {
		times[i] = float64(i%9973) / 9972
	}
	ask := func(times []float64) []path.Coef {
		c := make([]path.Coef, len(times))
		if err := p.Coefficients(c, times); err != nil {
			t.Fatalf("%d times: %v", len(times), err)
		}
		return c
	}
	all := ask(times)
	for _, part := range [][2]int{{0, 0}, {0, 1}, {1, 8}, {8, 1000}, {1000, 1000 + manyRows}, {hugeRows - 1, hugeRows}} {
		if got := ask(times[part[0]:part[1]]); !slices.Equal(got, all[part[0]:part[1]]) {
			t.Errorf("times %d to %d alone have other coefficients than among %d", part[0], part[1], hugeRows)
		}
	}
}
