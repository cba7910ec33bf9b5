package optim_test

import (
	"fmt"

	"github.com/pathline/pathline/stages/optim"
)

// The minimum of (w-3)² by AdamW with a warm-up, a cosine and clipping.
func Example() {
	rule := optim.DefaultAdamW()
	rule.WeightDecay = 0
	optimizer, err := rule.New([]int{1})
	if err != nil {
		fmt.Println(err)
		return
	}
	schedule := optim.Warmup{Steps: 20, Then: optim.Cosine{}}
	weights, grads := [][]float32{{0}}, [][]float32{{0}}
	const total = 500
	for step := range total {
		grads[0][0] = 2 * (weights[0][0] - 3)
		optim.Clip(grads, 1)
		optimizer.Step(0.1*schedule.LR(step, total), weights, grads)
	}
	fmt.Printf("%.2f\n", weights[0][0])
	// Output:
	// 3.00
}
