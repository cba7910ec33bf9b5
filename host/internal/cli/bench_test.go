package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pathline/pathline/host/internal/bench"
)

// Every workload that does not take long, with tiny settings: the document has
// what a comparison needs.
func TestBench(t *testing.T) {
	out := withStages(t, "bench --json --threads 1 --repeats 1 --seconds 0.01 --rows 200 --data ../../../benchmarks/data")
	var doc struct {
		OK     bool
		Result bench.Report
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || !doc.OK {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[string]bool{}
	for _, r := range doc.Result.Results {
		seen[r.Workload] = true
		if !(r.Value > 0) || r.Threads != 1 || r.PeakShare > 0 == strings.HasPrefix(r.Workload, "w4") || r.Rows > 200 {
			t.Errorf("%+v", r)
		}
	}
	for _, w := range bench.Workloads() {
		if seen[w.Name] == w.Slow {
			t.Errorf("%s: run %t, takes long %t", w.Name, seen[w.Name], w.Slow)
		}
	}
	if p := doc.Result.Machine; p.Instructions == "" || !(p.Peak > 0) {
		t.Errorf("machine %+v", p)
	}
	text := withStages(t, "bench w11-256x64x64 --repeats 1 --seconds 0.001")
	if !strings.Contains(text, "GFLOP/s") || !strings.Contains(text, "256x64x64") {
		t.Errorf("the table is\n%s", text)
	}
}
