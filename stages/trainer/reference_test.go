package trainer

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
)

// recorded are the batches of a training by PyTorch; see testdata/reference.py.
// It takes the place of the rows, the noise and the times.
type recorded struct {
	batches []struct{ X1, X0, T []float32 }
	dim, at int // at is the batch that comes next
}

func (r *recorded) Next(_ context.Context, x []float32, number []int64) error {
	copy(x, r.batches[r.at].X1)
	for i := range number {
		number[i] = int64(i)
	}
	r.at++
	return nil
}

func (r *recorded) Cursor() Cursor                     { return Cursor{} }
func (r *recorded) Seek(context.Context, Cursor) error { return nil }
func (r *recorded) Close() error                       { return nil }

// of is where example number first stands.
func (r *recorded) of(first uint64) (batch, row int) {
	n := uint64(len(r.batches[0].T))
	return int(first / n), int(first % n)
}

func (r *recorded) Normals32Rows(dst []float32, dim int, first uint64, rows int, _ uint32) {
	batch, row := r.of(first)
	copy(dst, r.batches[batch].X0[row*dim:(row+rows)*dim])
}

func (r *recorded) Times(t []float64, _ random.Key, first uint64, _, _ int) {
	batch, row := r.of(first)
	for i := range t {
		t[i] = float64(r.batches[batch].T[row+i])
	}
}

// TestLossesAreThoseOfPyTorch: the same weights, rows, noise and times give the
// losses that PyTorch gives over the first ten updates, to what float32 sums in
// another order leave of them.
func TestLossesAreThoseOfPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Hidden  []int
		Dim     int
		Batches []struct{ X1, X0, T []float32 }
		Cases   []struct {
			Activation, Rule string
			Weights          [][]float32
			Losses           []float64
		}
	}
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	adamw := optim.DefaultAdamW()
	adamw.WeightDecay = 0.1
	rules := map[string]optim.Rule{"sgd": optim.SGD{Momentum: 0.9}, "adam": optim.DefaultAdam(), "adamw": adamw}
	rates := map[string]float64{"sgd": 0.05, "adam": 0.01, "adamw": 0.01}
	if len(reference.Cases) != 6 {
		t.Fatalf("%d cases", len(reference.Cases))
	}
	for _, c := range reference.Cases {
		def, err := model.NewMLP(model.MLPConfig{Hidden: reference.Hidden, Activation: c.Activation, Time: model.TimeConfig{Use: "concat"}})
		if err != nil {
			t.Fatal(err)
		}
		r := &recorded{batches: reference.Batches, dim: reference.Dim}
		o := Options{Steps: int64(len(c.Losses)), Batch: len(r.batches[0].T), Path: path.CondOT{}, Time: r,
			Rule: rules[c.Rule], LR: rates[c.Rule], LogEvery: 1, Workers: 2}
		l, err := newLoop(def, Layout{Dim: r.dim}, r, o)
		if err != nil {
			t.Fatal(err)
		}
		defer l.crew.dismiss()
		l.examples.noise = r
		if err := l.begin(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i, w := range l.net.Tensors() {
			if copy(w.Data, c.Weights[i]) != len(c.Weights[i]) {
				t.Fatalf("%s has %d weights, not %d", w.Name, len(w.Data), len(c.Weights[i]))
			}
		}
		l.net.Changed(nil)
		for k, want := range c.Losses {
			if err := l.step(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := l.LastLoss; math.Abs(got-want) > 2e-6*want {
				t.Errorf("%s, %s, step %d: loss %.8g, by PyTorch %.8g (%.1g)", c.Activation, c.Rule, k+1, got, want, math.Abs(got/want-1))
			}
		}
	}
}
