package evaluator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/transform"
)

// Config configures two-sample.
type Config struct {
	Rows          int `yaml:"rows" json:"rows" doc:"rows of each table that are looked at, chosen at random" min:"100"`
	QuadraticRows int `yaml:"quadratic_rows" json:"quadratic_rows" doc:"rows that metrics over all pairs use; 0 chooses by the number of columns" min:"0"`
	Projections   int `yaml:"projections" json:"projections" doc:"random directions of the sliced distance" min:"1"`
	ExactRows     int `yaml:"exact_rows" json:"exact_rows" doc:"rows of each table between which the 2-Wasserstein distance is exact; time grows with the third power (10,000: about 10 s); 0 leaves it out" min:"0" max:"10000"`

	Scale string `yaml:"scale" json:"scale" doc:"unit of distances: data, standard deviations of the data, column by column; or none, the columns as they are, as published figures of toy data have it" enum:"data,none"`
	MMD   string `yaml:"mmd" json:"mmd" doc:"kernel of the maximum mean discrepancy: median, five Gaussians about the median distance, unbiased; or fixed, the sum of Gaussians of 0.01, 0.1, 1, 10 and 100, biased, as torchcfm's runner has it" enum:"median,fixed"`
}

// options are those of the comparison.
func (c Config) options(env pipeline.Env) Options {
	o := Options{Key: random.NewKey(env.Seed, env.Stage, "two-sample"),
		QuadraticRows: c.QuadraticRows, Projections: c.Projections, ExactRows: c.ExactRows, Workers: env.Threads,
		Raw: c.Scale == "none"}
	if c.ExactRows == 0 {
		o.ExactRows = -1
	}
	if c.MMD == "fixed" {
		o.MMD = Fixed
	}
	return o
}

// roomFor refuses more exact rows than the memory of the run has costs for.
func roomFor(env pipeline.Env, key string, rows int) error {
	if costs := coupling.Memory(coupling.Optimal{}, rows); env.Memory > 0 && costs > env.Memory/4*3 {
		return schemas.Errorf(schemas.TooLarge, "exact transport between %d rows takes %d MiB of costs, more than three quarters of the memory of the run, %d MiB", rows, costs>>20, env.Memory>>20).
			At(key).Suggest(fmt.Sprintf("set %s: %d, or allow the run more memory", key, int(math.Sqrt(float64(env.Memory)*3/32))))
	}
	return nil
}

// roomForRows refuses more rows of width numbers than the memory of the run holds, of
// which as many tables as are read share a half.
func roomForRows(env pipeline.Env, key string, rows int64, width, tables int) error {
	row, room := 8*int64(width), env.Memory/2/int64(tables)
	if env.Memory <= 0 || rows <= room/row {
		return nil
	}
	share := map[int]string{1: "half", 2: "a quarter"}[tables]
	return schemas.Errorf(schemas.TooLarge, "%d rows of %d numbers take %.0f MiB, which is more than %s of the memory of the run, %d MiB", rows, width, float64(rows)*float64(row)/(1<<20), share, env.Memory>>20).
		At(key).Suggest(fmt.Sprintf("set %s: %d, or allow the run more memory", key, max(room/row, 1)))
}

// looked is how many rows of a table are looked at: at most limit, all when it is known
// to have fewer.
func looked(rows pipeline.Rows, limit int) int64 {
	if n := rows.Count(); n >= 0 {
		return min(n, int64(limit))
	}
	return int64(limit)
}

// finish writes metrics, and how they were measured, to STAGE.json, and makes them the
// outputs of the stage.
func finish(env pipeline.Env, metrics []Metric, how, summary map[string]any) (pipeline.Outputs, error) {
	raw, err := encode(metrics, how)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	file := env.Stage + ".json"
	if err := pipeline.WriteFile(filepath.Join(env.Out, file), raw); err != nil {
		return pipeline.Outputs{}, err
	}
	out := pipeline.Outputs{Files: []string{file}, Metrics: map[string]float64{}, Summary: summary,
		Report: []pipeline.ReportItem{{Kind: "quality", Data: listed(metrics)}}}
	for _, m := range metrics {
		if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
			out.Metrics[m.Name] = m.Value
		}
	}
	return out, nil
}

// Register adds the kind evaluator and its implementations. parts makes flows from
// their files.
func Register(r *pipeline.Registry, parts flow.Registry) {
	r.AddKind(pipeline.Kind{Name: "evaluator", Gives: pipeline.GivesMetrics,
		Doc: "measures how close two sets of rows are",
		Ports: []pipeline.Port{
			{Name: "data", Doc: "the rows to compare with, best a test split", Takes: pipeline.GivesRows},
			{Name: "sample", Doc: "the rows that were made", Takes: pipeline.GivesRows}}})
	pipeline.Register(r, "evaluator", "two-sample", "distances between data and sample, each with its error and the floor between two halves of the data",
		Config{Rows: 50_000, Projections: 128, ExactRows: 2000, Scale: "data", MMD: "median"},
		func(_ context.Context, env pipeline.Env, c Config) (pipeline.Stage, error) {
			return &stage{env, c}, nil
		})
	registerGaussian(r)
	registerPaths(r, parts)
}

type stage struct {
	env    pipeline.Env
	config Config
}

// Check finds the columns that both tables have; the sample decides.
func (s *stage) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	cols, err := columns(in)
	if err == nil {
		rows := max(looked(in["data"].Rows, s.config.Rows), looked(in["sample"].Rows, s.config.Rows))
		err = roomForRows(s.env, "rows", rows, schemas.Dims(cols), 2)
	}
	return pipeline.Outputs{}, errors.Join(err, roomFor(s.env, "exact_rows", s.config.ExactRows))
}

func columns(in pipeline.Inputs) ([]schemas.Column, error) {
	sample, data := in["sample"].Rows.Schema(), in["data"].Rows.Schema()
	var out []schemas.Column
	for _, f := range sample.Fields() {
		if f.Name == schemas.ColumnStatus {
			continue
		}
		if schemas.IsCondition(f) {
			continue // what data is compared given
		}
		at, ok := data.FieldsByName(f.Name)
		if !ok && (f.Name == schemas.ColumnLogProb || f.Name == schemas.ColumnLogProbSE) {
			continue // a sampler's, beside its rows
		}
		if !ok {
			return nil, schemas.Errorf(schemas.UnknownColumn, "the sample has a column %q, the data have none", f.Name).
				At("from.data").Suggest(pipeline.DidYouMean(f.Name, schemas.FieldNames(data)))
		}
		if !arrow.TypeEqual(f.Type, at[0].Type) && (!schemas.IsNumber(f.Type) || !schemas.IsNumber(at[0].Type)) {
			return nil, schemas.Errorf(schemas.ColumnType, "column %q is %s in the sample and %s in the data", f.Name, f.Type, at[0].Type).At("from.data")
		}
		c, err := schemas.ColumnOf(f)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, schemas.Errorf(schemas.EmptyData, "the sample has no columns to compare").At("from.sample")
	}
	return out, nil
}

// Run measures and writes STAGE.json.
func (s *stage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	cols, err := columns(in)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	d := schemas.Dims(cols)
	x, _, err := readRows(ctx, s.env, in["data"].Rows, cols, "data", s.config.Rows)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	y, failed, err := readRows(ctx, s.env, in["sample"].Rows, cols, "sample", s.config.Rows)
	if err != nil {
		return pipeline.Outputs{}, err
	}
	n, m := len(x)/d, len(y)/d
	names := schemas.DimensionNames(cols)
	x, y, names, constant := leaveOutConstant(x, y, names)
	if len(constant) > 0 {
		s.env.Emit(pipeline.Event{Type: pipeline.StageWarning, Message: "left out, because the data have one value there: " + strings.Join(constant, ", ")})
	}
	if d = len(names); d == 0 {
		return pipeline.Outputs{}, schemas.Errorf(schemas.EmptyData, "every column of the data is constant (or there are no rows): there is nothing to compare")
	}
	metrics, err := TwoSample(ctx, x, y, n, m, d, s.config.options(s.env))
	if err != nil {
		return pipeline.Outputs{}, explain(err, names)
	}
	return finish(s.env, metrics, map[string]any{"scale": s.config.Scale, "mmd": s.config.MMD},
		map[string]any{"data_rows": n, "sample_rows": m, "failed_sample_rows": failed})
}

// readRows keeps about limit rows, or all when there are fewer, chosen by a hash of
// the row number. Rows that a sampler marked as failed are left out and counted.
func readRows(ctx context.Context, env pipeline.Env, rows pipeline.Rows, cols []schemas.Column, set string, limit int) (values []float64, failed int64, err error) {
	n := rows.Count()
	if n < 0 {
		n = 0
		if err := pipeline.Each(ctx, rows, func(rec arrow.Record) error { n += rec.NumRows(); return nil }); err != nil {
			return nil, 0, err
		}
	}
	key := random.NewKey(env.Seed, env.Stage, "rows of "+set)
	share := float64(limit) / float64(max(n, 1))
	d := schemas.Dims(cols)
	var row uint64
	var batch []float64
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		m := int(rec.NumRows())
		batch = append(batch[:0], make([]float64, m*d)...)
		if err := schemas.Numbers(batch, rec, cols); err != nil {
			return err
		}
		status := statusOf(rec)
		for i := range m {
			switch {
			case status != nil && status.IsValid(i) && status.Value(i) != "ok":
				failed++
			case share >= 1 || key.Uniform(row, 0) < share:
				values = append(values, batch[i*d:(i+1)*d]...)
			}
			row++
		}
		return nil
	})
	return values, failed, err
}

func statusOf(rec arrow.Record) *array.String {
	for i, f := range rec.Schema().Fields() {
		if f.Name == schemas.ColumnStatus {
			s, _ := rec.Column(i).(*array.String)
			return s
		}
	}
	return nil
}

// registerGaussian adds gaussian.
func registerGaussian(r *pipeline.Registry) {
	pipeline.Register(r, "evaluator", "gaussian", "the mean log-density of data under a Gaussian with full covariance fitted to other rows, the baseline of every flow", struct{}{},
		func(_ context.Context, env pipeline.Env, _ struct{}) (pipeline.Stage, error) {
			return &gaussianStage{env}, nil
		}).Ports = []pipeline.Port{
		{Name: "data", Doc: "the rows to score, best a test split", Takes: pipeline.GivesRows},
		{Name: "train", Doc: "the rows that the Gaussian is fitted to", Takes: pipeline.GivesRows}}
}

type gaussianStage struct{ env pipeline.Env }

// Check finds the columns of the training rows among those of the data.
func (s *gaussianStage) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	cols, err := columns(pipeline.Inputs{"sample": in["train"], "data": in["data"]})
	if err != nil {
		return pipeline.Outputs{}, err
	}
	// Sums of products and the factors that they become.
	if d := int64(schemas.Dims(cols)); s.env.Memory > 0 && 3*8*d*d > s.env.Memory/2 {
		err = schemas.Errorf(schemas.TooLarge, "the covariance of %d columns takes %d MiB, which is more than half of the memory of the run, %d MiB", d, 3*8*d*d>>20, s.env.Memory>>20).
			At("from.train").Suggest("leave columns out of the loader's `columns`, or allow the run more memory")
	}
	return pipeline.Outputs{}, err
}

// Run fits, scores and writes STAGE.json.
func (s *gaussianStage) Run(ctx context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	cols, err := columns(pipeline.Inputs{"sample": in["train"], "data": in["data"]})
	if err != nil {
		return pipeline.Outputs{}, err
	}
	d := schemas.Dims(cols)
	each := func(rows pipeline.Rows, see func([]float64)) error {
		var x []float64
		return pipeline.Each(ctx, rows, func(rec arrow.Record) error {
			x = append(x[:0], make([]float64, int(rec.NumRows())*d)...)
			if err := schemas.Numbers(x, rec, cols); err != nil {
				return err
			}
			see(x)
			return nil
		})
	}
	fitted := 0
	g, err := FitGaussian(d, func(see func([]float64)) error {
		fitted = 0
		return each(in["train"].Rows, func(x []float64) { see(x); fitted += len(x) / d })
	})
	if err != nil {
		return pipeline.Outputs{}, schemas.Errorf(schemas.Numerical, "the Gaussian cannot be fitted to %d rows of %d columns: %w", fitted, d, err).
			Suggest("leave out columns that say nothing new, or give more rows")
	}
	n, mean, square := 0, 0.0, 0.0
	if err := each(in["data"].Rows, func(x []float64) {
		for ; len(x) >= d; x = x[d:] { // Welford 1962
			l := g.LogDensity(x[:d])
			n++
			away := l - mean
			mean += away / float64(n)
			square += away * (l - mean)
		}
	}); err != nil {
		return pipeline.Outputs{}, err
	}
	if n < 2 || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return pipeline.Outputs{}, schemas.Errorf(schemas.NonFinite, "the mean log-density of %d rows is %v", n, mean)
	}
	m := Metric{Name: "mean_log_prob", Value: mean, SE: math.Sqrt(square / float64(n-1) / float64(n)), Floor: math.NaN(), DataRows: n, SampleRows: fitted}
	out, err := finish(s.env, []Metric{m}, map[string]any{}, map[string]any{"data_rows": n, "train_rows": fitted})
	if err != nil {
		return out, err
	}
	out.Metrics[m.Name+"_se"], out.Report = m.SE, nil // the report has it among the log-likelihoods
	return out, nil
}

// leaveOutConstant drops the dimensions in which the data have one value: there
// is no unit to measure a difference in.
func leaveOutConstant(x, y []float64, names []string) (kx, ky []float64, kept, dropped []string) {
	d := len(names)
	var keep []int
	for j, name := range names {
		for i := j + d; i < len(x); i += d {
			if x[i] != x[j] {
				keep = append(keep, j)
				kept = append(kept, name)
				break
			}
		}
		if len(keep) == 0 || keep[len(keep)-1] != j {
			dropped = append(dropped, name)
		}
	}
	if len(dropped) == 0 {
		return x, y, names, nil
	}
	pick := func(v []float64) []float64 {
		out := make([]float64, 0, len(v)/d*len(keep))
		for i := 0; i < len(v); i += d {
			for _, j := range keep {
				out = append(out, v[i+j])
			}
		}
		return out
	}
	return pick(x), pick(y), kept, dropped
}

// explain names the dimension of a value that cannot be compared.
func explain(err error, names []string) error {
	var v *ValueError
	if errors.As(err, &v) {
		return schemas.Errorf(schemas.NonFinite, "%s of the %s: %s", names[v.Column], v.Set, v.Problem)
	}
	return schemas.Errorf(schemas.EmptyData, "%w", err)
}

// encode writes metrics and how they were measured as JSON; what is not a finite
// number becomes null.
func encode(metrics []Metric, how map[string]any) ([]byte, error) {
	how["metrics"] = listed(metrics)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	err := e.Encode(how)
	return b.Bytes(), err
}

// listed are metrics as JSON has them.
func listed(metrics []Metric) []map[string]any {
	rows := []map[string]any{}
	for _, m := range metrics {
		row := map[string]any{"name": m.Name, "data_rows": m.DataRows, "sample_rows": m.SampleRows}
		for k, x := range map[string]float64{"value": m.Value, "se": m.SE, "floor": m.Floor} {
			row[k] = nil
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				row[k] = x
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// pathsConfig configures paths.
type pathsConfig struct {
	Rows      int `yaml:"rows" json:"rows" doc:"trajectories that are followed" min:"2" max:"16777216"`
	ExactRows int `yaml:"exact_rows" json:"exact_rows" doc:"rows of source and data between which the transport cost is exact, for normalized_path_energy; time grows with the third power (10,000: about 10 s)" min:"2" max:"10000"`
	Batch     int `yaml:"batch" json:"batch" doc:"rows that are solved together; changes no figure, unless the solver has one step for a batch" min:"1" max:"1048576"`
}

func registerPaths(r *pipeline.Registry, parts flow.Registry) {
	pipeline.Register(r, "evaluator", "paths", "how straight the trajectories of a flow are and what they cost: path energy, straightness, evaluations; next to optimal transport when given data",
		pathsConfig{Rows: 10_000, ExactRows: 2000, Batch: 8192},
		func(_ context.Context, env pipeline.Env, c pathsConfig) (pipeline.Stage, error) {
			return &paths{env, c, parts}, nil
		}).Ports = []pipeline.Port{
		{Name: "flow", Doc: "a trainer, a saved flow or an exact model", Takes: pipeline.GivesFlow, Also: "model"},
		{Name: "solver", Doc: "integrates the flow's field, and the integrals with the same steps", Takes: pipeline.GivesService, Kind: "solver", Optional: true, Default: "dopri5"},
		{Name: "source", Doc: "rows to start from, for a flow that was trained from rows of a table", Takes: pipeline.GivesRows, Optional: true},
		{Name: "data", Doc: "rows with the data file's columns, for the cost of optimal transport from the base to them", Takes: pipeline.GivesRows, Optional: true},
	}
}

// paths is the stage.
type paths struct {
	env    pipeline.Env
	config pathsConfig
	parts  flow.Registry
}

// Check implements pipeline.Stage.
func (s *paths) Check(_ context.Context, in pipeline.Inputs) (pipeline.Outputs, error) {
	none := pipeline.Outputs{}
	src, err := flow.FromInput(in["flow"], "flow")
	if err == nil {
		_, err = flow.SolverFromInput(in["solver"], "solver")
	}
	if err != nil {
		return none, err
	}
	d, err := flow.Describe(src)
	if err != nil {
		return none, flow.AtPort(err, "flow")
	}
	if len(d.Conditions) > 0 {
		return none, schemas.Errorf(schemas.WrongPort, "the flow is conditional, and its trajectories cannot be followed yet").At("from.flow")
	}
	if err := errors.Join(flow.Continuous(d, "flow"), flow.CheckSource(d, in["source"], "source")); err != nil {
		return none, err
	}
	_, err = s.columns(in, "data", d)
	tables := 1
	if in["data"].Rows != nil {
		tables = 2
	}
	// Of a trajectory four figures are kept beside where it began.
	return none, errors.Join(err, roomForRows(s.env, "rows", int64(s.config.Rows), d.Dim+4, tables), roomFor(s.env, "exact_rows", s.config.ExactRows))
}

// columns are those of the flow as the table at a port has them; nil without one.
func (s *paths) columns(in pipeline.Inputs, port string, d flow.Description) ([]schemas.Column, error) {
	if in[port].Rows == nil {
		return nil, nil
	}
	return flow.ColumnsAt(in[port].Rows.Schema(), port, d.Columns)
}

// points are about limit rows of the table at a port, in model space.
func (s *paths) points(ctx context.Context, in pipeline.Inputs, port string, f *flow.Flow, limit int) ([]float64, error) {
	cols, err := s.columns(in, port, f.Description)
	if err != nil || cols == nil {
		return nil, err
	}
	x, _, err := readRows(ctx, s.env, in[port].Rows, cols, port, limit)
	if err != nil {
		return nil, err
	}
	d := f.Dim()
	if len(x) < 2*d {
		return nil, schemas.Errorf(schemas.EmptyData, "there are %d rows, and a comparison needs two", len(x)/d).At("from." + port)
	}
	if err := finite(port, x, d); err != nil {
		return nil, explain(err, f.Description.Names())
	}
	if err := f.Normalized(x, nil, transform.Address{}, len(x)/d); err != nil {
		return nil, err
	}
	return x, nil
}

// Run follows rows and writes STAGE.json.
func (s *paths) Run(ctx context.Context, in pipeline.Inputs) (none pipeline.Outputs, err error) {
	src, err := flow.FromInput(in["flow"], "flow")
	if err != nil {
		return none, err
	}
	f, err := flow.Open(src, s.parts)
	if err != nil {
		return none, flow.AtPort(err, "flow")
	}
	method, err := flow.SolverFromInput(in["solver"], "solver")
	if err != nil {
		return none, err
	}
	d, rows := f.Dim(), s.config.Rows
	if f, err = f.FromSource(ctx, s.env, in["source"], "source", int64(rows)); err != nil {
		return none, err
	}
	x0 := make([]float64, rows*d)
	f.Base.Sample(x0, random.NewKey(s.env.Seed, s.env.Stage, "base"), 0, rows)
	data, err := s.points(ctx, in, "data", f, max(s.config.Rows, s.config.ExactRows))
	if err != nil {
		return none, err
	}
	var tally Tally
	for lo := 0; lo < rows; lo += s.config.Batch {
		if flow.Interrupted(s.env) {
			return none, pipeline.ErrInterrupted
		}
		hi := min(lo+s.config.Batch, rows)
		c, err := Follow(ctx, f, method, x0[lo*d:hi*d], hi-lo)
		if err != nil {
			return none, fmt.Errorf("evaluator: trajectories %d to %d: %w", lo, hi-1, err)
		}
		tally.Add(c)
		s.env.Emit(pipeline.Event{Type: pipeline.StageProgress, Done: int64(hi), Total: int64(rows), Unit: "rows"})
	}
	if n := rows - len(tally.energy); n > 0 {
		s.env.Emit(pipeline.Event{Type: pipeline.StageWarning, Message: fmt.Sprintf("%d of %d trajectories did not reach the end and count for nothing but their evaluations", n, rows)})
	}
	var optimal *Transport
	if data != nil {
		n := min(s.config.ExactRows, rows, len(data)/d)
		key := random.NewKey(s.env.Seed, s.env.Stage, "transport")
		optimal = &Transport{Rows: n}
		if optimal.Cost, optimal.SE, err = Wasserstein2(ctx, chosen(x0, n, d, key, 0), chosen(data, n, d, key, 1), n, d); err != nil {
			return none, err
		}
	}
	metrics, evaluations := tally.Metrics(optimal), tally.Evaluations()
	return finish(s.env, metrics, map[string]any{"evaluations": evaluations}, map[string]any{
		"rows": rows, "failed_rows": rows - len(tally.energy),
		"evaluations_min": evaluations.Min, "evaluations_median": evaluations.Median, "evaluations_max": evaluations.Max})
}
