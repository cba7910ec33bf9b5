package report

import (
	"fmt"
	"html/template"
	"math"
)

type qualityBlock struct {
	Stage   string
	Metrics []qualityRow
}

type qualityRow struct {
	Name, Meaning  string
	Value, Floor   string
	Verdict, Class string
	Rows           string
	SVG            template.HTML
}

// meanings say in one sentence what a metric measures. A metric that is not
// here is drawn without one.
var meanings = map[string][2]string{
	"wasserstein_2":          {"Wasserstein distance", "How far rows have to be moved to turn the sample into the data, root of the mean square; falls with the number of rows."},
	"wasserstein_2_squared":  {"Wasserstein distance, squared", "The mean square of the same."},
	"sliced_wasserstein_2":   {"Sliced Wasserstein distance", "How far rows have to be moved, seen from random directions, to turn the sample into the data."},
	"path_energy":            {"Path energy", "The squared speed of rows on their way from noise to data, added up over time; the least possible is the squared Wasserstein distance between noise and data."},
	"straightness":           {"Straightness", "How far speeds are from constant on the way; 0: one Euler step is the whole flow."},
	"transport_cost":         {"Transport cost", "The squared distance from where a row starts to where it ends; path energy less straightness."},
	"evaluations":            {"Evaluations of the field", "What one row costs with this solver."},
	"normalized_path_energy": {"Normalized path energy", "How far the path energy is from that of optimal transport, as a part of it; 0: the flow is optimal."},
	"energy_distance":        {"Energy distance", "How much further rows of the two sets lie from each other than rows of the same set."},
	"mmd_squared":            {"Maximum mean discrepancy, squared", "How differently the two sets crowd around the same places, at five scales at once."},
	"c2st_accuracy":          {"Classifier two-sample test", "How often a nearest-neighbour classifier tells which set a row it has not seen is from; 0.5 is guessing."},
	"mean_difference":        {"Largest difference of a mean", "Over all columns, in standard deviations of the data."},
	"sd_difference":          {"Largest difference of a spread", "Over all columns, as the logarithm of the ratio of standard deviations; 0.1 is about 10 %."},
	"correlation_difference": {"Largest difference of a correlation", "Over all pairs of columns."},
}

func qualityBlocks(tables []QualityTable) (out []qualityBlock) {
	for _, t := range tables {
		b := qualityBlock{Stage: t.Stage}
		for _, m := range t.Metrics {
			b.Metrics = append(b.Metrics, qualityOf(m))
		}
		if len(b.Metrics) > 0 {
			out = append(out, b)
		}
	}
	return out
}

func qualityOf(m Metric) qualityRow {
	r := qualityRow{Name: m.Name, Value: withError(m.Value, m.SE), Floor: figure(m.Floor)}
	if w, ok := meanings[m.Name]; ok {
		r.Name, r.Meaning = w[0], w[1]
	}
	if m.DataRows == 0 && m.SampleRows > 0 {
		r.Rows = fmt.Sprintf("%s rows", count(int64(m.SampleRows)))
	}
	if m.DataRows > 0 && m.SampleRows > 0 {
		r.Rows = fmt.Sprintf("%s rows of data, %s of the sample", count(int64(m.DataRows)), count(int64(m.SampleRows)))
	}
	if finite(m.Value) && math.IsNaN(m.Floor) { // a figure of a flow alone has nothing to be compared with
		r.Floor = ""
		return r
	}
	r.Verdict, r.Class = verdict(m)
	if finite(m.Value) && finite(m.Floor) {
		r.SVG = drawMetric(m, r.Class)
	}
	return r
}

// verdict compares a value with its floor. The floor is one draw of what fresh
// data give, so it has an error too, taken to be as large as the value's.
func verdict(m Metric) (words, class string) {
	if !finite(m.Value) || !finite(m.Floor) {
		return "not finite", "bad"
	}
	if !finite(m.SE) || m.SE < 0 {
		return "no error given", "calm"
	}
	switch z := (m.Value - m.Floor) / (math.Sqrt2 * m.SE); {
	case math.IsNaN(z) || z <= 2:
		return "like fresh data", "good"
	case z <= 4:
		return "close to fresh data", "calm"
	default:
		return "differs from the data", "warn"
	}
}

// drawMetric is a value with two standard errors, on an axis where the part
// up to the floor is shaded.
func drawMetric(m Metric, class string) template.HTML {
	const w, h, left, right = 460.0, 54.0, 22.0, 438.0
	se := m.SE
	if !finite(se) || se < 0 {
		se = 0
	}
	zero := 0.0
	if m.Name == "c2st_accuracy" {
		zero = 0.5
	}
	lo := min(zero, m.Value-2*se, m.Floor)
	hi := max(zero, m.Value+2*se, m.Floor)
	if !finite(lo) || !finite(hi) {
		lo, hi = min(zero, m.Value), max(zero, m.Value)
	}
	r := margin(lo, hi, 0.06)
	x := scale{lo: r[0], hi: r[1], from: left, to: right}
	c := newCanvas(w, h, fmt.Sprintf("%s %s, floor %s", m.Name, figure(m.Value), figure(m.Floor)))
	const y = 18.0
	c.rect(left, y-7, right-left, 14, 7, "track")
	a, b := x.within(min(zero, m.Floor)), x.within(max(zero, m.Floor))
	c.rect(a, y-7, b-a, 14, 2, "reach")
	c.line(x.within(m.Floor), y-11, x.within(m.Floor), y+11, "floor")
	if se > 0 {
		c.line(x.within(m.Value-2*se), y, x.within(m.Value+2*se), y, "whisker "+class)
	}
	c.circle(x.within(m.Value), y, 5.5, "value-dot "+class)
	for _, t := range x.ticks(5) {
		c.line(x.at(t.v), y+12, x.at(t.v), y+15, "axis")
		c.text(x.at(t.v), y+29, "tick mid", t.label)
	}
	return c.done()
}
