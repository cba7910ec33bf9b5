package transform

import (
	"encoding/json"
	"math"

	"github.com/pathline/pathline/schemas"
)

// Standardize moves every column to mean 0 and standard deviation 1:
//
//	z = (x - mean) / sd,    log|det dz/dx| = -sum_i ln sd_i
type Standardize struct {
	mean, sd []float64
	logdet   float64
}

type standardizeState struct {
	Mean []float64 `json:"mean"`
	Sd   []float64 `json:"sd"`
}

// NewStandardize takes a mean and a standard deviation per column. Both must be
// finite, the latter above zero.
func NewStandardize(mean, sd []float64) (*Standardize, error) {
	if len(mean) == 0 || len(mean) != len(sd) {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "standardize: %d means and %d standard deviations", len(mean), len(sd))
	}
	s := &Standardize{mean: append([]float64{}, mean...), sd: append([]float64{}, sd...)}
	for i, v := range sd {
		if !(v > 0) || math.IsInf(v, 0) || math.IsNaN(mean[i]) || math.IsInf(mean[i], 0) {
			return nil, schemas.Errorf(schemas.NonFinite, "standardize: column %d has mean %v and standard deviation %v", i, mean[i], v)
		}
		s.logdet -= math.Log(v)
	}
	return s, nil
}

// standardize is the Method of Standardize.
type standardize struct{}

// Fit implements Method.
func (standardize) Fit(dim int) (Fit, error) { return NewMoments(dim), nil }

// Restore implements Method.
func (standardize) Restore(raw json.RawMessage, dim int) (Fitted, error) {
	var state standardizeState
	if err := json.Unmarshal(raw, &state); err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "standardize: %w", err)
	}
	s, err := NewStandardize(state.Mean, state.Sd)
	if err != nil {
		return nil, err
	}
	if s.Dim() != dim {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "standardize: fitted on %d columns, used on %d", s.Dim(), dim)
	}
	return s, nil
}

// Dim implements Fitted.
func (s *Standardize) Dim() int { return len(s.mean) }

// Apply implements Fitted.
func (s *Standardize) Apply(z, x, logdet []float64, _ Address, rows int) error {
	d := s.mustFit(z, x, rows)
	for r := 0; r < rows; r++ {
		for i := 0; i < d; i++ {
			z[r*d+i] = (x[r*d+i] - s.mean[i]) / s.sd[i]
		}
	}
	if logdet != nil {
		for r := range logdet[:rows] {
			logdet[r] += s.logdet
		}
	}
	return nil
}

// Invert implements Fitted.
func (s *Standardize) Invert(x, z []float64, rows int) error {
	d := s.mustFit(x, z, rows)
	for r := 0; r < rows; r++ {
		for i := 0; i < d; i++ {
			x[r*d+i] = float64(z[r*d+i]*s.sd[i]) + s.mean[i]
		}
	}
	return nil
}

// State implements Fitted: {"mean": [...], "sd": [...]}.
func (s *Standardize) State() any { return standardizeState{Mean: s.mean, Sd: s.sd} }

func (s *Standardize) mustFit(a, b []float64, rows int) int {
	d := len(s.mean)
	if len(a) < rows*d || len(b) < rows*d {
		panic("transform: slice shorter than its rows")
	}
	return d
}
