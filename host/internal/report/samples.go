package report

import (
	"fmt"
	"math"
	"slices"
)

// drawComparison picks the picture for the number of columns: one histogram,
// two scatters side by side, a matrix of pairs, or the marginals of many; images
// are drawn as images.
func drawComparison(s Comparison) block {
	b := block{Stage: s.Stage}
	k := min(len(s.Columns), len(s.Data), len(s.Sample))
	s.Columns, s.Data, s.Sample = s.Columns[:k], s.Data[:k], s.Sample[:k]
	drawable := 0
	for j := range k {
		drawable += len(finiteOf(s.Data[j], s.Sample[j]))
	}
	if drawable == 0 {
		return b
	}
	switch {
	case s.Shape.Size() == k && len(s.Data) == k && len(s.Sample) == k:
		b.Drawings = drawImages(s)
	case k == 1:
		b.Drawings = []drawing{drawMarginal(s, 0, 960, 300, true)}
	case k == 2:
		b.Drawings = drawJoint(s)
	case k <= 4:
		b.Drawings = []drawing{drawPairs(s)}
	default:
		b.Drawings = drawMany(s)
	}
	if n, total := s.bad(); n > 0 {
		b.Note = fmt.Sprintf("%s of %s not finite and not drawn.", plural(n, "value"), count(int64(total)))
	}
	return b
}

func (s Comparison) bad() (n, total int) {
	for j := range s.Columns {
		for _, set := range [][]float64{s.Data[j], s.Sample[j]} {
			for _, v := range set {
				if total++; !finite(v) {
					n++
				}
			}
		}
	}
	return n, total
}

// tail is the part of the values at each end that does not set the frame.
const tail = 0.002

func (s Comparison) span(j int) [2]float64 {
	r := rangeOf(tail, s.Data[j], s.Sample[j])
	if whole(s.Data[j]) && r[1]-r[0] < mostWhole {
		// room for half a bin on each side of the outermost whole numbers
		r = [2]float64{math.Ceil(r[0]) - 0.6, math.Floor(r[1]) + 0.6}
	}
	return r
}

func drawMarginal(s Comparison, j int, w, h float64, wide bool) drawing {
	c := newCanvas(w, h, "histogram of "+s.Columns[j])
	x := scale{lo: s.span(j)[0], hi: s.span(j)[1], from: 14, to: w - 14}
	bottom := h - 26
	c.marginal(x, bottom, 8, s.Data[j], s.Sample[j], 60)
	c.grid(frame{x, scale{0, 1, bottom, 8, false}}, min(9, int(w/56)), 0)
	return drawing{Heading: s.Columns[j], SVG: c.done(), Wide: wide}
}

// drawJoint is data and sample in two frames of the same axes, each with both
// marginals above and on the right.
func drawJoint(s Comparison) []drawing {
	x, y := alike(s.span(0), s.span(1))
	var out []drawing
	for _, v := range []struct {
		heading, class string
		set            [][]float64
	}{{"Data", "data", s.Data}, {"Sample", "sample", s.Sample}} {
		const w, h = 460, 460
		c := newCanvas(w, h, v.heading+": "+s.Columns[1]+" against "+s.Columns[0])
		f := newFrame(58, 64, w-66, h-46, x, y)
		c.box(f, 6, 6)
		c.scatter(f, v.class, v.set[0], v.set[1])
		c.marginal(f.x, f.y.to-6, 8, s.Data[0], s.Sample[0], 48)
		c.sideways(f.y, f.x.to+6, w-8, s.Data[1], s.Sample[1], 48)
		c.text((f.x.from+f.x.to)/2, h-8, "label mid", short(s.Columns[0], 44))
		c.upright(14, (f.y.from+f.y.to)/2, "label mid", short(s.Columns[1], 40))
		d := drawing{Heading: v.heading, SVG: c.done()}
		shown, outside := 0, 0
		for i := range min(len(v.set[0]), len(v.set[1])) {
			if f.x.inside(v.set[0][i]) && f.y.inside(v.set[1][i]) {
				shown++
			} else {
				outside++
			}
		}
		d.Caption = plural(min(shown, mostDots), "row") + " drawn"
		switch part := 100 * float64(outside) / float64(shown+outside); {
		case part >= 0.05:
			d.Caption += fmt.Sprintf("; %.1f %% of the rows lie outside of the frame", part)
		case outside > 0:
			d.Caption += "; outside of the frame: " + plural(outside, "row")
		}
		out = append(out, d)
	}
	return out
}

// alike gives two ranges of about the same width the same width, so that a
// circle is drawn as one.
func alike(x, y [2]float64) (a, b [2]float64) {
	wx, wy := x[1]-x[0], y[1]-y[0]
	if !(wx < 2*wy && wy < 2*wx) {
		return x, y
	}
	widen := func(r [2]float64, by float64) [2]float64 { return [2]float64{r[0] - by/2, r[1] + by/2} }
	w := max(wx, wy)
	return widen(x, w-wx), widen(y, w-wy)
}

// sideways is marginal turned: values upwards, counts to the right.
func (c *canvas) sideways(y scale, left, right float64, data, sample []float64, most int) {
	fmt.Fprintf(&c.b, `<g transform="translate(%s %s) rotate(-90) scale(1 1)">`, px(left), px(y.from))
	// In the turned system x runs upwards from 0, y to the right from 0.
	c.marginal(scale{lo: y.lo, hi: y.hi, from: 0, to: y.from - y.to}, 0, right-left, data, sample, most)
	c.b.WriteString("</g>")
}

// drawPairs is the matrix of all pairs of columns: the data below the
// diagonal, the sample above, and on both the regions that hold half and nine
// tenths of each.
func drawPairs(s Comparison) drawing {
	k := len(s.Columns)
	const w, left, bottom, gap = 960.0, 62.0, 50.0, 10.0
	side := (w - left - 10) / float64(k)
	h := side*float64(k) + bottom + 6
	c := newCanvas(w, h, "pairs of columns, data and sample")
	for r := range k {
		for q := range k {
			x0, y0 := left+side*float64(q), 6+side*float64(r)
			f := newFrame(x0, y0, x0+side-gap, y0+side-gap, s.span(q), s.span(r))
			nx, ny := 0, 0
			if r == k-1 {
				nx = 4
				c.text((f.x.from+f.x.to)/2, h-8, "label mid", short(s.Columns[q], 34))
			}
			if q == 0 {
				if r > 0 {
					ny = 4
				}
				c.upright(14, (f.y.from+f.y.to)/2, "label mid", short(s.Columns[r], 34))
			}
			c.box(f, nx, ny)
			if r == q {
				c.marginal(f.x, f.y.from-1, f.y.to+12, s.Data[q], s.Sample[q], 40)
				continue
			}
			class, set := "data", s.Data
			if q > r {
				class, set = "sample", s.Sample
			}
			c.scatter(f, class+" faint", set[q], set[r])
			for _, v := range []struct {
				class string
				set   [][]float64
			}{{"data", s.Data}, {"sample", s.Sample}} {
				if g, ok := density(v.set[q], v.set[r], f); ok {
					var p pen
					for _, mass := range []float64{0.5, 0.9} {
						p = append(p, contour(&g, level(&g, mass), f)...)
					}
					c.path("contour "+v.class, p)
				}
			}
		}
	}
	return drawing{SVG: c.done(), Wide: true,
		Caption: "Below the diagonal: rows of the data; above: of the sample. The lines enclose the densest half and nine tenths of each; where blue and orange coincide, the model has the shape right."}
}

// mostPanels is how many marginals are drawn.
const mostPanels = 40

func drawMany(s Comparison) (out []drawing) {
	for j := range min(len(s.Columns), mostPanels) {
		d := drawMarginal(s, j, 230, 118, false)
		d.Heading = short(d.Heading, 60)
		out = append(out, d)
	}
	if rest := len(s.Columns) - mostPanels; rest > 0 {
		out[len(out)-1].Caption = "and " + plural(rest, "more column")
	}
	if d, ok := drawCorrelations(s); ok {
		out = slices.Insert(out, 0, d)
	}
	return out
}

// drawCorrelations puts every pair of columns at (correlation in the data,
// correlation in the sample).
func drawCorrelations(s Comparison) (drawing, bool) {
	k := min(len(s.Columns), 60)
	var x, y []float64
	worst, name := 0.0, ""
	for i := range k {
		for j := range i {
			a, okA := correlation(s.Data[i], s.Data[j])
			b, okB := correlation(s.Sample[i], s.Sample[j])
			if !okA || !okB {
				continue
			}
			x, y = append(x, a), append(y, b)
			if math.Abs(a-b) > worst {
				worst, name = math.Abs(a-b), s.Columns[j]+" and "+s.Columns[i]
			}
		}
	}
	if len(x) == 0 {
		return drawing{}, false
	}
	const w, h = 230, 224
	c := newCanvas(w, h, "correlations in the data and in the sample")
	r := margin(slices.Min(slices.Concat(x, y)), slices.Max(slices.Concat(x, y)), 0.1)
	if wide := 0.4 - (r[1] - r[0]); wide > 0 {
		r = [2]float64{r[0] - wide/2, r[1] + wide/2}
	}
	f := newFrame(48, 6, w-6, h-42, r, r)
	c.box(f, 4, 4)
	c.line(f.x.from, f.y.from, f.x.to, f.y.to, "dash")
	c.scatter(f, "sample bold", x, y)
	c.text((f.x.from+f.x.to)/2, h-6, "label mid", "in the data")
	c.upright(12, (f.y.from+f.y.to)/2, "label mid", "in the sample")
	d := drawing{Heading: "Correlations of pairs", SVG: c.done(), Tall: true}
	if name != "" {
		d.Caption = fmt.Sprintf("On the diagonal is right. Furthest: %s, by %s.", short(name, 80), figure(worst))
	}
	return d, true
}

func correlation(a, b []float64) (float64, bool) {
	var n, sa, sb float64
	for i := range min(len(a), len(b)) {
		if finite(a[i]) && finite(b[i]) {
			n, sa, sb = n+1, sa+a[i], sb+b[i]
		}
	}
	var aa, bb, ab float64
	for i := range min(len(a), len(b)) {
		if finite(a[i]) && finite(b[i]) {
			u, v := a[i]-sa/n, b[i]-sb/n
			aa, bb, ab = aa+u*u, bb+v*v, ab+u*v
		}
	}
	r := ab / math.Sqrt(aa) / math.Sqrt(bb)
	return r, n > 2 && finite(r)
}
