// Command compare says what the flows of one run make of the same rows:
//
//	go run ./examples/papers/compare runs/density-letter > examples/papers/density/results/letter.json
//
// For every stage likelihood of the run it writes the mean negative log-likelihood in
// nats with its standard error over the rows, what the training of the flow took, and
// how far its validation loss lies above its training loss; for every two stages the mean
// difference row by row with its standard error, which is smaller than those of the two
// means where the same rows are hard for both. The same without the row that differs most
// shows where that one row is the whole difference. An evaluator gaussian has means only:
// the standard error of a difference from it is bounded by the sum of both.
//
// In the file a stage NAME-scores is called NAME.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "compare FOLDER: the output folder of host run")
		os.Exit(2)
	}
	c, err := Compare(os.Args[1])
	if err == nil {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		err = e.Encode(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Comparison is of one run.
type Comparison struct {
	Columns int              `json:"columns"`
	Scores  map[string]Score `json:"scores"`
	// Differences has, for A and then B, how much greater the negative log-likelihood
	// of A is.
	Differences map[string]map[string]Difference `json:"differences"`
	// Paths has the metrics of evaluators paths; a stage NAME-paths is called NAME.
	Paths map[string]map[string]float64 `json:"paths,omitempty"`
}

// Score is the mean negative log-likelihood of Rows rows in nats and its standard error.
type Score struct {
	NLL         float64   `json:"nll"`
	SE          float64   `json:"se"`
	Rows        int       `json:"rows"`
	Evaluations float64   `json:"evaluations,omitempty"` // of the field, a row
	Training    *Training `json:"training,omitempty"`    // nil for a Gaussian
}

// Training is that of the flow.
type Training struct {
	Seconds float64 `json:"seconds"`
	Weights float64 `json:"weights"`
	Steps   float64 `json:"steps"` // taken
	Best    float64 `json:"best"`  // the step whose weights are the flow's
	// Valid is the validation loss at Best, in the units of the model, and Gap the same
	// without the mean training loss of the ten records before: what a flow knows of its
	// rows and not of others.
	Valid *float64 `json:"valid,omitempty"`
	Gap   *float64 `json:"gap,omitempty"`
}

// Difference is a mean, its standard error, and the part of the rows where B is the
// better one; Bounded says that the error is a bound. Others is the difference without
// the row that is furthest from the mean.
type Difference struct {
	Mean    float64     `json:"mean"`
	SE      float64     `json:"se"`
	Better  float64     `json:"better,omitempty"`
	Bounded bool        `json:"bounded,omitempty"`
	Others  *Difference `json:"others,omitempty"`
}

// Compare reads the output folder of a run.
func Compare(folder string) (*Comparison, error) {
	rec, err := pipeline.LoadRecord(folder)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Scores: map[string]Score{}, Differences: map[string]map[string]Difference{}, Paths: map[string]map[string]float64{}}
	rows := map[string][]float64{} // log-densities
	for stage, s := range rec.Stages {
		name := strings.TrimSuffix(stage, "-scores")
		switch {
		case s.Status != pipeline.StatusRan && s.Status != pipeline.StatusUpToDate: // interrupted before
		case s.Kind == "likelihood":
			t, err := table(filepath.Join(folder, stage+".parquet"))
			if err != nil {
				return nil, err
			}
			if rows[name], err = column(t, schemas.ColumnLogProb); err != nil {
				return nil, err
			}
			c.Columns = int(t.NumCols()) - len(t.Schema().FieldIndices(schemas.ColumnLogProb)) - len(t.Schema().FieldIndices(schemas.ColumnStatus))
			score := Score{Rows: len(rows[name]), Evaluations: s.Evaluations}
			m, se := moments(rows[name])
			score.NLL, score.SE = -m, se
			if score.Training, err = training(folder, rec, stage); err != nil {
				return nil, err
			}
			c.Scores[name] = score
		case s.Kind == "evaluator" && s.Use == "gaussian":
			n, _ := s.Summary["data_rows"].(float64)
			c.Scores[name] = Score{NLL: -s.Metrics["mean_log_prob"], SE: s.Metrics["mean_log_prob_se"], Rows: int(n)}
		case s.Kind == "evaluator" && s.Use == "paths":
			c.Paths[strings.TrimSuffix(stage, "-paths")] = s.Metrics
		}
	}
	if len(c.Scores) == 0 {
		return nil, fmt.Errorf("%s: the run has no stage of the kind likelihood", folder)
	}
	for a, of := range c.Scores {
		c.Differences[a] = map[string]Difference{}
		for b, other := range c.Scores {
			if a == b {
				continue
			}
			d := Difference{Mean: of.NLL - other.NLL, SE: of.SE + other.SE, Bounded: true}
			if rows[a] != nil && rows[b] != nil {
				if d, err = paired(rows[a], rows[b]); err != nil {
					return nil, fmt.Errorf("%s and %s: %w", a, b, err)
				}
			}
			c.Differences[a][b] = d
		}
	}
	return c, nil
}

// paired is how much greater log-densities b are than a, row by row.
func paired(a, b []float64) (Difference, error) {
	if len(a) != len(b) || len(a) < 3 {
		return Difference{}, fmt.Errorf("%d and %d rows, which are not the same, or fewer than 3", len(a), len(b))
	}
	d, better := make([]float64, len(a)), 0
	for r := range a {
		if d[r] = b[r] - a[r]; d[r] > 0 {
			better++
		}
	}
	m, se := moments(d)
	out := Difference{Mean: m, SE: se, Better: float64(better) / float64(len(d))}
	furthest := 0
	for r, v := range d {
		if math.Abs(v-m) > math.Abs(d[furthest]-m) {
			furthest = r
		}
	}
	m, se = moments(slices.Delete(d, furthest, furthest+1))
	out.Others = &Difference{Mean: m, SE: se}
	return out, nil
}

// moments are a mean and its standard error.
func moments(v []float64) (mean, se float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	square := 0.0
	for _, x := range v {
		square += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(square / float64(len(v)-1) / float64(len(v)))
}

// training is that of the flow which a stage scores with; of a flow that was trained
// twice, the second.
func training(folder string, rec *pipeline.Record, stage string) (*Training, error) {
	raw, err := json.Marshal(rec.File)
	if err != nil {
		return nil, err
	}
	var f struct {
		Stages map[string]struct {
			From struct{ Flow string }
		}
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	name := f.Stages[stage].From.Flow
	s, ok := rec.Stages[name]
	if !ok || s.Kind != "trainer" {
		return nil, nil
	}
	number := func(key string) float64 { v, _ := s.Summary[key].(float64); return v }
	t := &Training{Seconds: s.Seconds, Weights: number("weights"), Steps: number("steps"), Best: number("best_step")}
	if t.Best == 0 {
		t.Best = t.Steps
	}
	if s.Use == "mle" {
		t.Valid, t.Gap, err = gap(filepath.Join(folder, name+".metrics.parquet"), t.Best)
	}
	return t, err
}

// gap is the validation loss at a step and its distance from the training loss; nil where
// that step was not validated.
func gap(name string, best float64) (valid, gap *float64, err error) {
	t, err := table(name)
	if err != nil {
		return nil, nil, err
	}
	var v [3][]float64
	for i, c := range []string{"step", "loss", "validation_loss"} {
		if v[i], err = column(t, c); err != nil {
			return nil, nil, err
		}
	}
	at := slices.Index(v[0], best)
	if at < 9 || math.IsNaN(v[2][at]) {
		return nil, nil, nil
	}
	loss, _ := moments(v[1][at-9 : at+1])
	g := v[2][at] - loss
	return &v[2][at], &g, nil
}

func table(name string) (arrow.Table, error) {
	r, err := file.OpenParquetFile(name, false)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f.ReadTable(context.Background())
}

// column is a column of numbers, NaN where there is none.
func column(t arrow.Table, name string) (out []float64, err error) {
	at := t.Schema().FieldIndices(name)
	if len(at) != 1 {
		return nil, fmt.Errorf("%d columns %q", len(at), name)
	}
	for _, chunk := range t.Column(at[0]).Data().Chunks() {
		for r := range chunk.Len() {
			v := math.NaN()
			switch c := chunk.(type) {
			case *array.Float64:
				if c.IsValid(r) {
					v = c.Value(r)
				}
			case *array.Int64:
				v = float64(c.Value(r))
			default:
				return nil, fmt.Errorf("column %q is %s", name, chunk.DataType())
			}
			out = append(out, v)
		}
	}
	return out, nil
}
