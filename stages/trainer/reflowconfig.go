package trainer

import (
	"errors"

	"github.com/pathline/pathline/schemas"
)

// ReflowConfig is what `with:` of a reflow holds: the keys of a trainer, and where its
// pairs come from.
type ReflowConfig struct {
	Config
	Pairs   int64  `yaml:"pairs" json:"pairs" min:"0" max:"2147483647" doc:"Pairs of noise and what the flow makes of it, made once before training; 0 makes new ones for every batch."`
	Start   string `yaml:"start" json:"start,omitempty" enum:"flow,random" doc:"Weights to begin with: those of the flow (default without the input model), or random ones."`
	Distill bool   `yaml:"distill" json:"distill" doc:"Learn the flow's whole way from its start alone: a flow to be sampled with one Euler step, and by nothing else."`
}

// DefaultReflowConfig has what a file leaves out.
func DefaultReflowConfig() ReflowConfig { return ReflowConfig{Config: DefaultConfig(), Pairs: 100_000} }

// Validate finds settings that contradict each other.
func (c *ReflowConfig) Validate() error {
	errs := []error{c.Config.Validate()}
	add := func(key, why, instead string) {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "%s", why).At(key).Suggest(instead))
	}
	if c.Pairs == 0 && c.Epochs != nil {
		add("epochs", "pairs that are made for every batch have no passes", "write steps, or a number of pairs")
	}
	if c.Window != 0 {
		add("window", "pairs are held in memory, or made for every batch", "leave it out")
	}
	if c.DropConditions != 0 {
		add("drop_conditions", "pairs have no conditions to drop", "leave it out")
	}
	if d := DefaultConfig().Time; c.Distill && c.Time != d {
		add("time", "a distillation has the time 0 alone", "leave it out")
	}
	return errors.Join(errs...)
}
