package optim_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/optim"
)

// rules are the configurations that the laws run over.
var rules = map[string]optim.Rule{
	"adam":       optim.DefaultAdam(),
	"adam-decay": optim.Adam{Betas: []float64{0.8, 0.95}, Eps: 1e-6, WeightDecay: 0.1},
	"adamw":      optim.DefaultAdamW(),
	"lion":       optim.DefaultLion(),
	"lion-decay": optim.Lion{Betas: []float64{0.5, 0.8}, WeightDecay: 0.1},
	"sgd":        optim.SGD{},
	"momentum":   optim.SGD{Momentum: 0.9},
	"nesterov":   optim.SGD{Momentum: 0.9, Nesterov: true, WeightDecay: 0.01},
}

func eachRule(t *testing.T, f func(t *testing.T, r optim.Rule)) {
	for name, r := range rules {
		t.Run(name, func(t *testing.T) { f(t, r) })
	}
}

func start(t testing.TB, r optim.Rule, sizes ...int) optim.Optimizer {
	o, err := r.New(sizes)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// noise are gradients that differ from step to step.
func noise(grads [][]float32, step int) {
	for i, g := range grads {
		for j := range g {
			g[j] = float32(math.Sin(float64(7*i+3*j+11*step))) * float32(math.Exp(float64(j%9-6)))
		}
	}
}

// TestRecorded compares five steps with testdata/updates.py, the weights cut
// into two tensors.
func TestRecorded(t *testing.T) {
	b, err := os.ReadFile("testdata/updates.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Start []float32
		Grads [][]float32
		Rates []float64
		Cases []struct {
			Use     string
			Config  json.RawMessage
			Weights [][]float64
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		t.Run(fmt.Sprintf("%s%s", c.Use, c.Config), func(t *testing.T) {
			var rule optim.Rule
			var err error
			switch c.Use {
			case "adam":
				var a optim.Adam
				err, rule = json.Unmarshal(c.Config, &a), &a
			case "adamw":
				var a optim.AdamW
				err, rule = json.Unmarshal(c.Config, &a), &a
			case "lion":
				var l optim.Lion
				err, rule = json.Unmarshal(c.Config, &l), &l
			case "sgd":
				var s optim.SGD
				err, rule = json.Unmarshal(c.Config, &s), &s
			}
			if err != nil {
				t.Fatal(err)
			}
			w := slices.Clone(file.Start)
			o := start(t, rule, 2, 3)
			for step, want := range c.Weights {
				g := slices.Clone(file.Grads[step])
				o.Step(file.Rates[step], [][]float32{w[:2], w[2:]}, [][]float32{g[:2], g[2:]})
				if !slices.Equal(g, file.Grads[step]) {
					t.Fatal("Step changed the gradients")
				}
				for j := range w {
					if math.Abs(float64(w[j])-want[j]) > 1e-6*(0.1+math.Abs(want[j])) {
						t.Errorf("step %d: w[%d] = %v, recorded %v", step+1, j, w[j], want[j])
					}
				}
			}
		})
	}
}

// TestQuadratic: every rule without decay finds the minimum of
// sum_j c_j (w_j - m_j)² / 2.
func TestQuadratic(t *testing.T) {
	curvature, minimum := []float64{1, 4, 0.5}, []float64{3, -2, 0.25}
	for name, rule := range map[string]optim.Rule{
		"adam": optim.DefaultAdam(), "adamw": optim.AdamW{Betas: []float64{0.9, 0.999}, Eps: 1e-8},
		"lion": optim.DefaultLion(),
		"sgd":  optim.SGD{}, "momentum": optim.SGD{Momentum: 0.8}, "nesterov": optim.SGD{Momentum: 0.8, Nesterov: true},
	} {
		o := start(t, rule, 3)
		w, g := make([]float32, 3), make([]float32, 3)
		const total = 3000
		for step := range total {
			for j := range w {
				g[j] = float32(curvature[j] * (float64(w[j]) - minimum[j]))
			}
			o.Step(0.05*optim.Cosine{}.LR(step, total), [][]float32{w}, [][]float32{g})
		}
		for j := range w {
			if math.Abs(float64(w[j])-minimum[j]) > 1e-3 {
				t.Errorf("%s: w[%d] = %v, the minimum is at %v", name, j, w[j], minimum[j])
			}
		}
	}
}

// TestRestore: saved after k steps and restored into a fresh optimizer,
// training goes on with the same bits.
func TestRestore(t *testing.T) {
	eachRule(t, func(t *testing.T, r optim.Rule) {
		weights := [][]float32{{1, -2, 3}, {}, {0.5, 0.25}}
		grads := [][]float32{make([]float32, 3), {}, make([]float32, 2)}
		o := start(t, r, 3, 0, 2)
		var saved []optim.State
		var at [][]float32
		for step := range 12 {
			if step == 5 {
				saved, at = copyState(o.State()), copyWeights(weights)
			}
			noise(grads, step)
			o.Step(0.1, weights, grads)
		}
		again := start(t, r, 3, 0, 2)
		slices.Reverse(saved) // order does not matter, names do
		if err := optim.Restore(again.State(), saved); err != nil {
			t.Fatal(err)
		}
		for step := 5; step < 12; step++ {
			noise(grads, step)
			again.Step(0.1, at, grads)
		}
		for i := range weights {
			if !slices.Equal(weights[i], at[i]) {
				t.Errorf("tensor %d is %v, resumed %v", i, weights[i], at[i])
			}
		}
		if fmt.Sprint(o.State()) != fmt.Sprint(again.State()) {
			t.Error("states differ at the end")
		}
	})
}

func copyState(list []optim.State) []optim.State {
	list = slices.Clone(list)
	for i := range list {
		list[i].Data = slices.Clone(list[i].Data)
	}
	return list
}

func copyWeights(w [][]float32) [][]float32 {
	w = slices.Clone(w)
	for i := range w {
		w[i] = slices.Clone(w[i])
	}
	return w
}

// TestRestoreRefuses: a state that does not fit changes nothing.
func TestRestoreRefuses(t *testing.T) {
	fresh := func() []optim.State {
		return []optim.State{{Name: "a", Data: []float32{0}}, {Name: "b", Data: []float32{0, 0}}}
	}
	a, b := optim.State{Name: "a", Data: []float32{1}}, optim.State{Name: "b", Data: []float32{2, 3}}
	for _, bad := range []struct {
		saved []optim.State
		want  string
	}{
		{[]optim.State{a}, `"b" is missing`},
		{[]optim.State{a, {Name: "b", Data: []float32{1}}}, `"b" has 1 values`},
		{[]optim.State{a, b, {Name: "c"}}, "3 states"},
		{[]optim.State{a, b, b}, "twice"},
	} {
		have := fresh()
		if err := optim.Restore(have, bad.saved); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("error %v does not say %s", err, bad.want)
		}
		if fmt.Sprint(have) != fmt.Sprint(fresh()) {
			t.Errorf("a refused state was copied in part: %v", have)
		}
	}
}

// TestLongRun: the count of steps stays exact where a float32 would stop.
func TestLongRun(t *testing.T) {
	o := start(t, optim.DefaultAdam(), 1)
	step := o.State()[0].Data
	step[0] = 1<<24 - 2
	w, g := [][]float32{{1}}, [][]float32{{1}}
	for range 3 {
		o.Step(0, w, g)
	}
	if step[0] != 1 || step[1] != 1 {
		t.Errorf("counter after 2^24+1 steps is %v", step)
	}
}

// TestTinyEps: an eps below the range of float32 still keeps weights without a
// gradient where they are.
func TestTinyEps(t *testing.T) {
	w, g := [][]float32{{1, -2}}, [][]float32{{0, 1}}
	start(t, optim.Adam{Betas: []float64{0.9, 0.999}, Eps: 1e-300}, 2).Step(0.1, w, g)
	if w[0][0] != 1 || math.Abs(float64(w[0][1])+2.1) > 1e-6 {
		t.Errorf("weights %v", w)
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	eachRule(t, func(t *testing.T, r optim.Rule) {
		o := start(t, r, 100, 10)
		w, g := [][]float32{make([]float32, 100), make([]float32, 10)}, [][]float32{make([]float32, 100), make([]float32, 10)}
		noise(g, 1)
		ema, err := optim.NewEMA(0.9, true, w)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() {
			optim.Clip(g, 0.1)
			o.Step(0.1, w, g)
			ema.Update(w)
		}); n != 0 {
			t.Errorf("a step allocates %v times", n)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	for _, bad := range []struct {
		r    optim.Rule
		want string
	}{
		{optim.Adam{Betas: []float64{1, 0.9}}, "adam: betas[0]"},
		{optim.Adam{Betas: []float64{0.9, -0.1}}, "adam: betas[1]"},
		{optim.Adam{Betas: []float64{0.9}}, "adam: betas: 1 values"},
		{optim.AdamW{Betas: []float64{0.9, 0.9}, Eps: math.NaN()}, "adamw: eps"},
		{optim.AdamW{Betas: []float64{0.9, 0.9}, WeightDecay: -1}, "adamw: weight_decay"},
		{optim.Lion{Betas: []float64{0.9}}, "lion: betas: 1 values"},
		{optim.Lion{Betas: []float64{1, 0.9}}, "lion: betas[0]"},
		{optim.Lion{Betas: []float64{0.9, 1}}, "lion: betas[1]"},
		{optim.Lion{Betas: []float64{0.9, 0.9}, WeightDecay: -1}, "lion: weight_decay"},
		{optim.SGD{Momentum: -1}, "sgd: momentum"},
		{optim.SGD{Dampening: math.Inf(1)}, "sgd: dampening"},
		{optim.SGD{WeightDecay: -1}, "sgd: weight_decay"},
		{optim.SGD{Nesterov: true}, "sgd: nesterov"},
		{optim.SGD{Nesterov: true, Momentum: 0.9, Dampening: 0.1}, "sgd: nesterov"},
	} {
		if _, err := bad.r.New([]int{1}); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: error %v does not say %s", bad.r, err, bad.want)
		} else if v := bad.r.Validate(); v == nil || v.Error() != err.Error() {
			t.Errorf("%+v: Validate says %v, New %v", bad.r, v, err)
		}
	}
	eachRule(t, func(t *testing.T, r optim.Rule) {
		if _, err := r.New([]int{1, -1}); err == nil {
			t.Error("a negative size is taken")
		}
		defer func() {
			if recover() == nil {
				t.Error("a slice of the wrong length is taken")
			}
		}()
		start(t, r, 2).Step(0.1, [][]float32{{1, 2}}, [][]float32{{1}})
	})
}
