package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/likelihood"
	"github.com/pathline/pathline/stages/random"
)

// Samplers and likelihoods are given the exact flow of a normal distribution,
// whose rows and densities have closed forms.

func samplerCases() []Case {
	return []Case{{ID: "sampler/gaussian", Kind: "sampler", run: sampledGaussian,
		Sentence: "Of the exact flow of a normal distribution it makes the rows that were asked for, in the flow's columns, with its mean and variance, each within six standard errors."}}
}

func likelihoodCases() []Case {
	return []Case{{ID: "likelihood/gaussian", Kind: "likelihood", run: scoredGaussian,
		Sentence: "Under the exact flow of a normal distribution log_prob is its log-density, for every row of data in its order."}}
}

func trainerCases() []Case {
	return []Case{{ID: "trainer/learns", Kind: "trainer", run: trained,
		Sentence: "A trainer gives the flow that check planned, whose file opens, and its loss is finite and below that of the untrained network."}}
}

func evaluatorCases() []Case {
	return []Case{{ID: "evaluator/metrics", Kind: "evaluator", run: measured,
		Sentence: "An evaluator gives metrics; they are finite, and they tell a sample of the data's distribution from one of another."}}
}

// ran opens an instance, checks and runs it.
func ran(ctx context.Context, s *subject, i *implementation, config json.RawMessage, inputs pipeline.Inputs) (in *instance, checked, out pipeline.Outputs, err error) {
	if in, err = s.open(ctx, i, config); err != nil {
		return nil, checked, out, err
	}
	if checked, err = in.Check(ctx, inputs); err == nil {
		out, err = in.Run(ctx, inputs)
	}
	if err != nil {
		in.shut()
		return nil, checked, out, err
	}
	return in, checked, out, nil
}

func sampledGaussian(ctx context.Context, s *subject, i *implementation) error {
	const rows = 4000
	config, ok := i.with(map[string]any{"rows": rows})
	in, checked, out, err := ran(ctx, s, i, config, s.ports(i))
	if err != nil {
		return err
	}
	defer in.shut()
	if err := sameSchema(checked.Rows, out.Rows); err != nil {
		return err
	}
	table := out.Rows[""]
	if table == nil {
		return fmt.Errorf("it gives no rows")
	}
	for j := range toyMean {
		if _, ok := table.Schema().FieldsByName(columnName(j)); !ok {
			return fmt.Errorf("the flow has a column %q, the rows have %s", columnName(j), columnsOf(table.Schema()))
		}
	}
	x, err := numbers(ctx, table)
	if err != nil {
		return err
	}
	if ok && len(x) != rows {
		return fmt.Errorf("%d rows were asked for, %d came", rows, len(x))
	}
	if len(x) < 100 {
		return skipf("%d rows are too few to measure", len(x))
	}
	mean, variance := moments(x)
	n := float64(len(x))
	for j := range toyMean {
		want := toyStd[j] * toyStd[j]
		if d := 6*toyStd[j]/math.Sqrt(n) + 1e-3; !(math.Abs(mean[j]-toyMean[j]) < d) {
			return fmt.Errorf("column %q has mean %.4f, the distribution has %.4f; %.4f is allowed", columnName(j), mean[j], toyMean[j], d)
		}
		if d := 6*want*math.Sqrt(2/n) + 2e-3*want; !(math.Abs(variance[j]-want) < d) {
			return fmt.Errorf("column %q has variance %.4f, the distribution has %.4f; %.4f is allowed", columnName(j), variance[j], want, d)
		}
	}
	return nil
}

func scoredGaussian(ctx context.Context, s *subject, i *implementation) error {
	// Defaults first: an example may show an estimate.
	config, err := i.schema.Resolve(json.RawMessage("{}"))
	if err != nil {
		config = nil
	}
	in, checked, out, err := ran(ctx, s, i, config, s.ports(i))
	if err != nil {
		return err
	}
	defer in.shut()
	if err := sameSchema(checked.Rows, out.Rows); err != nil {
		return err
	}
	table := out.Rows[""]
	if table == nil {
		return fmt.Errorf("it gives no rows")
	}
	if _, ok := table.Schema().FieldsByName("log_prob"); !ok {
		return fmt.Errorf("there is no column log_prob among %s", columnsOf(table.Schema()))
	}
	data, err := numbers(ctx, toy(1, 1500, toyMean, toyStd))
	if err != nil {
		return err
	}
	got, err := column(ctx, table, "log_prob")
	if err != nil {
		return err
	}
	if len(got) != len(data) {
		return fmt.Errorf("of %d rows %d are scored", len(data), len(got))
	}
	for r, x := range data {
		want := 0.0
		for j, v := range x {
			z := (v - toyMean[j]) / toyStd[j]
			want -= z*z/2 + math.Log(toyStd[j]) + math.Log(2*math.Pi)/2
		}
		if !(math.Abs(got[r]-want) < 1e-3*(1+math.Abs(want))) {
			return fmt.Errorf("row %d, at %.4f, has log_prob %.6f, the closed form gives %.6f", r, x, got[r], want)
		}
	}
	return nil
}

// column reads one column of floats.
func column(ctx context.Context, rows pipeline.Rows, name string) (out []float64, err error) {
	at := rows.Schema().FieldIndices(name)[0]
	err = pipeline.Each(ctx, rows, func(rec arrow.Record) error {
		for r := range int(rec.NumRows()) {
			v, ok := float(rec.Column(at), r)
			if !ok {
				return fmt.Errorf("column %q has type %s where a float is due", name, rec.Column(at).DataType())
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

func trained(ctx context.Context, s *subject, i *implementation) error {
	config, _ := i.with(map[string]any{"steps": 300, "batch": 128, "epochs": nil})
	in, checked, out, err := ran(ctx, s, i, config, s.ports(i))
	if err != nil {
		return err
	}
	defer in.shut()
	planned, ok := checked.Flow.(*flow.Source)
	if !ok {
		return fmt.Errorf("check gives %T where a planned flow is due", checked.Flow)
	}
	src, ok := out.Flow.(*flow.Source)
	if !ok || src.File == "" {
		return fmt.Errorf("run gives no flow file")
	}
	plan, err := flow.Describe(*planned)
	if err != nil {
		return fmt.Errorf("what check planned: %w", err)
	}
	f, err := flow.Open(*src, stages.Parts())
	if err != nil {
		return fmt.Errorf("the file of the flow: %w", err)
	}
	if f.Dim() != len(toyMean) || plan.Dim != f.Dim() {
		return fmt.Errorf("check planned a flow of %d columns, the file has %d, the data %d", plan.Dim, f.Dim(), len(toyMean))
	}
	if f.Bijection != nil {
		return trainedDensity(ctx, f)
	}
	learned, resting, err := matchingLoss(ctx, f)
	if err != nil {
		return err
	}
	if !finite(learned) || !(learned < 0.95*resting) {
		return fmt.Errorf("the flow matching loss of the trained field is %.4f, that of a field at rest %.4f", learned, resting)
	}
	for name, v := range out.Metrics {
		if !finite(v) {
			return fmt.Errorf("the metric %q is %v", name, v)
		}
	}
	return nil
}

// trainedDensity is trained for a discrete flow: by its loss, the mean negative log-density.
func trainedDensity(ctx context.Context, f *flow.Flow) error {
	x, err := numbers(ctx, toy(8, 2000, toyMean, toyStd))
	if err != nil {
		return err
	}
	rows, d := make([]float64, 0, len(x)*f.Dim()), f.Dim()
	for _, row := range x {
		rows = append(rows, row...)
	}
	logp, resting := make([]float64, len(x)), make([]float64, len(x))
	if _, err := likelihood.LogProb(ctx, f, nil, logp, nil, rows, 0, len(x), likelihood.Trace{}); err != nil {
		return err
	}
	flow.Normal{Dim: d, Std: 1}.LogProb(resting, rows, len(x))
	mean := func(v []float64) (m float64) {
		for _, l := range v {
			m -= l / float64(len(v))
		}
		return m
	}
	if l, r := mean(logp), mean(resting); !finite(l) || !(l < r-0.3) {
		return fmt.Errorf("the rows have %.4f nats under the trained flow and %.4f under the base", l, r)
	}
	return nil
}

func measured(ctx context.Context, s *subject, i *implementation) error {
	metrics := func(mean, std []float64) (map[string]float64, error) {
		p := s.ports(i)
		p["sample"] = pipeline.Input{From: "sample", Rows: toy(3, 1200, mean, std)}
		p["train"] = p["sample"]
		p["flow"] = pipeline.Input{From: "gaussian", Service: gaussianOf(mean, std)}
		in, _, out, err := ran(ctx, s, i, s.quick(i), p)
		if err != nil {
			return nil, err
		}
		defer in.shut()
		if len(out.Metrics) == 0 {
			return nil, fmt.Errorf("it gives no metrics")
		}
		for name, v := range out.Metrics {
			if !finite(v) {
				return nil, fmt.Errorf("the metric %q is %v", name, v)
			}
		}
		return out.Metrics, nil
	}
	near, err := metrics(toyMean, toyStd)
	if err != nil {
		return err
	}
	far, err := metrics([]float64{3, 3}, []float64{2, 2})
	if err != nil {
		return err
	}
	for name, v := range near {
		if math.Abs(far[name]-v) > 0.1*(math.Abs(v)+math.Abs(far[name])) {
			return nil
		}
	}
	return fmt.Errorf("a sample of the data's distribution and one of another have the same metrics: %v and %v", near, far)
}

// matchingLoss is the mean squared distance between a field and the velocities
// of straight paths from noise to the toy data, of the field and of one that is
// zero everywhere.
func matchingLoss(ctx context.Context, f *flow.Flow) (learned, resting float64, err error) {
	const rows = 2000
	d := f.Dim()
	key := random.NewKey(9, "conform", "matching")
	t, x, u, v := make([]float64, rows), make([]float32, rows*d), make([]float32, rows*d), make([]float32, rows*d)
	z := make([]float64, 2*d)
	for r := range rows {
		key.Normals64(z, uint64(r), 0)
		t[r] = (float64(r) + 0.5) / rows
		for j := range d {
			x0, x1 := f.Description.BaseStd*z[j], toyMean[j]+toyStd[j]*z[d+j]
			x[r*d+j], u[r*d+j] = float32((1-t[r])*x0+t[r]*x1), float32(x1-x0)
		}
	}
	if err := f.Field32.Eval(ctx, v, t, x, rows); err != nil {
		return 0, 0, err
	}
	for i := range v {
		e, w := float64(v[i]-u[i]), float64(u[i])
		learned += e * e / rows
		resting += w * w / rows
	}
	return learned, resting, nil
}
