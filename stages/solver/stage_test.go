package solver_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/solver"
)

// TestStageRefuses: every wrong configuration names its key.
func TestStageRefuses(t *testing.T) {
	r := pipeline.NewRegistry()
	solver.Register(r)
	for _, c := range []struct {
		use, config, at string
		reason          schemas.Reason
	}{
		{"rk4", `{"steps": 3, "time_grid": [0, 1]}`, "time_grid", schemas.Conflict},
		{"rk4", `{"time_grid": []}`, "time_grid", schemas.OutOfRange},
		{"rk4", `{"time_grid": [0, 0.5, 0.5]}`, "time_grid", schemas.OutOfRange},
		{"rk4", `{"steps": 0}`, "steps", schemas.OutOfRange},
		{"dopri5", `{"rtol": 0, "atol": 0}`, "rtol", schemas.Conflict},
		{"euler", `{"time_grid": [0, 1], "grid": "cosine"}`, "time_grid", schemas.Conflict},
		{"euler", `{"grid": "cosines"}`, "grid.use", schemas.UnknownValue},
		{"euler", `{"grid": {"use": "cosine", "rho": 3}}`, "grid.rho", schemas.Conflict},
		{"euler", `{"grid": {"use": "karras", "sigma_min": 100}}`, "grid.sigma_min", schemas.OutOfRange},
		{"euler", `{"steps": 2, "grid": "karras"}`, "grid", schemas.OutOfRange},
		{"euler", `{"max_time": "-1s"}`, "max_time", schemas.WrongType},
		{"dopri5", `{"max_time": "-1s"}`, "max_time", schemas.WrongType},
		{"dopri5", `{"overshoot": true}`, "overshoot", schemas.Conflict},
		{"dop853", `{"overshoot": true, "control": "batch"}`, "overshoot", schemas.Conflict},
		{"dopri5", `{"controller": {"use": "pi", "d": 0.1}}`, "controller.d", schemas.Conflict},
		{"dopri5", `{"controller": {"use": "i", "i": 0}}`, "controller.i", schemas.OutOfRange},
		{"dopri5", `{"controller": "pip"}`, "controller.use", schemas.UnknownValue},
		{"dopri5", `{"control": "rows"}`, "control", schemas.UnknownValue},
	} {
		i, ok := r.Find("solver", c.use)
		if !ok {
			t.Fatalf("%s is not registered", c.use)
		}
		_, err := i.Build(context.Background(), pipeline.Env{}, json.RawMessage(c.config))
		if errs := schemas.Errors(err, ""); len(errs) != 1 || errs[0].Path != c.at || errs[0].Reason != c.reason {
			t.Errorf("%s %s: %v", c.use, c.config, err)
		}
	}
}

// TestStageOptions: what a configuration says reaches the method.
func TestStageOptions(t *testing.T) {
	r := pipeline.NewRegistry()
	solver.Register(r)
	karras, err := solver.Karras(9, 0.01, 80, 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		use, config string
		want        solver.Options
	}{
		{"euler", `{}`, solver.Options{Steps: 100}},
		{"euler", `{"steps": 7, "grid": "uniform"}`, solver.Options{Steps: 7}},
		{"euler", `{"steps": 7, "grid": "cosine", "max_time": "2s"}`, solver.Options{TimeGrid: solver.Cosine(7), MaxTime: 2 * time.Second}},
		{"heun", `{"steps": 10, "grid": {"use": "karras", "sigma_min": 0.01}}`, solver.Options{TimeGrid: karras}},
		{"tsit5", `{"rtol": 1e-3, "control": "batch", "overshoot": true, "controller": {"use": "pid", "i": 0.3}, "max_steps": 9, "max_evaluations": 0}`,
			solver.Options{Rtol: 1e-3, Atol: 1e-5, Control: "batch", Overshoot: true, Controller: solver.Controller{P: 0.23, I: 0.3, D: 0.04}, MaxSteps: 9}},
		{"dopri5", `{"controller": "pi"}`, solver.Options{Rtol: 1e-5, Atol: 1e-5, Control: "row", Controller: solver.Controller{P: 0.2, I: 0.65}, MaxEvaluations: 100000}},
	} {
		i, _ := r.Find("solver", c.use)
		stage, err := i.Build(context.Background(), pipeline.Env{}, json.RawMessage(c.config))
		if err != nil {
			t.Errorf("%s %s: %v", c.use, c.config, err)
			continue
		}
		out, err := stage.Run(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Service.(*solver.Method).Options; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: %+v, want %+v", c.use, c.config, got, c.want)
		}
	}
}
