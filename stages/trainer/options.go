package trainer

import (
	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
)

// Options say how a network is trained. Steps, Batch, Path, Time, Rule and LR are
// needed.
type Options struct {
	Steps      int64
	Batch      int
	Accumulate int // batches whose gradients are averaged for one step; 0 is 1

	Path     path.Path
	Coupling coupling.Coupling // nil is independent
	Time     TimeSampler
	Target   path.Prediction

	Loss   model.Loss // of an example's error; nil is the squared error
	Weight Weight     // of an example's loss; nil is 1

	// Drop is the share of the examples whose conditions are left out, zero, so that
	// the network also learns the field without them (Ho and Salimans 2022,
	// algorithm 1). Every example is drawn on its own.
	Drop float64

	Rule     optim.Rule
	LR       float64        // learning rate where the schedule is 1
	Schedule optim.Schedule // nil is constant
	EMA      float64        // decay in [0, 1); 0 keeps no average
	Clip     float64        // bound on the norm of the gradient; 0 is none

	Valid         *Validation // nil evaluates nothing
	ValidateEvery int64       // steps; also after the last
	Patience      int64       // validations without a better one, after which training ends; then the best weights are kept. 0 is none
	LogEvery      int64       // steps to a Point

	CheckpointEvery int64
	Save            func(*State) error // called between steps; what it gets is valid during the call only; may be nil
	Start           []model.Tensor     // weights to begin with, by name; nil draws them
	Resume          *State             // where to go on, or nil
	Stop            <-chan struct{}    // closed: finish the step, save, return ErrStopped

	Keys    Keys
	Workers int
	// Observe is called at most ten times a second, and after the last step; may
	// be nil.
	Observe func(Progress)
}

// needsMean says whether there are weights beside those that are trained.
func (o *Options) needsMean() bool { return o.EMA > 0 || o.Patience > 0 }

// parts is the number of batches of a step.
func (o *Options) parts() int { return max(1, o.Accumulate) }

// rows is the number of examples of a step.
func (o *Options) rows() int { return o.parts() * o.Batch }

// points is about how many points a run makes.
func (o *Options) points() int {
	n := int64(1)
	for _, every := range []int64{o.LogEvery, o.ValidateEvery} {
		if every > 0 {
			n += min(o.Steps/every, maxPoints)
		}
	}
	return int(n)
}

// Progress is how far a training is.
type Progress struct {
	Step, Steps   int64
	Loss          float64  // of the last step
	Validation    *float64 // the last, if any
	LearningRate  float64
	RowsPerSecond float64

	TransportBefore, TransportAfter *float64 // of the last Point
}

// Point is a row of the metrics table.
type Point struct {
	Step          int64    `json:"step"`          // steps that are done
	Loss          float64  `json:"loss"`          // mean over the steps since the previous point
	Validation    *float64 `json:"validation"`    // when evaluated at this step
	ValidationSE  *float64 `json:"validation_se"` // its standard error
	GradientNorm  float64  `json:"gradient_norm"` // before clipping, mean as for Loss
	LearningRate  float64  `json:"learning_rate"` // of the last step
	RowsPerSecond float64  `json:"rows_per_second"`

	// Of the pairs of a coupling, means over the rows of the same steps; nil without
	// one. See Transport for what each is.
	TransportBefore *float64 `json:"transport_before"`
	TransportAfter  *float64 `json:"transport_after"`
	ConditionDrift  *float64 `json:"condition_drift"` // nil also where rows have no conditions
}
