package flow

import "github.com/pathline/pathline/stages/solver"

// Tally adds up the reports of the solves of many batches of rows.
type Tally struct {
	Rows  int64 // rows seen
	NotOK int64 // rows whose solve failed

	evaluations int64
	least, most int32
	failed      [solver.Cancelled + 1]int64
}

// Add counts one report.
func (t *Tally) Add(r solver.Report) {
	for i, s := range r.Status {
		e := r.Evaluations[i]
		if t.Rows == 0 || e < t.least {
			t.least = e
		}
		t.most = max(t.most, e)
		t.evaluations += int64(e)
		t.Rows++
		if s != solver.OK {
			t.NotOK++
			t.failed[s]++
		}
	}
}

// Summarize writes evaluations (the mean over rows), evaluations_min and evaluations_max, rows_not_ok, and
// the number of rows of every status that is not ok.
func (t *Tally) Summarize(summary map[string]any) {
	if t.Rows == 0 {
		return
	}
	summary["evaluations"] = float64(t.evaluations) / float64(t.Rows)
	summary["evaluations_min"] = int64(t.least)
	summary["evaluations_max"] = int64(t.most)
	summary["rows_not_ok"] = t.NotOK
	for s, n := range t.failed {
		if n > 0 {
			summary["rows_"+solver.Status(s).String()] = n
		}
	}
}
