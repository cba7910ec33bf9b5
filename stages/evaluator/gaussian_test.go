package evaluator

import (
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// rowsOf cuts rows into parts, as a stream gives them.
func rowsOf(x []float64, d, part int) func(func([]float64)) error {
	return func(see func([]float64)) error {
		for p := range slices.Chunk(x, part*d) {
			see(p)
		}
		return nil
	}
}

func mixed(n, d int) []float64 {
	x := make([]float64, n*d)
	random.NewKey(3, "gaussian", "rows").Normals64(x, 0, 0)
	for i := 0; i < len(x); i += d { // correlated, and in units that differ
		for j := 1; j < d; j++ {
			x[i+j] = (x[i+j] + 0.8*x[i+j-1]) * 3
		}
		x[i] = 1e4 * (x[i] + 50)
	}
	return x
}

func meanLogDensity(g *Gaussian, x []float64, d int) (sum float64) {
	for r := range slices.Chunk(x, d) {
		sum += g.LogDensity(r)
	}
	return sum / float64(len(x)/d)
}

// The mean over the rows that it is fitted to is minus the entropy,
// -(d ln 2 pi e + ln det) / 2, and a change of units moves it by ln |det|.
func TestGaussian(t *testing.T) {
	const n, d = 500, 4
	x := mixed(n, d)
	g, err := FitGaussian(d, rowsOf(x, d, 7))
	if err != nil {
		t.Fatal(err)
	}
	got := meanLogDensity(g, x, d)
	if want := g.norm - d/2.; math.Abs(got-want) > 1e-9 {
		t.Errorf("mean log-density %v, minus the entropy is %v", got, want)
	}
	y := slices.Clone(x)
	for i := range y {
		y[i] = (y[i] - 3) * []float64{1e-4, 5, 1, 300}[i%d]
	}
	h, err := FitGaussian(d, rowsOf(y, d, 500))
	if err != nil {
		t.Fatal(err)
	}
	if moved := meanLogDensity(h, y, d); math.Abs(got-moved-math.Log(1e-4*5*300)) > 1e-9 {
		t.Errorf("%v in other units is %v", got, moved)
	}
}

// Two columns, sd 2 and 1, correlation 0.6, by hand: at (m + (2, 0)) the form is
// 1 / (1 - 0.36), the determinant 4 (1 - 0.36).
func TestGaussianByHand(t *testing.T) {
	g, err := NewGaussian([]float64{1, -1}, []float64{4, 1.2, 1.2, 1})
	if err != nil {
		t.Fatal(err)
	}
	want := -math.Log(2*math.Pi) - math.Log(4*0.64)/2 - 1/0.64/2
	if got := g.LogDensity([]float64{3, -1}); math.Abs(got-want) > 1e-14 {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestGaussianThatIsNone(t *testing.T) {
	x := mixed(50, 3)
	for i := 0; i < len(x); i += 3 {
		x[i+2] = 2*x[i] - x[i+1]
	}
	if _, err := FitGaussian(3, rowsOf(x, 3, 50)); err == nil {
		t.Error("a column that is a sum of others has a density")
	}
	if _, err := FitGaussian(3, rowsOf(mixed(3, 3), 3, 3)); err == nil {
		t.Error("three rows have a covariance of three columns")
	}
}
