package distribution

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/random"
)

func TestRowsAreAddressed(t *testing.T) {
	key := random.NewKey(3, "data", "rows")
	for _, d := range All() {
		const rows, first = 97, int64(1) << 40
		whole := make([]float64, rows*d.Dim)
		d.Sample(whole, key, first, rows)
		for _, step := range []int{1, 2, 7, 96} {
			parts := make([]float64, rows*d.Dim)
			for i := 0; i < rows; i += step {
				d.Sample(parts[i*d.Dim:], key, first+int64(i), min(step, rows-i))
			}
			for i := range whole {
				if math.Float64bits(whole[i]) != math.Float64bits(parts[i]) {
					t.Fatalf("%s: cut in %d rows: value %d is %v, want %v", d.Name, step, i, parts[i], whole[i])
				}
			}
		}
		other := make([]float64, rows*d.Dim)
		d.Sample(other, key+1, first, rows)
		if other[0] == whole[0] {
			t.Errorf("%s: another key gives the same row", d.Name)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range All() {
		got, ok := ByName(d.Name)
		if !ok || got.Doc != d.Doc || d.Doc == "" || seen[d.Name] {
			t.Errorf("%q: not found under its name, without doc, or twice", d.Name)
		}
		seen[d.Name] = true
	}
	if _, ok := ByName("moon"); ok {
		t.Error("moon is not a distribution")
	}
}

// Moments in closed form: E[x], E[y], E[x^2 + y^2]. NaN: no closed form used.
func TestMoments(t *testing.T) {
	pi := math.Pi
	want := map[string][3]float64{
		// mean of cos is 0, of sin 2/pi; outer and inner by hand.
		"moons": {0, 2*0.5*(2/pi+0.5-2/pi) - 0.2,
			0.5*((4+1+0)+(0.04-0.8*2/pi)) + 0.5*((4+1+0)+(0.64-4*0.8*2/pi+0)) + 0.08},
		"8gaussians":   {0, 0, (16 + 0.5) / (1.414 * 1.414)},
		"checkerboard": {0, 0, 2 * 64.0 / 12},
		"circles":      {0, 0, 9 * ((1+0.25)/2 + 2*0.0064)},
		"rings":        {0, 0, 9*(1+9.0/16+0.25+1.0/16)/4 + 2*0.0064},
		"swissroll":    {math.NaN(), math.NaN(), (9*pi*pi/4*(1+2+4.0/3) + 2) / 25},
		"scurve":       {0, 0, 2.25 * (2*(1-(math.Sin(1.5*pi))/(1.5*pi)) + 0.005)},
		"pinwheel":     {0, 0, 4 * (1.09 + 0.01)},
		"2spirals":     {0, 0, math.NaN()},
		"normal":       {0, 0, 2},
		// 2x - 1 of E x = 1/2, E y = 1/4, E x^2 = 1, E y^2 = 5/8 - 1/pi, plus noise 0.1.
		"cfm-moons":         {0, -0.5, 4*(1+0.625-1/pi) - 4*(0.5+0.25) + 2 + 0.02},
		"cfm-8gaussians":    {0, 0, 25 + 2},
		"cfm-8gaussians-12": {0, 0, 144 + 2*2.25},
		// Standardised over all entries: the squares sum to 2, times 49.
		"cfm-moons-7": {7 * 0.125 / 0.722994, -7 * 0.125 / 0.722994, 98},
	}
	const rows = 200_000
	for _, d := range All() {
		x := make([]float64, rows*2)
		d.Sample(x, random.NewKey(11, "data", "rows"), 0, rows)
		var sum, square [3]float64
		for i := 0; i < len(x); i += 2 {
			for j, v := range [3]float64{x[i], x[i+1], x[i]*x[i] + x[i+1]*x[i+1]} {
				sum[j] += v
				square[j] += v * v
			}
		}
		w, ok := want[d.Name]
		if !ok {
			t.Errorf("%s: no moments stated", d.Name)
		}
		for j := range w {
			mean := sum[j] / rows
			se := math.Sqrt((square[j]/rows - mean*mean) / rows)
			if math.Abs(mean-w[j]) > 4.5*se {
				t.Errorf("%s: moment %d is %.4f, want %.4f within 4.5 se of %.4f", d.Name, j, mean, w[j], se)
			}
		}
	}
}

func TestCheckerboardCells(t *testing.T) {
	const rows = 80_000
	x := make([]float64, 2*rows)
	d, _ := ByName("checkerboard")
	d.Sample(x, random.NewKey(5, "data", "rows"), 0, rows)
	cells := map[[2]int]float64{}
	for i := 0; i < len(x); i += 2 {
		c := [2]int{int(math.Floor(x[i] / 2)), int(math.Floor(x[i+1] / 2))}
		if c[0] < -2 || c[0] > 1 || c[1] < -2 || c[1] > 1 || (c[0]+c[1])&1 != 0 {
			t.Fatalf("row (%v, %v) lies on a white cell or off the board", x[i], x[i+1])
		}
		cells[c]++
	}
	chi := 0.0
	for _, n := range cells {
		chi += (n - rows/8) * (n - rows/8) / (rows / 8)
	}
	if len(cells) != 8 || chi > 24.3 { // 0.999 quantile of chi squared with 7 degrees
		t.Errorf("%d cells with chi squared %.1f", len(cells), chi)
	}
}

func TestMisuse(t *testing.T) {
	d, _ := ByName("moons")
	for name, f := range map[string]func(){
		"short":    func() { d.Sample(make([]float64, 3), 1, 0, 2) },
		"negative": func() { d.Sample(make([]float64, 4), 1, -1, 2) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); s == "" {
					t.Errorf("%s: no panic with a constant", name)
				}
			}()
			f()
		}()
	}
}
