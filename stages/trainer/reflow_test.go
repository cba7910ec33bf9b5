package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pathline/pathline/pipeline"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/solver"
)

// newReflow is a run that straightens the flow of another run.
func newReflow(t *testing.T, config string) *run {
	r := newRun(t)
	if _, err := r.do(); err != nil {
		t.Fatal(err)
	}
	teacher := &flow.Source{File: filepath.Join(r.env.Out, "train.safetensors")}
	r.use, r.config, r.env.Out, r.env.State = "reflow", config, t.TempDir(), t.TempDir()
	r.made = flow.Registry{Models: map[string]func([]byte) (model.Definition, error){"mlp": func([]byte) (model.Definition, error) { return network(t, 6), nil }}}
	r.in = pipeline.Inputs{"flow": {Flow: teacher},
		"solver": {Service: &solver.Method{Tableau: solver.RK4(), Options: solver.Options{Steps: 6, Workers: 2}}}}
	return r
}

// The flow of a reflow is in the columns of the other's, with its transforms, and does
// not depend on the number of threads or on an interruption; pairs that are made once
// and pairs that are made for every batch go through the same steps.
func TestReflow(t *testing.T) {
	for _, pairs := range []int{300, 0} {
		config := fmt.Sprintf(`{"pairs": %d, "steps": 20, "batch": 40, "validation_rows": 50, "checkpoint_every": 6, "ema": 0.9}`, pairs)
		r := newReflow(t, config)
		planned, err := r.stage().Check(t.Context(), r.in)
		if err != nil {
			t.Fatal(err)
		}
		want := r.flow()
		d, _, err := flow.Load(filepath.Join(r.env.Out, "train.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		p := planned.Flow.(*flow.Source).Planned
		if d.Path.Use != "condot" || d.Dim != 2 || len(d.Columns) != 2 || len(d.Transforms) != 1 || p.Columns[1] != d.Columns[1] || d.Training["validation_loss"] == nil {
			t.Errorf("%+v", d)
		}
		r.env.Threads, r.env.Out = 1, t.TempDir()
		if got := r.flow(); !bytes.Equal(got, want) {
			t.Errorf("%d pairs: one thread gives another flow", pairs)
		}
		// Stopped after the second checkpoint, and taken up again.
		stop := make(chan struct{})
		emit := r.env.Emit
		r.env.Out, r.env.Stop = t.TempDir(), stop
		r.env.Emit = func(e pipeline.Event) {
			if e.Unit == "steps" && e.Done >= 1 {
				select {
				case <-stop:
				default:
					close(stop)
				}
			}
			emit(e)
		}
		if _, err := r.do(); !errors.Is(err, pipeline.ErrInterrupted) {
			t.Fatalf("a run that was stopped: %v", err)
		}
		r.env.Stop, r.env.Resume = nil, true
		if got := r.flow(); !bytes.Equal(got, want) {
			t.Errorf("%d pairs: the flow of a run that was stopped is another", pairs)
		}
	}
}

// Training begins with the weights of the flow, unless told otherwise.
func TestReflowBegins(t *testing.T) {
	first := func(config string) float64 {
		r := newReflow(t, config)
		r.flow()
		return r.metrics()[0][1]
	}
	own := first(`{"pairs": 300, "steps": 1, "batch": 200}`)
	random := first(`{"pairs": 300, "steps": 1, "batch": 200, "start": "random"}`)
	if own > 0.8*random {
		t.Errorf("the first loss is %v with the flow's weights and %v with random ones", own, random)
	}
}

func TestReflowRefuses(t *testing.T) {
	exact := func(p path.Path) pipeline.Input {
		g, err := model.NewGMM(model.GMMConfig{Means: [][]float64{{1}}, Std: []float64{2}}, p)
		if err != nil {
			t.Fatal(err)
		}
		return pipeline.Input{Service: g}
	}
	for name, c := range map[string]struct {
		config string
		change func(in pipeline.Inputs)
		reason schemas.Reason
		path   string
	}{
		"no flow":             {`{}`, func(in pipeline.Inputs) { delete(in, "flow") }, schemas.MissingPort, "from.flow"},
		"no solver":           {`{}`, func(in pipeline.Inputs) { delete(in, "solver") }, schemas.WrongPort, "from.solver"},
		"exact without model": {`{}`, func(in pipeline.Inputs) { in["flow"] = exact(path.CondOT{}) }, schemas.MissingPort, "from.model"},
		"two beginnings":      {`{"start": "flow"}`, func(in pipeline.Inputs) { in["model"] = pipeline.Input{Service: network(t, 6)} }, schemas.Conflict, "start"},
		"other target":        {`{"target": "data"}`, func(pipeline.Inputs) {}, schemas.Conflict, "target"},
		"no memory to check":  {`{"validation_rows": 20000}`, func(pipeline.Inputs) {}, schemas.TooLarge, "validation_rows"},
		"no memory for both":  {`{"pairs": 20000, "validation_rows": 4000}`, func(pipeline.Inputs) {}, schemas.TooLarge, "pairs"},
		"no memory":           {`{"pairs": 1000000}`, func(pipeline.Inputs) {}, schemas.TooLarge, "pairs"},
		"passes of nothing":   {`{"pairs": 0, "epochs": 3}`, func(pipeline.Inputs) {}, schemas.Conflict, "epochs"},
		"window":              {`{"window": 10}`, func(pipeline.Inputs) {}, schemas.Conflict, "window"},
		"time of one step":    {`{"distill": true, "time": {"use": "stratified"}}`, func(pipeline.Inputs) {}, schemas.Conflict, "time"},
		"data at the start": {`{"pairs": 100}`, func(in pipeline.Inputs) {
			ve, err := path.NewVE(0.01, 3)
			if err != nil {
				t.Fatal(err)
			}
			in["flow"], in["model"] = exact(ve), pipeline.Input{Service: network(t, 6)}
		}, schemas.WrongPort, "from.flow"},
	} {
		r := newReflow(t, c.config)
		c.change(r.in)
		i, _ := r.registry().Find("trainer", "reflow")
		config, err := i.Config.Resolve(json.RawMessage(c.config))
		var s pipeline.Stage
		if err == nil {
			s, err = i.Build(context.Background(), r.env, config)
		}
		if err == nil {
			_, err = s.Check(t.Context(), r.in)
		}
		if err == nil {
			_, err = s.Run(t.Context(), r.in)
		}
		found := false
		for _, e := range schemas.Errors(err, schemas.StageFailed) {
			found = found || e.Reason == c.reason && e.Path == c.path
		}
		if !found {
			t.Errorf("%s: %v, want %s at %s", name, err, c.reason, c.path)
		}
	}
}

// The file of a distilled flow says what it is to be sampled with.
func TestDistilledFlowSaysItsSolver(t *testing.T) {
	for _, distill := range []bool{false, true} {
		r := newReflow(t, fmt.Sprintf(`{"pairs": 100, "steps": 2, "batch": 40, "validation_rows": 10, "distill": %v}`, distill))
		r.flow()
		d, err := flow.Describe(flow.Source{File: filepath.Join(r.env.Out, "train.safetensors")})
		if err != nil {
			t.Fatal(err)
		}
		if with, ok := d.Training["sample_with"]; ok != distill || distill && with != "one Euler step" || d.Training["steps"] == nil {
			t.Errorf("distilled: %v, training: %v", distill, d.Training)
		}
	}
}
