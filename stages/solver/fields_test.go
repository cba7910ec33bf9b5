package solver_test

import (
	"context"
	"math"
)

// decay is y' = -y.
type decay struct{ throw bool }

func (f decay) Eval(_ context.Context, dx []float64, _ []float64, x []float64, _ int) error {
	if f.throw {
		panic("decay: thrown")
	}
	for i := range dx {
		dx[i] = -x[i]
	}
	return nil
}

// singular is y' = 1, and not a number from t = 0.5 on.
type singular struct{}

func (singular) Eval(_ context.Context, dx []float64, t []float64, _ []float64, rows int) error {
	for i := range dx {
		dx[i] = 1
		if t[i*rows/len(dx)] >= 0.5 {
			dx[i] = math.NaN()
		}
	}
	return nil
}

// square is y' = y²: it runs into infinity at t = 1/y(0).
type square struct{}

func (square) Eval(_ context.Context, dx []float64, _ []float64, x []float64, _ int) error {
	for i := range dx {
		dx[i] = x[i] * x[i]
	}
	return nil
}

// fieldFunc is y' = 0, or an error.
type fieldFunc func() error

func (f fieldFunc) Eval(_ context.Context, dx []float64, _ []float64, _ []float64, _ int) error {
	clear(dx)
	return f()
}
