package evaluator

import (
	"math"
	"slices"

	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// Tally collects the courses of many rows.
type Tally struct {
	energy, bend, distance []float64 // of rows that arrived
	evaluations            []int32   // of all rows
}

// Add takes a course.
func (t *Tally) Add(c *Course) {
	for r, s := range c.Report.Status {
		if s == solver.OK {
			t.energy, t.bend, t.distance = append(t.energy, c.Energy[r]), append(t.bend, c.Bend[r]), append(t.distance, c.Distance[r])
		}
	}
	t.evaluations = append(t.evaluations, c.Report.Evaluations...)
}

// Transport is the cost of optimal transport from the base to the data, the square
// of W2, with its standard error, between Rows rows of each.
type Transport struct {
	Cost, SE float64
	Rows     int
}

// Metrics are means over the rows that arrived, with the standard errors of means:
//
//	path_energy             PE = E int |v(t, x_t)|² dt
//	straightness            S = E int |v(t, x_t) - (x_1 - x_0)|² dt; 0: all ways are straight (Liu et al. 2023, equation 7)
//	transport_cost          E |x_1 - x_0|² = PE - S
//	evaluations             of the field, per row
//
// and next to the optimal transport, which may be nil:
//
//	wasserstein_2_squared   W2² between base and data
//	normalized_path_energy  |PE - W2²| / W2² (Tong et al. 2024)
//
// No flow to the data has a path energy or a transport cost below W2², and both
// are W2² for the optimal one (Benamou and Brenier 2000). There is no floor: the
// figures are of the flow alone.
func (t *Tally) Metrics(optimal *Transport) []Metric {
	counts := make([]float64, len(t.evaluations))
	for i, n := range t.evaluations {
		counts[i] = float64(n)
	}
	var out []Metric
	add := func(name string, v []float64) {
		out = append(out, Metric{Name: name, Value: mean(v), SE: math.Sqrt(variance(v) / float64(len(v))), Floor: math.NaN(), SampleRows: len(v)})
	}
	add("path_energy", t.energy)
	add("straightness", t.bend)
	add("transport_cost", t.distance)
	add("evaluations", counts)
	if w := optimal; w != nil {
		pe := out[0]
		out = append(out, Metric{"wasserstein_2_squared", w.Cost, w.SE, math.NaN(), w.Rows, w.Rows},
			Metric{"normalized_path_energy", math.Abs(pe.Value-w.Cost) / w.Cost, math.Hypot(pe.SE, pe.Value/w.Cost*w.SE) / w.Cost, math.NaN(), w.Rows, pe.SampleRows})
	}
	return out
}

// Evaluations says how many evaluations of the field rows took.
type Evaluations struct {
	Min    int32    `json:"min"`
	Lower  int32    `json:"lower_quartile"`
	Median int32    `json:"median"`
	Upper  int32    `json:"upper_quartile"`
	Max    int32    `json:"max"`
	Counts [][2]int `json:"counts"` // evaluations, rows that took so many
}

// Evaluations sums up those of all rows. A quartile is a number that some row took:
// the least that is not below those of a quarter of the rows.
func (t *Tally) Evaluations() (e Evaluations) {
	sorted := slices.Sorted(slices.Values(t.evaluations))
	n := len(sorted)
	if n == 0 {
		return e
	}
	at := func(quarters int) int32 { return sorted[max(0, (quarters*n+3)/4-1)] }
	e.Min, e.Lower, e.Median, e.Upper, e.Max = sorted[0], at(1), at(2), at(3), sorted[n-1]
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			e.Counts = append(e.Counts, [2]int{int(v), 0})
		}
		e.Counts[len(e.Counts)-1][1]++
	}
	return e
}

func mean(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// chosen are rows of x [...][d], n of them, by a keyed permutation.
func chosen(x []float64, n, d int, key random.Key, pass uint32) []float64 {
	out := make([]float64, 0, n*d)
	for i := range n {
		r := int(key.Permute(uint64(i), uint64(len(x)/d), pass))
		out = append(out, x[r*d:(r+1)*d]...)
	}
	return out
}
