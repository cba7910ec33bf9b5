package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/machine"
)

// Workload is work of a fixed size that can be timed.
type Workload struct {
	Name  string `json:"workload"`
	Title string `json:"title"`
	// Files says that it needs the files of benchmarks/data.
	Files bool `json:"files"`
	// Slow says that a repeat takes many seconds.
	Slow bool `json:"slow"`

	run func(context.Context, *session) ([]Result, error)
}

// Settings say how workloads are run.
type Settings struct {
	Threads  int           // goroutines, and processors that Go may use
	Repeats  int           // how often each is timed
	Least    time.Duration // least time of one repeat
	Data     string        // folder of the files
	Python   string        // interpreter that has the package pathline
	Examples string        // folder of the example plugins in Python

	Plugin []string // command of a plugin that serves the built-in stages and those of Offer

	// Rows limits the rows of w5, w6, w7 and grow; 0 is all of them.
	Rows int
	// Tolerance of w6 and w7 is relative and absolute; 0 is 1e-5.
	Tolerance float64
}

// Result is one line of figures.
type Result struct {
	Workload string  `json:"workload"`
	Params   string  `json:"params"`
	Metric   string  `json:"metric"`
	Unit     string  `json:"unit"`
	Better   string  `json:"better"` // higher or lower
	Value    float64 `json:"value"`  // median of the repeats
	Min      float64 `json:"min"`
	Max      float64 `json:"max"`
	Repeats  int     `json:"repeats"`
	Threads  int     `json:"threads"`
	Rows     int     `json:"rows,omitempty"`

	// FLOPs of one unit of the metric's work (a step, a row, a solve, a product),
	// and their rate in 1e9 a second, as a share of the peak measured in this run.
	FLOPs     float64 `json:"flops"`
	GFLOPS    float64 `json:"gflops"`
	PeakShare float64 `json:"peak_share"`

	// RMSError is the root mean square distance from a reference in float64.
	RMSError *float64 `json:"rms_error,omitempty"`
	// NFE is the number of evaluations of the field, the mean over the rows.
	NFE *float64 `json:"nfe,omitempty"`
}

// Machine is where it ran.
type Machine struct {
	CPU          string  `json:"cpu"`
	Cores        int     `json:"cores"`
	Instructions string  `json:"instruction_set"`
	OS           string  `json:"os"`
	Arch         string  `json:"arch"`
	Go           string  `json:"go"`
	Peak         float64 `json:"fma_peak_gflops"` // with the threads of the run
}

// Report is a run of workloads.
type Report struct {
	Machine Machine  `json:"machine"`
	Results []Result `json:"results"`
}

// Workloads are all there are, in order.
func Workloads() []Workload {
	var pairs []Workload
	for _, net := range []string{"small", "wide"} {
		for _, rows := range []int{64, 256, 512, 1024} {
			pairs = append(pairs, Workload{Name: fmt.Sprintf("w4-%dx%d", named[net].dim, rows),
				Title: fmt.Sprintf("optimal transport of %d rows, %d columns", rows, named[net].dim), Files: true, run: pair(net, rows, coupling.NewOptimal())},
				Workload{Name: fmt.Sprintf("w4-%dx%d-sinkhorn", named[net].dim, rows),
					Title: fmt.Sprintf("entropic transport of %d rows, %d columns", rows, named[net].dim), Files: true, run: pair(net, rows, coupling.NewSinkhorn(peersSinkhorn))})
		}
	}
	return slices.Concat([]Workload{
		{Name: "w1", Title: "training, 2 columns, 3 x 64 SELU, batch 256", Files: true, run: trainSmall},
		{Name: "w2", Title: "training, 21 columns, 4 x 512 SiLU, batch 4096", Slow: true, run: trainWide},
		{Name: "w3", Title: "training, 8 columns, 3 x 128 SiLU, batch 512", run: trainMid},
	}, pairs, discreteWorkloads(), []Workload{
		{Name: "w5-small", Title: "100 Euler steps, network of w1", Files: true, run: euler("small")},
		{Name: "w5-wide", Title: "100 Euler steps, network of w2", Files: true, Slow: true, run: euler("wide")},
		{Name: "w6-small", Title: "dopri5 to the tolerance, network of w1", Files: true, run: adaptive("small")},
		{Name: "w6-wide", Title: "dopri5 to the tolerance, network of w2", Files: true, Slow: true, run: adaptive("wide")},
		{Name: "w7-small-exact", Title: "log-density, exact trace, network of w1", Files: true, run: density("small", 0)},
		{Name: "w7-wide-exact", Title: "log-density, exact trace, network of w2", Files: true, Slow: true, run: density("wide", 0)},
		{Name: "w7-wide-hutchinson", Title: "log-density, one probe, network of w2", Files: true, Slow: true, run: density("wide", 1)},
		{Name: "w9-dopri5", Title: "maximum likelihood of a vector field, through dopri5 to the tolerance, batch 512", Files: true, run: continuous("dopri5")},
		{Name: "w9-rk4", Title: "maximum likelihood of a vector field, through 20 steps of RK4", Files: true, run: continuous("rk4")},
		{Name: "w9-adjoint", Title: "maximum likelihood of a vector field, by the adjoint", Files: true, run: continuous("adjoint")},
		{Name: "w11-4096x512x512", Title: "product of matrices", run: product(4096, 512, 512)},
		{Name: "w11-512x128x128", Title: "product of matrices", run: product(512, 128, 128)},
		{Name: "w11-256x64x64", Title: "product of matrices", run: product(256, 64, 64)},
		{Name: "plugins", Title: "what a process of its own costs: calls, rows, networks of w6", Files: true, Slow: true, run: apart},
		{Name: "plugins-python", Title: "what a path and a tableau in Python cost", Files: true, Slow: true, run: python},
		{Name: "grow-train", Title: "training, cost of a row by batch, width, depth, columns", Slow: true, run: growTrain},
		{Name: "grow-sample", Title: "100 Euler steps, cost of a row", Slow: true, run: growSample},
		{Name: "grow-density", Title: "exact log-density, cost of a row", Slow: true, run: growDensity},
	})
}

// session is what the workloads of one run share.
type session struct {
	Settings
	peak float64 // FLOP/s
}

// lookAtPeak measures the peak again: the best of a run counts.
func (s *session) lookAtPeak() {
	s.peak = max(s.peak, machine.Peak(s.Threads, min(s.Least/4, 100*time.Millisecond)))
}

// Run times workloads one after the other. It sets the number of processors that
// Go uses and puts it back.
func Run(ctx context.Context, list []Workload, o Settings, observe func(Workload)) (*Report, error) {
	if o.Threads < 1 || o.Repeats < 1 || o.Least <= 0 || o.Rows < 0 || o.Tolerance < 0 {
		panic("bench: settings out of range")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.Threads))
	s := &session{Settings: o}
	report := &Report{}
	s.lookAtPeak()
	for _, w := range list {
		if observe != nil {
			observe(w)
		}
		results, err := w.run(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			r.Workload, r.Threads = w.Name, o.Threads
			report.Results = append(report.Results, r)
		}
		s.lookAtPeak()
	}
	report.Machine = Machine{CPU: processor(), Cores: runtime.NumCPU(), Instructions: machine.Instructions(),
		OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Peak: s.peak / 1e9}
	for i := range report.Results {
		r := &report.Results[i]
		r.PeakShare = r.GFLOPS / report.Machine.Peak
	}
	return report, nil
}
