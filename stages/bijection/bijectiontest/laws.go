package bijectiontest

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/law"
)

// Case is a network with the rows that it takes: numbers between Lo and Hi, or
// -2 and 2 when both are 0.
type Case struct {
	Network *bijection.Network
	Lo, Hi  float64
}

// Test gives the network weights and checks the laws.
func Test(t *testing.T, c Case) {
	t.Helper()
	Draw(c.Network, 1)
	law.Test(t, Laws, c)
}

// Draw writes random weights: matrices uniform on ±1.5/sqrt(columns), all else
// on ±0.7.
func Draw(n *bijection.Network, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	for _, w := range n.Tensors() {
		bound := 0.7
		if len(w.Shape) == 2 {
			bound = 1.5 / math.Sqrt(float64(w.Shape[1]))
		}
		for i := range w.Data {
			w.Data[i] = float32(bound * (2*r.Float64() - 1))
		}
	}
	n.Changed(nil)
}

// rows are numbers that float32 holds.
func (c Case) rows(rows int) []float64 {
	lo, hi := c.Lo, c.Hi
	if lo == 0 && hi == 0 {
		lo, hi = -2, 2
	}
	r := rand.New(rand.NewPCG(3, 5))
	x := make([]float64, rows*c.Network.Dim())
	for i := range x {
		x[i] = float64(float32(lo + (hi-lo)*r.Float64()))
	}
	return x
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// mapped are the columns of rows that are no conditions.
func mapped(n *bijection.Network, x []float64, rows int) (out []float64) {
	for r := range rows {
		out = append(out, x[r*n.Dim():(r+1)*n.Dim()-n.Held()]...)
	}
	return out
}

func must(t law.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Laws are the laws of a case.
var Laws = []law.Law[Case]{
	{Name: "round trip", Sentence: "Generate(Normalize(x)) is x, to 1e-10 in float64", Check: roundTrip64},
	{Name: "round trip in float32", Sentence: "Generate(Normalize(x)) is x, to 1e-4 in float32", Check: roundTrip32},
	{Name: "log-determinant", Sentence: "logdet is log|det| of the Jacobian, to 1e-7 in float64", Check: determinant},
	{Name: "both directions", Sentence: "the log-determinants of Normalize and Generate cancel", Check: directions},
	{Name: "float32", Sentence: "float32 programs are the float64 form to the digits of float32", Check: single},
	{Name: "conditions", Sentence: "conditions are held to the bit, both ways", Check: held},
	{Name: "gradient", Sentence: "the gradient is the limit of differences of the loss", Check: gradient},
	{Name: "independent rows", Sentence: "a row's result has the same bits whatever rows are beside it", Check: independent},
}

func roundTrip64(t law.T, c Case) {
	const rows = 40
	n := c.Network.Float64()
	x := c.rows(rows)
	z, back := make([]float64, len(x)), make([]float64, len(x))
	must(t, n.Normalize(t.Context(), z, x, nil, rows))
	must(t, n.Generate(t.Context(), back, z, nil, rows))
	for i := range x {
		if e := math.Abs(back[i] - x[i]); !(e < 1e-10) {
			t.Errorf("row %d, column %d: %v comes back as %v", i/n.Dim(), i%n.Dim(), x[i], back[i])
		}
	}
}

func roundTrip32(t law.T, c Case) {
	const rows = 300
	n := c.Network
	x := narrow(c.rows(rows))
	z, back := make([]float32, len(x)), make([]float32, len(x))
	must(t, n.Normalize(t.Context(), z, x, nil, rows))
	must(t, n.Generate(t.Context(), back, z, nil, rows))
	for i := range x {
		if e := math.Abs(float64(back[i] - x[i])); !(e < 1e-4) {
			t.Errorf("row %d, column %d: %v comes back as %v", i/n.Dim(), i%n.Dim(), x[i], back[i])
		}
	}
}

// determinant compares with the LU factors of a Jacobian of central differences,
// whose error is below 1e-8.
func determinant(t law.T, c Case) {
	const rows, h = 5, 1e-5
	n := c.Network.Float64()
	d := n.Dim()
	x := c.rows(rows)
	z, logdet := make([]float64, len(x)), make([]float64, rows)
	must(t, n.Normalize(t.Context(), z, x, logdet, rows))
	for r := range rows {
		probe, out := make([]float64, 2*d*d), make([]float64, 2*d*d)
		for j := range d {
			for s, step := range []float64{h, -h} {
				row := probe[(2*j+s)*d : (2*j+s+1)*d]
				copy(row, x[r*d:])
				row[j] += step
			}
		}
		must(t, n.Normalize(t.Context(), out, probe, nil, 2*d))
		jacobian := mat.NewDense(d, d, nil)
		for j := range d {
			width := probe[2*j*d+j] - probe[(2*j+1)*d+j]
			for i := range d {
				jacobian.Set(i, j, (out[2*j*d+i]-out[(2*j+1)*d+i])/width)
			}
		}
		var lu mat.LU
		lu.Factorize(jacobian)
		if want, _ := lu.LogDet(); !(math.Abs(logdet[r]-want) < 1e-7*float64(1+d/8)) {
			t.Errorf("row %d: logdet %v, the Jacobian's is %v", r, logdet[r], want)
		}
	}
}

func directions(t law.T, c Case) {
	const rows = 40
	n := c.Network.Float64()
	x := c.rows(rows)
	z, back := make([]float64, len(x)), make([]float64, len(x))
	to, sum := make([]float64, rows), make([]float64, rows)
	must(t, n.Normalize(t.Context(), z, x, to, rows))
	copy(sum, to)
	must(t, n.Generate(t.Context(), back, z, sum, rows))
	for r := range sum {
		if !(math.Abs(sum[r]) < 1e-9*(1+math.Abs(to[r]))) {
			t.Errorf("row %d: logdet %v to the base, %v back", r, to[r], sum[r]-to[r])
		}
	}
}

func held(t law.T, c Case) {
	const rows = 300
	n := c.Network
	x := narrow(c.rows(rows))
	z, back := make([]float32, len(x)), make([]float32, len(x))
	must(t, n.Normalize(t.Context(), z, x, nil, rows))
	must(t, n.Generate(t.Context(), back, z, nil, rows))
	for i := range x {
		if i%n.Dim() >= n.Dim()-n.Held() && (z[i] != x[i] || back[i] != x[i]) {
			t.Errorf("row %d, condition %d: %v is %v behind Normalize and %v behind Generate", i/n.Dim(), i%n.Dim()-n.Dim()+n.Held(), x[i], z[i], back[i])
		}
	}
}

func single(t law.T, c Case) {
	const rows = 300
	n := c.Network
	x := c.rows(rows)
	z32, l32 := make([]float32, len(x)), make([]float64, rows)
	z64, l64 := make([]float64, len(x)), make([]float64, rows)
	must(t, n.Normalize(t.Context(), z32, narrow(x), l32, rows))
	must(t, n.Float64().Normalize(t.Context(), z64, x, l64, rows))
	for i := range x {
		if !(math.Abs(float64(z32[i])-z64[i]) < 2e-5*(1+math.Abs(z64[i]))) {
			t.Errorf("row %d, column %d: %v, %v in float64", i/n.Dim(), i%n.Dim(), z32[i], z64[i])
		}
	}
	for r := range rows {
		if !(math.Abs(l32[r]-l64[r]) < 2e-5*float64(n.Dim())*(1+math.Abs(l64[r]))) {
			t.Errorf("row %d: logdet %v, %v in float64", r, l32[r], l64[r])
		}
	}
}

// gradient compares with central differences of the loss in float64, some
// elements of every tensor.
func gradient(t law.T, c Case) {
	const rows = 7
	n := c.Network
	d := n.Dim()
	x := c.rows(rows)
	weight := make([]float32, rows)
	for i := range weight {
		weight[i] = 0.5 + float32(i)/4
	}
	loss := func() (sum float64) {
		z, l, p := make([]float64, rows*d), make([]float64, rows), make([]float64, rows)
		must(t, n.Float64().Normalize(t.Context(), z, x, l, rows))
		n.Base().LogProb(p, mapped(n, z, rows), rows)
		for r := range rows {
			sum -= float64(weight[r]) * (p[r] + l[r])
		}
		return sum
	}
	tensors := n.Tensors()
	grad := make([][]float32, len(tensors))
	for i, w := range tensors {
		grad[i] = make([]float32, len(w.Data))
	}
	terms := make([]float64, rows)
	got, err := n.Gradient(t.Context(), grad, terms, narrow(x), weight, rows)
	must(t, err)
	if want := loss(); !(math.Abs(got-want) < 1e-4*(1+math.Abs(want))) {
		t.Errorf("loss %v, %v in float64", got, want)
	}
	alone, err := n.Gradient(t.Context(), nil, nil, narrow(x), weight, rows)
	must(t, err)
	if !(math.Abs(alone-got) <= 1e-6*math.Abs(got)) {
		t.Errorf("loss %v with a gradient, %v without", got, alone)
	}
	for i, w := range tensors {
		if c.Fixed(w.Name) {
			for k, g := range grad[i] {
				if g != 0 {
					t.Errorf("%s[%d] is no weight and has the derivative %v", w.Name, k, g)
				}
			}
			continue
		}
		var size float64
		for _, g := range grad[i] {
			size = max(size, math.Abs(float64(g)))
		}
		for k := 0; k < len(w.Data); k += max(1, len(w.Data)/7) {
			keep := w.Data[k]
			const h = 0x1p-13
			w.Data[k] = keep + h
			up, at := loss(), float64(w.Data[k])
			w.Data[k] = keep - h
			down, from := loss(), float64(w.Data[k])
			w.Data[k] = keep
			want := (up - down) / (at - from)
			if e := math.Abs(float64(grad[i][k]) - want); !(e < 2e-4*(1+size+math.Abs(want))) {
				t.Errorf("%s[%d]: derivative %v, differences give %v", w.Name, k, grad[i][k], want)
			}
		}
	}
}

// Fixed says whether a tensor holds statistics and no weights.
func (c Case) Fixed(name string) bool {
	for _, s := range []string{"mean", "log_variance"} {
		if name == s || len(name) > len(s) && name[len(name)-len(s)-1:] == "."+s {
			return true
		}
	}
	return false
}

func independent(t law.T, c Case) {
	const rows = 700
	n := c.Network
	d := n.Dim()
	x := narrow(c.rows(rows))
	type results struct{ z, back, logdet, terms []float64 }
	all := func(x []float32, rows int) (r results) {
		z, back := make([]float32, rows*d), make([]float32, rows*d)
		r.logdet, r.terms = make([]float64, rows), make([]float64, rows)
		must(t, n.Normalize(context.Background(), z, x, r.logdet, rows))
		must(t, n.Generate(context.Background(), back, z, r.logdet, rows))
		_, err := n.Gradient(context.Background(), nil, r.terms, x, nil, rows)
		must(t, err)
		for i := range z {
			r.z, r.back = append(r.z, float64(z[i])), append(r.back, float64(back[i]))
		}
		return r
	}
	whole := all(x, rows)
	for _, cut := range [][2]int{{0, 1}, {5, 22}, {255, 257}, {699, 700}} {
		lo, hi := cut[0], cut[1]
		part := all(x[lo*d:hi*d], hi-lo)
		for i := range part.z {
			if part.z[i] != whole.z[lo*d+i] || part.back[i] != whole.back[lo*d+i] {
				t.Fatalf("rows %d to %d: other bits alone than among %d", lo, hi, rows)
			}
		}
		for i := range part.logdet {
			if part.logdet[i] != whole.logdet[lo+i] || part.terms[i] != whole.terms[lo+i] {
				t.Fatalf("rows %d to %d: another log-determinant alone than among %d", lo, hi, rows)
			}
		}
	}
}
