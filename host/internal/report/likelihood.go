package report

import (
	"fmt"
	"slices"
)

func likelihoodBlocks(list []Histogram) (out []block) {
	for _, l := range list {
		d, ok := drawLikelihood(l)
		if !ok {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Stage == l.Stage {
			out[n-1].Drawings = append(out[n-1].Drawings, d)
		} else {
			out = append(out, block{Stage: l.Stage, Drawings: []drawing{d}})
		}
	}
	for i := range out {
		if len(out[i].Drawings) == 1 {
			out[i].Drawings[0].Wide = true
		}
	}
	return out
}

func drawLikelihood(l Histogram) (drawing, bool) {
	v := finiteOf(l.LogProb)
	if len(v) == 0 {
		return drawing{}, false
	}
	const w, h = 960, 270
	c := newCanvas(w, h, "histogram of log-likelihoods of "+l.Stage)
	// Log-likelihoods have a sharp upper end and a long lower tail.
	r := margin(v[len(v)/200], v[len(v)-1], 0.03)
	n := binCount(len(v), 80)
	hist := bins(v, r, n)
	f := newFrame(16, 26, w-16, h-48, r, [2]float64{0, slices.Max(hist)*1.05 + 1e-9})
	outline, area := steps(f, r, hist)
	c.path("area data", area)
	c.path("outline data", outline)
	c.grid(f, 9, 0)
	c.text((f.x.from+f.x.to)/2, h-8, "label mid", "log-likelihood of a row, nats")
	if f.x.inside(l.Mean) {
		x := f.x.at(l.Mean)
		c.line(x, f.y.from, x, f.y.to, "mark")
		class, dx := "value", 7.0
		if x > w*0.7 {
			class, dx = "value end", -7
		}
		c.text(x+dx, f.y.to+2, class, "mean "+withError(l.Mean, l.SE))
	}
	d := drawing{Heading: l.Split, SVG: c.done()}
	below := 0
	for _, x := range v {
		if x < r[0] {
			below++
		}
	}
	d.Caption = fmt.Sprintf("%s drawn; mean over all rows %s nats.", plural(len(v)-below, "row"), withError(l.Mean, l.SE))
	if below > 0 {
		d.Caption += fmt.Sprintf(" %s further left, the least likely at %s.", plural(below, "row"), figure(v[0]))
	}
	if bad := len(l.LogProb) - len(v); bad > 0 {
		d.Caption += fmt.Sprintf(" %s not finite.", plural(bad, "value"))
	}
	if l.Trips > 0 {
		d.Caption += fmt.Sprintf(" To the base and back, %s: %s away at most, %s in the root mean square.", plural(int(l.Trips), "row"), figure(l.Max), figure(l.RMS))
	}
	return d, true
}
