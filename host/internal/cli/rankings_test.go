package cli

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/pathline/pathline/host/internal/report"
	"github.com/pathline/pathline/pipeline"
)

// TestRankings: log-likelihoods of the same rows stand together; of other rows, or in
// other units, they do not.
func TestRankings(t *testing.T) {
	var file any
	if err := json.Unmarshal([]byte(`{"stages": {
		"data": {"kind": "loader"}, "more": {"kind": "loader"},
		"noise": {"kind": "transform", "use": "dequantize", "from": {"data": "data"}},
		"scaled": {"kind": "transform", "use": "standardize", "from": {"data": "noise"}},
		"a": {"kind": "likelihood", "from": {"data": "data.test"}},
		"b": {"kind": "likelihood", "from": {"data": "data.test"}},
		"held": {"kind": "likelihood", "from": {"data": "data.valid"}},
		"other": {"kind": "likelihood", "from": {"data": "more.test"}},
		"gaussian": {"kind": "evaluator", "use": "gaussian", "from": {"data": "noise.test"}},
		"units": {"kind": "evaluator", "use": "gaussian", "from": {"data": "scaled.test"}},
		"whole": {"kind": "likelihood", "from": {"data": "data"}},
		"quality": {"kind": "evaluator", "use": "two-sample", "from": {"data": "data.test"}}}}`), &file); err != nil {
		t.Fatal(err)
	}
	rec := &pipeline.Record{Order: []string{"data", "a", "quality", "held", "gaussian", "other", "units", "whole", "b"}, Stages: map[string]pipeline.StageRecord{"quality": {Metrics: map[string]float64{"energy": 1}}}}
	for i, n := range []string{"a", "held", "gaussian", "other", "units", "whole", "b"} {
		rec.Stages[n] = pipeline.StageRecord{Metrics: map[string]float64{"mean_log_prob": float64(i), "mean_log_prob_se": 0.5}}
	}
	want := []report.Ranking{
		{Data: "data, test", Scores: []report.Score{{Stage: "a", Mean: 0, SE: 0.5}, {Stage: "gaussian", Mean: 2, SE: 0.5}, {Stage: "b", Mean: 6, SE: 0.5}}},
		{Data: "data, valid", Scores: []report.Score{{Stage: "held", Mean: 1, SE: 0.5}}},
		{Data: "more, test", Scores: []report.Score{{Stage: "other", Mean: 3, SE: 0.5}}},
		{Data: "data", Scores: []report.Score{{Stage: "whole", Mean: 5, SE: 0.5}}},
	}
	if got := rankings(rec, readResolved(file)); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
