package report

import (
	"math"
	"strconv"
	"strings"
)

// scale maps values lo..hi to pixels from..to.
type scale struct {
	lo, hi   float64
	from, to float64
	log      bool // lo > 0
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(max(v, 1e-300))
	}
	// Halved, so that the widest range of float64 has a finite width.
	return s.from + (v/2-lo/2)/(hi/2-lo/2)*(s.to-s.from)
}

// within is at, with values outside of the scale put at its end.
func (s scale) within(v float64) float64 { return s.at(min(max(v, s.lo), s.hi)) }

func (s scale) inside(v float64) bool { return v >= s.lo && v <= s.hi }

// tick is a value on an axis with its label.
type tick struct {
	v     float64
	label string
}

// ticks are up to about n round values.
func (s scale) ticks(n int) (out []tick) {
	if s.log {
		return s.decades(n)
	}
	width := s.hi - s.lo
	if !(width > 0) || !finite(width) {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(width/float64(n))))
	step, finer := power, power/2
	for _, m := range []float64{2, 5, 10} {
		if width/step <= float64(n) {
			break
		}
		step, finer = power*m, step
	}
	if math.Floor(s.hi/step)-math.Ceil(s.lo/step) < 1 {
		step = finer // one tick alone gives no scale
	}
	for i := math.Ceil(s.lo / step); i*step <= s.hi+step*1e-9 && len(out) < 2*n+2; i++ {
		out = append(out, tick{i * step, tickLabel(i*step, step, false)})
	}
	return out
}

func (s scale) decades(n int) (out []tick) {
	lo, hi := math.Log10(s.lo), math.Log10(s.hi)
	factors := []float64{1}
	if hi-lo < 2.2 {
		factors = []float64{1, 2, 5}
	}
	skip := max(1, math.Ceil((hi-lo)/float64(n)))
	for e := math.Floor(lo); e <= hi; e += skip {
		for _, f := range factors {
			v := f * math.Pow(10, e)
			if s.inside(v) {
				out = append(out, tick{v, tickLabel(v, v, true)})
			}
		}
	}
	return out
}

func tickLabel(v, step float64, log bool) string {
	if v == 0 || math.Abs(v) < step/1e6 {
		return "0"
	}
	if a := math.Abs(v); a >= 1e6 || step < 1e-4 || log && a < 1e-3 {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e")
		mantissa = strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".")
		e, _ := strconv.Atoi(exponent)
		s := mantissa + "\u00b710" + superscript(e)
		if mantissa == "1" {
			s = "10" + superscript(e)
		}
		return strings.ReplaceAll(s, "-", minus)
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	if decimals == 0 {
		return count(int64(math.Round(v)))
	}
	return strings.ReplaceAll(strconv.FormatFloat(v, 'f', decimals, 64), "-", minus)
}

// frame is the part of a canvas with axes.
type frame struct{ x, y scale }

func newFrame(left, top, right, bottom float64, x, y [2]float64) frame {
	return frame{scale{x[0], x[1], left, right, false}, scale{y[0], y[1], bottom, top, false}}
}

// grid draws lines and labels of both axes; a number of ticks of 0 leaves the
// axis out.
func (c *canvas) grid(f frame, nx, ny int) {
	for _, t := range ticksOf(f.y, ny) {
		y := f.y.at(t.v)
		c.line(f.x.from, y, f.x.to, y, "grid")
		c.text(f.x.from-7, y+4, "tick end", t.label)
	}
	for _, t := range ticksOf(f.x, nx) {
		x := f.x.at(t.v)
		c.line(x, f.y.from, x, f.y.from+4, "axis")
		c.text(x, f.y.from+18, "tick mid", t.label)
	}
	c.line(f.x.from, f.y.from, f.x.to, f.y.from, "axis")
}

func ticksOf(s scale, n int) []tick {
	if n == 0 {
		return nil
	}
	return s.ticks(n)
}

// box draws the outline of a frame with ticks on the left and below.
func (c *canvas) box(f frame, nx, ny int) {
	c.rect(f.x.from, f.y.to, f.x.to-f.x.from, f.y.from-f.y.to, 3, "box")
	for _, t := range ticksOf(f.x, nx) {
		c.line(f.x.at(t.v), f.y.from, f.x.at(t.v), f.y.from+4, "axis")
		c.text(f.x.at(t.v), f.y.from+17, "tick mid", t.label)
	}
	for _, t := range ticksOf(f.y, ny) {
		c.line(f.x.from-4, f.y.at(t.v), f.x.from, f.y.at(t.v), "axis")
		c.text(f.x.from-7, f.y.at(t.v)+4, "tick end", t.label)
	}
}
