package report

import (
	"cmp"
	"fmt"
	"slices"
)

// rankingBlocks draws what several models make of the same rows.
func rankingBlocks(list []Ranking) (out []block) {
	for _, r := range list {
		if d, ok := drawRanking(r); ok {
			out = append(out, block{Drawings: []drawing{d}})
		}
	}
	return out
}

// ranked are the scores that have a mean, the best one first.
func (r Ranking) ranked() (scores []Score) {
	for _, s := range r.Scores {
		if finite(s.Mean) {
			if !finite(s.SE) || s.SE < 0 {
				s.SE = 0
			}
			scores = append(scores, s)
		}
	}
	slices.SortStableFunc(scores, func(a, b Score) int { return cmp.Compare(b.Mean, a.Mean) })
	return scores
}

// drawRanking is a line for each model: the mean, and two standard errors to both sides.
// One model has no order.
func drawRanking(r Ranking) (drawing, bool) {
	scores := r.ranked()
	if len(scores) < 2 {
		return drawing{}, false
	}
	const w, line, top, left, right = 960.0, 30.0, 22.0, 190.0, 770.0
	bottom := top + line*float64(len(scores))
	c := newCanvas(w, bottom+54, fmt.Sprintf("mean log-likelihoods of %s, the best first", plural(len(scores), "model")))
	lo, hi := scores[len(scores)-1].Mean, scores[0].Mean
	for _, s := range scores {
		// A mean that one row decides has an error that would hide all the others.
		if most := scores[0].Mean - scores[len(scores)-1].Mean; 2*s.SE <= most {
			lo, hi = min(lo, s.Mean-2*s.SE), max(hi, s.Mean+2*s.SE)
		}
	}
	if !finite(hi - lo) {
		return drawing{}, false
	}
	f := newFrame(left, top, right, bottom, margin(lo, hi, 0.04), [2]float64{0, 1})
	for i, s := range scores {
		y := top + line*(float64(i)+0.5)
		class := "data"
		if i == 0 {
			class = "good"
		}
		c.rect(left, y-7, right-left, 14, 7, "track")
		c.text(left-14, y+4, "label end", short(s.Stage, 24))
		if s.SE > 0 {
			c.line(f.x.within(s.Mean-2*s.SE), y, f.x.within(s.Mean+2*s.SE), y, "whisker "+class)
		}
		c.circle(f.x.within(s.Mean), y, 5.5, "value-dot "+class)
		c.text(right+14, y+4, "value", withError(s.Mean, s.SE))
	}
	for _, t := range f.x.ticks(7) {
		c.line(f.x.at(t.v), bottom+4, f.x.at(t.v), bottom+8, "axis")
		c.text(f.x.at(t.v), bottom+22, "tick mid", t.label)
	}
	c.text((left+right)/2, bottom+44, "label mid", "mean log-likelihood of a row, nats")
	return drawing{Heading: r.Data, SVG: c.done(), Wide: true,
		Caption: "Two standard errors of the mean to each side. Models are compared on the same rows: of two whose lines touch, one can still be better on nearly every row."}, true
}
