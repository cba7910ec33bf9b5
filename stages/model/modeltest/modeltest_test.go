package modeltest_test

import (
	"context"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/model/modeltest"
	"github.com/pathline/pathline/stages/solver"
)

// turn is the field v = t (-y, x) + (x, y)/2 of the plane: divergence 1.
type turn[T solver.Float] struct{}

func (turn[T]) Dim() int { return 2 }

func (turn[T]) Eval(_ context.Context, dx []T, t []float64, x []T, rows int) error {
	for r := range rows {
		a, b := x[2*r], x[2*r+1]
		dx[2*r], dx[2*r+1] = a/2-T(t[r])*b, b/2+T(t[r])*a
	}
	return nil
}

func (f turn[T]) Divergence(ctx context.Context, v []T, div []float64, t []float64, x, probe []T, rows, probes int) error {
	for r := range rows {
		div[r*max(1, probes)] = 1
		for p := range probes {
			z := probe[(p*rows+r)*2:]
			div[r*probes+p] = (float64(z[0])*float64(z[0]) + float64(z[1])*float64(z[1])) / 2
		}
	}
	return f.Eval(ctx, v, t, x, rows)
}

// TestTurn is how a field's own test calls the laws.
func TestTurn(t *testing.T) {
	t.Run("float32", func(t *testing.T) { modeltest.Test(t, model.Field[float32](turn[float32]{})) })
	t.Run("float64", func(t *testing.T) { modeltest.Test(t, model.Field[float64](turn[float64]{})) })
}
