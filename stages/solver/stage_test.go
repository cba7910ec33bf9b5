package solver_test

import (
	"context"
	"encoding/json"
	"testing"

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
