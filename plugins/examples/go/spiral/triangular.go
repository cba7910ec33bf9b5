package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/random"
)

// TriangularConfig is what stands under `with:`.
type TriangularConfig struct {
	Std float64 `yaml:"std" json:"std" doc:"the standard deviation of the data to begin with" above:"0"`
}

// Triangular is the flow of a normal distribution whose mean depends linearly on
// conditions c,
//
//	z_i = e^{a_i} x_i + sum_{j<i} l_ij x_j + sum_k m_ik c_k + b_i,
//	log|det dz/dx| = sum_i a_i,   z ~ N(0, I):
//
// the factor of an inverse covariance is learned, without constraints. See
// Papamakarios et al., "Normalizing flows for probabilistic modeling and inference",
// JMLR 2021, 3.3.
type Triangular struct{ config TriangularConfig }

// NewTriangular builds the stage.
func NewTriangular(_ context.Context, _ pipeline.Env, c TriangularConfig) (pipeline.Stage, error) {
	return give(Triangular{c})
}

// Use implements bijection.Definition.
func (Triangular) Use() string { return "triangular" }

// Config implements bijection.Definition.
func (t Triangular) Config() []byte {
	raw, err := json.Marshal(t.config)
	if err != nil {
		panic(err) // numbers above zero always have a form in JSON
	}
	return raw
}

// Bijection implements bijection.Definition.
func (t Triangular) Bijection(dim int) (bijection.Trainable, error) { return t.BijectionHeld(dim, 0) }

// BijectionHeld implements bijection.Conditional.
func (t Triangular) BijectionHeld(dim, held int) (bijection.Trainable, error) {
	const most = 4096
	if dim < 1 || dim > most || held < 0 || held > most {
		return nil, fmt.Errorf("triangular: %d columns and %d of conditions, there must be between 1 and %d", dim, held, most)
	}
	f := &triangular{dim: dim, held: held, start: -math.Log(t.config.Std)}
	add := func(name string, shape ...int) []float32 {
		size := 1
		for _, n := range shape {
			size *= n
		}
		data := make([]float32, size)
		f.tensors = append(f.tensors, model.Tensor{Name: name, Shape: shape, Data: data})
		return data
	}
	f.a, f.b, f.l = add("log_diagonal", dim), add("shift", dim), add("below", dim, dim)
	if held > 0 {
		f.m = add("conditions", dim, held)
	}
	return f, nil
}

// triangular is the flow for rows of dim columns with held columns of conditions
// behind them. It implements bijection.Trainable and bijection.Sparse.
type triangular struct {
	dim, held  int
	start      float64 // of a
	tensors    []model.Tensor
	a, b, l, m []float32 // their data
}

// Dim implements bijection.Bijection.
func (f *triangular) Dim() int { return f.dim + f.held }

// Base implements bijection.Trainable.
func (f *triangular) Base() model.Base { return bijection.Normal{Dim: f.dim} }

// Tensors implements bijection.Weights, as the next two do.
func (f *triangular) Tensors() []model.Tensor { return f.tensors }

// Changed has nothing to make anew.
func (f *triangular) Changed(model.Share) {}

// Init begins near a scaled identity, which random.Key makes reproducible.
func (f *triangular) Init(key random.Key) {
	for i, t := range f.tensors {
		key.Normals32(t.Data, uint64(i), 0)
		for k := range t.Data {
			t.Data[k] *= 0.01
		}
	}
	for i := range f.a {
		f.a[i] += float32(f.start)
	}
}

// Depends implements bijection.Sparse: z_i sees x_0 to x_i.
func (f *triangular) Depends() [][]int {
	out := make([][]int, f.dim)
	for i := range out {
		for j := range i + 1 {
			out[i] = append(out[i], j)
		}
	}
	return out
}

// shift is what is added to e^{a_i} x_i.
func (f *triangular) shift(i int, row []float32) float64 {
	sum := float64(f.b[i])
	for j, v := range row[:i] {
		sum += float64(f.l[i*f.dim+j]) * float64(v)
	}
	for k, v := range row[f.dim:f.Dim()] {
		sum += float64(f.m[i*f.held+k]) * float64(v)
	}
	return sum
}

// logdet adds sign times the log-determinant to every row.
func (f *triangular) logdet(logdet []float64, sign float64, rows int) {
	if logdet == nil {
		return
	}
	var sum float64
	for _, a := range f.a {
		sum += float64(a)
	}
	for r := range rows {
		logdet[r] += sign * sum
	}
}

// Normalize implements bijection.Bijection.
func (f *triangular) Normalize(_ context.Context, z, x []float32, logdet []float64, rows int) error {
	w := f.Dim()
	copy(z[:rows*w], x) // conditions are held
	for r := range rows {
		row := x[r*w : (r+1)*w]
		for i := range f.dim {
			z[r*w+i] = float32(math.Exp(float64(f.a[i]))*float64(row[i]) + f.shift(i, row))
		}
	}
	f.logdet(logdet, 1, rows)
	return nil
}

// Generate implements bijection.Bijection: one column after the other.
func (f *triangular) Generate(_ context.Context, x, z []float32, logdet []float64, rows int) error {
	w := f.Dim()
	copy(x[:rows*w], z)
	for r := range rows {
		row := x[r*w : (r+1)*w]
		for i := range f.dim {
			row[i] = float32((float64(z[r*w+i]) - f.shift(i, row)) * math.Exp(-float64(f.a[i])))
		}
	}
	f.logdet(logdet, -1, rows)
	return nil
}

// Gradient implements bijection.Trainable: the loss of a row is |z|²/2 - sum_i a_i and
// a constant, whose derivative by z_i is z_i.
func (f *triangular) Gradient(ctx context.Context, grad [][]float32, loss []float64, x, weight []float32, rows int) (float64, error) {
	w := f.Dim()
	z, logdet := make([]float32, rows*w), make([]float64, rows)
	if err := f.Normalize(ctx, z, x, logdet, rows); err != nil {
		return 0, err
	}
	var total float64
	for r := range rows {
		row, of := x[r*w:(r+1)*w], float64(1)
		if weight != nil {
			of = float64(weight[r])
		}
		term := float64(f.dim)*math.Log(2*math.Pi)/2 - logdet[r]
		for i := range f.dim {
			v := float64(z[r*w+i])
			term += v * v / 2
			if grad == nil {
				continue
			}
			grad[0][i] += float32(of * (v*math.Exp(float64(f.a[i]))*float64(row[i]) - 1))
			grad[1][i] += float32(of * v)
			for j := range i {
				grad[2][i*f.dim+j] += float32(of * v * float64(row[j]))
			}
			for k := range f.held {
				grad[3][i*f.held+k] += float32(of * v * float64(row[f.dim+k]))
			}
		}
		if total += of * term; loss != nil {
			loss[r] = term
		}
	}
	return total, nil
}
