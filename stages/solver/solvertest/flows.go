package solvertest

import (
	"context"
	"math"

	"github.com/pathline/pathline/stages/solver"
)

// Flow is a field whose solution and log-determinant are known.
type Flow[T solver.Float] struct {
	Name string
	Dim  int
	X0   []T // rows to start from
	Row  func(dx []T, t float64, x []T) (divergence float64)

	// Exact moves x0 from t = 0 to t = 1 and gives log|det dx(1)/dx(0)|.
	Exact func(x []T) (logdet float64)
}

// Eval implements solver.Field.
func (f Flow[T]) Eval(_ context.Context, dx []T, t []float64, x []T, rows int) error {
	for r := range rows {
		f.Row(dx[r*f.Dim:(r+1)*f.Dim], t[r], x[r*f.Dim:(r+1)*f.Dim])
	}
	return nil
}

// EvalQuad implements solver.Quadrature with the divergence for integrand.
func (f Flow[T]) EvalQuad(_ context.Context, dx []T, dq []float64, t []float64, x []T, _ []int64, rows int) error {
	for r := range rows {
		dq[r] = f.Row(dx[r*f.Dim:(r+1)*f.Dim], t[r], x[r*f.Dim:(r+1)*f.Dim])
	}
	return nil
}

// Flows are the closed flows.
func Flows[T solver.Float]() []Flow[T] {
	sin, cos := math.Sincos(2)
	each := func(name string, x0 []T, f, df func(t, x float64) float64, exact func(x float64) (y, logdet float64)) Flow[T] {
		return Flow[T]{Name: name, Dim: 2, X0: x0,
			Row: func(dx []T, t float64, x []T) (div float64) {
				for i := range x {
					dx[i] = T(f(t, float64(x[i])))
					div += df(t, float64(x[i]))
				}
				return div
			},
			Exact: func(x []T) (logdet float64) {
				for i := range x {
					y, l := exact(float64(x[i]))
					x[i] = T(y)
					logdet += l
				}
				return logdet
			},
		}
	}
	return []Flow[T]{
		{
			// dx/dt = A x with A = [[-.1, 2], [-2, -.1]].
			Name: "spiral", Dim: 2, X0: []T{2, 0, -0.5, 1, 0, 0},
			Row: func(dx []T, _ float64, x []T) float64 {
				dx[0], dx[1] = -0.1*x[0]+2*x[1], -2*x[0]-0.1*x[1]
				return -0.2
			},
			Exact: func(x []T) float64 {
				a, b, e := float64(x[0]), float64(x[1]), math.Exp(-0.1)
				x[0], x[1] = T(e*(cos*a+sin*b)), T(e*(cos*b-sin*a))
				return -0.2
			},
		},
		each("cosine", []T{1, -2, 0.25, 3},
			func(t, x float64) float64 { return math.Cos(t) * x },
			func(t, _ float64) float64 { return math.Cos(t) },
			func(x float64) (float64, float64) { return x * math.Exp(math.Sin(1)), math.Sin(1) }),
		each("cubic", []T{1.3, -0.7, 0, 1},
			func(_, x float64) float64 { return -x * x * x },
			func(_, x float64) float64 { return -3 * x * x },
			func(x float64) (float64, float64) {
				return x / math.Sqrt(1+2*x*x), -1.5 * math.Log1p(2*x*x)
			}),
		each("sine", []T{1.3, -0.4, 2, 3},
			func(_, x float64) float64 { return math.Sin(x) },
			func(_, x float64) float64 { return math.Cos(x) },
			func(x float64) (float64, float64) {
				s, c := math.Sincos(x / 2)
				return 2 * math.Atan(math.E*math.Tan(x/2)), 1 - math.Log(c*c+math.E*math.E*s*s)
			}),
		each("shift", []T{1, -2, 0.25, 3},
			func(t, _ float64) float64 { return 3 * t * t },
			func(_, _ float64) float64 { return 0 },
			func(x float64) (float64, float64) { return x + 1, 0 }),
	}
}
