package flow

import (
	"context"
	"sync"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// velocity is the field of a network f that predicts data (E[x1|x_t]) or noise
// (E[x0|x_t]): by path.Convert,
//
//	u = a(t) x + b(t) f,    div u = a d + b div f,    zᵀ(∂u/∂x)z = a |z|² + b zᵀ(∂f/∂x)z
//
// with the stated policy of Convert where the path's ends are singular.
type velocity struct {
	model.Field[float32]
	held    int // last columns, which have no velocity
	path    path.Path
	from    path.Prediction
	scratch sync.Pool // of *factors
}

// factors are a and b for the times of some rows.
type factors struct {
	coef []path.Coef
	a, b []float64
}

// newVelocity wraps the field of a network with the given target, which holds the
// last columns of its rows.
func newVelocity(f model.Field[float32], p path.Path, target string, held int) (model.Field[float32], error) {
	from, err := path.ParsePrediction(target)
	if err != nil || from == path.Velocity {
		return f, err
	}
	return &velocity{Field: f, held: held, path: p, from: from}, nil
}

// Held implements model.Holder.
func (v *velocity) Held() int { return v.held }

// Distant says whether the network or the path is; see solver.Distant.
func (v *velocity) Distant() bool {
	return solver.Distant[float32](v.Field) || path.Distant(v.path)
}

// factors gives a and b for the times of some rows. One time for all rows, as
// fixed steps have it, asks the path once.
func (v *velocity) factors(t []float64) (*factors, error) {
	f, _ := v.scratch.Get().(*factors)
	if f == nil {
		f = &factors{}
	}
	n := len(t)
	if cap(f.coef) < n {
		f.coef, f.a, f.b = make([]path.Coef, n), make([]float64, n), make([]float64, n)
	}
	f.a, f.b = f.a[:n], f.b[:n]
	for n > 1 && t[n-1] == t[0] {
		n--
	}
	if n > 1 {
		n = len(t)
	}
	if err := v.path.Coefficients(f.coef[:n], t[:n]); err != nil {
		v.scratch.Put(f)
		return nil, err
	}
	for i, c := range f.coef[:n] {
		f.a[i], f.b[i] = path.Convert(c, v.from, path.Velocity)
	}
	for i := n; i < len(t); i++ {
		f.a[i], f.b[i] = f.a[0], f.b[0]
	}
	return f, nil
}

// mix writes u = a x + b f over f, rounded once.
func (v *velocity) mix(f, x []float32, a, b []float64) {
	d := v.Dim()
	for r := range a {
		for i := r * d; i < (r+1)*d-v.held; i++ {
			f[i] = float32(float64(a[r]*float64(x[i])) + float64(b[r]*float64(f[i])))
		}
	}
}

// Eval implements solver.Field.
func (v *velocity) Eval(ctx context.Context, dx []float32, t []float64, x []float32, rows int) error {
	f, err := v.factors(t[:rows])
	if err != nil {
		return err
	}
	defer v.scratch.Put(f)
	if err := v.Field.Eval(ctx, dx, t, x, rows); err != nil {
		return err
	}
	v.mix(dx, x, f.a, f.b)
	return nil
}

// Linear says whether the network's field gives products; see model.Products.
func (v *velocity) Linear() bool { _, ok := model.Products(v.Field); return ok }

// Product implements model.Linearized, if the network's field does: J z = a z + b
// (∂f/∂x) z.
func (v *velocity) Product(ctx context.Context, dx, jz []float32, t []float64, x, z []float32, rows, k int) error {
	l, ok := model.Products(v.Field)
	if !ok {
		return model.ErrNoProduct
	}
	f, err := v.factors(t[:rows])
	if err != nil {
		return err
	}
	defer v.scratch.Put(f)
	if err := l.Product(ctx, dx, jz, t, x, z, rows, k); err != nil {
		return err
	}
	v.mix(dx, x, f.a, f.b)
	for p := range k {
		v.mix(jz[p*rows*v.Dim():], z[p*rows*v.Dim():], f.a, f.b)
	}
	return nil
}

// Divergence implements model.Field.
func (v *velocity) Divergence(ctx context.Context, dx []float32, div []float64, t []float64, x, probe []float32, rows, probes int) error {
	f, err := v.factors(t[:rows])
	if err != nil {
		return err
	}
	defer v.scratch.Put(f)
	if err := v.Field.Divergence(ctx, dx, div, t, x, probe, rows, probes); err != nil {
		return err
	}
	v.mix(dx, x, f.a, f.b)
	d := v.Dim()
	moving := d - v.held
	for r := range rows {
		if probes == 0 {
			div[r] = float64(f.a[r]*float64(moving)) + float64(f.b[r]*div[r])
		}
		for k := range probes {
			var square float64
			for _, z := range probe[(k*rows+r)*d : (k*rows+r)*d+moving] {
				square += float64(z) * float64(z)
			}
			i := r*probes + k
			div[i] = float64(f.a[r]*square) + float64(f.b[r]*div[i])
		}
	}
	return nil
}
