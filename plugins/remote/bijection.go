package remote

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// A discrete flow is a model of form bijection: facts {form: bijection, use, config,
// held} and
//
//	build(; dim [, held]) -> target of a bijection, tensors [{name, shape}], base, starts,
//	                        depends
//
// where depends, which may be left out, are for every column of z the columns of x
// that it depends on. A bijection has weights (weights.go) and, in float32, for x and z of dim columns
// and conditions c of held ones, which are left out when there are none,
//
//	normalize(x [, c])                -> z, logdet    logdet [rows] float64, log|det dz/dx|
//	generate(z [, c])                 -> x, logdet    log|det dx/dz|
//	train(x [, c] [, weight] [, grad]; loss, zero, weight) -> loss | grad
//	start(x [, c])                    -> w            of one that says starts
//
// train gives the negative log-density of every row in nats, loss [rows] float64,
// and grad, to which the gradient of sum_r weight[r] loss[r] is added; what the
// parameters say is as with networks. The base is normal or logistic, of dim
// columns, or own: then the bijection has the methods of a base (base.go), with the
// weights as they are. What shape a row has, where it is an image, is a matter of
// the configuration.

type bijectionFacts struct {
	Target  string        `json:"target"`
	Tensors []tensorFacts `json:"tensors"`
	Base    string        `json:"base"`
	Starts  bool          `json:"starts,omitempty"`
	Depends [][]int       `json:"depends,omitempty"`
}

// The bases of a bijection.
const (
	baseNormal   = "normal"
	baseLogistic = "logistic"
	baseOwn      = "own"
)

type trainParams struct{ asked }

func answerBijections(p *peer, v bijection.Definition, method string, m wire.Message) (wire.Message, error) {
	if method != "build" {
		return wire.Message{}, noMethod("bijection definition", method)
	}
	var c buildParams
	if err := params(m, &c); err != nil {
		return wire.Message{}, err
	}
	if err := c.check(p); err != nil {
		return wire.Message{}, err
	}
	b, err := bijection.Build(v, c.Dim, c.Held)
	if err != nil {
		return wire.Message{}, err
	}
	facts := bijectionFacts{Tensors: factsOf(b.Tensors()), Base: baseOwn}
	switch b.Base().(type) {
	case bijection.Normal:
		facts.Base = baseNormal
	case bijection.Logistic:
		facts.Base = baseLogistic
	}
	_, facts.Starts = b.(bijection.Started)
	if s, ok := b.(bijection.Sparse); ok {
		facts.Depends = s.Depends()
	}
	o := &servedBijection{servedWeights{p, b}, b, c.Dim, c.Held}
	facts.Target = p.offer("bijection", o.answer)
	return valuesOf(facts)
}

// servedBijection is a bijection on its own side.
type servedBijection struct {
	servedWeights
	bijection.Trainable
	dim, held int
}

func (n *servedBijection) answer(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
	if out, ok, err := n.servedWeights.answer(method, m); ok {
		return out, err
	}
	switch method {
	case "normalize":
		return n.mapped(ctx, "x", "z", n.Normalize, m)
	case "generate":
		return n.mapped(ctx, "z", "x", n.Generate, m)
	case "train":
		return n.train(ctx, m)
	case "start":
		s, ok := n.Trainable.(bijection.Started)
		if !ok {
			return wire.Message{}, noMethod("bijection that begins from nothing", method)
		}
		if err := batches(m, 1); err != nil {
			return wire.Message{}, err
		}
		x, err := n.rows(m.Batches[0], "x")
		if err != nil {
			return wire.Message{}, err
		}
		if err := s.Start(ctx, x, int(m.Batches[0].NumRows())); err != nil {
			return wire.Message{}, err
		}
		return n.message(), nil
	case "sample", "log_prob":
		return answerBase(n.Base(), n.dim, method, m)
	}
	return wire.Message{}, noMethod("bijection", method)
}

// rows are those of a column with their conditions behind.
func (n *servedBijection) rows(rec arrow.Record, name string) ([]float32, error) {
	x, err := wire.Values[float32](rec, name, n.dim, -1)
	if err != nil || n.held == 0 {
		return x, err
	}
	c, err := wire.Values[float32](rec, "c", n.held, -1)
	if err != nil {
		return nil, err
	}
	out := make([]float32, 0, len(x)+len(c))
	for len(x) > 0 {
		out = append(append(out, x[:n.dim]...), c[:n.held]...)
		x, c = x[n.dim:], c[n.held:]
	}
	return out, nil
}

// mapped answers normalize and generate.
func (n *servedBijection) mapped(ctx context.Context, from, to string, do mapping, m wire.Message) (wire.Message, error) {
	var none wire.Message
	if err := batches(m, 1); err != nil {
		return none, err
	}
	x, err := n.rows(m.Batches[0], from)
	if err != nil {
		return none, err
	}
	rows, w := int(m.Batches[0].NumRows()), n.dim+n.held
	y, logdet := make([]float32, len(x)), make([]float64, rows)
	if err := n.peer.blocks(rows, bijection.Distant(n.Trainable), func(lo, hi int) error {
		return do(ctx, y[lo*w:hi*w], x[lo*w:hi*w], logdet[lo:hi], hi-lo)
	}); err != nil {
		return none, err
	}
	return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf(to, without(y, n.dim, n.held), n.dim), wire.ColumnOf("logdet", logdet, 0))}}, nil
}

// without are the first dim columns of rows that have held more.
func without(x []float32, dim, held int) []float32 {
	if held == 0 {
		return x
	}
	out := make([]float32, 0, len(x)/(dim+held)*dim)
	for ; len(x) > 0; x = x[dim+held:] {
		out = append(out, x[:dim]...)
	}
	return out
}

func (n *servedBijection) train(ctx context.Context, m wire.Message) (wire.Message, error) {
	var none wire.Message
	var c trainParams
	if err := params(m, &c); err != nil {
		return none, err
	}
	want := 1
	if !c.Loss && !c.Zero {
		want = 2
	}
	if err := batches(m, want); err != nil {
		return none, err
	}
	rec := m.Batches[0]
	x, err := n.rows(rec, "x")
	if err != nil {
		return none, err
	}
	weight, flat, grad, err := n.begin(c.asked, m)
	if err != nil {
		return none, err
	}
	rows := int(rec.NumRows())
	loss := make([]float64, rows)
	if _, err := n.Gradient(ctx, grad, loss, x, weight, rows); err != nil {
		return none, err
	}
	return c.answer(loss, flat), nil
}

// remoteBijections is a bijection.Definition of the other side.
type remoteBijections struct {
	remote
	use    string
	config json.RawMessage
}

// Use implements bijection.Definition.
func (m *remoteBijections) Use() string { return m.use }

// Config implements bijection.Definition.
func (m *remoteBijections) Config() []byte { return slices.Clone(m.config) }

// Bijection implements bijection.Definition.
func (m *remoteBijections) Bijection(dim int) (bijection.Trainable, error) { return m.build(dim, 0) }

// remoteHeldBijections is a bijection.Conditional of the other side.
type remoteHeldBijections struct{ *remoteBijections }

// BijectionHeld implements bijection.Conditional.
func (m remoteHeldBijections) BijectionHeld(dim, held int) (bijection.Trainable, error) {
	return m.build(dim, held)
}

func (m *remoteBijections) build(dim, held int) (bijection.Trainable, error) {
	var f bijectionFacts
	if _, err := m.call(context.Background(), "build", buildParams{dim, held}, wire.Message{}, &f); err != nil {
		return nil, err
	}
	at := remote{m.peer, f.Target}
	n := &remoteBijection{remoteWeights: remoteWeights{at: at}, dim: dim, held: held}
	if err := n.describe(f.Tensors); err != nil {
		return nil, m.broke(err)
	}
	switch f.Base {
	case baseNormal:
		n.base = bijection.Normal{Dim: dim}
	case baseLogistic:
		n.base = bijection.Logistic{Dim: dim}
	case baseOwn:
		n.base = &ownBase{remoteBase{at: at, width: dim}, n}
	default:
		return nil, m.broke(schemas.Errorf(schemas.PluginProtocol, "a bijection has the base %q, not normal, logistic or own", f.Base))
	}
	if f.Depends != nil && len(f.Depends) != dim || slices.ContainsFunc(f.Depends, func(on []int) bool {
		return len(on) > dim || slices.ContainsFunc(on, func(j int) bool { return j < 0 || j >= dim })
	}) {
		return nil, m.broke(schemas.Errorf(schemas.PluginProtocol, "a bijection of %d columns says that they depend on %.200v", dim, f.Depends))
	}
	n.depends = f.Depends
	switch {
	case f.Starts && f.Depends != nil:
		return startedSparseBijection{startedBijection{n}}, nil
	case f.Starts:
		return startedBijection{n}, nil
	case f.Depends != nil:
		return sparseBijection{n}, nil
	}
	return n, nil
}

// remoteBijection is a bijection.Trainable whose arithmetic is done on the other
// side.
type remoteBijection struct {
	remoteWeights
	dim, held int
	base      model.Base
	depends   [][]int // of one that promises zeros
}

// mapping is Normalize or Generate.
type mapping func(ctx context.Context, to, from []float32, logdet []float64, rows int) error

// Dim implements bijection.Bijection.
func (n *remoteBijection) Dim() int { return n.dim + n.held }

// Held implements model.Holder.
func (n *remoteBijection) Held() int { return n.held }

// Distant makes a flow ask for many rows at a time; see bijection.Distant.
func (n *remoteBijection) Distant() bool { return true }

// Base implements bijection.Trainable. One that is on the other side has the weights
// that the bijection has when it is asked.
func (n *remoteBijection) Base() model.Base { return n.base }

// columns are those of rows x.
func (n *remoteBijection) columns(name string, x []float32, rows int) []wire.Column {
	x = x[:rows*n.Dim()]
	columns := []wire.Column{wire.ColumnOf(name, without(x, n.dim, n.held), n.dim)}
	if n.held > 0 {
		c := make([]float32, 0, rows*n.held)
		for ; len(x) > 0; x = x[n.Dim():] {
			c = append(c, x[n.dim:n.Dim()]...)
		}
		columns = append(columns, wire.ColumnOf("c", c, n.held))
	}
	return columns
}

// Normalize implements bijection.Bijection.
func (n *remoteBijection) Normalize(ctx context.Context, z, x []float32, logdet []float64, rows int) error {
	return n.mapped(ctx, "normalize", "x", "z", z, x, logdet, rows)
}

// Generate implements bijection.Bijection.
func (n *remoteBijection) Generate(ctx context.Context, x, z []float32, logdet []float64, rows int) error {
	return n.mapped(ctx, "generate", "z", "x", x, z, logdet, rows)
}

func (n *remoteBijection) mapped(ctx context.Context, method, from, to string, y, x []float32, logdet []float64, rows int) error {
	if rows == 0 {
		return nil
	}
	if err := n.ready(ctx); err != nil {
		return err
	}
	out, err := n.at.call(ctx, method, nil, wire.Message{Batches: []arrow.Record{wire.Batch(n.columns(from, x, rows)...)}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return n.at.broke(err)
	}
	v, err := wire.Values[float32](out.Batches[0], to, n.dim, rows)
	if err != nil {
		return n.at.broke(err)
	}
	l, err := wire.Values[float64](out.Batches[0], "logdet", 0, rows)
	if err != nil {
		return n.at.broke(err)
	}
	if n.held == 0 {
		copy(y, v)
	} else {
		for r := range rows {
			row := y[r*n.Dim() : (r+1)*n.Dim()]
			copy(row, v[r*n.dim:(r+1)*n.dim])
			copy(row[n.dim:], x[r*n.Dim()+n.dim:])
		}
	}
	if logdet != nil {
		for r, v := range l {
			logdet[r] += v
		}
	}
	return nil
}

// ready sends the weights where they have changed, and says what failed that could
// not be said before.
func (n *remoteBijection) ready(ctx context.Context) error {
	if own, ok := n.base.(*ownBase); ok {
		if err := own.Err(); err != nil {
			return err
		}
	}
	return n.settle(ctx)
}

// Gradient implements bijection.Trainable.
func (n *remoteBijection) Gradient(ctx context.Context, grad [][]float32, loss []float64, x, weight []float32, rows int) (float64, error) {
	if rows == 0 {
		return 0, nil
	}
	if err := n.ready(ctx); err != nil {
		return 0, err
	}
	c, m := n.asking(grad, weight, rows, n.columns("x", x, rows)...)
	out, err := n.at.call(ctx, "train", trainParams{c}, m, nil)
	defer out.Release()
	if err != nil {
		return 0, err
	}
	terms, err := n.answered(out, grad, rows)
	if err != nil {
		return 0, n.at.broke(err)
	}
	var sum float64
	for r, v := range terms {
		if weight == nil {
			sum += v
		} else {
			sum += float64(weight[r]) * v
		}
	}
	copy(loss, terms)
	return sum, nil
}

// startedBijection is a remoteBijection with layers that begin from data.
type startedBijection struct{ *remoteBijection }

// Start implements bijection.Started.
func (n startedBijection) Start(ctx context.Context, x []float32, rows int) error {
	if err := n.ready(ctx); err != nil {
		return err
	}
	out, err := n.at.call(ctx, "start", nil, wire.Message{Batches: []arrow.Record{wire.Batch(n.columns("x", x, rows)...)}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.take(out)
}

// sparseBijection is a remoteBijection that promises zeros.
type sparseBijection struct{ *remoteBijection }

// Depends implements bijection.Sparse.
func (n sparseBijection) Depends() [][]int { return n.depends }

// startedSparseBijection is both.
type startedSparseBijection struct{ startedBijection }

// Depends implements bijection.Sparse.
func (n startedSparseBijection) Depends() [][]int { return n.depends }

// ownBase is the base of a bijection, on the other side.
type ownBase struct {
	remoteBase
	of *remoteBijection
}

// Sample implements model.Base.
func (b *ownBase) Sample(x []float64, key random.Key, first int64, rows int) {
	_ = b.failure(b.of.settle(context.Background()))
	b.remoteBase.Sample(x, key, first, rows)
}

// LogProb implements model.Base.
func (b *ownBase) LogProb(logp, x []float64, rows int) {
	_ = b.failure(b.of.settle(context.Background()))
	b.remoteBase.LogProb(logp, x, rows)
}
