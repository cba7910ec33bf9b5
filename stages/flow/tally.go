package flow

import "github.com/pathline/pathline/stages/solver"

// Tally adds up the reports of the solves of many batches of rows.
type Tally struct {
	Rows  int64 // rows seen
	NotOK int64 // rows whose solve failed

	evaluations, accepted, rejected counts
	failed                          []int64 // by status
}

// counts are some number of every row.
type counts struct {
	sum         int64
	least, most int32
}

func (c *counts) add(first bool, n int32) {
	if first || n < c.least {
		c.least = n
	}
	c.most = max(c.most, n)
	c.sum += int64(n)
}

// Add counts one report.
func (t *Tally) Add(r solver.Report) {
	if t.failed == nil {
		t.failed = make([]int64, len(solver.Statuses()))
	}
	for i, s := range r.Status {
		first := t.Rows == 0
		t.evaluations.add(first, r.Evaluations[i])
		t.accepted.add(first, r.Accepted[i])
		t.rejected.add(first, r.Rejected[i])
		t.Rows++
		if s != solver.OK {
			t.NotOK++
			t.failed[s]++
		}
	}
}

// Summarize writes evaluations (the mean over rows), evaluations_min and evaluations_max, the same of accepted
// and rejected steps as steps and rejected_steps, rows_not_ok, and the number of rows of every status that is
// not ok.
func (t *Tally) Summarize(summary map[string]any) {
	if t.Rows == 0 {
		return
	}
	for name, c := range map[string]counts{"evaluations": t.evaluations, "steps": t.accepted, "rejected_steps": t.rejected} {
		summary[name] = float64(c.sum) / float64(t.Rows)
		summary[name+"_min"] = int64(c.least)
		summary[name+"_max"] = int64(c.most)
	}
	summary["rows_not_ok"] = t.NotOK
	for s, n := range t.failed {
		if n > 0 {
			summary["rows_"+solver.Status(s).String()] = n
		}
	}
}
