package acceptance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
)

// A flow that was trained on draws of a known law must have its mean, its
// covariance and its entropy.
func TestLearns(t *testing.T) {
	slow(t)
	for _, c := range []struct {
		name    string
		truth   mixture
		columns []string
		train   string
		hidden  string
	}{
		{
			name:    "gaussian",
			columns: []string{"a b", "ünï", `x.y/z"q`},
			truth: mixture{weights: []float64{1}, means: [][]float64{{100, -0.003, 5e4}}, covs: [][][]float64{covariance(
				[]float64{10, 0.001, 2000}, [][]float64{{1, 0.8, -0.3}, {0.8, 1, 0.1}, {-0.3, 0.1, 1}})}},
			hidden: "[64, 64]",
			train:  "{steps: 2500, batch: 512, optimizer: {use: adamw, lr: 3e-3}, schedule: cosine, ema: 0.998}",
		},
		{
			name:    "two modes",
			columns: []string{"left right", "höhe"},
			truth: mixture{weights: []float64{0.35, 0.65}, means: [][]float64{{-2, 1}, {2, -0.5}},
				covs: [][][]float64{{{0.5, 0.2}, {0.2, 0.4}}, {{0.6, -0.3}, {-0.3, 0.5}}}},
			hidden: "[64, 64]",
			train:  "{steps: 3000, batch: 512, optimizer: {use: adamw, lr: 3e-3}, schedule: cosine, ema: 0.998}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			r := rand.New(rand.NewPCG(1, uint64(len(c.columns))))
			writeColumns(t, filepath.Join(dir, "data.parquet"), c.columns, c.truth.draw(r, 20000))
			place(t, dir, "p.yaml", fmt.Sprintf(`
version: 1
name: learned
seed: 3
stages:
  data: {kind: loader, use: parquet, with: {path: data.parquet, split: {train: 0.75, valid: 0.05, test: 0.2}}}
  scaled: {kind: transform, use: standardize, from: {data: data}}
  field: {kind: model, use: mlp, with: {hidden: %s}}
  train:
    kind: trainer
    use: cfm
    from: {data: scaled.train, valid: scaled.valid, model: field}
    with: %s
  solver: {kind: solver, use: dopri5, with: {rtol: 1e-4, atol: 1e-4}}
  samples: {kind: sampler, use: ode, from: {flow: train, solver: solver}, with: {rows: 20000}, to: samples.parquet}
  scores: {kind: likelihood, use: ode, from: {flow: train, data: data.test, solver: solver}, to: scores.parquet}
`, c.hidden, c.train))
			took := must(t, dir, "run", "p.yaml", "--out", "out")

			samples := readTable(t, dir, "out", "samples.parquet")
			if samples.rows != 20000 || !slices.Equal(samples.fieldNames(), c.columns) {
				t.Fatalf("%d rows of %q", samples.rows, samples.fieldNames())
			}
			mean, cov := sampleMoments(samples.columns(t, c.columns...))
			trueMean, trueCov := c.truth.moments()
			worstMean, worstCov := 0.0, 0.0
			for i := range mean {
				sd := math.Sqrt(trueCov[i][i])
				worstMean = max(worstMean, math.Abs(mean[i]-trueMean[i])/sd)
				for j := range mean {
					worstCov = max(worstCov, math.Abs(cov[i][j]-trueCov[i][j])/(sd*math.Sqrt(trueCov[j][j])))
				}
			}
			if !(worstMean < 0.03) {
				t.Errorf("the mean is %v, %.4f sd off", mean, worstMean)
			}
			if !(worstCov < 0.05) {
				t.Errorf("the covariance is %v, %.4f of the sd product off", cov, worstCov)
			}

			scores := readTable(t, dir, "out", "scores.parquet")
			if want := append(slices.Clone(c.columns), "log_prob"); !slices.Equal(scores.fieldNames(), want) {
				t.Fatalf("scores have the columns %q, want %q", scores.fieldNames(), want)
			}
			if f := scores.schema.Field(len(c.columns)); f.Type.ID() != arrow.FLOAT64 {
				t.Errorf("log_prob is %v, want float64", f.Type)
			}
			given, rows, x := scores.columns(t, "log_prob")[0], scores.columns(t, c.columns...), make([]float64, len(c.columns))
			meanLog, gap := 0.0, 0.0
			for i, lp := range given {
				meanLog += lp / float64(len(given))
				gap += (c.truth.logDensity(row(x, rows, i)) - lp) / float64(len(given))
			}
			entropy := c.truth.entropy(rand.New(rand.NewPCG(9, 9)), 400000)
			if !(math.Abs(meanLog+entropy) < 0.05) {
				t.Errorf("mean log_prob of %d rows is %.4f, minus the entropy %.4f", len(given), meanLog, -entropy)
			}
			// The same without the luck of which rows were drawn: the
			// Kullback-Leibler distance from the truth, estimated on the rows.
			if !(math.Abs(gap) < 0.05) {
				t.Errorf("log_prob falls %.4f nats short of the truth's, on average", gap)
			}
			t.Logf("%.1f s, mean off %.4f sd, covariance off %.4f, log_prob %+.4f of minus the entropy, %.4f below the truth's, %d MB",
				took.seconds, worstMean, worstCov, meanLog+entropy, gap, took.peak>>20)
		})
	}
}

func covariance(sd []float64, correlation [][]float64) [][]float64 {
	out := make([][]float64, len(sd))
	for i := range sd {
		for j := range sd {
			out[i] = append(out[i], sd[i]*sd[j]*correlation[i][j])
		}
	}
	return out
}
