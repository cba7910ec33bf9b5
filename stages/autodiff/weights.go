package autodiff

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pathline/pathline/stages/random"
)

// Weights are the parameters of a function that is built in several ways, as a
// field and its gradient are, with the programs that are compiled of it. After a
// change of the weights only the programs that are in use are made ready anew, the
// others when they are called again.
//
// Programs may be asked for and called by several goroutines; nobody may do either
// while the weights are written, until Changed has returned.
type Weights struct {
	params []Param
	data   [][]float32
	index  map[string]int

	mu       sync.Mutex // held to compile, and to refresh what was not in use
	programs []*Weighted
}

// NewWeights makes weights for the parameters of a graph, zero.
func NewWeights(params []Param) *Weights {
	w := &Weights{params: slices.Clone(params), index: map[string]int{}}
	for i, p := range params {
		w.data, w.index[p.Name] = append(w.data, make([]float32, p.Size())), i
	}
	return w
}

// Params are the parameters in their order.
func (w *Weights) Params() []Param { return w.params }

// Data are the weights, one slice per parameter, shared: who writes them calls
// Changed afterwards.
func (w *Weights) Data() [][]float32 { return w.data }

// Number is the place of the parameter with that name, which must be there.
func (w *Weights) Number(name string) int {
	i, ok := w.index[name]
	if !ok {
		panic("autodiff: no parameter of that name")
	}
	return i
}

// Of are the weights of the parameter with that name, which must be there.
func (w *Weights) Of(name string) []float32 { return w.data[w.Number(name)] }

// Widened is a copy of the weights in float64.
func (w *Weights) Widened() [][]float64 {
	out := make([][]float64, len(w.data))
	for i, v := range w.data {
		out[i] = make([]float64, len(v))
		for j, x := range v {
			out[i][j] = float64(x)
		}
	}
	return out
}

// Init draws the weights and calls Changed. Element i of parameter number j is draw
// i of row j.
func (w *Weights) Init(key random.Key) {
	var u []float64
	for j, p := range w.params {
		u = slices.Grow(u[:0], p.Size())[:p.Size()]
		key.Uniforms(u, uint64(j), 0)
		for i := range u {
			w.data[j][i] = float32(p.Init.Mean + (2*u[i]-1)*p.Init.Bound)
		}
	}
	w.Changed(nil)
}

// Changed takes the weights as they are into use for the programs that were called
// since the last change. share hands out independent pieces of that to workers; nil
// does them one after the other.
func (w *Weights) Changed(share func(pieces int, do func(piece int))) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.programs {
		if p.used.Load() {
			p.used.Store(false)
			p.Refresh(share)
			p.stale.Store(false)
		} else {
			p.stale.Store(true)
		}
	}
}

// Match panics unless grad has one slice per parameter, each as long as its weights.
func (w *Weights) Match(grad [][]float32) {
	if len(grad) != len(w.data) {
		panic("autodiff: gradient does not have one slice per tensor")
	}
	for i, v := range w.data {
		if len(grad[i]) != len(v) {
			panic("autodiff: gradient slice not as long as its tensor")
		}
	}
}

// Weighted is a program of some weights.
type Weighted struct {
	*Bound
	Used []int // the parameters that it has, as numbers in Weights, in the order of its graph

	of    *Weights
	used  atomic.Bool // since the weights changed last
	stale atomic.Bool
}

// Lazy is the place of a program that is compiled when it is first asked for. The
// zero value is ready.
type Lazy struct{ at atomic.Pointer[Weighted] }

// Compiled says whether there is a program.
func (l *Lazy) Compiled() bool { return l.at.Load() != nil }

// Program is the program in its place with the present weights, or nil.
func (l *Lazy) Program() *Weighted {
	p := l.at.Load()
	if p == nil {
		return nil
	}
	if !p.used.Load() {
		p.used.Store(true)
	}
	if p.stale.Load() {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		if p.stale.Load() {
			p.Refresh(nil)
			p.stale.Store(false)
		}
	}
	return p
}

// Program is the program at a place, compiled of what build gives if it is not there
// yet. The parameters of the graph are found by name; an error is a mistake in the
// graph.
func (w *Weights) Program(l *Lazy, build func() (*Graph, []Value)) (*Weighted, error) {
	if p := l.Program(); p != nil {
		return p, nil
	}
	if err := w.compile(l, build); err != nil {
		return nil, err
	}
	return l.Program(), nil
}

func (w *Weights) compile(l *Lazy, build func() (*Graph, []Value)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.at.Load() != nil {
		return nil
	}
	g, outs := build()
	program, err := Compile(g, outs...)
	if err != nil {
		return err
	}
	p := &Weighted{of: w}
	var data [][]float32
	for _, q := range program.params {
		i, ok := w.index[q.Name]
		if !ok {
			return fmt.Errorf("autodiff: the program has a parameter %q, the weights have not", q.Name)
		}
		data, p.Used = append(data, w.data[i]), append(p.Used, i)
	}
	if p.Bound, err = program.Bind(data); err != nil {
		return err
	}
	w.programs = append(w.programs, p)
	l.at.Store(p)
	return nil
}
