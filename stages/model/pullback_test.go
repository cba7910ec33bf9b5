package model_test

import (
	"context"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// integrands are those of every kind.
var integrands = map[string]model.Integrands{
	"exact":      {},
	"probes":     {Probes: 2},
	"all, exact": {Kinetic: true, Jacobian: true},
	"all":        {Probes: 2, Kinetic: true, Jacobian: true},
}

// pulled is a call of Pull and its gradient.
func pulled(d, k, probes, rows int) (p solver.Pull[float64], probe []float64) {
	draw := func(stream uint64, n int) []float64 {
		v := make([]float64, n)
		random.Key(stream).Normals64(v, 0, 0)
		for i := range v {
			v[i] = math.Round(256*v[i]) / 256 // exact in float32
		}
		return v
	}
	p = solver.Pull[float64]{Rows: rows, T: make([]float64, rows), X: draw(1, rows*d), VBar: draw(2, rows*d), QBar: draw(3, rows*k),
		V: make([]float64, rows*d), Q: make([]float64, rows*k), XBar: make([]float64, rows*d)}
	for r := range rows {
		p.T[r] = math.Round(1024*float64(r)/float64(rows)) / 1024
	}
	return p, draw(4, probes*rows*d)
}

// TestPull: the reverse mode of every network and of all integrands is the limit
// of differences, for x and for every parameter; the integrands are what they are
// called.
func TestPull(t *testing.T) {
	ctx := context.Background()
	const rows, h = 3, 1e-4
	for name, n := range fields(t) {
		for kind, q := range integrands {
			t.Run(name+" "+kind, func(t *testing.T) {
				f := double(t, n).(interface {
					model.Reversible[float64]
					Weights() [][]float64
				})
				d, k := n.Dim(), q.Count()
				p, probe := pulled(d, k, q.Probes, rows)
				grad := make([][]float64, len(f.Parameters()))
				for i, size := range f.Parameters() {
					grad[i] = make([]float64, size)
				}
				if err := f.Pull(ctx, q, p, probe, grad); err != nil {
					t.Fatal(err)
				}
				value := func() (sum float64) {
					v, dq := make([]float64, rows*d), make([]float64, rows*k)
					if err := f.Integrate(ctx, q, v, dq, p.T, p.X, probe, rows); err != nil {
						t.Fatal(err)
					}
					for i := range v {
						sum += p.VBar[i] * v[i]
					}
					for i := range dq {
						sum += p.QBar[i] * dq[i]
					}
					return sum
				}
				slope := func(at *float64) float64 { // of order h⁴
					x, s := *at, [4]float64{}
					for i, step := range []float64{h, -h, 2 * h, -2 * h} {
						*at = x + step
						s[i] = value()
					}
					*at = x
					return (8*(s[0]-s[1]) - (s[2] - s[3])) / (12 * h)
				}
				check := func(what string, got float64, at *float64) {
					if want := slope(at); math.Abs(got-want) > 1e-8*(1+math.Abs(want)) {
						t.Errorf("%s: %.12g, differences say %.12g", what, got, want)
					}
				}
				for i := range p.X {
					if i%d < d-model.Held(n) {
						check("x", p.XBar[i], &p.X[i])
					} else if p.XBar[i] != 0 {
						t.Errorf("a held column has the cotangent %v", p.XBar[i])
					}
				}
				for i, w := range f.Weights() {
					for j := 0; j < len(w); j += 1 + len(w)/5 {
						check(n.Tensors()[i].Name, grad[i][j], &w[j])
					}
				}
				integrandsAre(t, f, q, p, probe)
			})
		}
	}
}

// integrandsAre holds the integrands against Divergence and differences of Eval.
func integrandsAre(t *testing.T, f model.Field[float64], q model.Integrands, p solver.Pull[float64], probe []float64) {
	ctx, d, k := context.Background(), f.Dim(), q.Count()
	move := d - model.Held(f)
	v, div := make([]float64, p.Rows*d), make([]float64, p.Rows*max(q.Probes, 1))
	if err := f.Divergence(ctx, v, div, p.T, p.X, probe, p.Rows, q.Probes); err != nil {
		t.Fatal(err)
	}
	for r := range p.Rows {
		var want [3]float64
		for i := range max(q.Probes, 1) {
			want[0] += div[r*max(q.Probes, 1)+i] / float64(max(q.Probes, 1))
		}
		for _, v := range v[r*d : (r+1)*d] {
			want[1] += v * v / 2
		}
		for i := range max(q.Probes, 1) {
			for j := range move { // column j of the Jacobian, or direction i of it
				const h = 1e-5
				if q.Probes > 0 && j > 0 {
					break
				}
				var ends [2][]float64
				for s, sign := range []float64{1, -1} {
					x := append([]float64(nil), p.X[r*d:(r+1)*d]...)
					for l := range move {
						if q.Probes > 0 {
							x[l] += sign * h * probe[(i*p.Rows+r)*d+l]
						} else if l == j {
							x[l] += sign * h
						}
					}
					ends[s] = make([]float64, d)
					if err := f.Eval(ctx, ends[s], p.T[r:r+1], x, 1); err != nil {
						t.Fatal(err)
					}
				}
				for l := range move {
					c := (ends[0][l] - ends[1][l]) / (2 * h)
					want[2] += c * c / float64(max(q.Probes, 1))
				}
			}
		}
		if !q.Kinetic {
			want[1] = want[2]
		}
		for i, got := range p.Q[r*k : (r+1)*k] {
			if math.Abs(got-want[i]) > 1e-7*(1+math.Abs(want[i])) {
				t.Errorf("integrand %d of row %d is %v, want %v", i, r, got, want[i])
			}
		}
	}
}

// TestPullWidths: float32 is float64 rounded, with parameters and without, adds to
// what is there, and a row's numbers do not depend on the others.
func TestPullWidths(t *testing.T) {
	ctx := context.Background()
	const rows = 70
	for name, n := range fields(t) {
		for kind, q := range integrands {
			d, k := n.Dim(), q.Count()
			p, probe := pulled(d, k, q.Probes, rows)
			f := double(t, n).(model.Reversible[float64])
			want, got := make([][]float64, len(f.Parameters())), make([][]float32, len(f.Parameters()))
			for i, size := range f.Parameters() {
				want[i], got[i] = make([]float64, size), make([]float32, size)
				for j := range got[i] {
					got[i][j] = 1
				}
			}
			if err := f.Pull(ctx, q, p, probe, want); err != nil {
				t.Fatal(err)
			}
			m := n.(model.Reversible[float32])
			call := func(grad [][]float32) solver.Pull[float32] {
				s := solver.Pull[float32]{Rows: rows, T: p.T, X: narrow(p.X), VBar: narrow(p.VBar), QBar: p.QBar,
					V: make([]float32, rows*d), Q: make([]float64, rows*k), XBar: make([]float32, rows*d)}
				if err := m.Pull(ctx, q, s, narrow(probe), grad); err != nil {
					t.Fatal(err)
				}
				return s
			}
			s, alone := call(got), call(nil)
			close := func(what string, a, b, size float64) {
				if math.Abs(a-b) > 3e-5*(1+size) {
					t.Errorf("%s %s: %s is %v in float32 and %v in float64", name, kind, what, a, b)
				}
			}
			for i := range p.V {
				close("v", float64(s.V[i]), p.V[i], math.Abs(p.V[i]))
				close("the cotangent of x", float64(s.XBar[i]), p.XBar[i], math.Abs(p.XBar[i]))
				if s.V[i] != alone.V[i] || s.XBar[i] != alone.XBar[i] {
					t.Fatalf("%s %s: other bits without parameters", name, kind)
				}
			}
			for i := range p.Q {
				close("an integrand", s.Q[i], p.Q[i], math.Abs(p.Q[i]))
			}
			for i := range want {
				for j := range want[i] {
					close(n.Tensors()[i].Name, float64(got[i][j])-1, want[i][j], rows)
				}
			}
			for _, r := range []int{0, 33, rows - 1} {
				one := solver.Pull[float32]{Rows: 1, T: p.T[r : r+1], X: narrow(p.X[r*d : (r+1)*d]), VBar: narrow(p.VBar[r*d : (r+1)*d]),
					QBar: p.QBar[r*k : (r+1)*k], V: make([]float32, d), Q: make([]float64, k), XBar: make([]float32, d)}
				var z []float64
				for i := range q.Probes {
					z = append(z, probe[(i*rows+r)*d:(i*rows+r+1)*d]...)
				}
				if err := m.Pull(ctx, q, one, narrow(z), nil); err != nil {
					t.Fatal(err)
				}
				for i := range d {
					if one.XBar[i] != s.XBar[r*d+i] {
						t.Fatalf("%s %s: row %d depends on the others", name, kind, r)
					}
				}
			}
		}
	}
}
