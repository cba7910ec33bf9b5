package conform

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/law"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/model/modeltest"
	"github.com/pathline/pathline/stages/random"
)

// rounding is how far results may be apart that are the same mathematics: matrix
// products of other libraries sum in another order when the batch has another
// size.
const (
	rounding32 = 2e-5
	rounding64 = 1e-10
)

const modelDim = 3

func modelCases() []Case {
	out := lawCases("model", "exact-", modeltest.Laws[float64](rounding64), exactField)
	out = append(out,
		own("model", "exact-base", "log_prob is the log-density of what sample draws: weighted by it, samples integrate another density to 1.", exactBase, exact),
		own("model", "exact-sample", "A row that is sampled depends on the key and on its number alone.", exactSample, exact))
	out = append(out, lawCases("model", "network-", modeltest.Laws[float32](rounding32), networkField)...)
	out = append(out,
		own("model", "network-init", "init draws the weights as a function of the key, and the weights are finite.", networkInit, definition),
		own("model", "network-write", "The weights are all that a network knows: a second one with the same weights gives the same values.", networkWrite, definition),
		own("model", "network-gradient", "gradient is the derivative of the loss that it returns, and is added to what is there.", networkGradient, definition),
		own("model", "network-loss", "The loss is the sum over rows of weight times squared distance from eval to the target.", networkLoss, definition),
		own("model", "network-many-rows", "100,000 rows are evaluated at once, and give what fewer rows give.", networkRows, definition))
	return append(out, bijectionCases()...)
}

func exact(ctx context.Context, s *subject, i *implementation) (model.Exact, *instance, error) {
	v, in, err := service[any](ctx, s, i, nil)
	if err != nil {
		return nil, nil, err
	}
	e, ok := v.(model.Exact)
	if !ok {
		in.shut()
		return nil, nil, skipf("the model is trained")
	}
	return e, in, nil
}

func exactField(ctx context.Context, s *subject, i *implementation) (model.Field[float64], *instance, error) {
	return exact(ctx, s, i)
}

func definition(ctx context.Context, s *subject, i *implementation) (model.Definition, *instance, error) {
	v, in, err := service[any](ctx, s, i, nil)
	if err != nil {
		return nil, nil, err
	}
	switch d := v.(type) {
	case model.Definition:
		return d, in, nil
	case model.Exact:
		in.shut()
		return nil, nil, skipf("the model is exact")
	case bijection.Definition:
		in.shut()
		return nil, nil, skipf("the model is a discrete flow")
	}
	in.shut()
	return nil, nil, fmt.Errorf("it gives %T where a model is due", v)
}

// shaken is a network with weights that are not those of a start, which may be
// zero.
func shaken(d model.Definition, dim int) (model.Network, error) {
	n, err := d.Build(dim)
	if err != nil {
		return nil, err
	}
	n.Init(random.NewKey(3, "conform", "init"))
	shake(n)
	return n, nil
}

func shake(n bijection.Weights) {
	noise := random.NewKey(4, "conform", "shake")
	for k, t := range n.Tensors() {
		z := make([]float32, len(t.Data))
		noise.Normals32(z, uint64(k), 0)
		for i := range t.Data {
			t.Data[i] += 0.05 * z[i]
		}
	}
	n.Changed(nil)
}

func networkField(ctx context.Context, s *subject, i *implementation) (model.Field[float32], *instance, error) {
	d, in, err := definition(ctx, s, i)
	if err != nil {
		return nil, nil, err
	}
	n, err := shaken(d, modelDim)
	if err != nil {
		in.shut()
		return nil, nil, err
	}
	return n, in, nil
}

func exactBase(t law.T, e model.Exact) { baseDensity(t, e, e.Dim()) }

func baseDensity(t law.T, e model.Base, d int) {
	const rows = 20_000
	x, logp := make([]float64, rows*d), make([]float64, rows)
	e.Sample(x, random.NewKey(5, "conform", "base"), 0, rows)
	e.LogProb(logp, x, rows)
	// q is normal with the moments of the samples, a little narrower so that the
	// weights q/p stay bounded.
	mean, spread := make([]float64, d), make([]float64, d)
	for r := range rows {
		for j := range d {
			mean[j] += x[r*d+j] / rows
		}
	}
	for r := range rows {
		for j := range d {
			spread[j] += (x[r*d+j] - mean[j]) * (x[r*d+j] - mean[j]) / rows
		}
	}
	sum, square := 0.0, 0.0
	for r := range rows {
		logq := 0.0
		for j := range d {
			v := 0.7 * spread[j]
			logq -= 0.5*math.Log(2*math.Pi*v) + (x[r*d+j]-mean[j])*(x[r*d+j]-mean[j])/(2*v)
		}
		w := math.Exp(logq - logp[r])
		sum += w / rows
		square += w * w / rows
	}
	if se := math.Sqrt((square - sum*sum) / rows); !(math.Abs(sum-1) < 6*se+1e-3) {
		t.Errorf("a normal density, weighted by sample and log_prob, integrates to %.4f ± %.4f, not to 1", sum, se)
	}
}

func exactSample(t law.T, e model.Exact) { baseSample(t, e, e.Dim()) }

func baseSample(t law.T, e model.Base, d int) {
	key := random.NewKey(6, "conform", "sample")
	const rows = 300
	all := make([]float64, rows*d)
	e.Sample(all, key, 0, rows)
	for _, part := range [][2]int{{0, 1}, {1, 8}, {8, 100}, {100, 300}, {0, 300}} {
		x := make([]float64, (part[1]-part[0])*d)
		e.Sample(x, key, int64(part[0]), part[1]-part[0])
		if !slices.Equal(x, all[part[0]*d:part[1]*d]) {
			t.Errorf("rows %d to %d are others when they are sampled alone", part[0], part[1])
		}
	}
	other := make([]float64, rows*d)
	e.Sample(other, random.NewKey(7, "conform", "sample"), 0, rows)
	if slices.Equal(other, all) {
		t.Error("another key gives the same rows")
	}
	for i, v := range all {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("value %d of the sample is %v", i, v)
		}
	}
}

func flatten(n bijection.Weights) (w []float32) {
	for _, t := range n.Tensors() {
		w = append(w, t.Data...)
	}
	return w
}

func networkInit(t law.T, d model.Definition) {
	draw := func(seed uint64) []float32 {
		n, err := d.Build(modelDim)
		if err != nil {
			t.Fatal(err)
		}
		if n.Dim() != modelDim {
			t.Fatalf("built for %d columns it has %d", modelDim, n.Dim())
		}
		n.Init(random.NewKey(seed, "conform", "init"))
		return flatten(n)
	}
	drawnWeights(t, draw)
}

func drawnWeights(t law.T, draw func(seed uint64) []float32) {
	a, b, c := draw(1), draw(1), draw(2)
	if len(a) == 0 {
		t.Fatal("there are no weights")
	}
	if !slices.Equal(a, b) {
		t.Error("the same key gives other weights")
	}
	if slices.Equal(a, c) {
		t.Error("another key gives the same weights")
	}
	for i, w := range a {
		if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
			t.Fatalf("weight %d is %v", i, w)
		}
	}
}

// batch is rows for a network.
type batch struct {
	t         []float64
	x, target []float32
	rows      int
}

func rowsFor(dim, rows int) batch {
	key := random.NewKey(8, "conform", "rows")
	b := batch{t: make([]float64, rows), x: make([]float32, rows*dim), target: make([]float32, rows*dim), rows: rows}
	key.Normals32(b.x, 0, 0)
	key.Normals32(b.target, 1, 0)
	for r := range b.t {
		b.t[r] = (float64(r%997) + 0.5) / 997
	}
	return b
}

func networkWrite(t law.T, d model.Definition) {
	a, err := shaken(d, modelDim)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Build(modelDim)
	if err != nil {
		t.Fatal(err)
	}
	for i, tensor := range a.Tensors() {
		copy(b.Tensors()[i].Data, tensor.Data)
	}
	b.Changed(nil)
	rows := rowsFor(modelDim, 33)
	va, vb := make([]float32, len(rows.x)), make([]float32, len(rows.x))
	if err := a.Eval(t.Context(), va, rows.t, rows.x, rows.rows); err != nil {
		t.Fatal(err)
	}
	if err := b.Eval(t.Context(), vb, rows.t, rows.x, rows.rows); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(va, vb) {
		t.Error("with the same weights a second network gives other values")
	}
	shake(a)
	vc := make([]float32, len(rows.x))
	if err := a.Eval(t.Context(), vc, rows.t, rows.x, rows.rows); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(va, vc) {
		t.Error("other weights give the same values")
	}
}

func zeros(n bijection.Weights) (g [][]float32) {
	for _, t := range n.Tensors() {
		g = append(g, make([]float32, len(t.Data)))
	}
	return g
}

func networkGradient(t law.T, d model.Definition) {
	n, err := shaken(d, modelDim)
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsFor(modelDim, 64)
	loss := func() float64 {
		l, err := n.Gradient(t.Context(), nil, rows.t, rows.x, rows.target, nil, rows.rows)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	gradientOf(t, n, loss, func(g [][]float32) float64 {
		l, err := n.Gradient(t.Context(), g, rows.t, rows.x, rows.target, nil, rows.rows)
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
}

// gradientOf compares the gradient of a loss in weights, which add adds to g, with
// differences of the loss.
func gradientOf(t law.T, n bijection.Weights, loss func() float64, add func(g [][]float32) float64) {
	g := zeros(n)
	with := add(g)
	if alone := loss(); math.Abs(alone-with) > 1e-4*(1+math.Abs(with)) {
		t.Errorf("the loss is %v beside the gradient and %v alone", with, alone)
	}
	norm := 0.0
	for _, p := range g {
		for _, v := range p {
			norm += float64(v) * float64(v)
		}
	}
	norm = math.Sqrt(norm)
	if !(norm > 0) || math.IsInf(norm, 0) {
		t.Fatalf("the gradient has length %v", norm)
	}
	before := flatten(n)
	move := func(direction [][]float32, h float64) {
		at := 0
		for k, tensor := range n.Tensors() {
			for i := range tensor.Data {
				tensor.Data[i] = before[at] + float32(h*float64(direction[k][i]))
				at++
			}
		}
		n.Changed(nil)
	}
	// Along the gradient, and along directions of random signs.
	directions := [][][]float32{zeros(n)}
	for k := range g {
		for i := range g[k] {
			directions[0][k][i] = g[k][i] / float32(norm)
		}
	}
	size := float64(len(before))
	for seed := range uint64(3) {
		u := zeros(n)
		for k := range u {
			random.NewKey(seed, "conform", "direction").Normals32(u[k], uint64(k), 0)
			for i := range u[k] {
				u[k][i] = float32(math.Copysign(1/math.Sqrt(size), float64(u[k][i])))
			}
		}
		directions = append(directions, u)
	}
	for k, u := range directions {
		want := 0.0
		for j := range u {
			for i := range u[j] {
				want += float64(u[j][i]) * float64(g[j][i])
			}
		}
		slope := func(h float64) float64 {
			move(u, h)
			up := loss()
			move(u, -h)
			return (up - loss()) / (2 * h)
		}
		coarse, fine := slope(0x1p-5), slope(0x1p-6)
		move(u, 0)
		got := (4*fine - coarse) / 3
		if tol := 0.02*norm/math.Sqrt(1+float64(k)) + 1e-3*math.Abs(with); math.Abs(got-want) > tol {
			what := "the gradient"
			if k > 0 {
				what = "a random direction"
			}
			t.Errorf("along %s the loss rises by %.6g per unit, differences of the loss give %.6g", what, want, got)
		}
	}
	twice := zeros(n)
	for range 2 {
		add(twice)
	}
	for k := range g {
		for i := range g[k] {
			if math.Abs(float64(twice[k][i])-2*float64(g[k][i])) > 1e-3*norm {
				t.Fatalf("asked for twice, weight %d of tensor %d has gradient %v, and %v once: it is not added", i, k, twice[k][i], g[k][i])
			}
		}
	}
}

func networkLoss(t law.T, d model.Definition) {
	n, err := shaken(d, modelDim)
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsFor(modelDim, 17)
	v := make([]float32, len(rows.x))
	if err := n.Eval(t.Context(), v, rows.t, rows.x, rows.rows); err != nil {
		t.Fatal(err)
	}
	weight := make([]float32, rows.rows)
	sum, weighted := 0.0, 0.0
	for r := range weight {
		weight[r] = float32(r%4) / 2
		for j := range modelDim {
			e := float64(v[r*modelDim+j]) - float64(rows.target[r*modelDim+j])
			sum += e * e
			weighted += float64(weight[r]) * e * e
		}
	}
	for _, c := range []struct {
		what   string
		weight []float32
		want   float64
	}{{"without weights", nil, sum}, {"with weights", weight, weighted}} {
		got, err := n.Gradient(t.Context(), nil, rows.t, rows.x, rows.target, c.weight, rows.rows)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-c.want) > 1e-4*(1+c.want) {
			t.Errorf("%s the loss is %v, the values of eval give %v", c.what, got, c.want)
		}
	}
}

func networkRows(t law.T, d model.Definition) {
	n, err := shaken(d, modelDim)
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsFor(modelDim, manyRows)
	v := make([]float32, len(rows.x))
	if err := n.Eval(t.Context(), v, rows.t, rows.x, rows.rows); err != nil {
		t.Fatal(err)
	}
	const part = 999
	w := make([]float32, part*modelDim)
	if err := n.Eval(t.Context(), w, rows.t[:part], rows.x, part); err != nil {
		t.Fatal(err)
	}
	for i := range w {
		if math.Abs(float64(w[i]-v[i])) > rounding32*(1+math.Abs(float64(w[i]))) {
			t.Fatalf("value %d is %v among %d rows and %v among %d", i, v[i], manyRows, w[i], part)
		}
	}
}
