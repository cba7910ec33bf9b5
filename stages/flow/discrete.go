package flow

import (
	"context"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/solver"
)

// Generate takes rows z [rows][Width] of the base to model space in place, and
// Normalize rows of model space to the base, for a discrete flow, and add the
// log-determinants, which may be nil. Conditions, encoded, stand behind the columns
// of a row and stay. The report is that of a solve of one evaluation. A row that is
// not finite is reported as such.
func (f *Flow) Generate(ctx context.Context, z, logdet []float64, rows int) (solver.Report, error) {
	return f.map32(ctx, f.Bijection.Generate, z, logdet, rows)
}

// Normalize is the other way; see Generate.
func (f *Flow) Normalize(ctx context.Context, x, logdet []float64, rows int) (solver.Report, error) {
	return f.map32(ctx, f.Bijection.Normalize, x, logdet, rows)
}

func (f *Flow) map32(ctx context.Context, do func(ctx context.Context, to, from []float32, logdet []float64, rows int) error, x, logdet []float64, rows int) (solver.Report, error) {
	d := f.Width()
	from, to := make([]float32, rows*d), make([]float32, rows*d)
	for i := range from {
		from[i] = float32(x[i])
	}
	r := solver.NewReport(rows)
	size := mapped
	if bijection.Distant(f.Bijection) {
		size = max(rows, 1)
	}
	if err := Share(ctx, f.Workers, rows, size, func(lo, hi int) error {
		var part []float64
		if logdet != nil {
			part = logdet[lo:hi]
		}
		return do(ctx, to[lo*d:hi*d], from[lo*d:hi*d], part, hi-lo)
	}); err != nil {
		return r, err
	}
	for i := range r.Status {
		r.Evaluations[i] = 1
		for k := i * d; k < (i+1)*d; k++ {
			if x[k] = float64(to[k]); x[k]-x[k] != 0 {
				r.Status[i] = solver.NonFinite
			}
		}
	}
	return r, nil
}

// mapped is how many rows of a discrete flow a worker takes at a time.
const mapped = 256
