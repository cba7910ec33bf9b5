package trainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/flow"
	"github.com/pathline/pathline/stages/model"
	"github.com/pathline/pathline/stages/optim"
	"github.com/pathline/pathline/stages/path"
	"github.com/pathline/pathline/stages/random"
)

// network is a small trainable model.
func network(t testing.TB, hidden ...int) model.Definition {
	t.Helper()
	m, err := model.NewMLP(model.MLPConfig{Hidden: hidden, Activation: "tanh", Time: model.TimeConfig{Use: "concat"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gaussian is rows of N(mean, std²) in every column.
func gaussian(rows, dim int, mean, std float64, stream string) []float32 {
	x := make([]float32, rows*dim)
	key := random.NewKey(7, "test", stream)
	for r := range rows {
		key.Normals32(x[r*dim:(r+1)*dim], uint64(r), 0)
	}
	for i := range x {
		x[i] = float32(mean + std*float64(x[i]))
	}
	return x
}

func options(steps int64, batch int) Options {
	return Options{Steps: steps, Batch: batch, Path: path.CondOT{}, Time: Uniform{}, Rule: optim.DefaultAdam(), LR: 1e-2,
		LogEvery: 3, Keys: NewKeys(7, "train"), Workers: 1}
}

func validation(t testing.TB, dim int, o Options) *Validation {
	t.Helper()
	x := gaussian(150, dim, 1, 0.5, "valid")
	number := make([]int64, 150)
	for i := range number {
		number[i] = int64(3 * i)
	}
	v, err := NewValidation(t.Context(), x, number, Layout{Dim: dim}, o.Batch, o.Path, o.Coupling, o.Target, o.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAnyNumberOfWorkersGivesTheSameBits(t *testing.T) {
	for _, batch := range []int{1, 200, 1500} { // one lane, four, and all of them
		sameForAnyWorkers(t, fmt.Sprintf("batch %d", batch), []int{1, 2, 3, 7, 8}, func(workers int) Options {
			o := options(7, batch)
			o.EMA, o.Clip, o.Workers, o.Coupling, o.Time = 0.9, 0.5, workers, backwards{}, Stratified{}
			if batch == 200 { // one pass over the weights, and three over batches
				o.Clip, o.Coupling, o.Accumulate = 0, nil, 3
			}
			o.Valid, o.ValidateEvery = validation(t, 2, o), 2
			return o
		}, func(o Options) ([]model.Tensor, *State, error) {
			return trained(Train(context.Background(), network(t, 9), Layout{Dim: 2}, NewMemory(gaussian(333, 2, 1, 0.5, "data"), 2, o.Keys.Shuffle), o))
		})
	}
}

func trained(r *Result, err error) ([]model.Tensor, *State, error) {
	if err != nil {
		return nil, nil, err
	}
	return r.Network.Tensors(), r.State, nil
}

// backwards is a coupling that is no identity.
type backwards struct{}

func (backwards) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	for i := range index {
		index[i] = int32(rows - 1 - i)
	}
	return nil
}

func description() flow.Description {
	return flow.Description{Columns: []schemas.Column{{Name: "a", Type: "float32", Width: 2}}, Dim: 2, Target: "velocity", BaseStd: 1,
		Path: flow.Component{Use: "condot"}, Model: flow.Component{Use: "mlp"}}
}

func TestResumedIsUninterrupted(t *testing.T) {
	const steps, batch, dim = 11, 70, 2
	x := gaussian(101, dim, 1, 0.5, "data")
	sources := map[string]func(Keys) Rows{
		"memory": func(k Keys) Rows { return NewMemory(x, dim, k.Shuffle) },
		"window": func(k Keys) Rows { return NewWindow(pieces(x, dim, 7), dim, 33, k.Shuffle) },
	}
	rules := map[string]optim.Rule{"adamw": optim.DefaultAdamW(), "sgd": optim.SGD{Momentum: 0.9}}
	for source, open := range sources {
		for name, rule := range rules {
			t.Run(source+"/"+name, func(t *testing.T) {
				o := options(steps, batch)
				if name == "sgd" {
					o.Accumulate = 2
				}
				o.EMA, o.Rule, o.Schedule = 0.99, rule, optim.Warmup{Steps: 3, Then: optim.Cosine{Final: 0.1}}
				o.Valid, o.ValidateEvery = validation(t, dim, o), 4
				run := func(o Options) ([]model.Tensor, *State, error) {
					rows := open(o.Keys)
					defer rows.Close()
					return trained(Train(context.Background(), network(t, 9), Layout{Dim: dim}, rows, o))
				}
				tensors, state, err := run(o)
				if err != nil {
					t.Fatal(err)
				}
				resumedIsUninterrupted(t, name, o, outcomeOf(tensors, state), state, []int64{0, 1, 3, 4, 7, 10}, run)
			})
		}
	}
}

// closer is a schedule that closes a channel when it is asked for a step.
type closer struct {
	optim.Schedule
	at   int64
	stop chan struct{}
}

func (c closer) LR(step, total int) float64 {
	if int64(step) == c.at {
		close(c.stop)
	}
	return c.Schedule.LR(step, total)
}

func TestCheckpointOfOtherWorkIsNotTaken(t *testing.T) {
	var file bytes.Buffer
	if err := WriteCheckpoint(&file, description(), "one", &State{}); err != nil {
		t.Fatal(err)
	}
	read := func(b []byte, key string) (*State, bool, error) {
		return ReadCheckpoint(bytes.NewReader(b), int64(len(b)), key)
	}
	if s, ok, err := read(file.Bytes(), "two"); s != nil || ok || err != nil {
		t.Errorf("another key: %v %v %v", s, ok, err)
	}
	if _, ok, err := read(file.Bytes(), "one"); !ok || err != nil {
		t.Errorf("the same key: %v %v", ok, err)
	}
	for i := range file.Len() {
		b := bytes.Clone(file.Bytes())
		b[i] ^= 4
		if s, _, err := read(b, "one"); err == nil && s != nil && !reflect.DeepEqual(s, &State{}) {
			t.Errorf("byte %d flipped gives another state", i)
		}
	}
}

func TestCheckpointThatDoesNotFit(t *testing.T) {
	o := options(3, 8)
	rows := NewMemory(gaussian(20, 2, 0, 1, "data"), 2, o.Keys.Shuffle)
	o.Resume = &State{Step: 1}
	_, err := Train(context.Background(), network(t, 3), Layout{Dim: 2}, rows, o)
	var e *schemas.Error
	if !errors.As(err, &e) || e.Reason != schemas.CorruptFile {
		t.Errorf("no weights: %v", err)
	}
}

// TestFirstStep computes a step from the addresses of its random numbers.
func TestFirstStep(t *testing.T) {
	ve, err := path.NewICFM(0.3)
	if err != nil {
		t.Fatal(err)
	}
	const dim, batch = 3, 67
	for _, p := range []path.Path{path.CondOT{}, path.Cosine{}, ve} {
		for _, target := range []path.Prediction{path.Velocity, path.Data, path.Noise} {
			o := options(1, batch)
			o.Path, o.Target, o.Coupling, o.Rule, o.LR, o.LogEvery = p, target, backwards{}, optim.SGD{}, 1, 1
			x := gaussian(90, dim, 1, 2, "data")
			r, err := Train(context.Background(), network(t, 4), Layout{Dim: dim}, NewMemory(x, dim, o.Keys.Shuffle), o)
			if err != nil {
				t.Fatal(err)
			}
			net, err := network(t, 4).Build(dim)
			if err != nil {
				t.Fatal(err)
			}
			net.Init(o.Keys.Init)
			var ts []float64
			var xt, want []float32
			order := make([]int32, 90)
			o.Keys.Shuffle.Shuffle(order, 0)
			for i := range batch {
				at := []float64{o.Keys.Time.Uniform(uint64(i), 0)}
				c := make([]path.Coef, 1)
				if err := p.Coefficients(c, at); err != nil {
					t.Fatal(err)
				}
				x0, e, xi, ti := make([]float32, dim), make([]float32, dim), make([]float32, dim), make([]float32, dim)
				o.Keys.Noise.Normals32(x0, uint64(batch-1-i), 0)
				o.Keys.Bridge.Normals32(e, uint64(i), 0)
				row := int(order[i])
				x1 := x[row*dim : (row+1)*dim]
				path.Interpolate(xi, nil, c, x0, x1, e, 1, dim)
				target.Write(ti, c, x0, x1, e, 1, dim)
				ts, xt, want = append(ts, at...), append(xt, xi...), append(want, ti...)
			}
			grad := like(net.Tensors())
			sum, err := net.Gradient(context.Background(), grad, ts, xt, want, nil, batch)
			if err != nil {
				t.Fatal(err)
			}
			if loss := sum / (batch * dim); math.Abs(loss-r.State.Points[0].Loss) > 1e-9*loss {
				t.Errorf("%T %v: loss %v, computed by hand %v", p, target, r.State.Points[0].Loss, loss)
			}
			for i, w := range net.Tensors() {
				for j, v := range w.Data {
					g := float64(grad[i][j]) / (batch * dim)
					if got := float64(r.Network.Tensors()[i].Data[j]); math.Abs(got-(float64(v)-g)) > 1e-5*(1+math.Abs(g)) {
						t.Fatalf("%T %v: weight %s[%d] is %v, computed by hand %v", p, target, w.Name, j, got, float64(v)-g)
					}
				}
			}
		}
	}
}

// The minimum of the loss between N(0, 1) and N(m, s²) on the straight path is
// pi s/2 per column (Monte Carlo: the exact field on the same examples).
func TestLossApproachesItsMinimum(t *testing.T) {
	for _, dim := range []int{1, 2} {
		const mean, std = 1.0, 0.5
		o := options(800, 128)
		o.LR, o.EMA, o.Time, o.Schedule, o.Workers = 3e-2, 0.98, Stratified{}, optim.Cosine{}, 2
		x := gaussian(4000, dim, mean, std, "valid")
		number := make([]int64, 4000)
		for i := range number {
			number[i] = int64(i)
		}
		v, err := NewValidation(t.Context(), x, number, Layout{Dim: dim}, o.Batch, o.Path, o.Coupling, o.Target, o.Keys)
		if err != nil {
			t.Fatal(err)
		}
		o.Valid, o.ValidateEvery = v, 100
		def, err := model.NewMLP(model.MLPConfig{Hidden: []int{16, 16}, Time: model.TimeConfig{Use: "concat"}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Train(context.Background(), def, Layout{Dim: dim}, NewMemory(gaussian(20000, dim, mean, std, "data"), dim, o.Keys.Shuffle), o)
		if err != nil {
			t.Fatal(err)
		}
		got, se := *r.State.Validation, *r.State.ValidationSE
		least := math.Pi / 2 * std
		var exact float64 // the loss of the exact field
		for i := range v.in {
			tt := v.t[i/dim]
			field := mean + (tt*std*std-(1-tt))/(tt*tt*std*std+(1-tt)*(1-tt))*(float64(v.in[i])-tt*mean)
			exact += math.Pow(field-float64(v.target[i]), 2) / float64(len(v.in))
		}
		if math.Abs(exact-least) > 4*se {
			t.Errorf("%d-D: the exact field has loss %.4f ± %.4f, its expectation is %.4f", dim, exact, se, least)
		}
		if excess := (got - exact) / least; excess < -0.005 || excess > 0.03 {
			t.Errorf("%d-D: loss %.4f is %.2f %% above the minimum", dim, got, 100*excess)
		}
	}
}

func TestDivergenceIsReported(t *testing.T) {
	reason := func(err error) *schemas.Error {
		t.Helper()
		var e *schemas.Error
		if !errors.As(err, &e) {
			t.Fatalf("no reason: %v", err)
		}
		return e
	}
	x := gaussian(100, 2, 1, 1, "data")
	o := options(50, 64)
	o.Rule, o.LR = optim.SGD{}, 1e30
	_, err := Train(context.Background(), network(t, 5), Layout{Dim: 2}, NewMemory(x, 2, o.Keys.Shuffle), o)
	if e := reason(err); e.Reason != schemas.Numerical || !bytes.Contains([]byte(e.Error()), []byte("step ")) || e.Suggestion == "" {
		t.Errorf("too high a rate: %v", err)
	}

	x[2*41] = float32(math.Inf(1))
	o = options(50, 100)
	_, err = Train(context.Background(), network(t, 5), Layout{Dim: 2}, NewMemory(x, 2, o.Keys.Shuffle), o)
	if e := reason(err); e.Reason != schemas.NonFinite || !bytes.Contains([]byte(e.Message), []byte("step 1: ")) || !bytes.Contains([]byte(e.Message), []byte("1 row (41,")) {
		t.Errorf("an infinite row: %v", err)
	}

	o.Valid, o.ValidateEvery = validation(t, 2, o), 1
	o.Valid.target[2*7] = float32(math.NaN())
	_, err = Train(context.Background(), network(t, 5), Layout{Dim: 2}, NewMemory(gaussian(100, 2, 1, 1, "data"), 2, o.Keys.Shuffle), o)
	if e := reason(err); e.Reason != schemas.Numerical || !bytes.Contains([]byte(e.Message), []byte("1 row (21,")) {
		t.Errorf("validation: %v", err)
	}
}

func TestCouplingOutsideOfTheBatch(t *testing.T) {
	o := options(2, 8)
	o.Coupling = beyond{}
	if _, err := Train(context.Background(), network(t, 3), Layout{Dim: 2}, NewMemory(gaussian(20, 2, 0, 1, "data"), 2, o.Keys.Shuffle), o); err == nil {
		t.Error("accepted")
	}
}

type beyond struct{}

func (beyond) Pair(index []int32, x0, x1 []float32, rows, dim int) error {
	for i := range index {
		index[i] = int32(i + 1)
	}
	return nil
}

func TestCancelledContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := options(1000, 8)
	o.Workers = 3
	if _, err := Train(ctx, network(t, 3), Layout{Dim: 2}, NewMemory(gaussian(20, 2, 0, 1, "data"), 2, o.Keys.Shuffle), o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPointsAndProgress(t *testing.T) {
	o := options(10, 16)
	o.LogEvery, o.Valid, o.ValidateEvery = 4, validation(t, 2, o), 5
	var seen []Progress
	o.Observe = func(p Progress) { seen = append(seen, p) }
	o.Workers = 2
	r, err := Train(context.Background(), network(t, 3), Layout{Dim: 2}, NewMemory(gaussian(20, 2, 0, 1, "data"), 2, o.Keys.Shuffle), o)
	if err != nil {
		t.Fatal(err)
	}
	var steps []int64
	for _, p := range r.State.Points {
		steps = append(steps, p.Step)
		if (p.Validation != nil) != (p.Step%5 == 0) || (p.Validation != nil) != (p.ValidationSE != nil) {
			t.Errorf("step %d: validated %v", p.Step, p.Validation != nil)
		}
		if !(p.Loss > 0) || !(p.GradientNorm > 0) || p.LearningRate != 1e-2 || !(p.RowsPerSecond > 0) {
			t.Errorf("%+v", p)
		}
	}
	if fmt.Sprint(steps) != "[4 5 8 10]" {
		t.Errorf("points at %v", steps)
	}
	if last := seen[len(seen)-1]; last.Step != 10 || last.Steps != 10 || last.Validation == nil {
		t.Errorf("last progress %+v", last)
	}
}

func TestClippedStepHasTheLengthOfTheClip(t *testing.T) {
	o := options(1, 64)
	o.Rule, o.LR, o.Schedule, o.Clip, o.LogEvery = optim.SGD{}, 4, optim.Warmup{Steps: 1}, 0.01, 1
	r, err := Train(context.Background(), network(t, 5), Layout{Dim: 2}, NewMemory(gaussian(100, 2, 1, 1, "data"), 2, o.Keys.Shuffle), o)
	if err != nil {
		t.Fatal(err)
	}
	net, err := network(t, 5).Build(2)
	if err != nil {
		t.Fatal(err)
	}
	net.Init(o.Keys.Init)
	var moved float64
	for i, w := range net.Tensors() {
		moved += squares(w.Data, r.Network.Tensors()[i].Data)
	}
	// The rate of the first of one warm-up steps is half of 4.
	if p := r.State.Points[0]; math.Abs(math.Sqrt(moved)-2*o.Clip) > 1e-6 || p.GradientNorm < 10*o.Clip || p.LearningRate != 2 {
		t.Errorf("the weights moved by %v, with a clip of %v: %+v", math.Sqrt(moved), o.Clip, p)
	}
}

func TestFlowGetsTheAverage(t *testing.T) {
	o := options(6, 64)
	net, err := network(t, 5).Build(2)
	if err != nil {
		t.Fatal(err)
	}
	net.Init(o.Keys.Init)
	averaged(t, "cfm", o, data(net), func(o Options) ([]model.Tensor, *State, error) {
		return trained(Train(context.Background(), network(t, 5), Layout{Dim: 2}, NewMemory(gaussian(100, 2, 1, 1, "data"), 2, o.Keys.Shuffle), o))
	})
}

func TestTimesStayInsideOfTheDomain(t *testing.T) {
	bridge, err := path.NewBridge(0.5)
	if err != nil {
		t.Fatal(err)
	}
	lo, hi := path.Interior(bridge)
	o := options(2, 32)
	o.Path, o.Time = bridge, ends{}
	l, err := newLoop(network(t, 3), Layout{Dim: 2}, NewMemory(gaussian(50, 2, 0, 1, "data"), 2, o.Keys.Shuffle), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.crew.dismiss()
	if err := l.examples.next(context.Background(), 0, 0); err != nil {
		t.Fatal(err)
	}
	s := newTile(tileRows, Layout{Dim: 2})
	if err := l.examples.fill(s, 0, 32); err != nil {
		t.Fatal(err)
	}
	if s.t[0] != lo || s.t[1] != hi {
		t.Errorf("the network is asked at %v and %v, outside of [%v, %v]", s.t[0], s.t[1], lo, hi)
	}
}

// ends draws 0 and 1 in turn.
type ends struct{}

func (ends) Times(t []float64, _ random.Key, _ uint64, _, _ int) {
	for i := range t {
		t[i] = float64(i % 2)
	}
}

// Validation times are the midpoints of equal parts, each once, and do not
// follow the order of the rows, which may be sorted.
func TestValidationTimes(t *testing.T) {
	v := validation(t, 2, options(1, 16))
	var mean float64 // of |t - place|: 1/3 when they are independent
	for i, s := range v.t {
		mean += math.Abs(s-(float64(i)+0.5)/150) / 150
	}
	if math.Abs(mean-1.0/3) > 0.08 {
		t.Errorf("times lie %v from the order of the rows", mean)
	}
	for i, s := range slices.Sorted(slices.Values(v.t)) {
		if math.Abs(s-(float64(i)+0.5)/150) > 1e-12 {
			t.Fatalf("time %d is %v", i, s)
		}
	}
}

func TestValidationExamplesAreCoupledLikeTraining(t *testing.T) {
	o := options(1, 16)
	o.Coupling = backwards{}
	v := validation(t, 2, o)
	x := gaussian(150, 2, 1, 0.5, "valid")
	for _, i := range []int{0, 15, 16, 40, 144, 149} {
		lo := i / 16 * 16
		partner := lo + min(16, 150-lo) - 1 - (i - lo)
		x0 := make([]float32, 2)
		o.Keys.ValidNoise.Normals32(x0, uint64(3*partner), 0) // rows are numbered 0, 3, 6, ...
		for j := range 2 {
			xt := v.t[i]*float64(x[2*i+j]) + (1-v.t[i])*float64(x0[j])
			if got := float64(v.in[2*i+j]); math.Abs(got-xt) > 1e-6 {
				t.Errorf("row %d: x_t is %v, not %v", i, got, xt)
			}
		}
	}
}
