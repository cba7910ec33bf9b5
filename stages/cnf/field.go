package cnf

import (
	"context"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// field is a model.Reversible with its probes and its gradient: what a solver asks. It
// is used by one goroutine.
type field[T solver.Float] struct {
	f    model.Reversible[T]
	loss Loss
	q    model.Integrands
	dim  int
	grad [][]T

	first int64
	rows  int
	table []T // [probes][rows][dim], of all rows
	some  []T // [probes][n][dim], of the rows of a call
	draw  []float32
}

// begin draws the probes of rows first.. for one evaluation of their losses.
func (f *field[T]) begin(first int64, rows int) {
	f.first, f.rows = first, rows
	d, k := f.dim, f.loss.Probes
	f.table, f.some, f.draw = grow(f.table, k*rows*d), grow(f.some, k*rows*d), grow(f.draw, d)
	for p := range k {
		for r := range rows {
			if f.loss.Gaussian {
				f.loss.Key.Normals32(f.draw, uint64(first)+uint64(r), uint32(p))
			} else {
				f.loss.Key.Signs(f.draw, uint64(first)+uint64(r), uint32(p))
			}
			z := f.table[(p*rows+r)*d : (p*rows+r+1)*d]
			for i, v := range f.draw {
				z[i] = T(v)
			}
		}
	}
}

// probes are those of the rows with these numbers.
func (f *field[T]) probes(id []int64) []T {
	d, n := f.dim, len(id)
	for p := range f.loss.Probes {
		for i, row := range id {
			r := int(row - f.first)
			copy(f.some[(p*n+i)*d:(p*n+i+1)*d], f.table[(p*f.rows+r)*d:])
		}
	}
	return f.some[:f.loss.Probes*n*d]
}

// Eval implements solver.Field.
func (f *field[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	return f.f.Eval(ctx, dx, t, x, rows)
}

// EvalQuad implements solver.Quadrature.
func (f *field[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, id []int64, rows int) error {
	return f.f.Integrate(ctx, f.q, dx, dq, t, x, f.probes(id[:rows]), rows)
}

// Pull implements solver.Pullback.
func (f *field[T]) Pull(ctx context.Context, p solver.Pull[T], parameters bool) error {
	grad := f.grad
	if !parameters {
		grad = nil
	}
	return f.f.Pull(ctx, f.q, p, f.probes(p.ID), grad)
}
