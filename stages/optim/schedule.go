package optim

import "math"

// Schedule is the learning rate over a run, as a factor of the base rate.
// Implementations are values.
type Schedule interface {
	// LR is the factor of update number step = 0, 1, ..., total-1. A step
	// beyond total has the factor of total.
	LR(step, total int) float64
}

// Constant is 1 throughout.
type Constant struct{}

// LR is 1.
func (Constant) LR(step, total int) float64 { return 1 }

// Cosine falls from 1 to Final along half a wave (Loshchilov and Hutter 2017,
// eq. 5, without restarts):
//
//	Final + (1-Final) (1 + cos(pi step/total)) / 2
type Cosine struct {
	Final float64 `json:"final" doc:"factor at the end" min:"0" max:"1"`
}

// LR is the factor at a step.
func (c Cosine) LR(step, total int) float64 {
	done := 1.0
	if step < total {
		done = float64(max(step, 0)) / float64(total)
	}
	return c.Final + (1-c.Final)*(1+math.Cos(math.Pi*done))/2
}

// Warmup rises in a straight line for Steps updates, (step+1)/(Steps+1), and
// then follows Then, as a run of the steps that are left; nil is Constant.
type Warmup struct {
	Steps int
	Then  Schedule
}

// LR is the factor at a step.
func (w Warmup) LR(step, total int) float64 {
	if step < w.Steps {
		return float64(max(step, 0)+1) / float64(w.Steps+1)
	}
	if w.Then == nil {
		return 1
	}
	return w.Then.LR(step-w.Steps, total-w.Steps)
}
