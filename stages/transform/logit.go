package transform

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/pathline/pathline/schemas"
)

// LogitConfig is the configuration of transform/logit.
type LogitConfig struct {
	Alpha float64  `yaml:"alpha" json:"alpha" doc:"how far [low, high] stays from the ends of (0, 1), as a part of it" min:"0" below:"0.5"`
	Low   *float64 `yaml:"low" json:"low,omitempty" doc:"least value of every column; that of the training rows, column by column, when left out"`
	High  *float64 `yaml:"high" json:"high,omitempty" doc:"greatest value of every column; that of the training rows, column by column, when left out"`
}

// Validate reports what the tags of the fields cannot say.
func (c LogitConfig) Validate() error {
	switch {
	case (c.Low == nil) != (c.High == nil):
		key := map[bool]string{true: "low", false: "high"}[c.Low == nil]
		return schemas.Errorf(schemas.MissingKey, "low and high are given together").At(key).Suggest("give both, or leave both out to take them from the training rows")
	case c.Low != nil && !(*c.Low < *c.High):
		return schemas.Errorf(schemas.OutOfRange, "high, %v, is not above low, %v", *c.High, *c.Low).At("high")
	}
	return nil
}

// Logit takes columns with two ends to all real numbers:
//
//	p = alpha + (1 - 2 alpha) (x - low) / (high - low)
//	z = ln p - ln(1 - p)
//	log|det dz/dx| = sum_i [ln((1 - 2 alpha) / (high_i - low_i)) - ln p_i - ln(1 - p_i)]
//
// (Dinh, Sohl-Dickstein and Bengio 2017, section 4.1, alpha = 0.05; Papamakarios,
// Pavlakou and Murray 2017, appendix, alpha = 1e-6 for MNIST.) A value beyond the
// ends by no more than alpha/(1 - 2 alpha) of the range still has an image, others
// have none and become NaN.
type Logit struct {
	alpha     float64
	low, high []float64
}

type logitState struct {
	Alpha float64   `json:"alpha"`
	Low   []float64 `json:"low"`
	High  []float64 `json:"high"`
}

// NewLogit takes the ends of every column, and alpha in [0, 1/2).
func NewLogit(alpha float64, low, high []float64) (*Logit, error) {
	if len(low) == 0 || len(low) != len(high) {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "logit: %d least and %d greatest values", len(low), len(high))
	}
	if !(alpha >= 0 && alpha < 0.5) {
		return nil, schemas.Errorf(schemas.OutOfRange, "logit: alpha is %v, not in [0, 0.5)", alpha)
	}
	for i := range low {
		if !(low[i] < high[i]) || math.IsInf(high[i]-low[i], 0) {
			return nil, schemas.Errorf(schemas.OutOfRange, "logit: column %d goes from %v to %v", i, low[i], high[i])
		}
	}
	return &Logit{alpha, slices.Clone(low), slices.Clone(high)}, nil
}

// Dim implements Fitted.
func (l *Logit) Dim() int { return len(l.low) }

// Apply implements Fitted.
func (l *Logit) Apply(z, x, logdet []float64, _ Address, rows int) error {
	d := l.mustFit(z, x, rows)
	for r := range rows {
		var sum float64
		for i := range d {
			v, size := x[r*d+i], l.high[i]-l.low[i]
			inner := (1 - 2*l.alpha) / size
			// Both from their own end, so that none loses digits.
			p, q := l.alpha+float64((v-l.low[i])*inner), l.alpha+float64((l.high[i]-v)*inner)
			lp, lq := math.Log(p), math.Log(q)
			z[r*d+i] = lp - lq
			sum += math.Log(inner) - lp - lq
		}
		if logdet != nil {
			logdet[r] += sum
		}
	}
	return nil
}

// Invert implements Fitted.
func (l *Logit) Invert(x, z []float64, rows int) error {
	d := l.mustFit(x, z, rows)
	for r := range rows {
		for i := range d {
			v, size := z[r*d+i], (l.high[i]-l.low[i])/(1-2*l.alpha)
			e := math.Exp(-math.Abs(v))
			part := float64((e/(1+e) - l.alpha) * size) // from the nearer end
			if v < 0 {
				x[r*d+i] = l.low[i] + part
			} else {
				x[r*d+i] = l.high[i] - part
			}
		}
	}
	return nil
}

// State implements Fitted.
func (l *Logit) State() any { return logitState{l.alpha, l.low, l.high} }

func (l *Logit) mustFit(a, b []float64, rows int) int {
	d := len(l.low)
	if len(a) < rows*d || len(b) < rows*d {
		panic("transform: slice shorter than its rows")
	}
	return d
}

// logit is the Method of Logit.
type logit struct{ config LogitConfig }

// Restore implements Method.
func (logit) Restore(raw json.RawMessage, dim int) (Fitted, error) {
	var s logitState
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, schemas.Errorf(schemas.CorruptFile, "logit: %w", err)
	}
	l, err := NewLogit(s.Alpha, s.Low, s.High)
	if err != nil {
		return nil, err
	}
	if l.Dim() != dim {
		return nil, schemas.Errorf(schemas.DimensionDiffer, "logit: fitted on %d columns, used on %d", l.Dim(), dim)
	}
	return l, nil
}

// Fit implements Method.
func (m logit) Fit(dim int) (Fit, error) {
	f := &logitFit{config: m.config, low: slices.Repeat([]float64{math.Inf(1)}, dim), high: slices.Repeat([]float64{math.Inf(-1)}, dim)}
	return f, nil
}

type logitFit struct {
	config    LogitConfig
	low, high []float64
	rows      int64
}

// Add implements Fit.
func (f *logitFit) Add(x []float64, rows int) error {
	d := len(f.low)
	for k, v := range x[:rows*d] {
		row, i := f.rows+int64(k/d), k%d
		if v-v != 0 {
			return schemas.Errorf(schemas.NonFinite, "row %d has %v in column %d", row, v, i)
		}
		if f.config.Low != nil && (v < *f.config.Low || v > *f.config.High) {
			return schemas.Errorf(schemas.OutOfRange, "row %d has %v in column %d, which is not between low, %v, and high, %v", row, v, i, *f.config.Low, *f.config.High).
				At("low").Suggest("give low and high of the data, or leave them out")
		}
		f.low[i], f.high[i] = min(f.low[i], v), max(f.high[i], v)
	}
	f.rows += int64(rows)
	return nil
}

// Fitted implements Fit.
func (f *logitFit) Fitted() (Fitted, []int, error) {
	if f.rows == 0 {
		return nil, nil, schemas.Errorf(schemas.EmptyData, "there are no rows to fit a transform on")
	}
	var constant []int
	for i := range f.low {
		if f.low[i] == f.high[i] {
			constant = append(constant, i)
			f.low[i], f.high[i] = f.low[i]-0.5, f.high[i]+0.5
		}
		if f.config.Low != nil {
			f.low[i], f.high[i] = *f.config.Low, *f.config.High
		}
	}
	if f.config.Alpha == 0 && f.config.Low == nil {
		return nil, nil, schemas.Errorf(schemas.OutOfRange, "with alpha 0 the least and the greatest training value have no finite logit").
			At("alpha").Suggest("write alpha: 0.05, or give low and high outside of all values")
	}
	l, err := NewLogit(f.config.Alpha, f.low, f.high)
	if err != nil {
		return nil, nil, err
	}
	return l, constant, nil
}
