package report

import (
	"math"
	"slices"
)

// finiteOf are the values that can be drawn, sorted, of all the slices.
func finiteOf(sets ...[]float64) (v []float64) {
	for _, s := range sets {
		for _, x := range s {
			if finite(x) {
				v = append(v, x)
			}
		}
	}
	slices.Sort(v)
	return v
}

// rangeOf is where all but the outermost part tail of the values on each side
// lie, with a margin.
func rangeOf(tail float64, sets ...[]float64) [2]float64 {
	v := finiteOf(sets...)
	if len(v) == 0 {
		return [2]float64{0, 1}
	}
	k := int(tail * float64(len(v)))
	return margin(v[k], v[len(v)-1-k], 0.06)
}

func margin(lo, hi, part float64) [2]float64 {
	lo, hi = min(max(lo, -1e150), 1e150), min(max(hi, -1e150), 1e150)
	pad := (hi - lo) * part
	if !(pad > 1e-12*max(math.Abs(lo), math.Abs(hi))) {
		pad = max(math.Abs(lo)*0.1, 1e-9) // all one value
		if lo == 0 && hi == 0 {
			pad = 1
		}
	}
	return [2]float64{lo - pad, hi + pad}
}

// bins are the parts of all finite values that fall in each of n equal bins,
// over the width of a bin in units of the range: a density whose mean is one
// when nothing is outside.
func bins(v []float64, r [2]float64, n int) []float64 {
	out := make([]float64, n)
	total := 0
	for _, x := range v {
		if !finite(x) {
			continue
		}
		total++
		if x >= r[0] && x <= r[1] {
			out[min(n-1, int((x-r[0])/(r[1]-r[0])*float64(n)))]++
		}
	}
	for i := range out {
		out[i] *= float64(n) / float64(max(total, 1))
	}
	return out
}

// mostWhole is over how many whole numbers a histogram has one bin for each.
const mostWhole = 64

// whole says that all values are whole numbers, as counts and codes are: bins
// of another width than one would draw a comb.
func whole(v []float64) bool {
	for _, x := range v {
		if finite(x) && x != math.Trunc(x) {
			return false
		}
	}
	return len(v) > 0
}

// binCount is how many bins show the shape of n values and not their noise.
func binCount(n, most int) int {
	return min(most, max(8, int(3*math.Cbrt(float64(n)))))
}

// steps is the outline of a histogram over the range r, and the area under it.
func steps(f frame, r [2]float64, h []float64) (outline, area pen) {
	from, to := f.x.within(r[0]), f.x.within(r[1])
	w := (to - from) / float64(len(h))
	area.move(from, f.y.from)
	for i, v := range h {
		y := f.y.at(min(v, f.y.hi))
		x := from + float64(i)*w
		if v > 0 { // nothing is drawn along the axis where there is nothing
			if i == 0 || h[i-1] == 0 {
				outline.move(x, f.y.from)
			}
			outline.to(x, y)
			outline.to(x+w, y)
			if i == len(h)-1 || h[i+1] == 0 {
				outline.to(x+w, f.y.from)
			}
		}
		area.to(x, y)
		area.to(x+w, y)
	}
	area.to(to, f.y.from)
	area.close()
	return outline, area
}

// marginal draws the histogram of the data, filled, and of the sample, as a
// line, to one height.
func (c *canvas) marginal(x scale, bottom, top float64, data, sample []float64, most int) {
	r := [2]float64{x.lo, x.hi}
	n := binCount(min(max(len(data), 1), max(len(sample), 1)), most)
	if whole(data) && x.hi-x.lo < mostWhole+2 {
		r = [2]float64{math.Ceil(x.lo) - 0.5, math.Floor(x.hi) + 0.5}
		n = int(r[1] - r[0])
	}
	hd, hs := bins(data, r, n), bins(sample, r, n)
	f := frame{x, scale{0, max(slices.Max(hd), slices.Max(hs), 1e-9) * 1.04, bottom, top, false}}
	if len(data) > 0 {
		_, area := steps(f, r, hd)
		c.path("area data", area)
	}
	if len(sample) > 0 {
		line, _ := steps(f, r, hs)
		c.path("outline sample", line)
	}
}

// cells is the side of the grid on which densities are smoothed.
const cells = 48

// density is a smoothed two-dimensional histogram on cells x cells places of
// the frame's range, [y][x], of sum one.
func density(x, y []float64, f frame) (g [cells][cells]float64, ok bool) {
	var px, py []float64
	for i := range min(len(x), len(y)) {
		if f.x.inside(x[i]) && f.y.inside(y[i]) {
			px = append(px, (x[i]-f.x.lo)/(f.x.hi-f.x.lo)*(cells-1))
			py = append(py, (y[i]-f.y.lo)/(f.y.hi-f.y.lo)*(cells-1))
		}
	}
	n := float64(len(px))
	if n < 50 {
		return g, false
	}
	for i := range px {
		g[int(math.Round(py[i]))][int(math.Round(px[i]))] += 1 / n
	}
	// Scott's rule, a little sharper, since tables have edges and lumps.
	kx := gaussKernel(0.6 * deviation(px) * math.Pow(n, -1.0/6))
	ky := gaussKernel(0.6 * deviation(py) * math.Pow(n, -1.0/6))
	var h [cells][cells]float64
	for r := range cells {
		for c := range cells {
			for k, w := range kx {
				if q := c + k - len(kx)/2; q >= 0 && q < cells {
					h[r][c] += w * g[r][q]
				}
			}
		}
	}
	g = [cells][cells]float64{}
	for r := range cells {
		for k, w := range ky {
			if q := r + k - len(ky)/2; q >= 0 && q < cells {
				for c := range cells {
					g[r][c] += w * h[q][c]
				}
			}
		}
	}
	return g, true
}

func deviation(v []float64) float64 {
	mean, square := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		square += (x - mean) * (x - mean) / float64(len(v))
	}
	return math.Sqrt(square)
}

func gaussKernel(sd float64) []float64 {
	sd = max(sd, 0.7)
	half := int(math.Ceil(3 * sd))
	w, sum := make([]float64, 2*half+1), 0.0
	for i := range w {
		w[i] = math.Exp(-float64((i-half)*(i-half)) / (2 * sd * sd))
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// level is the height above which the part mass of the density lies.
func level(g *[cells][cells]float64, mass float64) float64 {
	var v []float64
	total := 0.0
	for r := range g {
		for _, x := range g[r] {
			v = append(v, x)
			total += x
		}
	}
	slices.Sort(v)
	sum := 0.0
	for i := len(v) - 1; i >= 0; i-- {
		if sum += v[i]; sum >= mass*total {
			return v[i]
		}
	}
	return 0
}

// contour is the line on which the density has a height (marching squares).
func contour(g *[cells][cells]float64, height float64, f frame) (p pen) {
	at := func(c, r float64) (float64, float64) {
		return f.x.from + c/(cells-1)*(f.x.to-f.x.from), f.y.from + r/(cells-1)*(f.y.to-f.y.from)
	}
	for r := range cells - 1 {
		for c := range cells - 1 {
			// corners around the cell, and where its sides are crossed
			corner := [4][2]int{{c, r}, {c + 1, r}, {c + 1, r + 1}, {c, r + 1}}
			var cross [][2]float64
			for i := range 4 {
				a, b := corner[i], corner[(i+1)%4]
				va, vb := g[a[1]][a[0]]-height, g[b[1]][b[0]]-height
				if va > 0 != (vb > 0) {
					s := va / (va - vb)
					cross = append(cross, [2]float64{
						float64(a[0]) + s*float64(b[0]-a[0]), float64(a[1]) + s*float64(b[1]-a[1])})
				}
			}
			for i := 0; i+1 < len(cross); i += 2 {
				p.move(at(cross[i][0], cross[i][1]))
				p.to(at(cross[i+1][0], cross[i+1][1]))
			}
		}
	}
	return p
}
