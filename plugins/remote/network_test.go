package remote

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/pathline/pathline/plugins/wire"
	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/model"
)

func definition(t *testing.T) model.Definition {
	t.Helper()
	d, err := model.NewMLP(model.MLPConfig{Hidden: []int{4}, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What another process may ask of a network here is bounded: a batch that is cut
// wrongly is refused, and nothing is held for lanes that no batch needs.
func TestBatchesThatAreRefused(t *testing.T) {
	n, err := definition(t).Build(1)
	if err != nil {
		t.Fatal(err)
	}
	served := &servedNetwork{servedWeights: servedWeights{newPeer(), n}, Network: n}
	rows := make([]float32, 100)
	ask := func(c gradientParams) error {
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		m := message(wire.ColumnOf("t", make([]float64, 100), 0), wire.ColumnOf("x", rows, 1), wire.ColumnOf("target", rows, 1))
		m.Values = raw
		_, err = served.answer(t.Context(), "gradient", m)
		return err
	}
	many := model.Lanes{}
	for i := range 100 {
		many = append(many, []int{i, i + 1})
	}
	for name, c := range map[string]struct {
		gradientParams
		words string
	}{
		"many lanes":           {gradientParams{asked: asked{Zero: true}, Lanes: many}, "100 lanes"},
		"a gap":                {gradientParams{asked: asked{Zero: true}, Lanes: model.Lanes{{0, 50}, {60, 100}}}, "row 60, after row 50"},
		"rows twice":           {gradientParams{asked: asked{Zero: true}, Lanes: model.Lanes{{0, 50}, {40, 100}}}, "row 40"},
		"rows outside":         {gradientParams{asked: asked{Zero: true}, Lanes: model.Lanes{{0, 50}, {50, 101}}}, "row 101"},
		"an empty tile":        {gradientParams{asked: asked{Zero: true}, Lanes: model.Lanes{{0, 50, 50, 100}}}, "row 50"},
		"rows left out":        {gradientParams{asked: asked{Zero: true}, Lanes: model.Lanes{{0, 50}}}, "50 rows of 100"},
		"no first batch":       {gradientParams{Lanes: model.Lanes{{0, 100}}}, "1 lanes follows one of 0"},
		"weights of rows":      {gradientParams{asked: asked{Zero: true, Weight: true}, Lanes: model.Lanes{{0, 100}}}, "weight"},
		"weights that are not": {gradientParams{asked: asked{Zero: true}, Write: true, Lanes: model.Lanes{{0, 100}}}, "1 batches"},
	} {
		if err := ask(c.gradientParams); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := ask(gradientParams{asked: asked{Zero: true}, Lanes: model.Lanes{{0, 50}, {50, 70, 100}}}); err != nil {
		t.Error(err)
	}
}

// A network that does not know of lanes, as one of another language, gets the
// whole batch and gives one loss and one gradient, to which the next batch of the
// step is added.
func TestNetworkWithoutLanes(t *testing.T) {
	var asked []gradientParams
	_, v, err := liar{kind: "model", facts: `{"form": "definition", "use": "liar"}`, says: func(_ context.Context, method string, m wire.Message) (wire.Message, bool) {
		switch method {
		case "build":
			return wire.Message{Values: []byte(`{"target": "it", "tensors": [{"name": "w", "shape": [2]}, {"name": "b", "shape": [1]}]}`)}, true
		case "gradient":
			var c gradientParams
			if err := params(m, &c); err != nil {
				t.Error(err)
			}
			asked = append(asked, c)
			grad := []float32{1, 2, 3}
			if !c.Zero {
				before, err := wire.Values[float32](m.Batches[1], "grad", 0, 3)
				if err != nil {
					t.Error(err)
				}
				for i, g := range before {
					grad[i] += g
				}
			}
			return wire.Message{Batches: []arrow.Record{
				wire.Batch(column("loss", 0, float64(m.Batches[0].NumRows()))), wire.Batch(column("grad", 0, grad...))}}, true
		}
		return wire.Message{}, false
	}}.service(t)
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.(model.Definition).Build(1)
	if err != nil {
		t.Fatal(err)
	}
	grad, loss := [][]float32{{7, 7}, {7}}, []float64{7, 7, 7}
	for part := range 2 {
		err := n.(model.Batched).BatchGradient(t.Context(), grad, loss, model.Batch{T: make([]float64, 5), X: make([]float32, 5), Target: make([]float32, 5),
			Rows: 5, Lanes: model.Lanes{{0, 2, 4}, {4, 5}}, First: part == 0, Last: part == 1})
		if err != nil {
			t.Fatal(err)
		}
		if loss[0] != 5 || loss[1] != 0 || loss[2] != 0 {
			t.Errorf("losses are %v", loss)
		}
	}
	if grad[0][0] != 2 || grad[0][1] != 4 || grad[1][0] != 6 {
		t.Errorf("the gradient is %v", grad)
	}
	if len(asked) != 2 || !asked[0].Zero || asked[1].Zero || asked[0].Lanes != nil || asked[0].Write || asked[1].Hold {
		t.Errorf("asked for %+v", asked)
	}
}

// A session cannot have any number of networks made.
func TestNetworksOfASessionAreBounded(t *testing.T) {
	p := newPeer()
	d := definition(t)
	for i := range maxMade + 1 {
		_, err := answerDefinition(p, d, "build", wire.Message{Values: []byte(`{"dim": 1}`)})
		var e *schemas.Error
		if over := i == maxMade; over != errors.As(err, &e) {
			t.Fatalf("network %d: error %v", i, err)
		}
	}
}
