package report

import (
	"html/template"
	"strconv"
)

const (
	mostLines  = 180
	mostFrames = 5
)

// drawTrajectory draws the ways of some rows, and above them where all rows
// are at a few times.
func drawTrajectory(t Trajectory) block {
	b := block{Stage: t.Stage}
	times := min(len(t.T), len(t.X))
	rows := 0
	if times > 0 {
		rows = len(t.X[0])
	}
	for i := range times {
		rows = min(rows, len(t.X[i]))
		for _, x := range t.X[i] {
			if len(x) < 2 {
				return b
			}
		}
	}
	if times < 2 || rows == 0 || len(finiteOf(t.T[:times])) < times {
		return b
	}
	at := func(i int) (x, y []float64) {
		for _, p := range t.X[i][:rows] {
			x, y = append(x, p[0]), append(y, p[1])
		}
		return x, y
	}
	var xs, ys []float64
	for i := range times {
		x, y := at(i)
		xs, ys = append(xs, x...), append(ys, y...)
	}
	if len(finiteOf(xs)) == 0 || len(finiteOf(ys)) == 0 {
		return b
	}
	rx, ry := alike(rangeOf(0.0005, xs), rangeOf(0.0005, ys))

	b.Drawings = append(b.Drawings, drawing{SVG: drawFrames(t, times, at, rx, ry), Wide: true})

	lines := min(rows, mostLines)
	x, y := short(column(t.Columns, 0), 44), short(column(t.Columns, 1), 44)
	of := plural(lines, "row")
	b.Drawings = append(b.Drawings,
		drawing{Heading: "In the plane", SVG: drawWays(ways{
			x: func(_ int, p []float64) float64 { return p[0] }, y: func(_ int, p []float64) float64 { return p[1] },
			rx: rx, ry: ry, xLabel: x, yLabel: y}, t.X[:times], lines),
			Caption: "The ways of " + of + " from noise (grey) to where they end (orange)."},
		drawing{Heading: "Over time", SVG: drawWays(ways{
			x: func(k int, _ []float64) float64 { return t.T[k] }, y: func(_ int, p []float64) float64 { return p[0] },
			rx: margin(t.T[0], t.T[times-1], 0.03), ry: rx, xLabel: "t", yLabel: x}, t.X[:times], lines),
			Caption: "The first column of the same rows against t. Straight lines are easy for a solver."})
	return b
}

// ways says what of a row at time k is drawn on which axis.
type ways struct {
	x, y           func(k int, p []float64) float64
	rx, ry         [2]float64
	xLabel, yLabel string
}

func drawWays(v ways, at [][][]float64, lines int) template.HTML {
	const w, h = 460, 460
	c := newCanvas(w, h, "trajectories, "+v.yLabel+" against "+v.xLabel)
	f := newFrame(58, 8, w-8, h-46, v.rx, v.ry)
	c.box(f, 6, 6)
	var pens [layers]pen
	var start, end pen
	for i := range lines {
		x, y := make([]float64, len(at)), make([]float64, len(at))
		for k := range at {
			x[k], y[k] = v.x(k, at[k][i]), v.y(k, at[k][i])
		}
		p := &pens[i%layers]
		*p = append(*p, polyline(f, x, y)...)
		last := len(at) - 1
		if finite(x[0]) && finite(y[0]) {
			start.dot(f.x.within(x[0]), f.y.within(y[0]))
		}
		if finite(x[last]) && finite(y[last]) {
			end.dot(f.x.within(x[last]), f.y.within(y[last]))
		}
	}
	for _, p := range pens {
		c.path("way", p)
	}
	c.path("points noise", start)
	c.path("points sample", end)
	c.text((f.x.from+f.x.to)/2, h-8, "label mid", v.xLabel)
	c.upright(14, (f.y.from+f.y.to)/2, "label mid", v.yLabel)
	return c.done()
}

// drawFrames is the rows at about mostFrames times, like pictures of a film.
func drawFrames(t Trajectory, times int, at func(int) (x, y []float64), rx, ry [2]float64) template.HTML {
	n := min(mostFrames, times)
	const w, gap = 960.0, 12.0
	side := (w - gap*float64(mostFrames-1)) / mostFrames
	c := newCanvas(side*float64(n)+gap*float64(n-1), side+26, "rows at several times")
	for k := range n {
		i := k * (times - 1) / max(n-1, 1)
		left := float64(k) * (side + gap)
		f := newFrame(left+1, 1, left+side-1, side-1, rx, ry)
		c.box(f, 0, 0)
		x, y := at(i)
		class := "sample"
		if k == 0 {
			class = "noise"
		}
		c.scatter(f, class+" small", x, y)
		c.text(left+side/2, side+19, "label mid", "t = "+strconv.FormatFloat(t.T[i], 'g', 3, 64))
	}
	return c.done()
}

func column(names []string, j int) string {
	if j < len(names) {
		return names[j]
	}
	return ""
}
