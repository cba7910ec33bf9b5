package flow

import (
	"maps"
	"os"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/transform"
)

// Flow is ready to sample and to score. One of Field32, Field64 and Bijection is
// set: a trained field is float32, an exact one float64, both are velocities
// dx/dt with t = 0 at the base; a discrete flow is a bijection. A Flow is safe
// for concurrent use.
type Flow struct {
	Description Description
	Base        model.Base
	Field32     model.Field[float32]
	Field64     model.Field[float64]
	Bijection   bijection.Trainable
	Transforms  []transform.Fitted // from data to model space, in order

	path func() (path.Path, error) // nil when it is not known
	// Workers are the goroutines that a discrete flow maps rows with, 0 for as many as
	// there are processors. No bit depends on their number.
	Workers int
}

// Dim is the number of columns of model space, which is that of the data.
func (f *Flow) Dim() int { return f.Description.Dim }

// Held is the number of columns of the conditions, encoded (package condition).
// The fields of a flow are those of rows (x, c): Dim columns of x and, behind
// them, Held columns of c, which have no velocity.
func (f *Flow) Held() int { return f.Description.Conditions.Held() }

// Width is the number of columns of a row with its conditions: Dim and Held.
func (f *Flow) Width() int { return f.Dim() + f.Held() }

// Data are the columns of the data, [rows][Dim], of rows [rows][Width]: a copy, or
// the rows themselves where a flow has no conditions.
func (f *Flow) Data(rows []float64) []float64 {
	d, w := f.Dim(), f.Width()
	if d == w {
		return rows
	}
	x := make([]float64, 0, len(rows)/w*d)
	for i := 0; i < len(rows); i += w {
		x = append(x, rows[i:i+d]...)
	}
	return x
}

// SetData writes x [rows][Dim] to the columns of the data of rows [rows][Width].
func (f *Flow) SetData(rows, x []float64) {
	d, w := f.Dim(), f.Width()
	if d == w {
		copy(rows, x)
		return
	}
	for i := 0; i < len(x); i += d {
		copy(rows[i/d*w:], x[i:i+d])
	}
}

// SetConditions writes conditions c [rows][Held], encoded, to rows [rows][Width].
func (f *Flow) SetConditions(rows []float64, c []float32) {
	d, k := f.Dim(), f.Held()
	for i, v := range c {
		rows[i/k*(d+k)+d+i%k] = float64(v)
	}
}

// Generated takes rows z of model space to data, in place, and adds the
// log-determinants of the transforms, those of Normalized, to logdet, which may be
// nil. A Discrete transform rounds rows after that.
func (f *Flow) Generated(z, logdet []float64, rows int) error {
	var back []float64
	if logdet != nil {
		back = make([]float64, len(z))
	}
	for i := len(f.Transforms) - 1; i >= 0; i-- {
		t := f.Transforms[i]
		if err := t.Invert(z, z, rows); err != nil {
			return err
		}
		if _, rounds := t.(transform.Discrete); rounds || logdet == nil {
			continue
		}
		if err := t.Apply(back, z, logdet, transform.Address{}, rows); err != nil {
			return err
		}
	}
	return nil
}

// Normalized takes rows x of data to model space, in place, and adds the
// log-determinants of the transforms to logdet, which may be nil. Transforms that
// draw random numbers take them from the address.
func (f *Flow) Normalized(x, logdet []float64, at transform.Address, rows int) error {
	return normalized(f.Transforms, x, logdet, at, rows)
}

func normalized(transforms []transform.Fitted, x, logdet []float64, at transform.Address, rows int) error {
	for _, t := range transforms {
		if d, ok := t.(transform.Discrete); ok {
			if err := d.OnLattice(x, at, rows); err != nil {
				return err
			}
		}
		if err := t.Apply(x, x, logdet, at, rows); err != nil {
			return err
		}
	}
	return nil
}

// Builder makes the field of a trained model from the tensors of a file, for rows
// of dim columns, the last of which are conditions where a flow has some.
type Builder func(c Component, dim int, tensors []model.Tensor) (model.Field[float32], error)

// Registry holds the constructors that a flow's file names. Configurations are
// JSON from a file and not trusted. A nil field is an empty one.
type Registry struct {
	// Models make the networks that the file's tensors are copied into.
	Models map[string]func(config []byte) (model.Definition, error)
	// Bijections make discrete flows, likewise.
	Bijections map[string]func(config []byte) (bijection.Definition, error)
	// Paths make paths: their coefficients turn a network's target into a
	// velocity.
	Paths map[string]func(config []byte) (path.Path, error)
	// Transforms make fitted transforms again, beside those that are built in.
	Transforms map[string]transform.Restorer
	// Other is asked for models that Models does not have, as those of plugins.
	Other Builder
}

// with is the registry and, for what it does not have, another.
func (r Registry) with(other *Registry) Registry {
	if other == nil {
		return r
	}
	out := r
	out.Models, out.Paths, out.Transforms = joined(r.Models, other.Models), joined(r.Paths, other.Paths), joined(r.Transforms, other.Transforms)
	out.Bijections = joined(r.Bijections, other.Bijections)
	if out.Other == nil {
		out.Other = other.Other
	}
	return out
}

func joined[V any](first, second map[string]V) map[string]V {
	out := maps.Clone(second)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, first)
	return out
}

// Definition is the model of a flow's file, to be trained further. Without a
// constructor of its name, here or with the source, it is an error.
func (r Registry) Definition(src Source, c Component) (model.Definition, error) {
	build := r.with(src.Parts).Models[c.Use]
	if build == nil {
		return nil, schemas.Errorf(schemas.UnknownUse, "the flow was trained with model %q, which is not installed or cannot be trained further", c.Use).
			Suggest("name another model to train")
	}
	d, err := build(c.With)
	if err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "the flow's model %q: %w", c.Use, err)
	}
	return d, nil
}

// Field makes the network of a component and gives it its weights.
func (r Registry) Field(c Component, dim, held int, tensors []model.Tensor) (model.Field[float32], error) {
	build := r.Models[c.Use]
	if build == nil {
		if r.Other != nil {
			return r.Other(c, dim+held, tensors)
		}
		return nil, schemas.Errorf(schemas.UnknownUse, "the flow was trained with model %q, which is not installed", c.Use).
			Suggest("name the plugin that has it under `plugins:`")
	}
	var n model.Network
	d, err := build(c.With)
	if err == nil {
		n, err = model.Build(d, dim, held)
	}
	if err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "the flow's model %q: %w", c.Use, err)
	}
	return n, restore(n, c.Use, tensors)
}

// discrete makes the bijection of a component and gives it its weights.
func (r Registry) discrete(c Component, dim, held int, tensors []model.Tensor) (bijection.Trainable, error) {
	build := r.Bijections[c.Use]
	if build == nil {
		return nil, schemas.Errorf(schemas.UnknownUse, "the flow was trained with model %q, which is not installed as a discrete flow", c.Use)
	}
	var n bijection.Trainable
	d, err := build(c.With)
	if err == nil {
		n, err = bijection.Build(d, dim, held)
	}
	if err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "the flow's model %q: %w", c.Use, err)
	}
	return n, restore(n, c.Use, tensors)
}

// restore copies the tensors of a file into a network of their names.
func restore(n bijection.Weights, use string, tensors []model.Tensor) error {
	if err := model.Copy(n.Tensors(), tensors); err != nil {
		return schemas.Errorf(schemas.CorruptFile, "the flow's weights are not those of its model %q: %w", use, err)
	}
	n.Changed(nil)
	return nil
}

// Describe gives the description of a source without reading weights: of an
// exact model, of what a trainer plans, or of a file.
func Describe(src Source) (Description, error) {
	switch {
	case src.Exact != nil:
		d := Description{Version: FormatVersion, Dim: src.Exact.Dim(), Target: TargetVelocity, BaseStd: 1}
		for _, name := range src.Exact.Columns() {
			d.Columns = append(d.Columns, schemas.Column{Name: name, Type: "float64"})
		}
		return d, checkColumns(d.Columns, d.Dim)
	case src.Planned != nil:
		return *src.Planned, nil
	}
	var d Description
	err := withFile(src.File, func(f *os.File, size int64) (err error) {
		d, err = DecodeDescription(f, size)
		return err
	})
	return d, err
}

// Open makes a flow of a source.
func Open(src Source, r Registry) (*Flow, error) {
	if src.Exact != nil {
		d, err := Describe(src)
		if err != nil {
			return nil, err
		}
		f := &Flow{Description: d, Base: src.Exact, Field64: src.Exact}
		if on, ok := src.Exact.(interface{ Path() path.Path }); ok {
			f.path = func() (path.Path, error) { return on.Path(), nil }
		}
		return f, nil
	}
	d, tensors, err := Load(src.File)
	if err != nil {
		return nil, err
	}
	return New(d, tensors, r.with(src.Parts))
}

// New makes a flow of what its file holds.
func New(d Description, tensors []model.Tensor, r Registry) (*Flow, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	f := &Flow{Description: d, Base: Normal{Dim: d.Dim, Std: d.BaseStd}}
	if d.Base == BaseTable {
		f.Base = Table{Dim: d.Dim} // until it is given
	}
	for _, t := range d.Transforms {
		fitted, err := transform.RestoreWith(r.Transforms, t, d.Dim)
		if err != nil {
			return nil, err
		}
		f.Transforms = append(f.Transforms, fitted)
	}
	held := d.Conditions.Held()
	if d.Discrete() {
		b, err := r.discrete(d.Model, d.Dim, held, tensors)
		if err != nil {
			return nil, err
		}
		f.Bijection, f.Base = b, b.Base()
		return f, nil
	}
	field, err := r.Field(d.Model, d.Dim, held, tensors)
	if err != nil {
		return nil, err
	}
	if field.Dim() != d.Dim+held {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "the flow has %d dimensions and %d columns of conditions, its model %d", d.Dim, held, field.Dim())
	}
	f.path = func() (path.Path, error) { return r.pathOf(d.Path) }
	var p path.Path
	if d.Target != TargetVelocity {
		if p, err = f.path(); err != nil {
			return nil, err
		}
		if _, ok := path.SamplerOf(p); ok {
			return nil, schemas.Errorf(schemas.Conflict, "the flow predicts %s on path %q, which is not affine: it has no coefficients that turn that into a velocity", d.Target, d.Path.Use)
		}
	}
	f.Field32, err = newVelocity(field, p, d.Target, held)
	return f, err
}

// pathOf makes the path of a component.
func (r Registry) pathOf(c Component) (path.Path, error) {
	build := r.Paths[c.Use]
	if build == nil {
		return nil, schemas.Errorf(schemas.UnknownUse, "the flow was trained on path %q, which is not installed", c.Use)
	}
	p, err := build(c.With)
	if err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "the flow's path %q: %w", c.Use, err)
	}
	return p, nil
}
