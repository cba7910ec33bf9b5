package remote

import (
	"context"
	"encoding/json"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/coupling"
)

// A coupling: facts {independent, draws, sized, batch, conditions}; one that is independent is its facts and
// never asked. Others have
//
//	pair(x0, x1; dim) -> index          int32, for every row of x1 the row of x0
//	draw(x0, x1, u; dim) -> index       of one that draws: with these numbers
//	memory({rows}) -> {bytes}           of one that is sized
//
// for a whole batch, and the answer is checked to be a permutation, of one that
// draws to be numbers of rows.

type couplingFacts struct {
	Independent bool `json:"independent,omitempty"`
	Draws       bool `json:"draws,omitempty"`
	Sized       bool `json:"sized,omitempty"`

	// coupling.Scope
	Batch      int     `json:"batch,omitempty"`
	Conditions float64 `json:"conditions,omitempty"`
}

type memoryParams struct {
	Rows int `json:"rows"`
}

type memoryValues struct {
	Bytes int64 `json:"bytes"`
}

type dimParams struct {
	Dim int `json:"dim"`
}

func couplingBinding() binding {
	return binding{kind: "coupling",
		offer: func(_ *peer, v any) (any, object, bool) {
			c, ok := v.(coupling.Coupling)
			if !ok {
				return nil, nil, false
			}
			if _, ok := v.(coupling.Independent); ok {
				return couplingFacts{Independent: true}, nil, true
			}
			_, draws := c.(coupling.Drawing)
			_, sized := c.(coupling.Sized)
			scope := coupling.ScopeOf(c)
			return couplingFacts{Draws: draws, Sized: sized, Batch: scope.Batch, Conditions: scope.Conditions}, func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
				switch {
				case method == "pair":
					return answerPair(m, func(index []int32, x0, x1 []float32, rows, d int) error {
						return coupling.PairContext(ctx, c, index, x0, x1, rows, d, nil)
					})
				case method == "memory" && sized:
					var p memoryParams
					if err := params(m, &p); err != nil {
						return wire.Message{}, err
					}
					if p.Rows < 0 || p.Rows > maxPaired {
						return wire.Message{}, tooMany(p.Rows)
					}
					return valuesOf(memoryValues{coupling.Memory(c, p.Rows)})
				case method == "draw" && draws:
					return answerPair(m, func(index []int32, x0, x1 []float32, rows, d int) error {
						u, err := wire.Values[float64](m.Batches[0], "u", 0, rows)
						if err != nil {
							return err
						}
						return coupling.PairContext(ctx, c, index, x0, x1, rows, d, u)
					})
				}
				return wire.Message{}, noMethod("coupling", method)
			}, true
		},
		standIn: func(r remote, raw json.RawMessage, _ naming) (any, error) {
			var f couplingFacts
			if err := factsInto(raw, &f); err != nil {
				return nil, err
			}
			if f.Independent {
				return coupling.Independent{}, nil
			}
			if f.Batch < 0 || f.Batch > maxPaired || !(f.Conditions >= 0) {
				return nil, schemas.Errorf(schemas.PluginProtocol, "a coupling of %d rows at a time, with the weight %v of conditions", f.Batch, f.Conditions)
			}
			c := remoteCoupling{r, coupling.Scope{Batch: f.Batch, Conditions: f.Conditions}, f.Sized}
			if f.Draws {
				return remoteDrawing{c}, nil
			}
			return c, nil
		}}
}

// maxPaired bounds the rows that are paired at a time.
const maxPaired = 1 << 20

func tooMany(rows int) error {
	return schemas.Errorf(schemas.PluginProtocol, "%d rows to pair at a time, more than %d", rows, maxPaired)
}

// noiseAndData takes x0 and x1 [rows][d] of a call.
func noiseAndData(m wire.Message) (x0, x1 []float32, rows, d int, err error) {
	if d, err = rowsOf(m); err != nil {
		return nil, nil, 0, 0, err
	}
	rec := m.Batches[0]
	rows = int(rec.NumRows())
	if x0, err = wire.Values[float32](rec, "x0", d, rows); err == nil {
		x1, err = wire.Values[float32](rec, "x1", d, rows)
	}
	return x0, x1, rows, d, err
}

func answerPair(m wire.Message, pair func(index []int32, x0, x1 []float32, rows, dim int) error) (wire.Message, error) {
	var none wire.Message
	x0, x1, rows, d, err := noiseAndData(m)
	if err != nil {
		return none, err
	}
	if rows > maxPaired {
		return none, tooMany(rows)
	}
	index := make([]int32, rows)
	if err := pair(index, x0, x1, rows, d); err != nil {
		return none, err
	}
	return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("index", index, 0))}}, nil
}

// rowsOf reads the width of the rows of a call with one batch.
func rowsOf(m wire.Message) (dim int, err error) {
	var c dimParams
	if err := params(m, &c); err != nil {
		return 0, err
	}
	if c.Dim < 1 || c.Dim > maxDim {
		return 0, schemas.Errorf(schemas.PluginProtocol, "rows of %d columns", c.Dim)
	}
	return c.Dim, batches(m, 1)
}

// remoteCoupling is a coupling.Coupling that pairs on the other side.
type remoteCoupling struct {
	remote
	scope coupling.Scope
	sized bool
}

// Scope implements coupling.Scoped.
func (c remoteCoupling) Scope() coupling.Scope { return c.scope }

// Memory implements coupling.Sized. An answer that does not come is a memory that is not
// known: the end of the session ends the first pairing too.
func (c remoteCoupling) Memory(rows int) int64 {
	var m memoryValues
	if c.sized {
		if out, err := c.call(context.Background(), "memory", memoryParams{rows}, wire.Message{}, &m); err == nil {
			out.Release()
		}
	}
	return max(m.Bytes, 0)
}

// Pair implements coupling.Coupling.
func (c remoteCoupling) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	return c.PairContext(context.Background(), index, x0, x1, rows, dim, nil)
}

// PairContext implements coupling.Interruptible.
func (c remoteCoupling) PairContext(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, _ []float64) error {
	if err := c.ask(ctx, index, "pair", x0, x1, rows, dim); err != nil {
		return err
	}
	if err := permutation(index); err != nil {
		return c.blame(err)
	}
	return nil
}

// ask calls a method with the rows, and what else there is for each.
func (c remoteCoupling) ask(ctx context.Context, index []int32, method string, x0, x1 []float32, rows, dim int, more ...wire.Column) error {
	if len(index) != rows || len(x0) != rows*dim || len(x1) != rows*dim {
		panic("remote: slices of other lengths than rows and dim")
	}
	if rows == 0 {
		return nil
	}
	columns := append([]wire.Column{wire.ColumnOf("x0", x0, dim), wire.ColumnOf("x1", x1, dim)}, more...)
	out, err := c.call(ctx, method, dimParams{dim}, wire.Message{Batches: []arrow.Record{wire.Batch(columns...)}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return c.broke(err)
	}
	got, err := wire.Values[int32](out.Batches[0], "index", 0, rows)
	if err != nil {
		return c.broke(err)
	}
	copy(index, got) // before a check: the other side may write on
	return nil
}

// remoteDrawing is a coupling.Drawing that pairs on the other side.
type remoteDrawing struct{ remoteCoupling }

// Pair implements coupling.Coupling.
func (c remoteDrawing) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	return c.PairContext(context.Background(), index, x0, x1, rows, dim, nil)
}

// Draw implements coupling.Drawing.
func (c remoteDrawing) Draw(index []int32, x0, x1 []float32, rows, dim int, u []float64) error {
	if len(u) != rows {
		panic("remote: slices of other lengths than rows and dim")
	}
	return c.PairContext(context.Background(), index, x0, x1, rows, dim, u)
}

// PairContext implements coupling.Interruptible.
func (c remoteDrawing) PairContext(ctx context.Context, index []int32, x0, x1 []float32, rows, dim int, u []float64) error {
	if u == nil {
		return c.drawn(index, c.ask(ctx, index, "pair", x0, x1, rows, dim))
	}
	return c.drawn(index, c.ask(ctx, index, "draw", x0, x1, rows, dim, wire.ColumnOf("u", u, 0)))
}

// drawn checks an answer.
func (c remoteDrawing) drawn(index []int32, err error) error {
	if err != nil {
		return err
	}
	for r, i := range index {
		if i < 0 || int(i) >= len(index) {
			return c.blame(noSuchNoise(r, i, len(index)))
		}
	}
	return nil
}

func noSuchNoise(r int, i int32, rows int) *schemas.Error {
	return schemas.Errorf(schemas.PluginProtocol, "row %d of a batch of %d is paired with noise %d, which does not exist", r, rows, i)
}

// permutation finds the first row that has no noise of its own.
func permutation(index []int32) error {
	taken := make([]int32, len(index)) // the row that has it, counted from 1
	for r, i := range index {
		if i < 0 || int(i) >= len(index) {
			return noSuchNoise(r, i, len(index)).Suggest("pair must give a permutation of the numbers from 0 to rows-1")
		}
		if other := taken[i]; other != 0 {
			return schemas.Errorf(schemas.PluginProtocol, "rows %d and %d of a batch of %d are both paired with noise %d", other-1, r, len(index), i).
				Suggest("pair must give a permutation of the numbers from 0 to rows-1")
		}
		taken[i] = int32(r + 1)
	}
	return nil
}
