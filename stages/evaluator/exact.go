package evaluator

import (
	"context"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/coupling"
)

// exactMetrics are the 2-Wasserstein distance between as many rows of both sets,
// all of the same weight, and its square:
//
//	W2² = min over permutations p of mean_i |x_i - y_p(i)|²
//
// It is exact for these rows. For the distributions behind them it errs on the
// large side, by what two sets of the same distribution are apart: the floor. The
// bias falls with the number of rows like rows^(-2/d) (for the square, d > 4), so
// compare values of equal numbers of rows only.
//
// Standard error: rows times the variance of the square tends to the sum of the
// variances of the two Kantorovich potentials (del Barrio and Loubes, "Central
// limit theorems for empirical transportation cost in general dimension", Ann.
// Probab. 2019, theorem 1.1).
func exactMetrics(ctx context.Context, t trio, d int, o Options) ([]Metric, error) {
	if o.ExactRows < 0 {
		return nil, nil
	}
	s := t.cut(o.ExactRows)
	rows := min(s.ra, s.rb)
	square, se, err := transport(ctx, s.a[:rows*d], s.y[:rows*d], rows, d)
	if err != nil {
		return nil, err
	}
	floor, _, err := transport(ctx, s.a[:rows*d], s.b[:rows*d], rows, d)
	if err != nil {
		return nil, err
	}
	root := se / (2 * math.Sqrt(square)) // d sqrt(w) = dw / (2 sqrt(w))
	if square == 0 {
		root = 0
	}
	return []Metric{
		{"wasserstein_2", math.Sqrt(square), root, math.Sqrt(floor), rows, rows},
		{"wasserstein_2_squared", square, se, floor, rows, rows},
	}, nil
}

// Wasserstein2 is the squared 2-Wasserstein distance between x and y [rows][d],
// all rows of equal weight, with its standard error (see exactMetrics). It takes 4
// rows² bytes and time that grows with about the third power of rows: 10 s for
// 10,000. Values are finite; their differences from each other are rounded to
// float32 to choose the pairs, not to measure them.
func Wasserstein2(ctx context.Context, x, y []float64, rows, d int) (square, se float64, err error) {
	if rows < 1 || d < 1 || len(x) != rows*d || len(y) != rows*d {
		panic("evaluator: the numbers of rows and columns are not those of the slices")
	}
	return transport(ctx, x, y, rows, d)
}

func transport(ctx context.Context, x, y []float64, rows, d int) (square, se float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if d == 1 {
		square, se = onLine(x, y)
		return square, se, nil
	}
	// The assignment is of float32 rows around 0 of size 1, where neither a common
	// offset nor the unit costs digits.
	shift, scale := make([]float64, d), 0.0
	for i, v := range x {
		shift[i%d] += v / float64(rows)
	}
	for i := range x {
		scale = max(scale, math.Abs(x[i]-shift[i%d]), math.Abs(y[i]-shift[i%d]))
	}
	if scale == 0 {
		return 0, 0, nil // all rows are one point
	}
	index, phi0, phi1 := make([]int32, rows), make([]float64, rows), make([]float64, rows)
	if err := coupling.NewOptimal().Potentials(ctx, index, phi0, phi1, narrowed(x, shift, scale), narrowed(y, shift, scale), rows, d); err != nil {
		return 0, 0, err
	}
	for i, j := range index {
		square += squaredDistance(y[i*d:i*d+d], x[int(j)*d:int(j)*d+d])
	}
	n := float64(rows)
	return square / n, scale * scale * math.Sqrt((variance(phi0)+variance(phi1))/n), nil
}

// onLine is transport in one dimension, where the pairs are those of the sorted
// rows. A potential of x_i (sorted) is then the sum over k < i of
//
//	|x_(k+1) - y_k|² - |x_k - y_k|²
func onLine(x, y []float64) (square, se float64) {
	x, y = slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	phi, psi := make([]float64, len(x)), make([]float64, len(x))
	for i := range x {
		cost := (x[i] - y[i]) * (x[i] - y[i])
		square += cost
		psi[i] = cost - phi[i]
		if i+1 < len(x) {
			phi[i+1] = phi[i] + (x[i+1]-x[i])*(x[i+1]+x[i]-2*y[i])
		}
	}
	n := float64(len(x))
	return square / n, math.Sqrt((variance(phi) + variance(psi)) / n)
}

func narrowed(x, shift []float64, scale float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32((v - shift[i%len(shift)]) / scale)
	}
	return out
}

func variance(v []float64) float64 {
	m, square := mean(v), 0.0
	for _, x := range v {
		square += (x - m) * (x - m)
	}
	return square / max(1, float64(len(v)-1))
}
