package likelihood

import (
	"context"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/solver"
)

// deflated integrates the Hutch++ estimate of the divergence (Meyer, Musco, Musco
// and Woodruff 2021, algorithm 1). Of m = 3k directions k, S, find where the
// Jacobian J is large, Q = orth(J S); there the trace is taken exactly, by k
// quadratic forms, and the k others, G, estimate the rest:
//
//	tr J ≈ tr(Qᵀ J Q) + 1/k sum_j g_jᵀ J g_j,    g_j = (I - Q Qᵀ) G_j
//
// S and G are fixed for a row over the whole solve; Q is a function of (t, x), and
// the estimate depends on its span alone, so that what is solved is an ODE. It is
// unbiased given S; each g_j makes an estimate of its own, and the k integrals have
// a standard error as those of Hutchinson's estimate do.
//
// It is exact where J has rank k or less, and so where k >= d: then no g_j is left.
type deflated[T solver.Float] struct {
	probed *probed[T]
	field  model.Linearized[T]
	k      int
	work   chan *deflation[T] // not in use
}

// deflation is the memory of one evaluation.
type deflation[T solver.Float] struct {
	jz, z []T       // [k][rows][d] and [2k][rows][d]
	form  []float64 // [rows][2k]
	q     []float64 // [k][d], orthonormal
	g     []float64 // [d]
	eps   float64   // of T: the distance of 1 to the next number
}

// newDeflated takes a field with products; trace.Probes is 3k.
func newDeflated[T solver.Float](f model.Linearized[T], trace Trace) *deflated[T] {
	k := trace.Probes / 3
	trace.Probes = 2 * k
	return &deflated[T]{probed: newProbed(model.Field[T](f), trace), field: f, k: k, work: make(chan *deflation[T], 64)}
}

// Eval implements solver.Field.
func (h *deflated[T]) Eval(ctx context.Context, dx []T, t []float64, x []T, rows int) error {
	return h.field.Eval(ctx, dx, t, x, rows)
}

// Distant is that of the field; see solver.Distant.
func (h *deflated[T]) Distant() bool { return solver.Distant[T](h.field) }

// EvalQuad implements solver.Quadrature.
func (h *deflated[T]) EvalQuad(ctx context.Context, dx []T, dq, t []float64, x []T, id []int64, rows int) error {
	var w *deflation[T]
	select {
	case w = <-h.work:
	default:
		w = &deflation[T]{eps: epsilon[T]()}
	}
	defer func() {
		select {
		case h.work <- w:
		default:
		}
	}()
	s := h.probed.borrow(id[:rows])
	defer h.probed.giveBack(s)
	s.gather(h.probed.trace, id[:rows])
	d, k := h.field.Dim(), h.k
	w.jz, w.z = sized(w.jz, k*rows*d), sized(w.z, 2*k*rows*d)
	w.form, w.q, w.g = sized(w.form, 2*k*rows), sized(w.q, k*d), sized(w.g, d)
	if err := h.field.Product(ctx, dx, w.jz, t, x, s.z[:k*rows*d], rows, k); err != nil {
		return err
	}
	held := model.Held(h.field)
	for r := range rows {
		w.row(s.z, r, rows, d, d-held, k)
	}
	if err := h.field.Divergence(ctx, dx, w.form, t, x, w.z, rows, 2*k); err != nil {
		return err
	}
	for r := range rows {
		form := w.form[r*2*k : (r+1)*2*k]
		var inside float64
		for _, f := range form[:k] {
			inside += f
		}
		for j, f := range form[k:] {
			dq[r*k+j] = inside + f
		}
	}
	return nil
}

// row fills w.z for one row of d columns, of which moving are not held: an
// orthonormal basis of its products, zero where there are fewer than k, and what
// the basis leaves of its k last probes.
func (w *deflation[T]) row(probes []T, r, rows, d, moving, k int) {
	at := func(p int) int { return (p*rows + r) * d }
	// What rounding of the products leaves of a vector in the span of others is no
	// direction.
	var most float64
	for p := range k {
		most = max(most, norm(w.jz[at(p):at(p)+moving]))
	}
	least := 16 * w.eps * most
	n := 0
	for p := range k {
		for i, v := range w.jz[at(p) : at(p)+moving] {
			w.g[i] = float64(v)
		}
		q := w.q[n*d : n*d+moving]
		w.project(n, d, moving)
		if size := norm(w.g[:moving]); size > least && n < moving {
			for i, v := range w.g[:moving] {
				q[i] = v / size
			}
			n++
		}
	}
	for p := range k {
		z := w.z[at(p) : at(p)+d]
		clear(z)
		if p < n {
			for i, v := range w.q[p*d : p*d+moving] {
				z[i] = T(v)
			}
		}
		rest := w.z[at(k+p) : at(k+p)+d]
		clear(rest)
		if n == moving {
			continue // the basis is one of the whole space
		}
		for i, v := range probes[at(k+p) : at(k+p)+moving] {
			w.g[i] = float64(v)
		}
		w.project(n, d, moving)
		for i, v := range w.g[:moving] {
			rest[i] = T(v)
		}
	}
}

// project takes the first n directions out of g, twice, since once leaves what
// cancellation spoils (Giraud et al. 2005).
func (w *deflation[T]) project(n, d, moving int) {
	for range 2 {
		for j := range n {
			q := w.q[j*d : j*d+moving]
			var dot float64
			for i, v := range w.g[:moving] {
				dot += float64(v * q[i])
			}
			for i, v := range q {
				w.g[i] -= float64(dot * v)
			}
		}
	}
}

// epsilon is the distance of 1 to the next number.
func epsilon[T solver.Float]() float64 {
	var eps T = 1
	for 1+eps/2 != 1 {
		eps /= 2
	}
	return float64(eps)
}

func norm[T solver.Float](x []T) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func sized[E any](s []E, n int) []E {
	return slices.Grow(s[:0], n)[:n]
}
