package transform

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/pathline/pathline/schemas"
)

// maxWhiten bounds the columns of a Whiten, so that its matrix fits into the
// header of a flow's file.
const maxWhiten = 1024

// The roots of a covariance that Whiten divides by.
const (
	PCA      = "pca"
	ZCA      = "zca"
	Cholesky = "cholesky"
)

// WhitenConfig is the configuration of transform/whiten.
type WhitenConfig struct {
	Root  string  `yaml:"root" json:"root" doc:"which root of the covariance is divided by: pca gives principal components, zca the columns that are nearest to those of the data, cholesky a triangular map" enum:"pca,zca,cholesky"`
	Ridge float64 `yaml:"ridge" json:"ridge" doc:"added to the variance of every column, in units of their mean: for columns that depend on each other" min:"0"`
}

// Whiten takes rows to mean 0 and covariance I. With the covariance of the
// training rows S = Q diag(l) Qᵀ = L Lᵀ (divisor n, plus ridge tr(S)/d I),
//
//	pca:       z = diag(l)^(-1/2) Qᵀ (x - mean)
//	zca:       z = Q diag(l)^(-1/2) Qᵀ (x - mean)
//	cholesky:  z = L⁻¹ (x - mean)
//
//	log|det dz/dx| = -1/2 sum_i ln l_i = -sum_i ln L_ii
//
// (Kessy, Lewin and Strimmer 2018, table 1.) A column of Q has the sign that makes
// its largest element positive. Mapping a row costs O(d²).
type Whiten struct {
	root   string
	mean   []float64
	scale  []float64 // [d], sqrt(l), falling; nil for cholesky
	m      []float64 // [d][d]: row i is column i of Q; or L
	logdet float64
}

type whitenState struct {
	Root   string    `json:"root"`
	Mean   []float64 `json:"mean"`
	Scale  []float64 `json:"scale,omitempty"`
	Matrix []byte    `json:"matrix"` // [d][d], float64, little-endian
}

// Dim implements Fitted.
func (w *Whiten) Dim() int { return len(w.mean) }

// Apply implements Fitted.
func (w *Whiten) Apply(z, x, logdet []float64, _ Address, rows int) error {
	d := w.mustFit(z, x, rows)
	y, out := make([]float64, d), make([]float64, d)
	for r := range rows {
		for i, v := range x[r*d : (r+1)*d] {
			y[i] = v - w.mean[i]
		}
		for i := range d {
			row := w.m[i*d : (i+1)*d]
			if w.root == Cholesky {
				out[i] = (y[i] - dot(row[:i], out)) / row[i]
			} else {
				out[i] = dot(row, y) / w.scale[i]
			}
		}
		if w.root == ZCA {
			w.mixed(z[r*d:(r+1)*d], out)
		} else {
			copy(z[r*d:(r+1)*d], out)
		}
		if logdet != nil {
			logdet[r] += w.logdet
		}
	}
	return nil
}

// Invert implements Fitted.
func (w *Whiten) Invert(x, z []float64, rows int) error {
	d := w.mustFit(x, z, rows)
	y, out := make([]float64, d), make([]float64, d)
	for r := range rows {
		row := z[r*d : (r+1)*d]
		switch w.root {
		case Cholesky:
			for i := range d {
				out[i] = dot(w.m[i*d:i*d+i+1], row)
			}
		default:
			for i := range d {
				y[i] = row[i]
				if w.root == ZCA {
					y[i] = dot(w.m[i*d:(i+1)*d], row)
				}
			}
			for i := range d {
				y[i] *= w.scale[i]
			}
			w.mixed(out, y)
		}
		for i, v := range out {
			x[r*d+i] = v + w.mean[i]
		}
	}
	return nil
}

// mixed is Q y.
func (w *Whiten) mixed(x, y []float64) {
	clear(x)
	d := len(y)
	for i, v := range y {
		for j, q := range w.m[i*d : (i+1)*d] {
			x[j] += float64(v * q)
		}
	}
}

func dot(a, b []float64) float64 {
	var sum float64
	for i, v := range a {
		sum += float64(v * b[i])
	}
	return sum
}

// State implements Fitted.
func (w *Whiten) State() any {
	s := whitenState{Root: w.root, Mean: w.mean, Scale: w.scale, Matrix: make([]byte, 0, 8*len(w.m))}
	for _, v := range w.m {
		s.Matrix = binary.LittleEndian.AppendUint64(s.Matrix, math.Float64bits(v))
	}
	return s
}

func (w *Whiten) mustFit(a, b []float64, rows int) int {
	d := len(w.mean)
	if len(a) < rows*d || len(b) < rows*d {
		panic("transform: slice shorter than its rows")
	}
	return d
}

// whiten is the Method of Whiten.
type whiten struct {
	config WhitenConfig
	facts  Facts
}

// Informed implements Informed.
func (m whiten) Informed(f Facts) (Method, error) {
	if d := schemas.Dims(f.Columns); d > maxWhiten {
		return nil, schemas.Errorf(schemas.TooLarge, "whiten: %d dimensions are more than %d: their covariance does not fit into a flow's file", d, maxWhiten).
			At("from.data").Suggest("use standardize")
	}
	m.facts = f
	return m, nil
}

// Restore implements Method.
func (whiten) Restore(raw json.RawMessage, dim int) (Fitted, error) {
	var s whitenState
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "whiten: %w", err)
	}
	if len(s.Mean) != dim || dim > maxWhiten {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "whiten: fitted on %d columns, used on %d", len(s.Mean), dim)
	}
	triangular := s.Root == Cholesky
	if s.Root != PCA && s.Root != ZCA && !triangular || len(s.Matrix) != 8*dim*dim || triangular != (s.Scale == nil) || !triangular && len(s.Scale) != dim {
		return nil, schemas.Errorf(schemas.CorruptFile, "whiten: root %q with %d scales and a matrix of %d bytes for %d columns", s.Root, len(s.Scale), len(s.Matrix), dim)
	}
	w := &Whiten{root: s.Root, mean: s.Mean, scale: s.Scale, m: make([]float64, dim*dim)}
	for i := range w.m {
		w.m[i] = math.Float64frombits(binary.LittleEndian.Uint64(s.Matrix[8*i:]))
	}
	return w, w.finish()
}

// finish checks the numbers and adds up the log-determinant.
func (w *Whiten) finish() error {
	d := len(w.mean)
	for _, v := range slices.Concat(w.mean, w.m) {
		if v-v != 0 {
			return schemas.Errorf(schemas.NonFinite, "whiten: a mean or a covariance is %v", v)
		}
	}
	for i := range d {
		s := w.m[i*d+i]
		if w.root != Cholesky {
			s = w.scale[i]
		}
		if !(s > 0) || math.IsInf(s, 1) {
			return schemas.Errorf(schemas.NonFinite, "whiten: direction %d has standard deviation %v", i, s)
		}
		w.logdet -= math.Log(s)
	}
	return nil
}

// Fit implements Method.
func (m whiten) Fit(dim int) (Fit, error) { return &whitenFit{method: m, c: newCovariance(dim)}, nil }

type whitenFit struct {
	method whiten
	c      *covariance
}

// Add implements Fit.
func (f *whitenFit) Add(x []float64, rows int) error { return f.c.add(x, rows) }

// Fitted implements Fit.
func (f *whitenFit) Fitted() (Fitted, []int, error) {
	mean, cov, err := f.c.sum()
	if err != nil {
		return nil, nil, err
	}
	d := len(mean)
	var trace float64
	for i := range d {
		trace += cov[i*d+i]
	}
	s := mat.NewSymDense(d, cov)
	for i := range d {
		s.SetSym(i, i, cov[i*d+i]+f.method.config.Ridge*trace/float64(d))
	}
	if trace-trace != 0 {
		return nil, nil, schemas.Errorf(schemas.NonFinite, "whiten: values too large to be squared")
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(s, true) {
		return nil, nil, schemas.Errorf(schemas.StageFailed, "whiten: the eigenvalues of the covariance do not converge")
	}
	values := eigen.Values(nil) // rising
	var q mat.Dense
	eigen.VectorsTo(&q)
	// An eigenvalue below this is what rounding leaves of zero.
	if least := float64(d) * 1e-14 * values[d-1]; !(values[0] > least) {
		return nil, nil, f.flat(values, &q, least)
	}
	w := &Whiten{root: f.method.config.Root, mean: mean, m: make([]float64, d*d)}
	if w.root == Cholesky {
		var c mat.Cholesky
		if !c.Factorize(s) {
			return nil, nil, f.flat(values, &q, values[0])
		}
		var l mat.TriDense
		c.LTo(&l)
		for i := range d {
			for j := range i + 1 {
				w.m[i*d+j] = l.At(i, j)
			}
		}
		return w, nil, w.finish()
	}
	w.scale = make([]float64, d)
	for i := range d {
		k := d - 1 - i
		w.scale[i] = math.Sqrt(values[k])
		most := 0.0
		for j := range d {
			w.m[i*d+j] = q.At(j, k)
			if math.Abs(q.At(j, k)) > math.Abs(most)*(1+1e-9) {
				most = q.At(j, k)
			}
		}
		if most < 0 {
			for j := range d {
				w.m[i*d+j] = 0 - w.m[i*d+j]
			}
		}
	}
	return w, nil, w.finish()
}

// flat is the error for directions without variance; it names the columns of the
// flattest.
func (f *whitenFit) flat(values []float64, q *mat.Dense, least float64) error {
	n := 0
	for _, v := range values {
		if !(v > least) {
			n++
		}
	}
	names := schemas.DimensionNames(f.method.facts.Columns)
	var in []string
	for j, name := range names {
		if math.Abs(q.At(j, 0)) > 1e-3 && len(in) < 8 {
			in = append(in, name)
		}
	}
	about := ""
	if len(in) > 0 {
		about = "; one that is constant in all training rows is made of " + strings.Join(in, ", ")
	}
	return schemas.Errorf(schemas.OutOfRange, "whiten: the columns depend on each other: %d of %d directions have no variance%s", n, len(values), about).
		At("from.data").Suggest("leave a column out of the loader's `columns`, or write ridge: 1e-6")
}
