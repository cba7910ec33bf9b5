package trainer

import (
	"errors"
	"math"
	"strings"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/bijection"
	"github.com/pathline/pathline/stages/cnf"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// Course is what `with:` of every trainer holds: how long, with which rule, and when it
// looks and saves.
type Course struct {
	Steps      *int64 `yaml:"steps" json:"steps,omitempty" min:"1" doc:"Steps to train, one update of the weights each; 5000 when neither steps nor epochs is given."`
	Epochs     *int64 `yaml:"epochs" json:"epochs,omitempty" min:"1" doc:"Passes over the training rows, instead of steps."`
	Batch      int    `yaml:"batch" json:"batch" min:"1" max:"16777216" doc:"Rows per batch: per step, unless accumulate says otherwise."`
	Accumulate int    `yaml:"accumulate" json:"accumulate" min:"1" max:"65536" doc:"Batches per step: their gradients are averaged for one update."`

	Optimizer OptimizerConfig `yaml:"optimizer" json:"optimizer" doc:"The update rule."`
	Schedule  ScheduleConfig  `yaml:"schedule" json:"schedule" doc:"How the learning rate changes over the steps."`
	EMA       float64         `yaml:"ema" json:"ema" min:"0" below:"1" doc:"Decay of the moving average of the weights that the flow gets; 0 takes the last weights."`
	Clip      float64         `yaml:"clip" json:"clip" min:"0" doc:"Greatest norm of the gradient, longer ones are shortened; 0 leaves all as they are."`

	ValidateEvery   int64 `yaml:"validate_every" json:"validate_every" min:"0" doc:"Steps between validations; 0 is a twentieth of all steps."`
	ValidationRows  int   `yaml:"validation_rows" json:"validation_rows" min:"1" max:"16777216" doc:"Rows that are validated, drawn from the input valid."`
	CheckpointEvery int64 `yaml:"checkpoint_every" json:"checkpoint_every" min:"0" doc:"Steps between checkpoints; 0 is a tenth of all steps. An interrupt saves one too."`
	LogEvery        int64 `yaml:"log_every" json:"log_every" min:"0" doc:"Steps between rows of the metrics table; 0 makes at most 1000 rows."`
	Window          int64 `yaml:"window" json:"window" min:"0" doc:"Training rows held in memory; 0 is as many as fit in 256 MiB. A larger table is shuffled within a window of this size."`
}

// Config is what `with:` of a trainer on a path holds.
type Config struct {
	Course

	Time   TimeConfig `yaml:"time" json:"time" doc:"How times are drawn."`
	Target string     `yaml:"target" json:"target" enum:"velocity,data,noise" doc:"What the network predicts."`

	Loss   LossConfig   `yaml:"loss" json:"loss" doc:"What an error costs. The validation loss is the mean squared error, whatever this says."`
	Weight WeightConfig `yaml:"weight" json:"weight" doc:"How errors at different times are weighed. The validation loss weighs all alike."`

	DropConditions float64 `yaml:"drop_conditions" json:"drop_conditions" min:"0" below:"1" doc:"Share of the rows that are trained on without their conditions, each drawn on its own; above 0 the flow can be guided and sampled without conditions. 0.1 is usual."`
}

// LikelihoodConfig is what `with:` of the trainer mle holds.
type LikelihoodConfig struct {
	Course

	Patience int64 `yaml:"patience" json:"patience" min:"0" doc:"Validations without a better one after which training ends; the flow then gets the weights of the best. 0 trains all steps and takes the last."`

	Variational *bijection.NoiseConfig `yaml:"variational" json:"variational,omitempty" doc:"Learn the noise of dequantize with the flow, whose rows must come from dequantize alone (Ho et al. 2019); left out, it stays uniform."`

	Field FieldConfig `yaml:"field" json:"field" doc:"How a vector field is trained."`
}

// FieldConfig says how a vector field is trained by maximum likelihood.
type FieldConfig struct {
	Gradient  string  `yaml:"gradient" json:"gradient" enum:"steps,adjoint" doc:"steps: back through the steps of the solver; adjoint: by a second solve, which holds no states."`
	Tolerance float64 `yaml:"tolerance" json:"tolerance" above:"0" max:"1" doc:"adjoint: relative and absolute tolerance of the second solve."`
	Trace     string  `yaml:"trace" json:"trace" enum:"exact,hutchinson" doc:"How the divergence is computed; hutchinson estimates it."`
	Probes    int     `yaml:"probes" json:"probes" min:"1" max:"1024" doc:"hutchinson: random directions per row."`
	Noise     string  `yaml:"noise" json:"noise" enum:"rademacher,gaussian" doc:"hutchinson: distribution of the directions."`
	Kinetic   float64 `yaml:"kinetic" json:"kinetic" min:"0" doc:"Weight of half the squared speed along the way (Finlay et al. 2020)."`
	Jacobian  float64 `yaml:"jacobian" json:"jacobian" min:"0" doc:"Weight of the squared norm of the field's derivatives along the way (ibid.)."`
}

// DefaultFieldConfig has what a file leaves out.
func DefaultFieldConfig() FieldConfig {
	return FieldConfig{Gradient: "steps", Tolerance: 1e-5, Trace: "exact", Probes: 1, Noise: "rademacher"}
}

// loss is what the configuration says, for a base and a solver.
func (c FieldConfig) loss(base cnf.Base, m *solver.Method) cnf.Loss {
	l := cnf.Loss{Base: base, Solver: m, Kinetic: c.Kinetic, Jacobian: c.Jacobian}
	if c.Gradient == "adjoint" {
		l.Adjoint = &solver.Method{Tableau: solver.Dopri5(), Options: solver.Options{Rtol: c.Tolerance, Atol: c.Tolerance, MaxEvaluations: 100_000}}
	}
	if c.Trace == "hutchinson" {
		l.Probes, l.Gaussian = c.Probes, c.Noise == "gaussian"
	}
	return l
}

// DefaultLikelihoodConfig has what a file leaves out. Gradients are clipped as
// by Durkan et al. (2019).
func DefaultLikelihoodConfig() LikelihoodConfig {
	c := LikelihoodConfig{Course: DefaultConfig().Course, Field: DefaultFieldConfig()}
	c.Clip = 5
	return c
}

// common has what the trainers share, as one on a path that is not looked at.
func (c *LikelihoodConfig) common() Config {
	d := DefaultConfig()
	d.Course = c.Course
	return d
}

// Validate finds settings that contradict each other.
func (c *LikelihoodConfig) Validate() error {
	common := c.common()
	errs := []error{common.Validate()}
	if c.Variational != nil {
		errs = append(errs, below("variational", c.Variational.Validate()))
	}
	return errors.Join(errs...)
}

// OptimizerConfig chooses the update rule. Keys that a rule does not know must
// be left out.
type OptimizerConfig struct {
	Use         string   `yaml:"use" json:"use" enum:"adamw,adam,lion,sgd" doc:"The rule."`
	LR          float64  `yaml:"lr" json:"lr" above:"0" doc:"Learning rate."`
	Beta1       *float64 `yaml:"beta1" json:"beta1,omitempty" min:"0" below:"1" doc:"adam, adamw: decay of the mean of gradients; 0.9. lion: part of it in the direction; 0.9."`
	Beta2       *float64 `yaml:"beta2" json:"beta2,omitempty" min:"0" below:"1" doc:"adam, adamw: decay of the mean of squared gradients; 0.999. lion: decay of the mean of gradients; 0.99."`
	Eps         *float64 `yaml:"eps" json:"eps,omitempty" above:"0" doc:"adam, adamw: added to the root of the mean of squares; 1e-8."`
	WeightDecay *float64 `yaml:"weight_decay" json:"weight_decay,omitempty" min:"0" doc:"adamw: decoupled, 0.01; lion: decoupled, 0; adam, sgd: added to the gradient, 0."`
	Momentum    *float64 `yaml:"momentum" json:"momentum,omitempty" min:"0" below:"1" doc:"sgd: momentum; 0."`
}

// ScheduleConfig chooses the factor on the learning rate.
type ScheduleConfig struct {
	Use    string  `yaml:"use" json:"use" enum:"constant,cosine,warmup" doc:"Course after the warm-up: constant, or falling to final along half a cosine; warmup is constant after a twentieth of all steps, unless warmup says otherwise."`
	Warmup int64   `yaml:"warmup" json:"warmup" min:"0" doc:"Steps over which the rate rises linearly from zero."`
	Final  float64 `yaml:"final" json:"final" min:"0" max:"1" doc:"cosine: fraction of the learning rate at the end."`
}

// TimeConfig chooses the time sampler.
type TimeConfig struct {
	Use  string  `yaml:"use" json:"use" enum:"uniform,stratified,antithetic,logit-normal,beta" doc:"The law of times."`
	Mean float64 `yaml:"mean" json:"mean" doc:"logit-normal: mean of the logit."`
	Std  float64 `yaml:"std" json:"std" above:"0" doc:"logit-normal: standard deviation of the logit."`
	A    float64 `yaml:"a" json:"a" min:"0.05" max:"1000" doc:"beta: exponent of t, plus one."`
	B    float64 `yaml:"b" json:"b" min:"0.05" max:"1000" doc:"beta: exponent of 1-t, plus one."`
}

// LossConfig chooses the loss.
type LossConfig struct {
	Use   string   `yaml:"use" json:"use" enum:"mse,huber,pseudo-huber" doc:"The squared error; twice Huber's loss of every column; or the root of the squared error of a row plus c squared, less c (Song and Dhariwal 2023)."`
	Delta *float64 `yaml:"delta" json:"delta,omitempty" above:"0" doc:"huber: where the loss goes on linearly, in units of the target; 1."`
	C     *float64 `yaml:"c" json:"c,omitempty" above:"0" doc:"pseudo-huber: where the loss goes on linearly, in units of the target; 0.00054 times the root of the number of columns."`
}

// WeightConfig chooses the weights over time.
type WeightConfig struct {
	Use   string   `yaml:"use" json:"use" enum:"uniform,min-snr,velocity,data,noise" doc:"All alike; min(SNR, gamma) of an error of the data (Hang et al. 2023); or so that errors count as errors of that prediction."`
	Gamma *float64 `yaml:"gamma" json:"gamma,omitempty" above:"0" doc:"min-snr: the bound; 5."`
}

// DefaultConfig has what a file leaves out.
func DefaultConfig() Config {
	return Config{
		Course: Course{
			Batch:          256,
			Accumulate:     1,
			Optimizer:      OptimizerConfig{Use: "adamw", LR: 1e-3},
			Schedule:       ScheduleConfig{Use: "constant"},
			ValidationRows: 4096,
		},
		Time:   TimeConfig{Use: "uniform", Std: 1, A: 1, B: 1},
		Target: "velocity",
		Loss:   LossConfig{Use: "mse"},
		Weight: WeightConfig{Use: "uniform"},
	}
}

const (
	defaultSteps = 5000
	maxPoints    = 100_000 // rows of the metrics table; they are kept in checkpoints
	maxSteps     = 1 << 40
	maxRows      = 1 << 24 // per step: with maxSteps, examples have numbers below 2^64
)

// Validate finds settings that contradict each other.
func (c *Config) Validate() error {
	var errs []error
	add := func(e *schemas.Error) { errs = append(errs, e) }
	if c.Steps != nil && c.Epochs != nil {
		add(schemas.Errorf(schemas.Conflict, "steps and epochs both say how long to train").At("epochs").Suggest("keep one"))
	}
	if c.Epochs == nil {
		errs = append(errs, c.fits(c.steps(0), false))
	}
	if int64(c.Batch)*int64(c.Accumulate) > maxRows {
		add(schemas.Errorf(schemas.OutOfRange, "%d batches of %d rows are more than %d rows per step", c.Accumulate, c.Batch, int64(maxRows)).At("accumulate"))
	}
	foreign := func(key string, set bool, use string) {
		if set {
			add(schemas.Errorf(schemas.Conflict, "%s has no meaning with %s", key, use).At("optimizer." + key).Suggest("leave it out"))
		}
	}
	switch o := c.Optimizer; o.Use {
	case "sgd":
		foreign("beta1", o.Beta1 != nil, o.Use)
		foreign("beta2", o.Beta2 != nil, o.Use)
		foreign("eps", o.Eps != nil, o.Use)
	case "lion":
		foreign("eps", o.Eps != nil, o.Use)
		foreign("momentum", o.Momentum != nil, o.Use)
	default:
		foreign("momentum", o.Momentum != nil, o.Use)
	}
	if c.Schedule.Use != "cosine" && c.Schedule.Final != 0 {
		add(schemas.Errorf(schemas.Conflict, "final has no meaning with %s", c.Schedule.Use).At("schedule.final").Suggest("leave it out, or use cosine"))
	}
	if c.Time.Use != "logit-normal" && (c.Time.Mean != 0 || c.Time.Std != 1) {
		add(schemas.Errorf(schemas.Conflict, "mean and std have no meaning with %s", c.Time.Use).At("time").Suggest("leave them out, or use logit-normal"))
	}
	if c.Time.Use != "beta" && (c.Time.A != 1 || c.Time.B != 1) {
		add(schemas.Errorf(schemas.Conflict, "a and b have no meaning with %s", c.Time.Use).At("time").Suggest("leave them out, or use beta"))
	}
	strange := func(at string, set bool, use string) {
		if set {
			add(schemas.Errorf(schemas.Conflict, "%s has no meaning with %s", at[strings.Index(at, ".")+1:], use).At(at).Suggest("leave it out"))
		}
	}
	strange("loss.delta", c.Loss.Delta != nil && c.Loss.Use != "huber", c.Loss.Use)
	strange("loss.c", c.Loss.C != nil && c.Loss.Use != "pseudo-huber", c.Loss.Use)
	strange("weight.gamma", c.Weight.Gamma != nil && c.Weight.Use != "min-snr", c.Weight.Use)
	return errors.Join(errs...)
}

// fits finds what does not go together with a number of steps, which is known
// in advance unless epochs are counted.
func (c *Config) fits(steps int64, validates bool) error {
	if steps > maxSteps {
		key := "steps"
		if c.Epochs != nil {
			key = "epochs"
		}
		return schemas.Errorf(schemas.OutOfRange, "makes more than %d steps", int64(maxSteps)).At(key)
	}
	var errs []error
	log, validate, _ := c.every(steps)
	if points := steps / log; points > maxPoints {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "the metrics table would have %d rows, more than %d", points, maxPoints).At("log_every"))
	} else if points += steps / validate; validates && points > maxPoints {
		errs = append(errs, schemas.Errorf(schemas.OutOfRange, "the metrics table would have %d rows, more than %d", points, maxPoints).At("validate_every"))
	}
	if c.Schedule.Warmup > steps {
		errs = append(errs, schemas.Errorf(schemas.Conflict, "a warm-up of %d steps does not end within %d", c.Schedule.Warmup, steps).At("schedule.warmup"))
	}
	return errors.Join(errs...)
}

// every are the numbers of steps from one row of the metrics, validation and
// checkpoint to the next.
func (c *Config) every(steps int64) (log, validate, checkpoint int64) {
	or := func(v, otherwise int64) int64 {
		if v > 0 {
			return v
		}
		return max(1, otherwise)
	}
	return or(c.LogEvery, (steps+999)/1000), or(c.ValidateEvery, steps/20), or(c.CheckpointEvery, steps/10)
}

// loss is the loss of rows of dim columns; nil is the squared error.
func (c LossConfig) loss(dim int) model.Loss {
	switch c.Use {
	case "huber":
		return model.Huber(or(c.Delta, 1))
	case "pseudo-huber":
		return model.PseudoHuber(or(c.C, 0.00054*math.Sqrt(float64(dim))))
	}
	return nil
}

// weight is the weight over time; nil weighs all alike.
func (c WeightConfig) weight() Weight {
	switch c.Use {
	case "min-snr":
		return MinSNR(or(c.Gamma, 5))
	case "velocity":
		return Measured(path.Velocity)
	case "data":
		return Measured(path.Data)
	case "noise":
		return Measured(path.Noise)
	}
	return nil
}

func or(v *float64, otherwise float64) float64 {
	if v != nil {
		return *v
	}
	return otherwise
}

// sampler is the time sampler that the configuration names.
func (c TimeConfig) sampler() TimeSampler {
	switch c.Use {
	case "stratified":
		return Stratified{}
	case "antithetic":
		return Antithetic{}
	case "beta":
		return Beta{c.A, c.B}
	case "logit-normal":
		return LogitNormal{c.Mean, c.Std}
	}
	return Uniform{}
}

// schedule is the factor on the learning rate in a run of steps.
func (c ScheduleConfig) schedule(steps int64) optim.Schedule {
	var s optim.Schedule = optim.Constant{}
	if c.Use == "cosine" {
		s = optim.Cosine{Final: c.Final}
	}
	warmup := c.Warmup
	if c.Use == "warmup" && warmup == 0 {
		warmup = max(1, steps/20)
	}
	if warmup > 0 {
		s = optim.Warmup{Steps: int(warmup), Then: s}
	}
	return s
}

// rule is the update rule that the configuration names.
func (c OptimizerConfig) rule() optim.Rule {
	set := func(dst *float64, v *float64) {
		if v != nil {
			*dst = *v
		}
	}
	switch c.Use {
	case "sgd":
		var r optim.SGD
		set(&r.Momentum, c.Momentum)
		set(&r.WeightDecay, c.WeightDecay)
		return r
	case "lion":
		r := optim.DefaultLion()
		set(&r.Betas[0], c.Beta1)
		set(&r.Betas[1], c.Beta2)
		set(&r.WeightDecay, c.WeightDecay)
		return r
	}
	r := optim.DefaultAdam()
	if c.Use == "adamw" {
		r = optim.Adam(optim.DefaultAdamW())
	}
	set(&r.Betas[0], c.Beta1)
	set(&r.Betas[1], c.Beta2)
	set(&r.Eps, c.Eps)
	set(&r.WeightDecay, c.WeightDecay)
	if c.Use == "adamw" {
		return optim.AdamW(r)
	}
	return r
}

// steps is how many steps to train on a table of rows rows: whole passes,
// rounded up, when epochs are asked for; more than maxSteps when there are too
// many to count.
func (c *Config) steps(rows int64) int64 {
	switch {
	case c.Steps != nil:
		return *c.Steps
	case c.Epochs != nil:
		step := int64(c.Batch) * int64(max(1, c.Accumulate)) // rows
		if *c.Epochs > (math.MaxInt64-step)/max(rows, 1) {
			return maxSteps + 1
		}
		return max(1, (*c.Epochs*rows+step-1)/step)
	}
	return defaultSteps
}
