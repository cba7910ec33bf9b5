package solver

import (
	"context"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
)

// fixedConfig configures a method without an error estimate.
type fixedConfig struct {
	Steps    *int      `yaml:"steps" json:"steps,omitempty" doc:"equal steps from start to end (default 100)" min:"1" max:"1000000"`
	TimeGrid []float64 `yaml:"time_grid" json:"time_grid,omitempty" doc:"increasing times at which steps end, instead of steps" min:"0" max:"1"`
}

// Validate refuses two ways to say the same thing.
func (c *fixedConfig) Validate() error {
	if c.Steps != nil && c.TimeGrid != nil {
		return schemas.Errorf(schemas.Conflict, "steps and time_grid both say where steps end; keep one").At("time_grid")
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
	Rtol           float64 `yaml:"rtol" json:"rtol" doc:"relative tolerance of a step" min:"0" max:"1"`
	Atol           float64 `yaml:"atol" json:"atol" doc:"absolute tolerance of a step" min:"0"`
	Control        string  `yaml:"control" json:"control" doc:"row: every row has its own step; batch: one step for all rows, as published evaluation counts have it" enum:"row,batch"`
	MaxStep        float64 `yaml:"max_step" json:"max_step" doc:"longest step; 0 is no limit" min:"0" max:"1"`
	MaxEvaluations int     `yaml:"max_evaluations" json:"max_evaluations" doc:"evaluations of the field that one row may take; 0 is no limit" min:"0"`
}

// Validate refuses what would never end.
func (c *adaptiveConfig) Validate() error {
	if c.Rtol == 0 && c.Atol == 0 {
		return schemas.Errorf(schemas.Conflict, "rtol and atol are both 0: no step could be accepted").At("rtol")
	}
	return nil
}

// Register adds the kind solver and a stage for every tableau.
func Register(r *pipeline.Registry) {
	r.AddKind(pipeline.Kind{Name: "solver", Gives: pipeline.GivesService,
		Doc: "integrates dx/dt = v(t, x)"})
	for _, tableau := range Tableaus() {
		if tableau.Adaptive() {
			pipeline.Register(r, "solver", tableau.Name, tableau.Doc(), adaptiveConfig{Rtol: 1e-5, Atol: 1e-5, Control: "row", MaxEvaluations: 100_000},
				func(_ context.Context, env pipeline.Env, c adaptiveConfig) (pipeline.Stage, error) {
					return serve(env, tableau, Options{Rtol: c.Rtol, Atol: c.Atol, Control: c.Control, MaxStep: c.MaxStep, MaxEvaluations: c.MaxEvaluations})
				}).Example = "{rtol: 1e-5, atol: 1e-5}"
			continue
		}
		pipeline.Register(r, "solver", tableau.Name, tableau.Doc(), fixedConfig{},
			func(_ context.Context, env pipeline.Env, c fixedConfig) (pipeline.Stage, error) {
				o := Options{TimeGrid: c.TimeGrid}
				if c.TimeGrid == nil {
					o.Steps = 100
				}
				if c.Steps != nil {
					o.Steps = *c.Steps
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
