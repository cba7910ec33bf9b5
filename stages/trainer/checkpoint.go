package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
)

// A checkpoint is a file of package flow with more in it: the weights, then
// the state of the optimiser and of the average as tensors named optimizer.*
// and ema.*, and the rest of a State as JSON in the description. So it has a
// checksum, and its errors are those of a flow file.
const (
	checkpointEntry = "checkpoint" // in Description.Training
	optimizerPrefix = "optimizer."
	averagePrefix   = "ema."
	keptPrefix      = "best."
)

type checkpoint struct {
	Key    string    `json:"key"`
	State  *State    `json:"state"`
	Points []float64 `json:"points"` // flat, to keep the header short
}

// WriteCheckpoint writes a state. Key says what is being trained: another
// training must not go on from here.
func WriteCheckpoint(w io.Writer, d flow.Description, key string, s *State) error {
	bare := *s
	bare.Points = nil
	text, err := json.Marshal(checkpoint{Key: key, State: &bare, Points: flatten(s.Points)})
	if err != nil {
		return fmt.Errorf("trainer: checkpoint: %w", err)
	}
	d.Training = map[string]any{checkpointEntry: string(text)}
	tensors := append([]model.Tensor{}, s.Weights...)
	add := func(prefix string, list []optim.State) {
		for _, o := range list {
			tensors = append(tensors, model.Tensor{Name: prefix + o.Name, Shape: []int{len(o.Data)}, Data: o.Data})
		}
	}
	add(optimizerPrefix, s.Optimizer)
	add(averagePrefix, s.Average)
	for i, w := range s.Kept {
		t := s.Weights[i]
		tensors = append(tensors, model.Tensor{Name: keptPrefix + t.Name, Shape: t.Shape, Data: w})
	}
	return flow.Encode(w, d, tensors)
}

// ReadCheckpoint reads what WriteCheckpoint wrote. ok is false when the
// checkpoint is whole but was written for another key.
func ReadCheckpoint(r io.ReaderAt, size int64, key string) (s *State, ok bool, err error) {
	d, tensors, err := flow.Decode(r, size)
	if err != nil {
		return nil, false, err
	}
	text, _ := d.Training[checkpointEntry].(string)
	var c checkpoint
	if err := json.Unmarshal([]byte(text), &c); err != nil || c.State == nil {
		return nil, false, schemas.Errorf(schemas.CorruptFile, "the file is not a checkpoint")
	}
	if c.Key != key {
		return nil, false, nil
	}
	s = c.State
	if s.Points, err = unflatten(c.Points); err != nil {
		return nil, false, err
	}
	for _, t := range tensors {
		if name, ok := strings.CutPrefix(t.Name, optimizerPrefix); ok {
			s.Optimizer = append(s.Optimizer, optim.State{Name: name, Data: t.Data})
		} else if name, ok := strings.CutPrefix(t.Name, averagePrefix); ok {
			s.Average = append(s.Average, optim.State{Name: name, Data: t.Data})
		} else if strings.HasPrefix(t.Name, keptPrefix) {
			s.Kept = append(s.Kept, t.Data)
		} else {
			s.Weights = append(s.Weights, t)
		}
	}
	return s, true, nil
}

const (
	pointNumbers = 10
	absent       = -math.MaxFloat64 // in place of what a point does not have
)

func flatten(points []Point) []float64 {
	out := make([]float64, 0, pointNumbers*len(points))
	maybe := func(v *float64) float64 {
		if v == nil {
			return absent
		}
		return *v
	}
	for _, p := range points {
		out = append(out, float64(p.Step), p.Loss, maybe(p.Validation), maybe(p.ValidationSE), p.GradientNorm, p.LearningRate, p.RowsPerSecond,
			maybe(p.TransportBefore), maybe(p.TransportAfter), maybe(p.ConditionDrift))
	}
	return out
}

func unflatten(v []float64) ([]Point, error) {
	if len(v)%pointNumbers != 0 {
		return nil, schemas.Errorf(schemas.CorruptFile, "the checkpoint's metrics are incomplete")
	}
	var out []Point
	maybe := func(v float64) *float64 {
		if v == absent {
			return nil
		}
		return &v
	}
	for ; len(v) > 0; v = v[pointNumbers:] {
		out = append(out, Point{Step: int64(v[0]), Loss: v[1], Validation: maybe(v[2]), ValidationSE: maybe(v[3]),
			GradientNorm: v[4], LearningRate: v[5], RowsPerSecond: v[6],
			TransportBefore: maybe(v[7]), TransportAfter: maybe(v[8]), ConditionDrift: maybe(v[9])})
	}
	return out, nil
}

// save hands the state to Options.Save.
func (l *loop) save() error {
	if l.o.Save == nil {
		return nil
	}
	l.Rows = l.rows.Cursor()
	l.Weights, l.Optimizer, l.Average = l.net.Tensors(), l.descent.rule.State(), nil
	if l.descent.ema != nil {
		l.Average = l.descent.ema.State()
	}
	return l.o.Save(&l.State)
}

// restore takes up a state, which it copies.
func (l *loop) restore(ctx context.Context, s *State) error {
	unfit := func(err error) error {
		return schemas.Errorf(schemas.CorruptFile, "the checkpoint does not fit what is trained: %w", err).
			Suggest("run without --resume to start from scratch")
	}
	if s.Step < 0 || s.Step > l.o.Steps {
		return unfit(fmt.Errorf("it is %d steps on the way of %d", s.Step, l.o.Steps))
	}
	tensors := l.net.Tensors()
	if err := model.Copy(tensors, s.Weights); err != nil {
		return unfit(err)
	}
	for i, w := range s.Kept {
		if len(s.Kept) != len(tensors) || len(w) != len(tensors[i].Data) {
			return unfit(errors.New("the weights of its best validation have other sizes"))
		}
	}
	if err := optim.Restore(l.descent.rule.State(), s.Optimizer); err != nil {
		return unfit(err)
	}
	if l.descent.ema != nil {
		if err := optim.Restore(l.descent.ema.State(), s.Average); err != nil {
			return unfit(err)
		}
	}
	l.net.Changed(l.crew.share)
	if err := l.rows.Seek(ctx, s.Rows); errors.Is(err, errOutside) {
		return unfit(err)
	} else if err != nil {
		return err
	}
	l.State = *s
	l.Points = append([]Point(nil), s.Points...)
	l.Kept = nil
	if s.Kept != nil {
		l.keep(s.Kept)
	}
	l.Weights, l.Optimizer, l.Average = nil, nil, nil
	return nil
}
