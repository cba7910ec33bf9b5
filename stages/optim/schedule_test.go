package optim_test

import (
	"math"
	"testing"

	"github.com/pathline/pathline/stages/optim"
)

func TestSchedules(t *testing.T) {
	const total = 100
	for _, c := range []struct {
		name string
		s    optim.Schedule
		at   map[int]float64
	}{
		{"constant", optim.Constant{}, map[int]float64{0: 1, 50: 1, 99: 1}},
		{"cosine", optim.Cosine{}, map[int]float64{0: 1, 50: 0.5, 25: (1 + math.Sqrt2/2) / 2, 100: 0, 1000: 0}},
		{"cosine to a tenth", optim.Cosine{Final: 0.1}, map[int]float64{0: 1, 50: 0.55, 100: 0.1}},
		{"warm-up", optim.Warmup{Steps: 9}, map[int]float64{0: 0.1, 4: 0.5, 8: 0.9, 9: 1, 99: 1}},
		{"warm-up and cosine", optim.Warmup{Steps: 20, Then: optim.Cosine{Final: 0.2}}, map[int]float64{0: 1. / 21, 20: 1, 60: 0.6, 100: 0.2}},
		{"warm-up longer than the run", optim.Warmup{Steps: 200, Then: optim.Cosine{}}, map[int]float64{99: 100. / 201, 200: 0}},
	} {
		for step, want := range c.at {
			if got := c.s.LR(step, total); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s at %d: %v, want %v", c.name, step, got, want)
			}
		}
		for step := range total {
			if lr := c.s.LR(step, total); !(lr > 0 && lr <= 1) {
				t.Errorf("%s at %d: %v is not in (0, 1]", c.name, step, lr)
			}
		}
	}
}
