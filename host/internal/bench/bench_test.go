package bench

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pathline/pathline/plugins"
	"github.com/pathline/pathline/stages"
)

const data = "../../../benchmarks/data"

// bounds are four times the distance from the float64 references that the least
// accurate of the Python libraries reaches at the same tolerance (benchmarks):
// the step control of one library is not that of another, and with the kinks of
// SELU a few rows decide the mean. The steps of Euler's method are the same for
// all, so only rounding is left there, and in products only that of 512 terms.
var bounds = map[string]float64{
	"w5-small": 4 * 6.8e-7, "w5-wide": 4 * 6.1e-7,
	"w6-small": 4 * 1.7e-3, "w6-wide": 4 * 1.6e-3,
	"w7-small-exact": 4 * 4.0e-3, "w7-wide-exact": 4 * 2.0e-3, "w7-wide-hutchinson": 4 * 2.0e-3,
	"w11-4096x512x512": 1e-4, "w11-512x128x128": 1e-4, "w11-256x64x64": 1e-4,
}

// The test binary is its own plugin.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "test-plugin" {
		r := stages.Builtin()
		Offer(r)
		plugins.Serve(r, "bench", "test")
		return
	}
	os.Exit(m.Run())
}

// Every workload gives figures that fit together, and results that are right.
func TestWorkloads(t *testing.T) {
	for _, w := range Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			rows := 200
			if strings.Contains(w.Name, "wide") {
				rows = 32
			}
			if testing.Short() && w.Slow {
				t.Skip("takes long")
			}
			if w.Name == "plugins-python" {
				if os.Getenv("PATHLINE_PYTHON") == "" {
					t.Skip("PATHLINE_PYTHON names no interpreter")
				}
				packages, err := filepath.Abs("../../../plugins/python/src")
				if err != nil {
					t.Fatal(err)
				}
				t.Setenv("PYTHONPATH", packages)
			}
			uncounted := strings.HasPrefix(w.Name, "plugins") || strings.HasPrefix(w.Name, "w4")
			before := runtime.GOMAXPROCS(0)
			seen := ""
			o := Settings{Threads: 2, Repeats: 2, Least: time.Millisecond, Data: data, Rows: rows, Plugin: []string{os.Args[0], "test-plugin"},
				Python: os.Getenv("PATHLINE_PYTHON"), Examples: "../../../plugins/examples/python"}
			report, err := Run(context.Background(), []Workload{w}, o, func(w Workload) { seen = w.Name })
			if err != nil {
				t.Fatal(err)
			}
			if seen != w.Name || runtime.GOMAXPROCS(0) != before || len(report.Results) == 0 {
				t.Errorf("observed %q, GOMAXPROCS %d, %d results", seen, runtime.GOMAXPROCS(0), len(report.Results))
			}
			m := report.Machine
			if m.CPU == "" || m.Cores < 1 || !(m.Peak > 0) {
				t.Errorf("machine %+v", m)
			}
			for _, r := range report.Results {
				if r.Workload != w.Name || r.Params == "" || r.Unit == "" || r.Threads != 2 || r.Repeats != 2 ||
					!(0 < r.Min && r.Min <= r.Value && r.Value <= r.Max) || r.Better != "higher" && r.Better != "lower" {
					t.Errorf("result %+v", r)
				}
				if want := r.GFLOPS / m.Peak; r.GFLOPS > 0 == uncounted || r.PeakShare != want {
					t.Errorf("share of the peak %v, want %v", r.PeakShare, want)
				}
				bound, ok := bounds[w.Name]
				if ok != (r.RMSError != nil) || ok && !(*r.RMSError <= bound) {
					t.Errorf("error %v, at most %v", r.RMSError, bound)
				}
			}
		})
	}
}

// Rates are work over time: the median of the rates is that of the times.
func TestFigures(t *testing.T) {
	s := timings{0.5, 0.25, 1}
	if r := s.rate(Result{}, 10, 3e9); r.Value != 20 || r.Min != 10 || r.Max != 40 || r.GFLOPS != 60 || r.Better != "higher" {
		t.Errorf("rate %+v", r)
	}
	if r := s.seconds(Result{}, 3e9); r.Value != 0.5 || r.Min != 0.25 || r.Max != 1 || r.GFLOPS != 6 || r.Better != "lower" {
		t.Errorf("seconds %+v", r)
	}
	if m := (timings{4, 1, 2, 3}).median(); m != 2.5 {
		t.Errorf("median of four: %v", m)
	}
}

// Repeats last as long as they should, and there are as many.
func TestMeasure(t *testing.T) {
	s := &session{Settings: Settings{Repeats: 3, Least: time.Second}}
	var asked []int
	got, err := measure(context.Background(), s, func(n int) (time.Duration, error) {
		asked = append(asked, n)
		return time.Duration(n) * 3 * time.Millisecond, nil
	})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	for i, v := range got {
		if n := asked[len(asked)-3+i]; v != 0.003 || float64(n)*0.003 < 1 || float64(n)*0.003 > 1.5 {
			t.Errorf("repeat %d: %d units of %v s", i, n, v)
		}
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := measure(stopped, s, clock(func() error { return nil })); err == nil {
		t.Error("goes on after it was cancelled")
	}
}

// The counts are those of small networks written out.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"forward", small.sizes().forward(), 2 * (3*64 + 64*64 + 64*64 + 64*2)},
		{"train", small.sizes().train(), 6*(3*64+64*64+64*64+64*2) - 2*3*64},
		{"probe", small.sizes().probed(), 4*(3*64+64*64+64*64+64*2) - 2*64},
		{"exact", small.sizes().exact(), 2*(3*64+64*64+64*64+64*2) + 2*2*(64*64+64*64) + 2*2*64},
		{"exact, one layer", sizes{5, 7, 3}.exact(), 2*(5*7+7*3) + 2*7},
		{"exact, two layers", sizes{5, 7, 11, 3}.exact(), 2*(5*7+7*11+11*3) + 2*7*11},
		{"wide", wide.sizes().forward(), 2 * (85*512 + 3*512*512 + 512*21)},
		// Units of degrees 1 2 1 2, then 1 2 1: column 1 is seen by all, column 2 by
		// those of degree 2; two outputs of columns 1, 2 and 3 see 0, 2 and 3 units.
		{"masked", masked(3, []int{4, 3}, 2), 2 * ((4 + 2) + (2*2 + 1*4) + 2*(0+2+3))},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	if d := *distance([]float64{1, 2, 9}, []float64{1, 5}); math.Abs(d-math.Sqrt(4.5)) > 1e-15 {
		t.Errorf("distance %v", d)
	}
}
