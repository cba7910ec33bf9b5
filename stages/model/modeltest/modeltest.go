package modeltest

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Test checks the laws on standard normal rows at times in (0, 1).
//
//   - rows: a row's v, divergence and probes have the same bits whatever the
//     number of rows in the call and wherever it stands among them.
//   - one v: Divergence gives the v of Eval, bit for bit.
//   - divergence: the sum of central differences of Eval. Points where two step
//     sizes disagree (a kink lies between) are left out; half must remain.
//   - probes: zᵀJz over unit vectors adds up to the divergence, over all sign
//     vectors it averages to it.
//   - products: zᵀ(Jz) is what probes give, in every company, for a field that is
//     model.Linearized.
//   - arguments: t, x and probes are left as they were, and nothing is written
//     behind the rows asked for.
//   - concurrency: calls at the same time do not meet.
func Test[T solver.Float](t *testing.T, f model.Field[T]) {
	t.Helper()
	if f.Dim() < 1 {
		t.Fatalf("Dim() = %d", f.Dim())
	}
	law.Test(t, Laws[T](0), f)
}

// Laws are the laws of a field of one column or more. Results that must be equal
// differ by no more than tol of their size: 0 asks for the same bits, which
// matrix products of other libraries do not give for batches of other sizes.
func Laws[T solver.Float](tol float64) []law.Law[model.Field[T]] {
	return []law.Law[model.Field[T]]{
		{Name: "rows", Sentence: "A row's v and divergence are the same whatever the rows that come with it, and divergence gives the v of eval.",
			Check: func(t law.T, f model.Field[T]) { rowsLaw(t, f, tol) }},
		{Name: "divergence", Sentence: "The divergence is the sum of the derivatives of v along its own columns.", Check: func(t law.T, f model.Field[T]) { divergenceLaw(t, f, tol) }},
		{Name: "probes", Sentence: "Probes give zᵀJz: over unit vectors it adds up to the divergence, over all sign vectors it averages to it.", Check: func(t law.T, f model.Field[T]) { probesLaw(t, f, tol) }},
		{Name: "products", Sentence: "Products give Jz: with z they make zᵀJz, and v is that of eval.", Check: func(t law.T, f model.Field[T]) { productsLaw(t, f, tol) }},
		{Name: "arguments", Sentence: "Times, rows and probes are left as they were, and nothing is written behind the rows.", Check: argumentsLaw[T]},
		{Name: "concurrency", Sentence: "Calls at the same time do not meet.", Check: func(t law.T, f model.Field[T]) { concurrencyLaw(t, f, tol) }},
	}
}

// batch is one call's arguments and results.
type batch[T solver.Float] struct {
	rows, probes int
	t            []float64
	x, probe     []T
	eval, v      []T
	div, est     []float64
}

// draw makes a batch: row r depends on first+r only.
func draw[T solver.Float](f model.Field[T], first, rows, probes int) *batch[T] {
	key, d := random.NewKey(1, "modeltest", "rows"), f.Dim()
	b := &batch[T]{rows: rows, probes: probes, t: make([]float64, rows), x: make([]T, rows*d), probe: make([]T, probes*rows*d)}
	z := make([]float64, d)
	for r := 0; r < rows; r++ {
		b.t[r] = 0.01 + 0.98*key.Uniform(uint64(first+r), 0)
		key.Normals64(z, uint64(first+r), 1)
		for j, v := range z {
			b.x[r*d+j] = T(v)
		}
		for p := 0; p < probes; p++ {
			key.Normals64(z, uint64(first+r), uint32(2+p))
			for j, v := range z {
				b.probe[(p*rows+r)*d+j] = T(math.Copysign(1, v))
			}
		}
	}
	return b
}

// run fills in the results, by three calls.
func (b *batch[T]) run(t law.T, f model.Field[T], tol float64) *batch[T] {
	ctx, d := context.Background(), f.Dim()
	b.eval, b.v, b.div = make([]T, b.rows*d), make([]T, b.rows*d), make([]float64, b.rows)
	if err := f.Eval(ctx, b.eval, b.t, b.x, b.rows); err != nil {
		t.Errorf("Eval: %v", err)
	}
	if err := f.Divergence(ctx, b.v, b.div, b.t, b.x, nil, b.rows, 0); err != nil {
		t.Errorf("Divergence: %v", err)
	}
	if b.probes > 0 {
		b.est = make([]float64, b.rows*b.probes)
		v := make([]T, b.rows*d)
		if err := f.Divergence(ctx, v, b.est, b.t, b.x, b.probe, b.rows, b.probes); err != nil {
			t.Errorf("Divergence with probes: %v", err)
		}
		if !equal(v, b.v, tol) {
			t.Errorf("v of Divergence with probes differs from v without")
		}
	}
	return b
}

func rowsLaw[T solver.Float](t law.T, f model.Field[T], same float64) {
	const rows, probes = 150, 2
	d := f.Dim()
	all := draw(f, 0, rows, probes).run(t, f, same)
	if !equal(all.eval, all.v, same) {
		t.Errorf("v of Divergence differs from Eval")
	}
	for i, v := range all.div {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("divergence of row %d is %v", i, v)
		}
	}
	for _, part := range []struct{ first, rows int }{{0, 0}, {0, 1}, {1, 1}, {149, 1}, {3, 2}, {5, 63}, {7, 64}, {11, 65}, {1, 149}} {
		p := draw(f, part.first, part.rows, probes).run(t, f, same)
		lo, hi := part.first, part.first+part.rows
		if !equal(p.eval, all.eval[lo*d:hi*d], same) || !equal(p.v, all.v[lo*d:hi*d], same) ||
			!equal(p.div, all.div[lo:hi], same) || !equal(p.est, all.est[lo*probes:hi*probes], same) {
			t.Errorf("rows %d..%d alone differ from the same rows among %d", lo, hi-1, rows)
		}
	}
	// Backwards, so that each row also has other neighbours.
	back := draw(f, 0, rows, probes)
	reverse(back.x, d)
	reverse(back.t, 1)
	for p := 0; p < probes; p++ {
		reverse(back.probe[p*rows*d:(p+1)*rows*d], d)
	}
	back.run(t, f, same)
	reverse(back.eval, d)
	reverse(back.div, 1)
	reverse(back.est, probes)
	if !equal(back.eval, all.eval, same) || !equal(back.div, all.div, same) || !equal(back.est, all.est, same) {
		t.Errorf("results do not follow their rows when the rows change places")
	}
}

func divergenceLaw[T solver.Float](t law.T, f model.Field[T], same float64) {
	const rows = 40
	b, d := draw(f, 1000, rows, 0).run(t, f, same), f.Dim()
	h, tol := 1e-3, 1e-7
	if _, narrow := any(T(0)).(float32); narrow {
		h, tol = 0x1p-5, 5e-4
	}
	kept := 0
	for r := 0; r < rows; r++ {
		coarse, fine, scale := 0.0, 0.0, 1.0
		for j := 0; j < d; j++ {
			s1, s2 := slope(t, f, b, r, j, h), slope(t, f, b, r, j, h/2)
			coarse, fine, scale = coarse+s1, fine+s2, scale+math.Abs(s2)
		}
		if math.Abs(coarse-fine) > tol*scale {
			continue
		}
		kept++
		want := (4*fine - coarse) / 3 // Richardson: the error is of order h⁴
		if math.Abs(b.div[r]-want) > tol*scale {
			t.Errorf("row %d, t = %.4f: divergence %.9g, finite differences %.9g", r, b.t[r], b.div[r], want)
		}
	}
	if kept < rows/2 {
		t.Errorf("only %d of %d points are smooth enough for finite differences", kept, rows)
	}
}

// slope is the central difference of v_j along x_j at row r.
func slope[T solver.Float](t law.T, f model.Field[T], b *batch[T], r, j int, h float64) float64 {
	d := f.Dim()
	x, v := make([]T, 2*d), make([]T, 2*d)
	copy(x, b.x[r*d:(r+1)*d])
	copy(x[d:], b.x[r*d:(r+1)*d])
	x[j] += T(h)
	x[d+j] -= T(h)
	if err := f.Eval(context.Background(), v, []float64{b.t[r], b.t[r]}, x, 2); err != nil {
		t.Fatalf("Eval: %v", err)
	}
	return (float64(v[j]) - float64(v[d+j])) / (float64(x[j]) - float64(x[d+j]))
}

func probesLaw[T solver.Float](t law.T, f model.Field[T], same float64) {
	const rows = 7
	b, d := draw(f, 2000, rows, 0).run(t, f, same), f.Dim()
	tol := 1e-12
	if _, narrow := any(T(0)).(float32); narrow {
		tol = 1e-5
	}
	tol = max(tol, same)
	check := func(name string, probes int, z func(p, j int) float64, weight float64) {
		probe, est, v := make([]T, probes*rows*d), make([]float64, rows*probes), make([]T, rows*d)
		for i := range probe {
			probe[i] = T(z(i/(rows*d), i%d))
		}
		if err := f.Divergence(context.Background(), v, est, b.t, b.x, probe, rows, probes); err != nil {
			t.Fatalf("Divergence: %v", err)
		}
		for r := 0; r < rows; r++ {
			sum, scale := 0.0, 1.0
			for _, e := range est[r*probes : (r+1)*probes] {
				sum, scale = sum+weight*e, scale+weight*math.Abs(e)
			}
			if math.Abs(sum-b.div[r]) > tol*scale {
				t.Errorf("row %d: %s give %.12g, the divergence is %.12g", r, name, sum, b.div[r])
			}
		}
	}
	check("unit vectors", d, func(p, j int) float64 {
		if p == j {
			return 1
		}
		return 0
	}, 1)
	if d <= 6 {
		check("sign vectors", 1<<d, func(p, j int) float64 { return float64(1 - 2*(p>>j&1)) }, 1/float64(int(1)<<d))
	}
}

func productsLaw[T solver.Float](t law.T, f model.Field[T], same float64) {
	l, ok := model.Products(f)
	if !ok {
		return
	}
	const rows, k = 67, 3
	d, ctx := f.Dim(), context.Background()
	b := draw(f, 4000, rows, k).run(t, f, same)
	v, jz, z := make([]T, rows*d), make([]T, k*rows*d), slices.Clone(b.probe)
	if err := l.Product(ctx, v, jz, b.t, b.x, z, rows, k); err != nil {
		t.Fatalf("Product: %v", err)
	}
	if !equal(v, b.v, same) || !equal(z, b.probe, 0) {
		t.Errorf("v of Product differs from that of Divergence, or z was written")
	}
	tol := 1e-12
	if _, narrow := any(T(0)).(float32); narrow {
		tol = 1e-5
	}
	for r := range rows {
		for p := range k {
			at := (p*rows + r) * d
			sum, scale := 0.0, 1.0
			for i := range d - model.Held(f) {
				term := float64(z[at+i]) * float64(jz[at+i])
				sum, scale = sum+term, scale+math.Abs(term)
			}
			if math.Abs(sum-b.est[r*k+p]) > max(tol, same)*scale {
				t.Errorf("row %d: zᵀ(Jz) is %.12g, the probe gives %.12g", r, sum, b.est[r*k+p])
			}
		}
	}
	// A row alone, with its vectors.
	for _, r := range []int{0, 64, rows - 1} {
		one, alone := make([]T, k*d), make([]T, k*d)
		for p := range k {
			copy(one[p*d:(p+1)*d], z[(p*rows+r)*d:])
		}
		if err := l.Product(ctx, make([]T, d), alone, b.t[r:], b.x[r*d:], one, 1, k); err != nil {
			t.Fatalf("Product: %v", err)
		}
		for p := range k {
			if !equal(alone[p*d:(p+1)*d], jz[(p*rows+r)*d:(p*rows+r+1)*d], same) {
				t.Errorf("products of row %d alone differ from those among %d", r, rows)
			}
		}
	}
}

func argumentsLaw[T solver.Float](t law.T, f model.Field[T]) {
	const rows, probes, guard = 65, 3, 5
	d := f.Dim()
	b := draw(f, 3000, rows, probes)
	ts, x, probe := slices.Clone(b.t), slices.Clone(b.x), slices.Clone(b.probe)
	v, est := make([]T, rows*d+guard), make([]float64, rows*probes+guard)
	for i := range guard {
		v[rows*d+i], est[rows*probes+i] = 12345, 12345
	}
	if err := f.Eval(context.Background(), v, b.t, b.x, rows); err != nil {
		t.Fatalf("Eval: %v", err)
	}
	if err := f.Divergence(context.Background(), v, est, b.t, b.x, b.probe, rows, probes); err != nil {
		t.Fatalf("Divergence: %v", err)
	}
	if !same(ts, b.t) || !same(x, b.x) || !same(probe, b.probe) {
		t.Errorf("an argument was changed")
	}
	for i := range guard {
		if v[rows*d+i] != 12345 || est[rows*probes+i] != 12345 {
			t.Fatalf("written behind the last row")
		}
	}
}

func concurrencyLaw[T solver.Float](t law.T, f model.Field[T], same float64) {
	want := draw(f, 0, 70, 1).run(t, f, same)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				got := draw(f, 0, 70, 1).run(t, f, same)
				if !equal(got.eval, want.eval, same) || !equal(got.div, want.div, same) || !equal(got.est, want.est, same) {
					t.Errorf("a concurrent call gave another result")
				}
			}
		})
	}
	wg.Wait()
}

// same says that a and b have the same bits.
func same[T solver.Float](a, b []T) bool {
	return slices.EqualFunc(a, b, func(u, v T) bool {
		return math.Float64bits(float64(u)) == math.Float64bits(float64(v))
	})
}

// equal says that a and b differ by no more than tol of their size, or with 0
// that they have the same bits.
func equal[T solver.Float](a, b []T, tol float64) bool {
	if tol == 0 {
		return same(a, b)
	}
	return slices.EqualFunc(a, b, func(u, v T) bool { return math.Abs(float64(u)-float64(v)) <= tol*(1+math.Abs(float64(u))) })
}

// reverse turns the order of rows of width w around.
func reverse[T any](x []T, w int) {
	slices.Reverse(x)
	for i := 0; i+w <= len(x); i += w {
		slices.Reverse(x[i : i+w])
	}
}
