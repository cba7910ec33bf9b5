package report

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

// Ticks lie on the axis, rise, are round, and are neither few nor many.
func TestTicks(t *testing.T) {
	for _, s := range []scale{
		{lo: 0, hi: 1}, {lo: -3.3, hi: 4.7}, {lo: 1e-7, hi: 3e-7}, {lo: 240, hi: 241}, {lo: -1e9, hi: 5e8},
		{lo: 0.01, hi: 40, log: true}, {lo: 1e-9, hi: 1e9, log: true}, {lo: 0.3, hi: 4, log: true},
	} {
		for _, n := range []int{3, 5, 9} {
			list := s.ticks(n)
			if len(list) < 2 || len(list) > 2*n+2 {
				t.Errorf("%+v: %d ticks for %d", s, len(list), n)
			}
			labels := map[string]bool{}
			for i, k := range list {
				if k.v < s.lo-1e-9*math.Abs(s.lo) || k.v > s.hi*(1+1e-9) && s.hi > 0 || i > 0 && k.v <= list[i-1].v || labels[k.label] {
					t.Errorf("%+v: tick %v, label %q", s, k.v, k.label)
				}
				labels[k.label] = true
			}
		}
	}
	for _, s := range []scale{{lo: 1, hi: 1}, {lo: 2, hi: 1}, {lo: math.NaN(), hi: 1}, {lo: -math.MaxFloat64, hi: math.MaxFloat64}} {
		s.ticks(5) // ends
	}
}

// The contour of a round Gaussian that holds the part q has radius
// sqrt(-2 ln(1-q)), widened by the smoothing.
func TestContourHoldsItsMass(t *testing.T) {
	const rows = 40_000
	x, y := make([]float64, rows), make([]float64, rows)
	random.Key(1).Normals64(x, 0, 0)
	random.Key(1).Normals64(y, 1, 0)
	f := newFrame(0, 0, 400, 400, [2]float64{-5, 5}, [2]float64{-5, 5})
	g, ok := density(x, y, f)
	if !ok {
		t.Fatal("no density")
	}
	smooth := 1 + math.Pow(0.6*math.Pow(rows, -1.0/6), 2)
	for _, q := range []float64{0.5, 0.9} {
		p := contour(&g, level(&g, q), f)
		want := math.Sqrt(-2 * math.Log(1-q) * smooth)
		sum, n := 0.0, 0
		all := numbers.FindAllString(string(p), -1)
		for i := 0; i+1 < len(all); i += 2 {
			px, _ := strconv.ParseFloat(all[i], 64)
			py, _ := strconv.ParseFloat(all[i+1], 64)
			sum += math.Hypot(px/40-5, py/40-5)
			n++
		}
		if got := sum / float64(n); math.Abs(got-want) > 0.06*want {
			t.Errorf("mass %v: radius %.3f, want %.3f", q, got, want)
		}
	}
}

// A histogram keeps every value that is in its range.
func TestBins(t *testing.T) {
	v := []float64{0, 0.5, 0.99, 1, 1, 2, math.NaN(), -5}
	h := bins(v, [2]float64{0, 2}, 4)
	sum := 0.0
	for _, x := range h {
		sum += x / 4
	}
	if want := 6.0 / 7; math.Abs(sum-want) > 1e-12 || h[3] != 4.0/7 || h[2] != 8.0/7 {
		t.Errorf("%v sums to %v, want %v", h, sum, want)
	}
}

// A frame shows the bulk of the values; one that is far away does not shrink it.
func TestFrameHoldsTheBulk(t *testing.T) {
	v := make([]float64, 1000)
	for i := range v {
		v[i] = float64(i % 10)
	}
	v[0], v[1] = 1e9, math.Inf(1)
	if r := rangeOf(tail, v); r[0] > 0 || r[1] < 9 || r[1] > 11 {
		t.Errorf("one far value sets the frame: %v", r)
	}
}

// TestImages: a pixel lies where the shape says, the least of the data is paper, the
// greatest full ink, also for what lies beyond, and equal neighbours are one stroke.
func TestImages(t *testing.T) {
	column := func(v ...float64) []float64 { return v }
	c := Comparison{Shape: Shape{2, 3, 1}, Columns: make([]string, 6),
		Data:   [][]float64{column(0, 0), column(8, 0), column(8, 0), column(0, 8), column(0, 4), column(4, math.NaN())},
		Sample: [][]float64{column(0), column(-3), column(0), column(0), column(90), column(4)}}
	for i, want := range [][2][]string{
		// ink, strokes: the second image begins 5 pixels to the right of the first
		{{"0.5", "M3 2.5h1M7 2.5h1"}, {"1", "M2 1.5h2M6 2.5h1"}},
		{{"0.5", "M3 2.5h1"}, {"1", "M2 2.5h1"}},
	} {
		svg := string(drawImages(c)[i].SVG)
		n := 0
		for _, w := range want {
			n++
			if path := `<path class="pixels" stroke-opacity="` + w[0] + `" d="` + w[1] + `"/>`; !strings.Contains(svg, path) {
				t.Errorf("side %d has no %s:\n%s", i, path, svg)
			}
		}
		if strings.Count(svg, "<path") != n || strings.Count(svg, `class="paper"`) != 2-i {
			t.Errorf("side %d: %s", i, svg)
		}
	}
	// Channels are drawn as their mean.
	c = Comparison{Shape: Shape{1, 1, 2}, Columns: make([]string, 2), Data: [][]float64{column(0, 4), column(0, 4)}, Sample: [][]float64{column(0), column(4)}}
	if svg := string(drawImages(c)[1].SVG); !strings.Contains(svg, `stroke-opacity="0.5"`) {
		t.Error(svg)
	}
}
