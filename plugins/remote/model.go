package remote

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
)

// A model is exact: facts {form: exact, dim, columns, products}, the methods of a field in
// float64, and
//
//	sample(; key, first, rows) -> x
//	log_prob(x)                -> log_prob
//
// or trained: facts {form: definition, use, config} and
//
//	build(; dim [, held]) -> target of a network, tensors [{name, shape}]
//
// A definition that says {held: true} takes conditions: its networks have dim +
// held columns, and say nothing about the last ones. A discrete flow is a model of
// form bijection, see bijection.go.

type modelFacts struct {
	Form    string   `json:"form"`
	Dim     int      `json:"dim,omitempty"`
	Columns []string `json:"columns,omitempty"`
	// Products says that there is a method product.
	Products bool            `json:"products,omitempty"`
	Use      string          `json:"use,omitempty"`
	Config   json.RawMessage `json:"config,omitempty"`
	Held     bool            `json:"held,omitempty"` // it takes conditions
}

type buildParams struct {
	Dim  int `json:"dim"`
	Held int `json:"held,omitempty"`
}

// maxDim bounds the width that another process may ask for.
const maxDim = 1 << 24

// check says whether the other side may have such a thing made.
func (c buildParams) check(p *peer) error {
	if c.Dim < 1 || c.Dim > maxDim || c.Held < 0 || c.Held > maxDim {
		return schemas.Errorf(schemas.PluginProtocol, "a model of %d dimensions and %d conditions", c.Dim, c.Held)
	}
	return p.making()
}

func modelBinding() binding {
	return binding{kind: "model",
		offer: func(p *peer, v any) (any, object, bool) {
			switch v := v.(type) {
			case model.Exact:
				_, products := v.(model.Linearized[float64])
				return modelFacts{Form: "exact", Dim: v.Dim(), Columns: v.Columns(), Products: products},
					func(ctx context.Context, method string, m wire.Message) (wire.Message, error) {
						return answerExact(ctx, p, v, method, m)
					}, true
			case bijection.Definition:
				_, held := v.(bijection.Conditional)
				return modelFacts{Form: "bijection", Use: v.Use(), Config: v.Config(), Held: held},
					func(_ context.Context, method string, m wire.Message) (wire.Message, error) {
						return answerBijections(p, v, method, m)
					}, true
			case model.Definition:
				_, held := v.(model.Conditional)
				return modelFacts{Form: "definition", Use: v.Use(), Config: v.Config(), Held: held},
					func(_ context.Context, method string, m wire.Message) (wire.Message, error) {
						return answerDefinition(p, v, method, m)
					}, true
			}
			return nil, nil, false
		},
		standIn: func(r remote, raw json.RawMessage, as naming) (any, error) {
			var f modelFacts
			if err := factsInto(raw, &f); err != nil {
				return nil, err
			}
			switch f.Form {
			case "exact":
				if f.Dim < 1 || f.Dim > maxDim || len(f.Columns) != f.Dim {
					return nil, schemas.Errorf(schemas.PluginProtocol, "an exact model has %d dimensions and %d columns", f.Dim, len(f.Columns))
				}
				e := &remoteExact{remoteField: remoteField[float64]{r, f.Dim}, remoteBase: remoteBase{at: r, width: f.Dim}, columns: f.Columns}
				if f.Products {
					return linearizedExact{e}, nil
				}
				return e, nil
			case "definition":
				d := &remoteDefinition{remote: r, use: as(f.Use), config: f.Config}
				if f.Held {
					return remoteConditional{d}, nil
				}
				return d, nil
			case "bijection":
				d := &remoteBijections{remote: r, use: as(f.Use), config: f.Config}
				if f.Held {
					return remoteHeldBijections{d}, nil
				}
				return d, nil
			}
			return nil, schemas.Errorf(schemas.PluginProtocol, "a model of form %q", f.Form)
		}}
}

func answerExact(ctx context.Context, p *peer, v model.Exact, method string, m wire.Message) (wire.Message, error) {
	if method == "sample" || method == "log_prob" {
		return answerBase(v, v.Dim(), method, m)
	}
	return answerField(ctx, p, v, v.Dim(), 0, method, m)
}

// remoteExact is a model.Exact of the other side.
type remoteExact struct {
	remoteField[float64]
	remoteBase
	columns []string
}

// Columns implements model.Exact.
func (e *remoteExact) Columns() []string { return append([]string(nil), e.columns...) }

// Eval implements solver.Field.
func (e *remoteExact) Eval(ctx context.Context, dx []float64, t []float64, x []float64, rows int) error {
	if err := e.Err(); err != nil {
		return err
	}
	return e.remoteField.Eval(ctx, dx, t, x, rows)
}

// Divergence implements model.Field.
func (e *remoteExact) Divergence(ctx context.Context, v []float64, div []float64, t []float64, x, probe []float64, rows, probes int) error {
	if err := e.Err(); err != nil {
		return err
	}
	return e.remoteField.Divergence(ctx, v, div, t, x, probe, rows, probes)
}

// linearizedExact is a remoteExact that gives products of its Jacobian.
type linearizedExact struct{ *remoteExact }

// Product implements model.Linearized.
func (e linearizedExact) Product(ctx context.Context, v, jz []float64, t []float64, x, z []float64, rows, k int) error {
	if err := e.Err(); err != nil {
		return err
	}
	return e.product(ctx, v, jz, t, x, z, rows, k)
}

func probeName(k int) string { return "probe" + strconv.Itoa(k) }

func productName(k int) string { return "jz" + strconv.Itoa(k) }
