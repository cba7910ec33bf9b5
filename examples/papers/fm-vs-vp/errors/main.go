// Command errors measures how far few steps of a solver lie from the end of the
// same trajectory, for the flows of a sweep of fm-vs-vp (Lipman et al. 2023, figure
// 7):
//
//	go run ./examples/papers/fm-vs-vp/errors runs/fm-vs-vp > examples/papers/fm-vs-vp/results/errors.json
//
// It writes, for each flow, solver and number of evaluations, the mean over rows
// and columns of the squared distance from dopri5 at 1e-8, from the same noise, in
// the units of the data; the mean over the seeds of the sweep.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pathline/pathline/stages"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/sampler"
	"github.com/pathline/pathline/stages/solver"
)

const rows = 1024

// evaluations at which solvers are compared; each divides by the stages of each.
var evaluations = []int{4, 8, 12, 20, 40, 100}

var solvers = []struct {
	name    string
	tableau solver.Tableau
}{{"euler", solver.Euler()}, {"midpoint", solver.Midpoint()}, {"rk4", solver.RK4()}}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "errors FOLDER: the output folder of host run --seeds")
		os.Exit(2)
	}
	out, err := measure(context.Background(), os.Args[1])
	if err == nil {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		err = e.Encode(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measure gives mean squared errors by flow, solver and evaluations.
func measure(ctx context.Context, folder string) (map[string]map[string]map[string]float64, error) {
	seeds, err := filepath.Glob(filepath.Join(folder, "seed-*"))
	if err == nil && len(seeds) == 0 {
		err = fmt.Errorf("%s has no folder seed-N", folder)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]map[string]float64{}
	for _, name := range []string{"fm-ot", "fm-vp"} {
		out[name] = map[string]map[string]float64{}
		for _, s := range solvers {
			out[name][s.name] = map[string]float64{}
		}
		for _, seed := range seeds {
			f, err := open(filepath.Join(seed, name+".safetensors"))
			if err != nil {
				return nil, err
			}
			precise := &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: 1e-8, Atol: 1e-8}}
			ends, err := sampled(ctx, f, precise)
			if err != nil {
				return nil, err
			}
			for _, s := range solvers {
				for _, n := range evaluations {
					few := &solver.Method{Tableau: s.tableau, Options: solver.Options{Steps: n / len(s.tableau.B)}}
					x, err := sampled(ctx, f, few)
					if err != nil {
						return nil, err
					}
					sum := 0.0
					for i, v := range x {
						sum += (v - ends[i]) * (v - ends[i])
					}
					out[name][s.name][strconv.Itoa(n)] += sum / float64(len(x)*len(seeds))
				}
			}
		}
	}
	return out, nil
}

func open(name string) (*flow.Flow, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	d, tensors, err := flow.Decode(file, st.Size())
	if err != nil {
		return nil, err
	}
	return flow.New(d, tensors, stages.Parts())
}

// sampled is a sample [rows][f.Dim()], each time from the same noise.
func sampled(ctx context.Context, f *flow.Flow, s solver.Solver) ([]float64, error) {
	x := make([]float64, rows*f.Dim())
	report, err := sampler.Sample(ctx, f, s, x, random.NewKey(7, "errors", "base"), 0, rows)
	if err != nil {
		return nil, err
	}
	for r, status := range report.Status {
		if status != solver.OK {
			return nil, fmt.Errorf("row %d did not arrive: %v", r, status)
		}
	}
	return x, nil
}
