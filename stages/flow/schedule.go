package flow

import (
	"context"
	"math"
	"sync"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// Reschedule is the field f, a velocity along the path c.From, as if it were one
// along c.To (see path.Change): at time r, with the moment T, S, DT, Rate,
//
//	ubar(x, r) = Rate x + S DT u(x/S, T)
//	div ubar   = Rate d + DT div u(x/S, T),   (∂ubar/∂x)z and zᵀ(∂ubar/∂x)z alike
//
// The last held columns stay as they are.
func Reschedule[T solver.Float](f model.Field[T], c *path.Change, held int) model.Field[T] {
	return &rescheduled[T]{Field: f, change: c, held: held}
}

type rescheduled[T solver.Float] struct {
	model.Field[T]
	change  *path.Change
	held    int
	scratch sync.Pool // of *moments[T]
}

// moments are those of some rows, their times and what the field is asked for.
type moments[T solver.Float] struct {
	m []path.Moment
	t []float64
	x []T
}

// Held implements model.Holder.
func (f *rescheduled[T]) Held() int { return f.held }

// Distant says whether the field or a path is; see solver.Distant.
func (f *rescheduled[T]) Distant() bool { return solver.Distant[T](f.Field) || f.change.Distant() }

// moments asks for those of some rows: once, where all have one time.
func (f *rescheduled[T]) moments(t []float64, x []T) (*moments[T], error) {
	s, _ := f.scratch.Get().(*moments[T])
	if s == nil {
		s = &moments[T]{}
	}
	n, d := len(t), f.Dim()
	if cap(s.m) < n {
		s.m, s.t, s.x = make([]path.Moment, n), make([]float64, n), make([]T, n*d)
	}
	s.m, s.t, s.x = s.m[:n], s.t[:n], s.x[:n*d]
	for n > 1 && t[n-1] == t[0] {
		n--
	}
	if n > 1 {
		n = len(t)
	}
	if err := f.change.At(s.m[:n], t[:n]); err != nil {
		f.scratch.Put(s)
		return nil, err
	}
	for r := range s.t {
		if r >= n {
			s.m[r] = s.m[0]
		}
		s.t[r] = s.m[r].T
		for i := r * d; i < (r+1)*d; i++ {
			s.x[i] = x[i]
			if i < (r+1)*d-f.held {
				s.x[i] = T(float64(x[i]) / s.m[r].S)
			}
		}
	}
	return s, nil
}

// mix makes ubar of u.
func (f *rescheduled[T]) mix(u, x []T, m []path.Moment) {
	d := f.Dim()
	for r, m := range m {
		for i := r * d; i < (r+1)*d-f.held; i++ {
			u[i] = T(float64(m.Rate*float64(x[i])) + float64(m.S*m.DT*float64(u[i])))
		}
	}
}

// Eval implements solver.Field.
func (f *rescheduled[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	s, err := f.moments(t[:rows], x)
	if err != nil {
		return err
	}
	defer f.scratch.Put(s)
	if err := f.Field.Eval(ctx, dx, s.t, s.x, rows); err != nil {
		return err
	}
	f.mix(dx, x, s.m)
	return nil
}

// Linear says whether the field gives products; see model.Products.
func (f *rescheduled[T]) Linear() bool { _, ok := model.Products(f.Field); return ok }

// Product implements model.Linearized, if the field does.
func (f *rescheduled[T]) Product(ctx context.Context, dx, jz []T, t []float64, x, z []T, rows, k int) error {
	l, ok := model.Products(f.Field)
	if !ok {
		return model.ErrNoProduct
	}
	s, err := f.moments(t[:rows], x)
	if err != nil {
		return err
	}
	defer f.scratch.Put(s)
	if err := l.Product(ctx, dx, jz, s.t, s.x, z, rows, k); err != nil {
		return err
	}
	f.mix(dx, x, s.m)
	d := f.Dim()
	for p := range k {
		for r, m := range s.m {
			at := (p*rows + r) * d
			for i := at; i < at+d-f.held; i++ {
				jz[i] = T(float64(m.Rate*float64(z[i])) + float64(m.DT*float64(jz[i])))
			}
		}
	}
	return nil
}

// Divergence implements model.Field.
func (f *rescheduled[T]) Divergence(ctx context.Context, dx []T, div []float64, t []float64, x, probe []T, rows, probes int) error {
	s, err := f.moments(t[:rows], x)
	if err != nil {
		return err
	}
	defer f.scratch.Put(s)
	if err := f.Field.Divergence(ctx, dx, div, s.t, s.x, probe, rows, probes); err != nil {
		return err
	}
	f.mix(dx, x, s.m)
	d := f.Dim()
	moving := d - f.held
	for r, m := range s.m {
		if probes == 0 {
			div[r] = float64(m.Rate*float64(moving)) + float64(m.DT*div[r])
		}
		for k := range probes {
			var square float64
			for _, z := range probe[(k*rows+r)*d : (k*rows+r)*d+moving] {
				square += float64(z) * float64(z)
			}
			i := r*probes + k
			div[i] = float64(m.Rate*square) + float64(m.DT*div[i])
		}
	}
	return nil
}

// Path is the path of the flow: that which it was trained on, or that of an exact
// model which says so.
func (f *Flow) Path() (path.Path, error) {
	if f.path == nil {
		return nil, schemas.Errorf(schemas.Conflict, "the flow's model does not say which path it is on")
	}
	return f.path()
}

// OnPath is the flow as if it had been trained on another affine path (see
// path.Change): its base is that of the path. It holds for any coupling, as paths are
// scaled one by one; where one of the paths has gamma, for the independent one.
func (f *Flow) OnPath(p path.Path) (*Flow, error) {
	if f.Field32 == nil {
		return nil, schemas.Errorf(schemas.Conflict, "the path of an exact model is not changed").Suggest("join the path to the model")
	}
	from, err := f.Path()
	if err != nil {
		return nil, err
	}
	c, err := path.NewChange(from, p)
	if err != nil {
		return nil, schemas.Errorf(schemas.Conflict, "%w", err)
	}
	std, err := path.BaseStd(p)
	if err != nil {
		return nil, err
	}
	if !(std > 0) || math.IsInf(std, 1) {
		return nil, schemas.Errorf(schemas.Conflict, "the path has no base: its noise at t = 0 has standard deviation %v", std)
	}
	out := *f
	out.Base, out.Field32 = Normal{Dim: f.Dim(), Std: std}, Reschedule(f.Field32, c, f.Held())
	out.Description.BaseStd = std
	out.path = func() (path.Path, error) { return p, nil }
	return &out, nil
}

// CheckPath says before anything runs what OnInput would, as far as it is known by
// then: not where a path is one of another process.
func CheckPath(src Source, d Description, r Registry, in any, port string) error {
	if in != nil && d.Discrete() {
		return schemas.Errorf(schemas.Conflict, "the flow is discrete (model %s) and was not trained on a path", d.Model.Use).At("from." + port).
			Suggest("leave the input out")
	}
	if in != nil && d.Pairs == PairsNone {
		return schemas.Errorf(schemas.Conflict, "the flow was trained by likelihood and is on no path that could be changed").At("from." + port).
			Suggest("leave the input out")
	}
	to, ok := in.(path.Path)
	if in == nil || !ok || path.Distant(to) {
		return nil
	}
	if src.Exact != nil {
		return schemas.Errorf(schemas.Conflict, "the path of an exact model is not changed").At("from." + port).Suggest("join the path to the model")
	}
	from, err := r.with(src.Parts).pathOf(d.Path)
	if err != nil || path.Distant(from) {
		return nil // opening the flow says what is missing
	}
	if _, err = path.NewChange(from, to); err != nil {
		return schemas.Errorf(schemas.Conflict, "%w", err).At("from." + port).
			Suggest("train on a path that goes from noise alone to data alone, or leave the port out")
	}
	return nil
}

// OnInput is OnPath with what arrived at a port, if anything did.
func (f *Flow) OnInput(in any, port string) (*Flow, error) {
	if in == nil {
		return f, nil
	}
	p, ok := in.(path.Path)
	if !ok {
		return nil, schemas.Errorf(schemas.WrongPort, "what is joined to the port %s is no path", port).At("from." + port)
	}
	out, err := f.OnPath(p)
	if err != nil {
		return nil, AtPort(err, port)
	}
	return out, nil
}
