package remote

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/path"
)

// A path: facts {lo, hi, base_std, use, config}: where derivatives are finite,
// the standard deviation of the base where the path knows better than its
// coefficients say, and what a flow file keeps of the path;
//
//	coefficients(t) -> alpha, sigma, gamma, dalpha, dsigma, dgamma
//
// or, with the fact {form: sample}, of a path that is not affine, for a whole
// batch
//
//	sample(t, x0, x1; dim) -> xt, ut

type pathFacts struct {
	Lo     float64         `json:"lo"`
	Hi     float64         `json:"hi"`
	Base   *float64        `json:"base_std,omitempty"`
	Form   string          `json:"form,omitempty"` // sample, or nothing
	Use    string          `json:"use"`
	Config json.RawMessage `json:"config,omitempty"`
}

// formSample is the form of a path that is not affine.
const formSample = "sample"

var coefficientNames = [6]string{"alpha", "sigma", "gamma", "dalpha", "dsigma", "dgamma"}

func pathBinding() binding {
	return binding{kind: "path",
		offer: func(p *peer, v any) (any, object, bool) {
			use, config := p.use, p.config
			switch d := v.(type) {
			case path.Described:
				use, config = d.Use, d.Config
			case *path.Described:
				use, config = d.Use, d.Config
			}
			s, ok := v.(path.Path)
			if !ok {
				return nil, nil, false
			}
			f := pathFacts{Use: use, Config: config}
			f.Lo, f.Hi = s.Domain()
			if std, ok := path.KnownBaseStd(s); ok {
				f.Base = &std
			}
			curved, ok := path.SamplerOf(s)
			if ok {
				f.Form = formSample
			}
			return f, func(_ context.Context, method string, m wire.Message) (wire.Message, error) {
				if ok && method == "sample" {
					return answerSample(curved, m)
				}
				if method != "coefficients" {
					return wire.Message{}, noMethod("path", method)
				}
				if err := batches(m, 1); err != nil {
					return wire.Message{}, err
				}
				t, err := wire.Values[float64](m.Batches[0], "t", 0, -1)
				if err != nil {
					return wire.Message{}, err
				}
				c := make([]path.Coef, len(t))
				if err := s.Coefficients(c, t); err != nil {
					return wire.Message{}, err
				}
				return wire.Message{Batches: []arrow.Record{coefficients(c)}}, nil
			}, true
		},
		standIn: func(r remote, raw json.RawMessage, as naming) (any, error) {
			var f pathFacts
			if err := factsInto(raw, &f); err != nil {
				return nil, err
			}
			if !(f.Lo >= 0 && f.Lo < f.Hi && f.Hi <= 1) {
				return nil, schemas.Errorf(schemas.PluginProtocol, "derivatives are said to be finite on [%v, %v], which is not inside of [0, 1]", f.Lo, f.Hi)
			}
			p := path.Path(remotePath{r, f})
			if f.Base != nil {
				if !(*f.Base > 0) || math.IsInf(*f.Base, 0) {
					return nil, schemas.Errorf(schemas.PluginProtocol, "the base is said to have standard deviation %v", *f.Base)
				}
				p = basedPath{remotePath{r, f}}
			}
			switch f.Form {
			case "":
			case formSample:
				p = remoteCurve{remotePath{r, f}}
			default:
				return nil, schemas.Errorf(schemas.PluginProtocol, "a path of form %q", f.Form)
			}
			return path.Described{Path: p, Use: as(f.Use), Config: f.Config}, nil
		}}
}

func answerSample(s path.Sampler, m wire.Message) (wire.Message, error) {
	var none wire.Message
	x0, x1, rows, d, err := noiseAndData(m)
	if err != nil {
		return none, err
	}
	t, err := wire.Values[float64](m.Batches[0], "t", 0, rows)
	if err != nil {
		return none, err
	}
	xt, ut := make([]float32, rows*d), make([]float32, rows*d)
	if err := s.Sample(xt, ut, x0, x1, t, rows, d); err != nil {
		return none, err
	}
	return wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("xt", xt, d), wire.ColumnOf("ut", ut, d))}}, nil
}

func coefficients(c []path.Coef) arrow.Record {
	columns := make([]wire.Column, len(coefficientNames))
	for k, name := range coefficientNames {
		v := make([]float64, len(c))
		for i := range c {
			v[i] = *coefficient(&c[i], k)
		}
		columns[k] = wire.ColumnOf(name, v, 0)
	}
	return wire.Batch(columns...)
}

// coefficient is the k-th of coefficientNames.
func coefficient(c *path.Coef, k int) *float64 {
	return [...]*float64{&c.Alpha, &c.Sigma, &c.Gamma, &c.DAlpha, &c.DSigma, &c.DGamma}[k]
}

// remotePath is a path.Path whose functions are computed on the other side, for
// a whole batch of times in one call.
type remotePath struct {
	remote
	facts pathFacts
}

// basedPath is one that knows its base.
type basedPath struct{ remotePath }

// BaseStd is what path.BaseStd asks for.
func (p basedPath) BaseStd() float64 { return *p.facts.Base }

// Domain implements path.Path.
func (p remotePath) Domain() (lo, hi float64) { return p.facts.Lo, p.facts.Hi }

// Distant makes a trainer ask once for a whole batch; see path.Distant.
func (remotePath) Distant() bool { return true }

// inside moves times into the domain, as path.Path says: the other side is asked
// only for times at which its derivatives are finite.
func (p remotePath) inside(t []float64) ([]float64, error) {
	moved := t
	for i, v := range t {
		switch {
		case math.IsNaN(v):
			return nil, schemas.Errorf(schemas.NonFinite, "a time is not a number")
		case v >= p.facts.Lo && v <= p.facts.Hi:
			continue
		case &moved[0] == &t[0]:
			moved = slices.Clone(t)
		}
		moved[i] = min(max(v, p.facts.Lo), p.facts.Hi)
	}
	return moved, nil
}

// Coefficients implements path.Path.
func (p remotePath) Coefficients(c []path.Coef, t []float64) error {
	if len(t) == 0 {
		return nil
	}
	t, err := p.inside(t)
	if err != nil {
		return err
	}
	out, err := p.call(context.Background(), "coefficients", nil,
		wire.Message{Batches: []arrow.Record{wire.Batch(wire.ColumnOf("t", t, 0))}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return p.broke(err)
	}
	var columns [len(coefficientNames)][]float64
	for k, name := range coefficientNames {
		if columns[k], err = wire.Values[float64](out.Batches[0], name, 0, len(t)); err != nil {
			return p.broke(err)
		}
	}
	alpha, sigma, gamma := columns[0], columns[1], columns[2]
	dalpha, dsigma, dgamma := columns[3], columns[4], columns[5]
	for i := range t {
		x := path.Coef{Alpha: alpha[i], Sigma: sigma[i], Gamma: gamma[i], DAlpha: dalpha[i], DSigma: dsigma[i], DGamma: dgamma[i]}
		// A difference of what is not finite is not zero.
		if (x.Alpha-x.Alpha)+(x.Sigma-x.Sigma)+(x.Gamma-x.Gamma)+(x.DAlpha-x.DAlpha)+(x.DSigma-x.DSigma)+(x.DGamma-x.DGamma) != 0 {
			for k, name := range coefficientNames {
				if v := *coefficient(&x, k); v-v != 0 {
					return p.blame(schemas.Errorf(schemas.NonFinite, "%s at t = %v is %v", name, t[i], v))
				}
			}
		}
		c[i] = x
	}
	return nil
}

// remoteCurve is a path.Sampler of the other side.
type remoteCurve struct{ remotePath }

// Coefficients implements path.Path.
func (remoteCurve) Coefficients([]path.Coef, []float64) error { return path.ErrNotAffine }

// BaseStd is what path.BaseStd asks for.
func (p remoteCurve) BaseStd() float64 {
	if p.facts.Base != nil {
		return *p.facts.Base
	}
	return 1
}

// Sample implements path.Sampler.
func (p remoteCurve) Sample(xt, ut, x0, x1 []float32, t []float64, rows, dim int) error {
	n := rows * dim
	if len(xt) != n || len(ut) != n || len(x0) != n || len(x1) != n || len(t) != rows {
		panic("remote: slices of other lengths than rows and dim")
	}
	if rows == 0 {
		return nil
	}
	out, err := p.call(context.Background(), "sample", dimParams{dim}, wire.Message{Batches: []arrow.Record{
		wire.Batch(wire.ColumnOf("t", t, 0), wire.ColumnOf("x0", x0, dim), wire.ColumnOf("x1", x1, dim))}}, nil)
	defer out.Release()
	if err != nil {
		return err
	}
	if err := batches(out, 1); err != nil {
		return p.broke(err)
	}
	for _, c := range []struct {
		name string
		dst  []float32
	}{{"xt", xt}, {"ut", ut}} {
		v, err := wire.Values[float32](out.Batches[0], c.name, dim, rows)
		if err != nil {
			return p.broke(err)
		}
		for i, x := range v {
			if x-x != 0 && finiteRow(x1[i/dim*dim:i/dim*dim+dim]) {
				return p.blame(schemas.Errorf(schemas.NonFinite, "%s of row %d of a batch, at t = %v, is %v in dimension %d", c.name, i/dim, t[i/dim], x, i%dim))
			}
		}
		copy(c.dst, v)
	}
	return nil
}
