package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// canvas is an SVG under construction, in pixels of a viewBox. Colours and
// strokes are classes of page.css.
type canvas struct {
	w, h float64
	b    strings.Builder
}

// newCanvas begins a drawing; label is what a screen reader says.
func newCanvas(w, h float64, label string) *canvas {
	c := &canvas{w: w, h: h}
	fmt.Fprintf(&c.b, `<svg viewBox="0 0 %s %s" role="img" aria-label="%s">`, px(w), px(h), escape(label))
	return c
}

func (c *canvas) done() template.HTML {
	c.b.WriteString("</svg>")
	return template.HTML(c.b.String())
}

// text writes s, escaped. The class sets size, colour and anchor.
func (c *canvas) text(x, y float64, class, s string) {
	fmt.Fprintf(&c.b, `<text x="%s" y="%s" class="%s">%s</text>`, px(x), px(y), class, escape(s))
}

// upright is text turned to be read from below.
func (c *canvas) upright(x, y float64, class, s string) {
	fmt.Fprintf(&c.b, `<text transform="translate(%s %s) rotate(-90)" class="%s">%s</text>`, px(x), px(y), class, escape(s))
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&c.b, `<path class="%s" d="M%s %sL%s %s"/>`, class, px(x1), px(y1), px(x2), px(y2))
}

func (c *canvas) rect(x, y, w, h, radius float64, class string) {
	fmt.Fprintf(&c.b, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s" class="%s"/>`, px(x), px(y), px(max(w, 0)), px(max(h, 0)), px(radius), class)
}

func (c *canvas) circle(x, y, r float64, class string) {
	fmt.Fprintf(&c.b, `<circle cx="%s" cy="%s" r="%s" class="%s"/>`, px(x), px(y), px(r), class)
}

func (c *canvas) path(class string, p pen) {
	if len(p) > 0 {
		fmt.Fprintf(&c.b, `<path class="%s" d="%s"/>`, class, string(p))
	}
}

// pen is the path data of a figure.
type pen []byte

func (p *pen) move(x, y float64) { p.point('M', x, y) }
func (p *pen) to(x, y float64)   { p.point('L', x, y) }
func (p *pen) close()            { *p = append(*p, 'z') }

// dot is a line of length nothing, which round ends turn into a dot: a third
// of the bytes of a circle element.
func (p *pen) dot(x, y float64) {
	p.point('M', x, y)
	*p = append(*p, "h0"...)
}

func (p *pen) point(command byte, x, y float64) {
	*p = append(*p, command)
	*p = append(*p, px(x)...)
	*p = append(*p, ' ')
	*p = append(*p, px(y)...)
}

// layers is in how many paths the dots of a scatter are drawn: dots of one
// path do not darken each other, dots of different paths do.
const layers = 8

// scatter draws dots at most mostDots, of those that lie in the frame.
func (c *canvas) scatter(f frame, class string, x, y []float64) {
	var pens [layers]pen
	n := min(len(x), len(y))
	every := max(1, float64(n)/mostDots)
	drawn := 0
	for at := 0.0; int(at) < n; at += every {
		i := int(at)
		if f.x.inside(x[i]) && f.y.inside(y[i]) {
			pens[drawn%layers].dot(f.x.at(x[i]), f.y.at(y[i]))
			drawn++
		}
	}
	for _, p := range pens {
		c.path("dots "+class, p)
	}
}

// mostDots bounds the size of the page.
const mostDots = 1500

// px is a length to a tenth of a pixel.
func px(v float64) string {
	if !finite(v) {
		return "0"
	}
	v = math.Round(min(max(v, -1e6), 1e6)*10) / 10
	if v == 0 {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// escape makes text safe between tags and in quoted attributes.
func escape(s string) string { return template.HTMLEscapeString(s) }

// short cuts a name that would run into its neighbours.
func short(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "\u2026"
	}
	return s
}
