package trainer

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/pathline/pathline/stages/coupling"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
)

// mute is a network that computes nothing. It writes down what it is asked.
type mute struct {
	sizes []int // of its tensors

	dim     int
	tensors []model.Tensor
	asked   *[]asked // nil does not
	mu      *sync.Mutex
}

type asked struct {
	rows   int
	t      []float64
	target []float32
}

func (m mute) Use() string    { return "mute" }
func (m mute) Config() []byte { return []byte("{}") }

func (m mute) Build(dim int) (model.Network, error) {
	m.dim, m.mu = dim, new(sync.Mutex)
	for _, n := range m.sizes {
		m.tensors = append(m.tensors, model.Tensor{Name: "w", Shape: []int{n}, Data: make([]float32, n)})
	}
	return &m, nil
}

func (m *mute) Dim() int                { return m.dim }
func (m *mute) Tensors() []model.Tensor { return m.tensors }
func (m *mute) Changed(model.Share)     {}
func (m *mute) Init(random.Key)         {}

func (m *mute) Eval(_ context.Context, dx []float32, _ []float64, _ []float32, _ int) error {
	clear(dx)
	return nil
}

func (m *mute) Divergence(_ context.Context, v []float32, div []float64, _ []float64, _, _ []float32, _, _ int) error {
	clear(v)
	clear(div)
	return nil
}

func (m *mute) Gradient(_ context.Context, _ [][]float32, t []float64, _, target, _ []float32, rows int) (float64, error) {
	if m.asked != nil {
		m.mu.Lock()
		*m.asked = append(*m.asked, asked{rows, slices.Clone(t), slices.Clone(target)})
		m.mu.Unlock()
	}
	return float64(rows), nil
}

// counter is a time that says which example it belongs to.
type counter struct{}

func (counter) Times(t []float64, _ random.Key, first uint64, place, rows int) {
	for i := range t {
		t[i] = float64(first+uint64(i)) / 1e6
	}
}

func TestLanesHaveEveryRowOnce(t *testing.T) {
	for _, weights := range []int{10, mediumNetwork + 1, largeNetwork + 1} {
		for _, batch := range []int{1, 15, 16, 17, 64, 65, 200, 255, 256, 257, 1000, 1024, 1025, 1500, 4096, 5000} {
			o := options(1, batch)
			var calls []asked
			o.Time = counter{}
			l, err := newLoop(mute{sizes: []int{weights}, asked: &calls}, Layout{Dim: 1}, NewMemory(numbered(5), 1, 1), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.step(context.Background()); err != nil {
				t.Fatal(err)
			}
			l.crew.dismiss()
			// One worker does lanes in their order.
			var at []float64
			for _, c := range calls {
				at = append(at, c.t...)
				if c.rows > tileRows || len(c.t) != c.rows {
					t.Errorf("batch %d: a tile of %d rows", batch, c.rows)
				}
			}
			for i, v := range at {
				if v != float64(i)/1e6 {
					t.Fatalf("batch %d: place %d has example %v", batch, i, v*1e6)
				}
			}
			if len(at) != batch {
				t.Errorf("batch %d: %d rows are trained", batch, len(at))
			}
			lanes := len(l.lanes.grad)
			begin := l.lanes.begin
			for i := range lanes {
				n := begin[i+1] - begin[i]
				if n < 1 || begin[i]%rowsTogether != 0 || n > batch/lanes+2*rowsTogether || i < lanes-1 && n < batch/lanes-2*rowsTogether {
					t.Errorf("batch %d: lane %d of %d has rows %d to %d", batch, i, lanes, begin[i], begin[i+1])
				}
			}
			if most := max(1, (batch+laneRows-1)/laneRows); lanes > min(most, maxLanes) || weights == 10 && lanes != min(most, maxLanes) {
				t.Errorf("batch %d: %d lanes", batch, lanes)
			}
		}
	}
}

// examplesOf are the times, x_t and targets of a step, and the numbers of its
// rows.
func examplesOf(t *testing.T, o Options, rows Rows, dim int, step int64) (out []float64, number []int64) {
	t.Helper()
	c := newCrew(o.Workers)
	defer c.dismiss()
	x := newExamples(&o, rows, Layout{Dim: dim}, c)
	defer x.coupled.Close()
	s := newTile(tileRows, x.layout)
	for part := range o.parts() {
		if err := x.next(context.Background(), step, part); err != nil {
			t.Fatal(err)
		}
		for lo := 0; lo < o.Batch; lo = tileEnd(lo, o.Batch) {
			if err := x.fill(s, lo, tileEnd(lo, o.Batch)); err != nil {
				t.Fatal(err)
			}
			out = append(out, s.t...)
			for i := range s.xt {
				out = append(out, float64(s.xt[i]), float64(s.target[i]))
			}
		}
		number = append(number, x.number...)
	}
	return out, number
}

func TestAccumulatedBatchesAreOneBatch(t *testing.T) {
	ve, err := path.NewICFM(0.3)
	if err != nil {
		t.Fatal(err)
	}
	for _, sampler := range []TimeSampler{Uniform{}, Stratified{}, LogitNormal{0, 1}, Antithetic{}, Beta{1.5, 1}} {
		for _, c := range []coupling.Coupling{nil, coupling.Independent{}} {
			one, many := options(4, 96), options(4, 32)
			many.Accumulate = 3
			var losses [2][]Point
			for i, o := range []*Options{&one, &many} {
				o.Path, o.Time, o.Coupling, o.LogEvery, o.Rule = ve, sampler, c, 1, optimSGD
				r, err := Train(context.Background(), network(t, 9), Layout{Dim: 2}, normal(2), *o)
				if err != nil {
					t.Fatal(err)
				}
				losses[i] = r.State.Points
			}
			for k := range losses[0] {
				a, b := losses[0][k], losses[1][k]
				// The rows' losses are equal; their sums are rounded in other places,
				// at first in float64, later after weights that are rounded so.
				if !near(a.Loss, b.Loss, 1e-6) || k == 0 && !near(a.Loss, b.Loss, 1e-12) || !near(a.GradientNorm, b.GradientNorm, 1e-4) {
					t.Errorf("%T, step %d: %v and %v", sampler, k, a, b)
				}
			}
			for step := range int64(3) {
				x, m := examplesOf(t, one, normal(2), 2, step)
				y, n := examplesOf(t, many, normal(2), 2, step)
				slices.Sort(x) // tiles are cut in other places
				slices.Sort(y)
				if !slices.Equal(x, y) || !slices.Equal(m, n) {
					t.Errorf("%T: step %d has other examples", sampler, step)
				}
			}
		}
	}
}

// A path that is asked once for a batch, and one that is asked tile by tile, by
// several workers, give the same examples; so do rows that are copied at once
// and rows that are copied tile by tile.
func TestExamplesDoNotDependOnHowTheyAreAskedFor(t *testing.T) {
	bridge, err := path.NewBridge(0.5)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{5, 300} {
		for _, c := range []coupling.Coupling{nil, backwards{}} {
			o := options(1, batch)
			o.Path, o.Time, o.Coupling, o.Workers = bridge, Stratified{}, c, 3
			want, order := examplesOf(t, o, normal(3), 3, 2)
			calls := 0
			far := o
			far.Path = distant{bridge, &calls}
			got, _ := examplesOf(t, far, normal(3), 3, 2)
			if !slices.Equal(got, want) || calls != 1 {
				t.Errorf("batch %d: a distant path is asked %d times; the same examples: %v", batch, calls, slices.Equal(got, want))
			}
			far.Path = path.Described{Path: far.Path}
			if examplesOf(t, far, normal(3), 3, 2); calls != 2 {
				t.Errorf("batch %d: a distant path with a description is asked %d times", batch, calls-1)
			}
			got, numbers := examplesOf(t, o, plain{normal(3)}, 3, 2)
			if !slices.Equal(got, want) || !slices.Equal(numbers, order) {
				t.Errorf("batch %d: rows that are copied at once give other examples", batch)
			}
		}
	}
}

// plain hides that rows can be told apart by numbers.
type plain struct{ Rows }

// distant counts the calls of a path.
type distant struct {
	path.Path
	calls *int
}

func (distant) Distant() bool { return true }

func (d distant) Coefficients(c []path.Coef, t []float64) error {
	*d.calls++
	return d.Path.Coefficients(c, t)
}

// A coupling sees one batch, not the batches of a step.
func TestCouplingSeesOneBatch(t *testing.T) {
	o := options(1, 20)
	o.Accumulate, o.Coupling, o.Target = 3, backwards{}, path.Noise
	got, _ := examplesOf(t, o, normal(1), 1, 0)
	o.Coupling = nil
	plain, _ := examplesOf(t, o, normal(1), 1, 0)
	x0 := func(v []float64, part, i int) float64 { return v[part*60+20+2*i+1] }
	for part := range 3 {
		for i := range 20 {
			if x0(got, part, i) != x0(plain, part, 19-i) {
				t.Fatalf("batch %d, row %d: noise %v, not %v", part, i, x0(got, part, i), x0(plain, part, 19-i))
			}
		}
	}
}
