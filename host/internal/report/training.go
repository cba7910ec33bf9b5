package report

import (
	"fmt"
	"math"
	"slices"
)

// drawCurve draws the loss, and small beneath it the gradient norm and the
// learning rate.
func drawCurve(t Curve) block {
	b := block{Stage: t.Stage}
	n := min(len(t.Step), len(t.Loss))
	if d, ok := drawLoss(t, n); ok {
		b.Drawings = append(b.Drawings, d)
	}
	for _, s := range []struct {
		heading string
		y       []float64
	}{{"Gradient norm", t.GradNorm}, {"Learning rate", t.LR}} {
		if d, ok := drawSeries(s.heading, t.Step, s.y); ok {
			b.Drawings = append(b.Drawings, d)
		}
	}
	return b
}

func drawLoss(t Curve, n int) (drawing, bool) {
	step, loss := t.Step[:n], t.Loss[:n]
	m := min(len(t.ValidStep), len(t.Valid))
	vstep, valid := t.ValidStep[:m], t.Valid[:m]
	smooth := smoothed(step, loss)
	all := finiteOf(smooth.mid, valid)
	if len(all) == 0 || len(finiteOf(step, vstep)) == 0 {
		return drawing{}, false
	}
	const w, h = 960, 340
	c := newCanvas(w, h, "training and validation loss of "+t.Stage)
	x := tight(step, vstep)
	y, log := lossRange(all)
	f := newFrame(62, 16, w-20, h-46, x, y)
	f.y.log = log
	c.grid(f, 8, 5)
	c.text((f.x.from+f.x.to)/2, h-8, "label mid", "step")

	var band, line pen
	band = smooth.band(f)
	c.path("area sample", band)
	line = polyline(f, smooth.step, smooth.mid)
	c.path("curve sample", line)
	if m > 0 {
		c.path("curve data", polyline(f, vstep, valid))
		if m <= 60 {
			for i := range vstep {
				if f.x.inside(vstep[i]) && f.y.inside(valid[i]) {
					c.circle(f.x.at(vstep[i]), f.y.at(valid[i]), 3, "fill data")
				}
			}
		}
	}
	caption := "Training loss: median of neighbouring steps, and the band that holds 80 % of them."
	if log {
		caption += " Logarithmic axis."
	}
	if k, at := lowest(vstep, valid); k >= 0 {
		caption += fmt.Sprintf(" Lowest validation loss %s at step %s.", figure(valid[k]), count(int64(at)))
	}
	for i, v := range loss {
		if !finite(v) {
			caption += fmt.Sprintf(" The loss is not finite at step %s.", figure(step[i]))
			break
		}
	}
	return drawing{Heading: "Loss", SVG: c.done(), Caption: caption, Wide: true}, true
}

func lowest(step, v []float64) (index int, at float64) {
	index = -1
	for i := range v {
		if finite(v[i]) && finite(step[i]) && math.Abs(step[i]) < 1e15 && (index < 0 || v[i] < v[index]) {
			index, at = i, step[i]
		}
	}
	return index, at
}

// tight is the range of steps, without a margin.
func tight(sets ...[]float64) [2]float64 {
	v := finiteOf(sets...)
	if len(v) == 0 || !(v[len(v)-1] > v[0]) {
		return rangeOf(0, v)
	}
	return [2]float64{max(v[0], -1e150), min(v[len(v)-1], 1e150)}
}

// lossRange is the range of the sorted values, logarithmic when they are
// positive and span more than a decade.
func lossRange(sorted []float64) (r [2]float64, log bool) {
	lo, hi := sorted[0], sorted[len(sorted)-1]
	if lo > 1e-150 && hi < 1e150 && hi > 10*lo {
		pad := math.Pow(hi/lo, 0.05)
		return [2]float64{lo / pad, hi * pad}, true
	}
	return margin(lo, hi, 0.08), false
}

// buckets is into how many places a long curve is gathered.
const buckets = 240

// summary is a curve gathered in buckets: the median, and the values that a
// tenth lies below and above.
type summary struct{ step, low, mid, high []float64 }

func smoothed(step, v []float64) (s summary) {
	n := len(v)
	// At least 5 values a bucket, or else every value for itself.
	k := min(buckets, max(1, n/5))
	if n < 40 {
		k = n
	}
	for i := range k {
		lo, hi := i*n/k, (i+1)*n/k
		if x := finiteOf(v[lo:hi]); len(x) > 0 && finite(step[(lo+hi)/2]) {
			s.step = append(s.step, step[(lo+hi)/2])
			s.low = append(s.low, x[len(x)/10])
			s.mid = append(s.mid, x[len(x)/2])
			s.high = append(s.high, x[len(x)-1-len(x)/10])
		}
	}
	return s
}

func (s summary) band(f frame) (p pen) {
	for i := range s.step {
		if i == 0 {
			p.move(f.x.within(s.step[i]), f.y.within(s.high[i]))
		} else {
			p.to(f.x.within(s.step[i]), f.y.within(s.high[i]))
		}
	}
	for i := len(s.step) - 1; i >= 0; i-- {
		p.to(f.x.within(s.step[i]), f.y.within(s.low[i]))
	}
	if len(p) > 0 {
		p.close()
	}
	return p
}

// polyline joins the points that can be drawn and breaks where one cannot.
func polyline(f frame, x, y []float64) (p pen) {
	drawing := false
	for i := range min(len(x), len(y)) {
		if !finite(x[i]) || !finite(y[i]) {
			drawing = false
			continue
		}
		px, py := f.x.within(x[i]), f.y.within(y[i])
		if drawing {
			p.to(px, py)
		} else {
			p.move(px, py)
		}
		drawing = true
	}
	return p
}

func drawSeries(heading string, step, v []float64) (drawing, bool) {
	n := min(len(step), len(v))
	s := smoothed(step[:n], v[:n])
	if len(s.mid) < 2 {
		return drawing{}, false
	}
	const w, h = 460, 190
	c := newCanvas(w, h, heading)
	y, log := lossRange(finiteOf(s.mid))
	if heading == "Learning rate" {
		y, log = margin(0, slices.Max(s.mid), 0.05), false
		y[0] = 0
	}
	f := newFrame(58, 12, w-14, h-28, tight(s.step), y)
	f.y.log = log
	c.grid(f, 5, 4)
	if heading != "Learning rate" {
		c.path("area noise", s.band(f))
	}
	c.path("curve noise", polyline(f, s.step, s.mid))
	return drawing{Heading: heading, SVG: c.done()}, true
}
