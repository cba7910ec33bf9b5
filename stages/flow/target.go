package flow

import (
	"context"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
)

// velocity is the field of a network f that predicts data (E[x1|x_t]) or noise
// (E[x0|x_t]): by path.Convert,
//
//	u = a(t) x + b(t) f,    div u = a d + b div f,    zᵀ(∂u/∂x)z = a |z|² + b zᵀ(∂f/∂x)z
//
// with the stated policy of Convert where the path's ends are singular.
type velocity struct {
	model.Field[float32]
	path path.Path
	from path.Prediction
}

// newVelocity wraps the field of a network with the given target.
func newVelocity(f model.Field[float32], p path.Path, target string) (model.Field[float32], error) {
	from, err := path.ParsePrediction(target)
	if err != nil || from == path.Velocity {
		return f, err
	}
	return &velocity{Field: f, path: p, from: from}, nil
}

// factors gives a and b for the times of some rows.
func (v *velocity) factors(t []float64) (a, b []float64, err error) {
	c := make([]path.Coef, len(t))
	if err := v.path.Coefficients(c, t); err != nil {
		return nil, nil, err
	}
	a, b = make([]float64, len(t)), make([]float64, len(t))
	for i, c := range c {
		a[i], b[i] = path.Convert(c, v.from, path.Velocity)
	}
	return a, b, nil
}

// mix writes u = a x + b f over f, rounded once.
func (v *velocity) mix(f, x []float32, a, b []float64) {
	d := v.Dim()
	for r := range a {
		for i := r * d; i < (r+1)*d; i++ {
			f[i] = float32(float64(a[r]*float64(x[i])) + float64(b[r]*float64(f[i])))
		}
	}
}

// Eval implements solver.Field.
func (v *velocity) Eval(ctx context.Context, dx []float32, t []float64, x []float32, rows int) error {
	a, b, err := v.factors(t[:rows])
	if err != nil {
		return err
	}
	if err := v.Field.Eval(ctx, dx, t, x, rows); err != nil {
		return err
	}
	v.mix(dx, x, a, b)
	return nil
}

// Divergence implements model.Field.
func (v *velocity) Divergence(ctx context.Context, dx []float32, div []float64, t []float64, x, probe []float32, rows, probes int) error {
	a, b, err := v.factors(t[:rows])
	if err != nil {
		return err
	}
	if err := v.Field.Divergence(ctx, dx, div, t, x, probe, rows, probes); err != nil {
		return err
	}
	v.mix(dx, x, a, b)
	d := v.Dim()
	for r := range rows {
		if probes == 0 {
			div[r] = float64(a[r]*float64(d)) + float64(b[r]*div[r])
		}
		for k := range probes {
			var square float64
			for _, z := range probe[(k*rows+r)*d : (k*rows+r+1)*d] {
				square += float64(z) * float64(z)
			}
			i := r*probes + k
			div[i] = float64(a[r]*square) + float64(b[r]*div[i])
		}
	}
	return nil
}
