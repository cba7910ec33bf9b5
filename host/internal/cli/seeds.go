package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pathline/pathline/host/internal/ui"
	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// seedsFile is the table of all seeds, in the folder above those of the runs.
const seedsFile = "seeds.json"

// maxSeeds bounds a sweep: each seed has a folder.
const maxSeeds = 10_000

// seedsFlag is a list of seeds: 42..46, 1,5,9, or 1..3,10.
type seedsFlag struct {
	text string
	list []uint64
}

func (s *seedsFlag) String() string { return s.text }
func (s *seedsFlag) Type() string   { return "seeds" }

// Set parses a list in which each seed stands once.
func (s *seedsFlag) Set(text string) error {
	seen := map[uint64]bool{}
	var list []uint64
	for _, part := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "..")
		if !isRange {
			last = first
		}
		a, errA := strconv.ParseUint(first, 10, 64)
		b, errB := strconv.ParseUint(last, 10, 64)
		switch {
		case errA != nil || errB != nil:
			return schemas.Errorf(schemas.Usage, "%q is not a seed or a range of seeds", part).Suggest("write 42..46 or 1,5,9")
		case a > b:
			return schemas.Errorf(schemas.Usage, "the range %s ends before it begins", part).Suggest(fmt.Sprintf("write %d..%d", b, a))
		case b-a >= maxSeeds || len(list)+int(b-a) >= maxSeeds:
			return schemas.Errorf(schemas.Usage, "these are more than %d seeds", maxSeeds)
		}
		for n := uint64(0); n <= b-a; n++ {
			if seen[a+n] {
				return schemas.Errorf(schemas.Usage, "seed %d stands there twice", a+n)
			}
			seen[a+n] = true
			list = append(list, a+n)
		}
	}
	s.text, s.list = text, list
	return nil
}

// sweep is what seeds.json holds: the runs of one pipeline with several seeds.
type sweep struct {
	Version int                 `json:"version"`
	Name    string              `json:"name"`
	Host    pipeline.HostRecord `json:"host"`
	Set     []string            `json:"set,omitempty"` // the overrides of the command
	Seeds   []uint64            `json:"seeds"`
	Runs    []sweepRun          `json:"runs"`
	Metrics []sweepMetric       `json:"metrics"`

	Out string `json:"-"`
}

// sweepRun is one of the runs.
type sweepRun struct {
	Seed    uint64             `json:"seed"`
	Out     string             `json:"out"` // below the folder of the sweep
	Status  string             `json:"status"`
	Error   string             `json:"error,omitempty"`
	Seconds map[string]float64 `json:"seconds"` // that making the result of a stage took, by stage
}

// sweepMetric is a number that a stage gives, over the seeds.
type sweepMetric struct {
	Stage  string     `json:"stage"`
	Metric string     `json:"metric"`
	N      int        `json:"n"`               // seeds that have it
	Mean   *float64   `json:"mean"`            // null when no seed has it
	SD     *float64   `json:"sd"`              // with n-1; null for one seed
	SE     *float64   `json:"se"`              // of the mean: sd / sqrt(n)
	Floor  *float64   `json:"floor,omitempty"` // mean over the seeds, where an evaluator gives one
	Values []*float64 `json:"values"`          // in the order of the seeds; null: none
}

// runSeeds runs a pipeline once for each seed, into OUT/seed-N, and sums up.
//
// What is wrong with the file, or an interrupt, ends the sweep. A run that
// fails does not: the others say whether it is the seed's fault, and a night's
// work is not lost to one seed that diverged. Its error is told at the end.
func (a *app) runSeeds(ctx context.Context, file string, seeds []uint64, load loadFlags, sel selectFlags, resume bool, perf performFlags) (result, error) {
	for _, s := range load.set {
		if key, _, _ := strings.Cut(s, "="); strings.TrimSpace(key) == "seed" {
			return result{}, schemas.Errorf(schemas.Conflict, "--seeds and --set seed both say which seed").Suggest("keep one of them")
		}
	}
	s := &sweep{Version: 1, Set: load.set, Seeds: seeds}
	var errs []error
	var records []*pipeline.Record
	for i, seed := range seeds {
		one := load
		one.set = append(append([]string{}, load.set...), "seed="+strconv.FormatUint(seed, 10))
		p, plugins, err := a.load(ctx, file, one)
		if err != nil {
			return result{}, err
		}
		if s.Out == "" {
			s.Name = p.Name
			if s.Out = sel.out; s.Out == "" {
				s.Out = filepath.Join("runs", p.Name)
			}
		}
		if !perf.quiet && perf.events.value == "" && !a.json {
			fmt.Fprintf(a.Stdout, "%sseed %d (%d of %d)\n", map[bool]string{true: "\n"}[i > 0], seed, i+1, len(seeds))
		}
		here := sweepRun{Seed: seed, Out: "seed-" + strconv.FormatUint(seed, 10)}
		where := sel
		where.out = filepath.Join(s.Out, here.Out)
		record, err := func() (*pipeline.Record, error) {
			defer plugins.close()
			record, _, err := a.runLoaded(ctx, p, plugins, where, resume, perf)
			return record, err
		}()
		if err != nil {
			here.Status, here.Error = pipeline.RunFailed, err.Error()
			for _, e := range schemas.Errors(err, schemas.StageFailed) {
				told := *e
				told.Message = fmt.Sprintf("seed %d: %s", seed, e.Message)
				errs = append(errs, &told)
			}
		}
		if record != nil {
			s.Host, here.Status = record.Host, record.Status
			here.Seconds = map[string]float64{}
			for name, st := range record.Stages {
				here.Seconds[name] = st.Seconds
			}
		}
		s.Runs, records = append(s.Runs, here), append(records, record)
		if i < len(seeds)-1 && (a.signal() != nil || ctx.Err() != nil) {
			if err == nil {
				errs = append(errs, schemas.Errorf(schemas.Interrupted, "interrupted after seed %d, %d of %d", seed, i+1, len(seeds)))
			}
			break
		}
	}
	s.sumUp(records)
	var b bytes.Buffer
	err := encode(&b, s)
	if err == nil {
		if err = os.MkdirAll(s.Out, 0o777); err != nil {
			err = pipeline.FileError(err)
		} else {
			err = pipeline.WriteFile(filepath.Join(s.Out, seedsFile), b.Bytes())
		}
	}
	if err != nil {
		errs = append(errs, err)
	} else if len(errs) > 0 && !perf.quiet && !a.json {
		a.note("the seeds that ended well: " + filepath.Join(s.Out, seedsFile))
	}
	if len(errs) > 0 {
		return result{}, errors.Join(errs...)
	}
	r := result{value: struct {
		*sweep
		Out string `json:"out"`
	}{s, s.Out}}
	if !perf.quiet && perf.events.value == "" {
		r.text = func(w io.Writer) { writeSweep(w, s) }
	}
	return r, nil
}

// sumUp fills Metrics from the records of the runs, with the mean evaluations of
// the field for a row, where a stage has them; nil is a run without a record.
// Stages and metrics come in the order of the pipeline and of their names.
func (s *sweep) sumUp(records []*pipeline.Record) {
	type key struct{ stage, metric string }
	at := map[key]int{}
	floors := map[key][]float64{}
	for i, r := range records {
		if r == nil {
			continue
		}
		for _, stage := range r.Order {
			st := r.Stages[stage]
			if st.Status != pipeline.StatusRan && st.Status != pipeline.StatusUpToDate {
				continue
			}
			floor := floorsOf(filepath.Join(r.Out, stage+".json"), st)
			numbers := maps.Clone(st.Metrics)
			if st.Evaluations > 0 {
				if numbers == nil {
					numbers = map[string]float64{}
				}
				numbers["evaluations"] = st.Evaluations
			}
			for _, metric := range sortedKeys(numbers) {
				v, k := numbers[metric], key{stage, metric}
				n, ok := at[k]
				if !ok {
					n = len(s.Metrics)
					at[k] = n
					s.Metrics = append(s.Metrics, sweepMetric{Stage: stage, Metric: metric, Values: make([]*float64, len(s.Seeds))})
				}
				s.Metrics[n].Values[i] = finite(v)
				if f, ok := floor[metric]; ok {
					floors[k] = append(floors[k], f)
				}
			}
		}
	}
	for i := range s.Metrics {
		m := &s.Metrics[i]
		var have []float64
		for _, v := range m.Values {
			if v != nil {
				have = append(have, *v)
			}
		}
		m.N = len(have)
		mean, sd := meanAndSD(have)
		m.Mean, m.SD, m.SE = finite(mean), finite(sd), finite(sd/math.Sqrt(float64(m.N)))
		mean, _ = meanAndSD(floors[key{m.Stage, m.Metric}])
		m.Floor = finite(mean)
	}
}

// meanAndSD gives NaN for what so few values do not have. The sum of squares
// is of the distances from the mean: nothing cancels.
func meanAndSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	if len(v) < 2 {
		return mean, math.NaN()
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}

// finite is nil for what JSON cannot say.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// floorsOf reads the floors of an evaluator's table, by metric. Other stages
// have none, and neither has a table that is not there.
func floorsOf(file string, s pipeline.StageRecord) map[string]float64 {
	out := map[string]float64{}
	if _, ok := s.Outputs[filepath.Base(file)]; !ok {
		return out
	}
	raw, err := os.ReadFile(file)
	var table struct {
		Metrics []struct {
			Name  string
			Floor *float64
		}
	}
	if err != nil || json.Unmarshal(raw, &table) != nil {
		return out
	}
	for _, m := range table.Metrics {
		if m.Floor != nil {
			out[m.Name] = *m.Floor
		}
	}
	return out
}

func writeSweep(w io.Writer, s *sweep) {
	cell := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return strconv.FormatFloat(*v, 'g', 4, 64)
	}
	rows := [][]string{{"STAGE", "METRIC", "MEAN", "SD", "SE", "FLOOR"}}
	for _, seed := range s.Seeds {
		rows[0] = append(rows[0], "SEED "+strconv.FormatUint(seed, 10))
	}
	for _, m := range s.Metrics {
		row := []string{clean(m.Stage), clean(m.Metric), cell(m.Mean), cell(m.SD), cell(m.SE), cell(m.Floor)}
		for _, v := range m.Values {
			row = append(row, cell(v))
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(w)
	table(w, "", rows)
	total := 0.0
	for _, r := range s.Runs {
		for _, name := range sortedKeys(r.Seconds) {
			total += r.Seconds[name]
		}
	}
	fmt.Fprintf(w, "\n%s, %s\n", plural(len(s.Runs), "seed"), ui.Seconds(total))
	table(w, "  ", [][]string{{"outputs", clean(s.Out)}, {"table", clean(filepath.Join(s.Out, seedsFile))}})
}
