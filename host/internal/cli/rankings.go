package cli

import (
	"slices"

	"github.com/pathline/pathline/host/internal/report"
	"github.com/pathline/pathline/pipeline"
)

// rankings puts the mean log-likelihoods of a run together that are of the same rows: of
// the same split of one loader.
func rankings(rec *pipeline.Record, f resolvedFile) (out []report.Ranking) {
	for _, n := range rec.Order {
		mean, ok := rec.Stages[n].Metrics["mean_log_prob"]
		if !ok || !f.inUnitsOfTheFile(f.Stages[n]) {
			continue
		}
		data, split, ok := f.loaderOf(f.Stages[n], "data")
		if !ok {
			continue
		}
		if split != "" {
			data += ", " + split
		}
		at := slices.IndexFunc(out, func(r report.Ranking) bool { return r.Data == data })
		if at < 0 {
			at, out = len(out), append(out, report.Ranking{Data: data})
		}
		out[at].Scores = append(out[at].Scores, report.Score{Stage: n, Mean: mean, SE: rec.Stages[n].Metrics["mean_log_prob_se"]})
	}
	return out
}

// inUnitsOfTheFile says whether the log-density of a stage is that of the loader's
// columns. A likelihood counts the transforms of its flow; a Gaussian is fitted to rows as
// they come, of which noise alone leaves the units.
func (f resolvedFile) inUnitsOfTheFile(s resolvedStage) bool {
	name, _, _ := s.input("data")
	for range len(f.Stages) {
		from, ok := f.Stages[name]
		if !ok || from.Kind != "transform" {
			return ok && from.Kind == "loader"
		}
		if s.Kind == "evaluator" && from.Use != "dequantize" {
			return false
		}
		name, _, _ = from.input("data")
	}
	return false
}
