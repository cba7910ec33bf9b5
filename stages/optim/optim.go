package optim

import (
	"fmt"
	"math"
	"strconv"
)

// Optimizer changes weights by their gradients. It belongs to one training run.
type Optimizer interface {
	// Step makes one update with learning rate lr: Begin, and Update of every
	// element. weights are changed, grads are not. Both have one slice per tensor,
	// of the sizes given to New.
	Step(lr float64, weights, grads [][]float32)

	// Begin goes on to the next step, with learning rate lr. No Update may run
	// meanwhile.
	Begin(lr float64)

	// Update makes the step for elements lo to hi-1 of a tensor, whose weights are
	// w and whose gradient is g, both whole. Each element has its turn once in a
	// step; calls for different elements may run at the same time. How the elements
	// are cut into calls changes nothing.
	Update(tensor, lo, hi int, w, g []float32)

	// State names what the next Step depends on beside its arguments. Data is
	// shared: copying a saved state's Data into it restores the optimizer, between
	// steps.
	State() []State
}

// step is Step by Begin and Update; m has the shapes of the tensors.
func step(o Optimizer, m moments, lr float64, weights, grads [][]float32) {
	m.mustMatch(weights, grads)
	o.Begin(lr)
	for i, w := range weights {
		o.Update(i, 0, len(w), w, grads[i])
	}
}

// Rule is a configured update rule: Adam, AdamW, Lion, SGD.
type Rule interface {
	// Validate says what New would find wrong with the configuration.
	Validate() error
	// New makes the optimizer of tensors with these numbers of elements.
	New(sizes []int) (Optimizer, error)
}

// State is a named array of an optimizer or an average.
type State struct {
	Name string
	Data []float32
}

// Restore copies saved into the state that have lists, by name. It changes
// nothing unless names and lengths agree exactly.
func Restore(have, saved []State) error {
	data := make(map[string][]float32, len(saved))
	for _, s := range saved {
		if _, twice := data[s.Name]; twice {
			return fmt.Errorf("optim: state %q is there twice", s.Name)
		}
		data[s.Name] = s.Data
	}
	for _, s := range have {
		d, ok := data[s.Name]
		if !ok {
			return fmt.Errorf("optim: state %q is missing", s.Name)
		}
		if len(d) != len(s.Data) {
			return fmt.Errorf("optim: state %q has %d values, expected %d", s.Name, len(d), len(s.Data))
		}
	}
	if len(saved) != len(have) {
		return fmt.Errorf("optim: %d states saved, expected %d: another rule wrote them", len(saved), len(have))
	}
	for _, s := range have {
		copy(s.Data, data[s.Name])
	}
	return nil
}

// counter is a number of steps in two float32, low and high part in base 2^24,
// so that it is exact and can be part of a State.
type counter []float32

const counterBase = 1 << 24

func (c counter) value() float64 { return float64(c[0]) + counterBase*float64(c[1]) }

func (c counter) increment() {
	if c[0]++; c[0] == counterBase {
		c[0] = 0
		c[1]++
	}
}

// moments are one array per tensor.
type moments [][]float32

func newMoments(sizes []int) (moments, error) {
	m := make(moments, len(sizes))
	for i, n := range sizes {
		if n < 0 {
			return nil, fmt.Errorf("optim: tensor %d has size %d", i, n)
		}
		m[i] = make([]float32, n)
	}
	return m, nil
}

func (m moments) state(name string) []State {
	var list []State
	for i, data := range m {
		list = append(list, State{Name: name + "." + strconv.Itoa(i), Data: data})
	}
	return list
}

// mustMatch panics when weights or gradients are not shaped as m.
func (m moments) mustMatch(weights, grads [][]float32) {
	if len(weights) != len(m) || len(grads) != len(m) {
		panic("optim: not one slice per tensor")
	}
	for i := range m {
		m.mustHave(i, weights[i], grads[i])
	}
}

// mustHave panics when a weight or a gradient is not shaped as tensor i of m.
func (m moments) mustHave(i int, w, g []float32) {
	if len(w) != len(m[i]) || len(g) != len(m[i]) {
		panic("optim: slice not as long as its tensor")
	}
}

// notNegative refuses what no rule accepts as a decay or an epsilon.
func notNegative(rule, key string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("optim: %s: %s: %v is not a number from 0 up", rule, key, v)
	}
	return nil
}

// belowOne refuses what is no factor of a running mean.
func belowOne(rule, key string, v float64) error {
	if !(v >= 0 && v < 1) {
		return fmt.Errorf("optim: %s: %s: %v is not in [0, 1)", rule, key, v)
	}
	return nil
}
