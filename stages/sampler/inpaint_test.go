package sampler_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
	"github.com/pathline/pathline/stages/transform"
)

// pair is two standard normal columns with a correlation.
func pair(t *testing.T, rho float64) *flow.Flow {
	t.Helper()
	g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{0, 0}}, Covariances: [][][]float64{{{1, rho}, {rho, 1}}}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	return exactFlow(t, g)
}

// normalLaw is what inpainting makes of the first column of pair, by the linear
// equations that it follows on the straight path, solved here: the factors of its
// noise, of y and of e, and the variance of the corrections. With M = t² Σ + (1-t)² I
// the field is (t Σ - (1-t) I) M⁻¹ x and the score -M⁻¹ x.
func normalLaw(rho float64, levels, steps int) (noise, y, e, v float64) {
	inverse := func(t float64) (on, off float64) {
		a, b := t*t+(1-t)*(1-t), t*t*rho
		return a / (a*a - b*b), -b / (a*a - b*b)
	}
	f := func(t float64, s [4]float64) [4]float64 {
		on, off := inverse(t)
		u, w := (2*t-1)*on+t*rho*off, (2*t-1)*off+t*rho*on
		return [4]float64{u * s[0], u*s[1] + w*t, u*s[2] + w*(1-t), 2 * u * s[3]}
	}
	s := [4]float64{1}
	const parts = 400
	for level := range levels {
		h := 1 / float64(levels*parts)
		for i := range parts { // Kutta's method of fourth order
			t := float64(level)/float64(levels) + float64(i)*h
			go1 := func(k [4]float64, by float64) (out [4]float64) {
				for j := range out {
					out[j] = s[j] + by*k[j]
				}
				return out
			}
			k1 := f(t, s)
			k2 := f(t+h/2, go1(k1, h/2))
			k3 := f(t+h/2, go1(k2, h/2))
			k4 := f(t+h, go1(k3, h))
			for j := range s {
				s[j] += h / 6 * (k1[j] + 2*k2[j] + 2*k3[j] + k4[j])
			}
		}
		if level == levels-1 {
			break
		}
		t := float64(level+1) / float64(levels)
		on, off := inverse(t)
		step := (1 - t) * (1 - t) / 2
		for range steps {
			g := 1 - step*on
			s = [4]float64{s[0] * g, s[1]*g - step*off*t, s[2]*g - step*off*(1-t), s[3]*g*g + 2*step}
		}
	}
	return s[0], s[1], s[2], s[3]
}

func inpaint(t *testing.T, f *flow.Flow, tol float64, o solver.Options, key random.Key, first int64, rows int, fix sampler.Fix) []float64 {
	t.Helper()
	x := make([]float64, rows*f.Width())
	report, err := sampler.Inpaint(ctx, f, dopri5(tol, o), x, key, first, rows, fix)
	if err != nil {
		t.Fatal(err)
	}
	for r, s := range report.Status {
		if s != solver.OK || report.Evaluations[r] <= int32((fix.Levels-1)*fix.Steps) {
			t.Fatalf("row %d: %s after %d evaluations", r, s, report.Evaluations[r])
		}
	}
	return x
}

// Without corrections every row is where the equations lead from its draws, with
// them the rows have the law of the equations; and that law tends to the
// conditional one.
func TestInpaintNormal(t *testing.T) {
	const rho, y, rows = 0.8, 1.5, 2500
	f := pair(t, rho)
	fix := sampler.Fix{Columns: []int{1}, Values: []float64{y}, Levels: 1, Key: 9}
	base, e := make([]float64, 2*rows), make([]float64, rows)
	f.Base.Sample(base, 7, 50, rows)
	fix.Key.Normals64Rows(e, 1, 50, rows, 0)
	a, b, c, _ := normalLaw(rho, 1, 0)
	x := inpaint(t, f, 1e-8, solver.Options{}, 7, 50, rows, fix)
	for r := range rows {
		if want := a*base[2*r] + b*y + c*e[r]; math.Abs(x[2*r]-want) > 1e-5 || x[2*r+1] != y {
			t.Fatalf("row %d is %v, want %v and %v", r, x[2*r:2*r+2], want, y)
		}
	}
	if math.Abs(b-0.3468) > 1e-3 {
		t.Errorf("the mean follows y by %v, the documentation says 0.35", b)
	}
	away := math.Inf(1)
	for _, n := range [][2]int{{20, 2}, {100, 10}} {
		fix.Levels, fix.Steps = n[0], n[1]
		a, b, c, v := normalLaw(rho, n[0], n[1])
		mean, std := b*y, math.Sqrt(a*a+c*c+v)
		var column []float64
		for i, u := range inpaint(t, f, 1e-5, solver.Options{}, 7, 50, rows, fix) {
			if i%2 == 0 {
				column = append(column, u)
			}
		}
		m, s := momentsOf(column)
		if se := std / math.Sqrt(rows); math.Abs(m-mean) > 4*se || math.Abs(s-std) > 4*se {
			t.Errorf("%d levels of %d: mean %.4f, deviation %.4f, the equations have %.4f and %.4f", n[0], n[1], m, s, mean, std)
		}
		far := math.Abs(mean-rho*y) + math.Abs(std-math.Sqrt(1-rho*rho))
		if far > away/2 {
			t.Errorf("%d levels of %d are %v from the conditional law, fewer were %v", n[0], n[1], far, away)
		}
		away = far
	}
	if away > 0.04 {
		t.Errorf("100 levels of 10 are %v from the conditional law", away)
	}
}

func momentsOf(x []float64) (mean, std float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		std += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(std)
}

// Of a mixture the conditional distribution is a mixture whose weights follow the
// value: p(k | y) is in proportion to w_k N(y; m_k, s²).
func TestInpaintMixture(t *testing.T) {
	g, err := model.NewGMM(model.GMMConfig{Weights: []float64{0.4, 0.6}, Means: [][]float64{{-1, 1}, {1.5, -0.5}}, Std: []float64{0.7, 0.7}}, path.CondOT{})
	if err != nil {
		t.Fatal(err)
	}
	const rows, y, s = 2500, 0.4, 0.7
	weight := func(w, m float64) float64 { return w * math.Exp(-(y-m)*(y-m)/(2*s*s)) }
	a, b := weight(0.4, 1), weight(0.6, -0.5)
	p := a / (a + b)
	mean := -p + 1.5*(1-p)
	std := math.Sqrt(s*s + p*(1-p)*2.5*2.5)
	x := inpaint(t, exactFlow(t, g), 1e-5, solver.Options{}, 3, 0, rows, sampler.Fix{Columns: []int{1}, Values: []float64{y}, Levels: 100, Steps: 10, Key: 4})
	var column []float64
	for r := range rows {
		column = append(column, x[2*r])
	}
	if m, d := momentsOf(column); math.Abs(m-mean) > 0.1 || math.Abs(d-std) > 0.1 {
		t.Errorf("mean %.3f, deviation %.3f, given the value %.3f and %.3f", m, d, mean, std)
	}
}

// Rows are the same in any batch and on any number of workers.
func TestInpaintSameBits(t *testing.T) {
	const rows = 300
	d, n := trained(t)
	f, err := flow.New(d, nil, flow.Registry{Paths: path.Builtin(), Other: func(flow.Component, int, []model.Tensor) (model.Field[float32], error) { return n, nil }})
	if err != nil {
		t.Fatal(err)
	}
	fix := sampler.Fix{Columns: []int{0, 2}, Values: []float64{11, 3}, Levels: 5, Steps: 2, Key: 4}
	want := inpaint(t, f, 1e-5, solver.Options{Workers: 1}, 7, 0, rows, fix)
	for _, batch := range []int{rows, 70, 13} {
		f.Workers = batch % 4
		var got []float64
		for r := 0; r < rows; r += batch {
			got = append(got, inpaint(t, f, 1e-5, solver.Options{Workers: 3, Tile: 4}, 7, int64(r), min(batch, rows-r), fix)...)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("batches of %d make other rows", batch)
		}
	}
	for r := range rows {
		if want[3*r] != 11 || want[3*r+2] != 3 {
			t.Fatalf("row %d is %v", r, want[3*r:3*r+3])
		}
	}
}

// swapped is a transform that does not leave columns where they are.
type swapped struct{ transform.Fitted }

func (swapped) Apply(z, x, _ []float64, _ transform.Address, rows int) error {
	for r := range rows {
		z[2*r], z[2*r+1] = x[2*r]+x[2*r+1], x[2*r+1]
	}
	return nil
}

func (swapped) Invert(x, z []float64, rows int) error { return nil }

func TestInpaintRefuses(t *testing.T) {
	f := pair(t, 0.5)
	f.Transforms = []transform.Fitted{swapped{}}
	x := make([]float64, 2)
	fix := sampler.Fix{Columns: []int{0}, Values: []float64{1}, Levels: 1}
	if _, err := sampler.Inpaint(ctx, f, dopri5(1e-5, solver.Options{}), x, 1, 0, 1, fix); err == nil || !strings.Contains(err.Error(), "on their own") {
		t.Error(err)
	}
	fix.Columns = []int{1} // which the transform leaves alone
	if _, err := sampler.Inpaint(ctx, f, dopri5(1e-5, solver.Options{}), x, 1, 0, 1, fix); err != nil {
		t.Error(err)
	}
}
