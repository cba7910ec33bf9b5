package remote

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

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
	served := &servedNetwork{peer: newPeer(), Network: n}
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
		"many lanes":           {gradientParams{Zero: true, Lanes: many}, "100 lanes"},
		"a gap":                {gradientParams{Zero: true, Lanes: model.Lanes{{0, 50}, {60, 100}}}, "row 60, after row 50"},
		"rows twice":           {gradientParams{Zero: true, Lanes: model.Lanes{{0, 50}, {40, 100}}}, "row 40"},
		"rows outside":         {gradientParams{Zero: true, Lanes: model.Lanes{{0, 50}, {50, 101}}}, "row 101"},
		"an empty tile":        {gradientParams{Zero: true, Lanes: model.Lanes{{0, 50, 50, 100}}}, "row 50"},
		"rows left out":        {gradientParams{Zero: true, Lanes: model.Lanes{{0, 50}}}, "50 rows of 100"},
		"no first batch":       {gradientParams{Lanes: model.Lanes{{0, 100}}}, "1 lanes follows one of 0"},
		"weights of rows":      {gradientParams{Zero: true, Weight: true, Lanes: model.Lanes{{0, 100}}}, "weight"},
		"weights that are not": {gradientParams{Zero: true, Write: true, Lanes: model.Lanes{{0, 100}}}, "1 batches"},
	} {
		if err := ask(c.gradientParams); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := ask(gradientParams{Zero: true, Lanes: model.Lanes{{0, 50}, {50, 70, 100}}}); err != nil {
		t.Error(err)
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
