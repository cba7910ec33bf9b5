package solver

import (
	"context"
	"strings"
	"time"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// fixedConfig configures a method without an error estimate.
type fixedConfig struct {
	Steps    *int              `yaml:"steps" json:"steps,omitempty" doc:"steps from start to end (default 100)" min:"1" max:"1000000"`
	Grid     *gridConfig       `yaml:"grid" json:"grid,omitempty" doc:"how the steps are spaced; equal when left out"`
	TimeGrid []float64         `yaml:"time_grid" json:"time_grid,omitempty" doc:"increasing times at which steps end, instead of steps and grid" min:"0" max:"1"`
	MaxTime  pipeline.Duration `yaml:"max_time" json:"max_time" doc:"time of one solve, which is one batch of rows, after which rows end where they are; 0s is no limit. What it cuts off depends on the computer"`
}

// gridConfig spaces steps by name.
type gridConfig struct {
	Use      string   `yaml:"use" json:"use" doc:"uniform; cosine: short at both ends; karras: by noise levels (Karras et al. 2022, eq. 5), short at the data" enum:"uniform,cosine,karras"`
	SigmaMin *float64 `yaml:"sigma_min" json:"sigma_min,omitempty" doc:"karras: the last noise level (default 0.002)" above:"0"`
	SigmaMax *float64 `yaml:"sigma_max" json:"sigma_max,omitempty" doc:"karras: the first noise level (default 80)" above:"0"`
	Rho      *float64 `yaml:"rho" json:"rho,omitempty" doc:"karras: how much shorter steps are at low noise (default 7)" above:"0" max:"100"`
}

// times are the ends of n steps from 0 to 1, or nil for equal ones.
func (g *gridConfig) times(n int) ([]float64, error) {
	if g == nil {
		return nil, nil
	}
	for _, k := range []struct {
		key   string
		value *float64
	}{{"sigma_min", g.SigmaMin}, {"sigma_max", g.SigmaMax}, {"rho", g.Rho}} {
		if k.value != nil && g.Use != "karras" {
			return nil, schemas.Errorf(schemas.Conflict, "%s has no meaning for a %s grid", k.key, g.Use).At("grid." + k.key).Suggest("leave it out")
		}
	}
	or := func(v *float64, usual float64) float64 {
		if v == nil {
			return usual
		}
		return *v
	}
	switch g.Use {
	case "cosine":
		return Cosine(n), nil
	case "karras":
		least, most := or(g.SigmaMin, 0.002), or(g.SigmaMax, 80)
		if least >= most {
			return nil, schemas.Errorf(schemas.OutOfRange, "the last noise level, %v, is not below the first, %v", least, most).At("grid.sigma_min")
		}
		if n < 3 {
			return nil, schemas.Errorf(schemas.OutOfRange, "a karras grid has at least 3 steps, not %d", n).At("grid")
		}
		grid, err := Karras(n-1, least, most, or(g.Rho, 7)) // and one from t = 0
		if err == nil {
			err = increasing(grid) // with a very large rho times run together
		}
		if err != nil {
			return nil, schemas.Errorf(schemas.OutOfRange, "%w", err).At("grid.rho")
		}
		return grid, nil
	}
	return nil, nil
}

func (c *fixedConfig) steps() int {
	if c.Steps == nil {
		return 100
	}
	return *c.Steps
}

// Validate refuses two ways to say the same thing.
func (c *fixedConfig) Validate() error {
	if c.Steps != nil && c.TimeGrid != nil {
		return schemas.Errorf(schemas.Conflict, "steps and time_grid both say where steps end; keep one").At("time_grid")
	}
	if c.Grid != nil && c.TimeGrid != nil {
		return schemas.Errorf(schemas.Conflict, "grid and time_grid both say where steps end; keep one").At("time_grid")
	}
	if _, err := c.Grid.times(c.steps()); err != nil {
		return err
	}
	if c.TimeGrid != nil && len(c.TimeGrid) == 0 {
		return schemas.Errorf(schemas.OutOfRange, "has no times").At("time_grid").Suggest("leave it out, or write steps")
	}
	return increasing(c.TimeGrid)
}

func increasing(grid []float64) error {
	for i := 1; i < len(grid); i++ {
		if grid[i] <= grid[i-1] {
			return schemas.Errorf(schemas.OutOfRange, "times must increase: %v comes after %v", grid[i], grid[i-1]).At("time_grid")
		}
	}
	return nil
}

// adaptiveConfig configures a method that chooses its steps.
type adaptiveConfig struct {
	Rtol           float64           `yaml:"rtol" json:"rtol" doc:"relative tolerance of a step" min:"0" max:"1"`
	Atol           float64           `yaml:"atol" json:"atol" doc:"absolute tolerance of a step" min:"0"`
	Control        string            `yaml:"control" json:"control" doc:"row: every row has its own step; batch: one step for all rows, as published evaluation counts have it" enum:"row,batch"`
	MaxStep        float64           `yaml:"max_step" json:"max_step" doc:"longest step; 0 is no limit" min:"0" max:"1"`
	Overshoot      bool              `yaml:"overshoot" json:"overshoot" doc:"with control: batch, the last step runs past the end, as torchdiffeq's does, and the end is interpolated: evaluates the field outside of the interval, to reproduce published evaluation counts"`
	Controller     *controllerConfig `yaml:"controller" json:"controller,omitempty" doc:"how steps follow from errors; left out: pi with control: row, i with control: batch"`
	MaxSteps       int               `yaml:"max_steps" json:"max_steps" doc:"steps that one row may try; 0 is no limit" min:"0"`
	MaxTime        pipeline.Duration `yaml:"max_time" json:"max_time" doc:"time of one solve, which is one batch of rows, after which rows end where they are; 0s is no limit. What it cuts off depends on the computer"`
	MaxEvaluations int               `yaml:"max_evaluations" json:"max_evaluations" doc:"evaluations of the field that one row may take; 0 is no limit" min:"0"`
}

// controllerConfig are the coefficients of a Controller, by name or given.
type controllerConfig struct {
	Use string   `yaml:"use" json:"use" doc:"i: from the last error alone; pi: as DOPRI5, i 0.65, p 0.2; pid: i 0.37, p 0.23, d 0.04 (Ranocha et al. 2022)" enum:"i,pi,pid"`
	P   *float64 `yaml:"p" json:"p,omitempty" doc:"pi, pid: proportional coefficient" min:"0" max:"2"`
	I   *float64 `yaml:"i" json:"i,omitempty" doc:"integral coefficient" min:"0" max:"2"`
	D   *float64 `yaml:"d" json:"d,omitempty" doc:"pid: derivative coefficient" min:"0" max:"2"`
}

// controller is the zero value when nothing was said.
func (c *controllerConfig) controller() (Controller, error) {
	if c == nil {
		return Controller{}, nil
	}
	out := map[string]Controller{"i": {I: 1}, "pi": {I: 0.65, P: 0.2}, "pid": {I: 0.37, P: 0.23, D: 0.04}}[c.Use]
	for _, k := range []struct {
		key   string
		value *float64
		dst   *float64
		has   bool
	}{{"p", c.P, &out.P, c.Use != "i"}, {"i", c.I, &out.I, true}, {"d", c.D, &out.D, c.Use == "pid"}} {
		if k.value == nil {
			continue
		}
		if !k.has {
			return out, schemas.Errorf(schemas.Conflict, "an %s controller has no %s", c.Use, k.key).At("controller." + k.key).Suggest("write use: pid")
		}
		*k.dst = *k.value
	}
	if out.P+out.I+out.D == 0 {
		return out, schemas.Errorf(schemas.OutOfRange, "a controller with coefficients of 0 does not look at the error").At("controller.i")
	}
	return out, nil
}

// Validate refuses what would never end.
func (c *adaptiveConfig) Validate() error {
	if c.Rtol == 0 && c.Atol == 0 {
		return schemas.Errorf(schemas.Conflict, "rtol and atol are both 0: no step could be accepted").At("rtol")
	}
	if c.Overshoot && c.Control != "batch" {
		return schemas.Errorf(schemas.Conflict, "overshoot is for one step for all rows").At("overshoot").Suggest("write control: batch, or leave overshoot out")
	}
	_, err := c.Controller.controller()
	return err
}

// overshooting are the methods that interpolate without evaluations of their own.
func overshooting() (names []string) {
	for _, t := range Tableaus() {
		if t.Adaptive() && len(t.Dense().C) == 0 {
			names = append(names, t.Name)
		}
	}
	return names
}

// Register adds the kind solver and a stage for every tableau.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{Name: "solver", Gives: pipeline.GivesService,
		Doc: "integrates dx/dt = v(t, x)"})
	for _, tableau := range Tableaus() {
		if tableau.Adaptive() {
			pipeline.Register(r, "solver", tableau.Name, tableau.Doc(), adaptiveConfig{Rtol: 1e-5, Atol: 1e-5, Control: "row", MaxEvaluations: 100_000},
				func(_ context.Context, env pipeline.Env, c adaptiveConfig) (pipeline.Stage, error) {
					controller, err := c.Controller.controller()
					if err != nil {
						return nil, err
					}
					if c.Overshoot && len(tableau.Dense().C) > 0 {
						return nil, schemas.Errorf(schemas.Conflict, "the interpolant of %s takes evaluations of its own: overshoot is for %s", tableau.Name, strings.Join(overshooting(), ", ")).At("overshoot")
					}
					return serve(env, tableau, Options{Rtol: c.Rtol, Atol: c.Atol, Control: c.Control, Controller: controller, Overshoot: c.Overshoot,
						MaxStep: c.MaxStep, MaxSteps: c.MaxSteps, MaxTime: time.Duration(c.MaxTime), MaxEvaluations: c.MaxEvaluations})
				}).Example = "{rtol: 1e-5, atol: 1e-5}"
			continue
		}
		pipeline.Register(r, "solver", tableau.Name, tableau.Doc(), fixedConfig{},
			func(_ context.Context, env pipeline.Env, c fixedConfig) (pipeline.Stage, error) {
				o := Options{TimeGrid: c.TimeGrid, MaxTime: time.Duration(c.MaxTime)}
				if c.TimeGrid == nil {
					grid, err := c.Grid.times(c.steps())
					if err != nil {
						return nil, err
					}
					if o.TimeGrid = grid; grid == nil {
						o.Steps = c.steps()
					}
				}
				return serve(env, tableau, o)
			}).Example = "{steps: 100}"
	}
	for _, i := range r.Implementations("solver") {
		i.Stateless = true
	}
}

func serve(env pipeline.Env, t Tableau, o Options) (pipeline.Stage, error) {
	o.Workers = env.Threads
	m := &Method{Tableau: t, Options: o}
	if err := m.Check(); err != nil {
		return nil, err
	}
	return pipeline.Service(func(context.Context, pipeline.Inputs) (any, error) { return m, nil }), nil
}

// Doc is a sentence about the method.
func (b Tableau) Doc() string {
	order := [...]string{"", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"}[b.Order]
	if b.Adaptive() {
		return "Runge-Kutta of " + order + " order with steps chosen by an error estimate"
	}
	return "Runge-Kutta of " + order + " order with fixed steps"
}
