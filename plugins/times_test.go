package plugins

import (
	"io"
	"math"
	"testing"

	"github.com/pathline/pathline/stages/path"
)

// A path of another process keeps the rule of path.Path at times outside of its
// domain although its author never thought of them.
func TestTimesOutsideOfTheDomainOfAPlugin(t *testing.T) {
	r, _ := own(t, io.Discard, Plugin{})
	p := run(t, build(t, r, "path", "mine/power", `{"power":3}`), nil).Service.(path.Path)
	times := []float64{-1, 0, 0.25, 1, 2}
	c := make([]path.Coef, len(times))
	if err := p.Coefficients(c, times); err != nil {
		t.Fatal(err)
	}
	if c[0] != c[1] || c[3] != c[4] || c[1].Alpha != 0 || c[2].Alpha != 0.25 || c[4].Alpha != 1 || times[0] != -1 {
		t.Errorf("coefficients at %v are %+v", times, c)
	}
	if err := p.Coefficients(c[:1], []float64{math.NaN()}); err == nil {
		t.Error("a time that is not a number is taken")
	}
}
