package report

import (
	"fmt"
	"math"
	"strconv"
)

// Shape is how a row holds an image: rows, columns and channels of pixels, the last
// fastest. The zero Shape is no image.
type Shape struct{ Height, Width, Channels int }

// Size is how many numbers an image has.
func (s Shape) Size() int { return s.Height * s.Width * s.Channels }

// Eight images stand in a line, at most 64 in all, and of large ones fewer, which
// bounds the size of the page. Ink has so many strengths.
const imagesInLine, mostImages, mostPixels, inks = 8, 64, 1 << 14, 10

// drawImages is the first images of data and sample, in two grids. The least value of
// the data, or of the sample where there are none, and what lies below are paper, the
// greatest is full ink; the channels of a pixel are one, their mean.
func drawImages(s Comparison) []drawing {
	pixels := s.Shape.Height * s.Shape.Width
	most := max(imagesInLine, min(mostImages, mostPixels/pixels/imagesInLine*imagesInLine))
	level := func(set [][]float64, i, row int) float64 {
		var sum float64
		for _, c := range set[i*s.Shape.Channels : (i+1)*s.Shape.Channels] {
			if row >= len(c) {
				return math.NaN()
			}
			sum += c[row] / float64(s.Shape.Channels)
		}
		return sum
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, set := range [][][]float64{s.Data, s.Sample} {
		for i := range pixels {
			for row := range min(len(set[i*s.Shape.Channels]), most) {
				if v := level(set, i, row); finite(v) {
					lo, hi = min(lo, v), max(hi, v)
				}
			}
		}
		if lo <= hi {
			break
		}
	}
	var out []drawing
	for _, v := range []struct {
		heading string
		set     [][]float64
	}{{"Data", s.Data}, {"Sample", s.Sample}} {
		n := min(len(v.set[0]), most)
		if n == 0 {
			continue
		}
		lines := (n + imagesInLine - 1) / imagesInLine
		c := newCanvas(float64(imagesInLine*(s.Shape.Width+2)), float64(lines*(s.Shape.Height+2)),
			fmt.Sprintf("%s: %s of %d x %d pixels", v.heading, plural(n, "image"), s.Shape.Height, s.Shape.Width))
		var strokes [inks + 1]pen
		for row := range n {
			x0, y0 := row%imagesInLine*(s.Shape.Width+2)+1, row/imagesInLine*(s.Shape.Height+2)+1
			c.rect(float64(x0), float64(y0), float64(s.Shape.Width), float64(s.Shape.Height), 0, "paper")
			for y := range s.Shape.Height {
				for x := 0; x < s.Shape.Width; {
					ink, from := inkOf(level(v.set, y*s.Shape.Width+x, row), lo, hi), x
					for x++; x < s.Shape.Width && inkOf(level(v.set, y*s.Shape.Width+x, row), lo, hi) == ink; x++ {
					}
					strokes[ink].run(float64(x0+from), float64(y0+y)+0.5, x-from)
				}
			}
		}
		for ink := 1; ink <= inks; ink++ { // the first is paper
			if len(strokes[ink]) > 0 {
				fmt.Fprintf(&c.b, `<path class="pixels" stroke-opacity="%s" d="%s"/>`, strconv.FormatFloat(float64(ink)/inks, 'f', -1, 64), string(strokes[ink]))
			}
		}
		out = append(out, drawing{Heading: v.heading, SVG: c.done(), Caption: plural(n, "row") + " drawn, each an image"})
	}
	return out
}

// run is a stroke to the right over n pixels.
func (p *pen) run(x, y float64, n int) {
	p.point('M', x, y)
	*p = append(*p, 'h')
	*p = strconv.AppendInt(*p, int64(n), 10)
}

// inkOf is how strong a value of lo to hi is drawn; what is not finite is paper.
func inkOf(v, lo, hi float64) int {
	wide := hi/2 - lo/2
	if !finite(v) || !(wide > 0) {
		return 0
	}
	return min(max(int(math.Round(inks*((v/2-lo/2)/wide))), 0), inks)
}
