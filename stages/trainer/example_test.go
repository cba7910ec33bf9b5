package trainer_test

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/trainer"
)

// A flow to one column of N(3, 1), trained without a pipeline.
func ExampleTrain() {
	def, err := model.NewMLP(model.MLPConfig{Hidden: []int{16}})
	if err != nil {
		panic(err)
	}
	x := make([]float32, 1000)
	random.NewKey(1, "example", "data").Normals32(x, 0, 0)
	for i := range x {
		x[i] += 3
	}
	keys := trainer.NewKeys(1, "example")
	result, err := trainer.Train(context.Background(), def, trainer.Layout{Dim: 1}, trainer.NewMemory(x, 1, keys.Shuffle), trainer.Options{
		Steps: 300, Batch: 64, LogEvery: 100,
		Path: path.CondOT{}, Time: trainer.Stratified{},
		Rule: optim.DefaultAdamW(), LR: 1e-2, Keys: keys, Workers: 2,
	})
	if err != nil {
		panic(err)
	}
	first, last := result.State.Points[0], result.State.Points[len(result.State.Points)-1]
	fmt.Println(last.Step, last.Loss < first.Loss)
	// Output: 300 true
}
