package graph

import "math"

type point struct{ x, y float64 }

// captions remembers where text stands, so that the next one finds a free
// place along its edge.
type captions struct{ taken []rect }

type rect struct{ x0, y0, x1, y1 float64 }

func newCaptions(l *layered) *captions {
	c := &captions{}
	for _, it := range l.items {
		if it.node >= 0 {
			c.taken = append(c.taken, rect{it.x - it.width/2, it.y - it.height/2, it.x + it.width/2, it.y + it.height/2})
		}
	}
	return c
}

// place finds the baseline of a text on the curve from p to q: its middle, or
// the place nearest to the middle that overlaps least.
func (c *captions) place(text string, p, q point) point {
	w := textWidth(text, smallSize)
	var best point
	var box rect
	least := math.Inf(1)
	for _, t := range []float64{0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74} {
		at := curve(p, q, t)
		for _, dy := range []float64{-4, 11} { // above the line, below it
			r := rect{at.x - w/2, at.y + dy - smallSize, at.x + w/2, at.y + dy + 2}
			if o := c.overlap(r); o < least {
				least, best, box = o, point{at.x, at.y + dy}, r
			}
		}
	}
	c.taken = append(c.taken, box)
	return best
}

func (c *captions) overlap(r rect) float64 {
	sum := 0.0
	for _, t := range c.taken {
		sum += max(0, min(r.x1, t.x1)-max(r.x0, t.x0)) * max(0, min(r.y1, t.y1)-max(r.y0, t.y0))
	}
	return sum
}

// curve is the cubic with level ends that svgEdge draws, at t in [0, 1].
func curve(p, q point, t float64) point {
	m, u := (p.x+q.x)/2, 1-t
	return point{
		u*u*u*p.x + 3*m*t*u + t*t*t*q.x,
		u*u*u*p.y + 3*u*u*t*p.y + 3*u*t*t*q.y + t*t*t*q.y,
	}
}
