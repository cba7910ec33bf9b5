package trainer

import (
	"context"
	"math"
	"time"
)

// between does what is due after a step: validate, log, save, tell.
func (l *loop) between(ctx context.Context) error {
	o := &l.o
	last := l.Step == o.Steps
	due := func(every int64) bool { return every > 0 && l.Step%every == 0 }
	validated := false
	if l.valid != nil && (due(o.ValidateEvery) || last) {
		if err := l.validate(ctx); err != nil {
			return err
		}
		validated, last = true, l.over()
	}
	if due(o.LogEvery) || validated || last {
		l.log(validated)
	}
	if due(o.CheckpointEvery) && !last {
		if err := l.save(); err != nil {
			return err
		}
	}
	if o.Observe != nil && (last || time.Since(l.reported) > 100*time.Millisecond) {
		l.reported = time.Now()
		p := Progress{Step: l.Step, Steps: o.Steps, Loss: l.LastLoss, Validation: l.Validation,
			LearningRate: l.rate, RowsPerSecond: l.pace.now()}
		if n := len(l.Points); n > 0 {
			p.TransportBefore, p.TransportAfter = l.Points[n-1].TransportBefore, l.Points[n-1].TransportAfter
		}
		o.Observe(p)
	}
	return nil
}

func (l *loop) validate(ctx context.Context) error {
	net := l.best()
	mean, se, err := l.valid.evaluate(ctx, net, l.crew)
	if err != nil {
		return err
	}
	if !finite(mean) {
		return l.valid.diverged(l.Step, mean)
	}
	l.Validation, l.ValidationSE = &mean, &se
	if l.Best == nil || mean < *l.Best {
		l.Best, l.BestStep = &mean, l.Step
		if l.o.Patience > 0 {
			l.keep(data(net))
		}
	}
	return nil
}

// log makes a point of the steps since the last one.
func (l *loop) log(validated bool) {
	p := Point{Step: l.Step, Loss: l.LossSum / float64(l.Since), GradientNorm: l.NormSum / float64(l.Since),
		LearningRate: l.rate, RowsPerSecond: l.pace.lap()}
	if validated {
		p.Validation, p.ValidationSE = l.Validation, l.ValidationSE
	}
	if c := l.coupled(); c != nil {
		n := float64(l.Since) * float64(l.o.rows())
		before, after, drift := l.Transport.Before/n, l.Transport.After/n, l.Transport.Drift/n
		p.TransportBefore, p.TransportAfter = &before, &after
		if c.layout.Held > 0 {
			p.ConditionDrift = &drift
		}
	}
	l.Points = append(l.Points, p)
	l.Since, l.LossSum, l.NormSum, l.Transport = 0, 0, 0, Transport{}
}

// keep copies the weights of the best validation.
func (l *loop) keep(w [][]float32) {
	if l.Kept == nil {
		for range w {
			l.Kept = append(l.Kept, nil)
		}
	}
	for i := range w {
		l.Kept[i] = append(l.Kept[i][:0], w[i]...)
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// pace measures rows per second since the last point.
type pace struct {
	began time.Time
	rows  int64
	last  float64
}

func (p *pace) start() { p.began, p.rows = time.Now(), 0 }

func (p *pace) now() float64 {
	if p.rows > 0 {
		p.last = float64(p.rows) / max(time.Since(p.began).Seconds(), 1e-9)
	}
	return p.last
}

func (p *pace) lap() float64 {
	v := p.now()
	p.start()
	return v
}
