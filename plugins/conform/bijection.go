package conform

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

func bijectionCases() []Case {
	c := func(name, sentence string, check func(t law.T, d bijection.Definition)) Case {
		return own("model", "bijection-"+name, sentence, check, discrete)
	}
	each := func(name, sentence string, check func(t law.T, b flowing)) Case {
		return c(name, sentence, func(t law.T, d bijection.Definition) {
			for _, held := range heldOf(d) {
				check(t, shakenFlow(t, d, held))
			}
		})
	}
	return []Case{
		c("sizes", "A width below one, or a negative number of conditions, is refused, and the session lives.", bijectionSizes),
		c("init", "init draws the weights as a function of the key, and the weights are finite.", bijectionInit),
		c("write", "The weights are all that a bijection knows: a second one with the same weights gives the same values.", bijectionWrite),
		each("round-trip", "generate(normalize(x)) is x and normalize(generate(z)) is z, to 1e-4, and the log-determinants of both ways cancel.", bijectionRoundTrip),
		each("log-determinant", "logdet is log|det| of the Jacobian, as differences of normalize give it.", bijectionDeterminant),
		each("zeros", "What a bijection promises not to depend on does not change it, not by a bit.", bijectionZeros),
		each("density", "The loss of train is -log p0(z) - logdet with the z of normalize; and of a row that is generated it is -log p0(z) plus the logdet of generate.", bijectionDensity),
		each("gradient", "The gradient is the derivative of the sum of weight times loss, and is added to what is there.", bijectionGradient),
		each("rows", "A row's results are the same whatever the rows that come with it; 100,000 come at once.", bijectionRows),
		each("conditions", "What is mapped depends on the conditions of its own row, and on those of no other.", bijectionConditions),
		each("base", "A base of its own draws rows as a function of the key and the row's number alone, and log_prob is their log-density.", bijectionBase),
		each("start", "Weights that begin from rows are a function of the weights before and of those rows, and are finite.", bijectionStart),
	}
}

func discrete(ctx context.Context, s *subject, i *implementation) (bijection.Definition, *instance, error) {
	v, in, err := service[any](ctx, s, i, nil)
	if err != nil {
		return nil, nil, err
	}
	if d, ok := v.(bijection.Definition); ok {
		return d, in, nil
	}
	in.shut()
	return nil, nil, skipf("the model is no discrete flow")
}

// heldOf are the numbers of conditions to test with.
func heldOf(d bijection.Definition) []int {
	if _, ok := d.(bijection.Conditional); ok {
		return []int{0, 2}
	}
	return []int{0}
}

// flowing is a bijection with weights that are not those of a start, and rows for it:
// modelDim columns for one that takes any, else as many as it asks for.
type flowing struct {
	bijection.Trainable
	dim, held int
}

// widths are tried one after the other: a flow of images takes the size of its
// images alone.
var widths = []int{modelDim, 4, 16, 64, 784}

func buildFlow(t law.T, d bijection.Definition, held int) flowing {
	var err error
	for _, dim := range widths {
		var b bijection.Trainable
		if b, err = bijection.Build(d, dim, held); err != nil {
			continue
		}
		if b.Dim() != dim+held {
			t.Fatalf("built for %d columns and %d conditions it has %d", dim, held, b.Dim())
		}
		return flowing{b, dim, held}
	}
	t.Fatal(err)
	return flowing{}
}

func shakenFlow(t law.T, d bijection.Definition, held int) flowing {
	b := buildFlow(t, d, held)
	b.Init(random.NewKey(3, "conform", "init"))
	shake(b)
	return b
}

// rows are drawn from a normal distribution, conditions too.
func (b flowing) rows(rows int) []float32 {
	x := make([]float32, rows*b.Dim())
	random.NewKey(9, "conform", "rows").Normals32(x, 0, 0)
	return x
}

func (b flowing) normalize(t law.T, x []float32) (z []float32, logdet []float64) {
	return b.mapped(t, b.Normalize, x)
}

func (b flowing) generate(t law.T, z []float32) (x []float32, logdet []float64) {
	return b.mapped(t, b.Generate, z)
}

func (b flowing) mapped(t law.T, do func(context.Context, []float32, []float32, []float64, int) error, from []float32) ([]float32, []float64) {
	rows := len(from) / b.Dim()
	to, logdet := make([]float32, len(from)), make([]float64, rows)
	if err := do(t.Context(), to, from, logdet, rows); err != nil {
		t.Fatal(err)
	}
	return to, logdet
}

// losses are the negative log-densities of rows.
func (b flowing) losses(t law.T, x []float32) []float64 {
	terms := make([]float64, len(x)/b.Dim())
	if _, err := b.Gradient(t.Context(), nil, terms, x, nil, len(terms)); err != nil {
		t.Fatal(err)
	}
	return terms
}

// base is log p0 of rows z.
func (b flowing) base(z []float32) []float64 {
	rows := len(z) / b.Dim()
	x, logp := make([]float64, 0, rows*b.dim), make([]float64, rows)
	for r := range rows {
		for _, v := range z[r*b.Dim() : r*b.Dim()+b.dim] {
			x = append(x, float64(v))
		}
	}
	b.Base().LogProb(logp, x, rows)
	return logp
}

// differ says whether two numbers differ by more than tol of their size.
func differ(a, b, tol float64) bool { return !(math.Abs(a-b) <= tol*(1+math.Abs(a)+math.Abs(b))) }

func bijectionSizes(t law.T, d bijection.Definition) {
	for _, dim := range []int{0, -1} {
		if _, err := d.Bijection(dim); err == nil {
			t.Errorf("a bijection of %d columns was made", dim)
		}
	}
	if c, ok := d.(bijection.Conditional); ok {
		if _, err := c.BijectionHeld(modelDim, -1); err == nil {
			t.Error("a bijection with -1 columns of conditions was made")
		}
	}
	buildFlow(t, d, 0)
}

func bijectionInit(t law.T, d bijection.Definition) {
	draw := func(seed uint64) []float32 {
		b := buildFlow(t, d, 0)
		b.Init(random.NewKey(seed, "conform", "init"))
		return flatten(b)
	}
	drawnWeights(t, draw)
}

func bijectionWrite(t law.T, d bijection.Definition) {
	a, b := shakenFlow(t, d, 0), buildFlow(t, d, 0)
	for i, tensor := range a.Tensors() {
		copy(b.Tensors()[i].Data, tensor.Data)
	}
	b.Changed(nil)
	x := a.rows(33)
	za, _ := a.normalize(t, x)
	zb, _ := b.normalize(t, x)
	if !slices.Equal(za, zb) {
		t.Error("with the same weights a second bijection gives other values")
	}
	shake(a)
	if zc, _ := a.normalize(t, x); slices.Equal(za, zc) {
		t.Error("other weights give the same values")
	}
}

func bijectionRoundTrip(t law.T, b flowing) {
	x := b.rows(200)
	for _, c := range []struct {
		what        string
		there, back func(law.T, []float32) ([]float32, []float64)
	}{{"generate(normalize(x))", b.normalize, b.generate}, {"normalize(generate(z))", b.generate, b.normalize}} {
		y, to := c.there(t, x)
		again, fro := c.back(t, y)
		for i := range x {
			if differ(float64(x[i]), float64(again[i]), 1e-4) {
				t.Errorf("%s: row %d, column %d: %v comes back as %v", c.what, i/b.Dim(), i%b.Dim(), x[i], again[i])
			}
		}
		for r := range to {
			if differ(to[r], -fro[r], 1e-4) {
				t.Errorf("%s: row %d has the log-determinant %v there and %v back, which do not cancel", c.what, r, to[r], fro[r])
			}
		}
	}
}

// bijectionDeterminant compares with the LU factors of a Jacobian of central
// differences. A row where two steps disagree has a kink between; most must have
// none.
func bijectionDeterminant(t law.T, b flowing) {
	d, w := b.dim, b.Dim()
	rows := max(2, min(12, 200/d))
	x := b.rows(rows)
	_, logdet := b.normalize(t, x)
	jacobian := func(row []float32, h float32) *mat.Dense {
		probe := make([]float32, 2*d*w)
		for j := range d {
			for s, step := range []float32{h, -h} {
				at := probe[(2*j+s)*w : (2*j+s+1)*w]
				copy(at, row)
				at[j] += step
			}
		}
		z, _ := b.normalize(t, probe)
		out := mat.NewDense(d, d, nil)
		for j := range d {
			width := float64(probe[2*j*w+j]) - float64(probe[(2*j+1)*w+j])
			for i := range d {
				out.Set(i, j, (float64(z[2*j*w+i])-float64(z[(2*j+1)*w+i]))/width)
			}
		}
		return out
	}
	of := func(m *mat.Dense) float64 {
		var lu mat.LU
		lu.Factorize(m)
		v, _ := lu.LogDet()
		return v
	}
	seen := 0
	tol := 4e-3 * math.Sqrt(float64(d))
	for r := range rows {
		row := x[r*w : (r+1)*w]
		coarse, fine := jacobian(row, 0x1p-6), jacobian(row, 0x1p-7)
		if math.Abs(of(coarse)-of(fine)) > tol {
			continue
		}
		seen++
		var best mat.Dense
		best.Scale(4.0/3, fine)
		coarse.Scale(1.0/3, coarse)
		best.Sub(&best, coarse)
		if want := of(&best); !(math.Abs(logdet[r]-want) <= tol) {
			t.Errorf("row %d has logdet %.6g, differences of normalize give %.6g", r, logdet[r], want)
		}
	}
	if seen < rows/2 {
		t.Errorf("at %d of %d rows differences with two steps do not agree: normalize is not smooth", rows-seen, rows)
	}
}

func bijectionZeros(t law.T, b flowing) {
	s, ok := b.Trainable.(bijection.Sparse)
	if !ok {
		return
	}
	depends := s.Depends()
	if len(depends) != b.dim {
		t.Fatalf("it promises what %d columns depend on and has %d", len(depends), b.dim)
	}
	const rows = 50
	x := b.rows(rows)
	z, _ := b.normalize(t, x)
	for j := range b.dim {
		moved := slices.Clone(x)
		for r := range rows {
			moved[r*b.Dim()+j] += 0.75
		}
		y, _ := b.normalize(t, moved)
		for i, on := range depends {
			if slices.Contains(on, j) {
				continue
			}
			for r := range rows {
				if at := r*b.Dim() + i; y[at] != z[at] {
					t.Fatalf("column %d is said not to depend on column %d; in row %d it becomes %v from %v when that changes", i, j, r, y[at], z[at])
				}
			}
		}
	}
}

func bijectionDensity(t law.T, b flowing) {
	x := b.rows(100)
	z, logdet := b.normalize(t, x)
	loss, logp := b.losses(t, x), b.base(z)
	for r := range loss {
		if differ(loss[r], -logp[r]-logdet[r], 1e-4) {
			t.Errorf("row %d has the loss %v, normalize and the base give %v", r, loss[r], -logp[r]-logdet[r])
		}
	}
	y, back := b.generate(t, x)
	loss, logp = b.losses(t, y), b.base(x)
	for r := range loss {
		if differ(loss[r], -logp[r]+back[r], 1e-3) {
			t.Errorf("row %d that is generated has the loss %v, generate and the base give %v", r, loss[r], -logp[r]+back[r])
		}
	}
	if f, ok := b.Base().(model.Failing); ok && f.Err() != nil {
		t.Error(f.Err())
	}
}

func bijectionGradient(t law.T, b flowing) {
	const rows = 64
	x, weight := b.rows(rows), make([]float32, rows)
	for r := range weight {
		weight[r] = 0.5 + float32(r%4)/4
	}
	of := func(g [][]float32) float64 {
		l, err := b.Gradient(t.Context(), g, nil, x, weight, rows)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	sum := 0.0
	for r, l := range b.losses(t, x) {
		sum += float64(weight[r]) * l
	}
	if got := of(nil); differ(got, sum, 1e-5) {
		t.Errorf("with weights the loss is %v, the terms of the rows give %v", got, sum)
	}
	gradientOf(t, b, func() float64 { return of(nil) }, of)
}

func bijectionRows(t law.T, b flowing) {
	rows := max(manyRows/b.dim*modelDim, 1000)
	if b.dim <= modelDim {
		rows = manyRows
	}
	w, x := b.Dim(), b.rows(rows)
	z, logdet := b.normalize(t, x)
	y, back := b.generate(t, x[:min(rows, 2000)*w])
	loss := b.losses(t, x)
	for _, cut := range [][2]int{{0, 1}, {5, 22}, {255, 258}, {0, 999}} {
		lo, hi := cut[0], cut[1]
		part := x[lo*w : hi*w]
		pz, pl := b.normalize(t, part)
		py, pb := b.generate(t, part)
		pt := b.losses(t, part)
		for i := range pz {
			if differ(float64(pz[i]), float64(z[lo*w+i]), rounding32) || differ(float64(py[i]), float64(y[lo*w+i]), rounding32) {
				t.Fatalf("rows %d to %d have other values alone than among %d", lo, hi, rows)
			}
		}
		for i := range pl {
			if differ(pl[i], logdet[lo+i], rounding32) || differ(pb[i], back[lo+i], rounding32) || differ(pt[i], loss[lo+i], rounding32) {
				t.Fatalf("rows %d to %d have other log-determinants or losses alone than among %d", lo, hi, rows)
			}
		}
	}
}

func bijectionConditions(t law.T, b flowing) {
	if b.held == 0 {
		return
	}
	const rows = 40
	w, x := b.Dim(), b.rows(rows)
	z, _ := b.normalize(t, x)
	moved := slices.Clone(x)
	for j := b.dim; j < w; j++ {
		moved[7*w+j] += 1
	}
	y, _ := b.normalize(t, moved)
	for r := range rows {
		same := slices.Equal(y[r*w:r*w+b.dim], z[r*w:r*w+b.dim])
		if r == 7 && same {
			t.Error("other conditions give the same z")
		}
		if r != 7 && !same {
			t.Fatalf("conditions of row 7 change row %d", r)
		}
	}
}

func bijectionBase(t law.T, b flowing) {
	base := b.Base()
	switch base.(type) {
	case bijection.Normal, bijection.Logistic:
		return // of the host
	}
	baseSample(t, base, b.dim)
	baseDensity(t, base, b.dim)
	if f, ok := base.(model.Failing); ok && f.Err() != nil {
		t.Error(f.Err())
	}
}

func bijectionStart(t law.T, b flowing) {
	s, ok := b.Trainable.(bijection.Started)
	if !ok {
		return
	}
	const rows = 100
	x, before := b.rows(rows), flatten(b)
	begin := func() []float32 {
		at := before
		for _, tensor := range b.Tensors() {
			at = at[copy(tensor.Data, at):]
		}
		b.Changed(nil)
		if err := s.Start(t.Context(), x, rows); err != nil {
			t.Fatal(err)
		}
		return flatten(b)
	}
	first := begin()
	if again := begin(); !slices.Equal(first, again) {
		t.Error("the same rows give other weights to begin with")
	}
	for i, v := range first {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			t.Fatalf("weight %d begins with %v", i, v)
		}
	}
	z, _ := b.normalize(t, x)
	b.Changed(nil) // the weights are written again
	if again, _ := b.normalize(t, x); !slices.Equal(z, again) {
		t.Error("with the weights of the start written to it, it gives other values than after the start")
	}
}
