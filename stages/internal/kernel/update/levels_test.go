package update

import (
	"math"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

// rule is a function over slices of one length.
type rule struct {
	name   string
	slices int
	kept   int   // a slice that must not change, or -1
	square []int // slices of what is not negative
	run    func(x [][]float32)
}

func rules() []rule {
	adam := AdamScalars{Mean: 0.1, Square: 0.001, Rate: 0.0123, Root: 1.7, Eps: 1e-8, Decay: 0.01, Shrink: 1e-5}
	still := AdamScalars{Mean: 1, Square: 1, Rate: 0.1, Root: 1}
	return []rule{
		{"Adam", 4, 1, []int{3}, func(x [][]float32) { Adam(x[0], x[1], x[2], x[3], &adam) }},
		{"Adam that keeps nothing", 4, 1, []int{3}, func(x [][]float32) { Adam(x[0], x[1], x[2], x[3], &still) }},
		{"Lion", 3, 1, nil, func(x [][]float32) { Lion(x[0], x[1], x[2], &LionScalars{0.1, 0.01, 1e-4, 1e-6}) }},
		{"Descend", 2, 1, nil, func(x [][]float32) { Descend(x[0], x[1], 0.03, 1e-3) }},
		{"Momentum", 3, 1, nil, func(x [][]float32) { Momentum(x[0], x[1], x[2], &MomentumScalars{0.1, 1e-3, 0.9, 0.8, 1, 0}) }},
		{"Momentum of Nesterov", 3, 1, nil, func(x [][]float32) { Momentum(x[0], x[1], x[2], &MomentumScalars{0.1, 0, 0.9, 1, 0.9, 1}) }},
		{"Average", 3, 2, nil, func(x [][]float32) { Average(x[0], x[1], x[2], 1e-4) }},
		{"Scale", 1, -1, nil, func(x [][]float32) { Scale(x[0], 0.12345678901) }},
	}
}

// levels are the instruction sets that are there.
func levels() (list []kernel.Level) {
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		list = append(list, l)
	}
	return list
}

// use changes the level and gives what changes it back.
func use(l kernel.Level) func() {
	before := kernel.Use(l)
	return func() { kernel.Use(before) }
}

// source is a stream of float32 for tests (splitmix64).
type source uint64

func (s *source) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// value is mostly of moderate size, sometimes 0 or any float32 at all.
func (s *source) value() float32 {
	switch s.next() % 16 {
	case 0:
		return math.Float32frombits(uint32(s.next()))
	case 1:
		return 0
	}
	return (float32(s.next()>>40)/(1<<24) - 0.5) * float32(math.Exp2(float64(s.next()%40)-30))
}

// fill are slices of n values for a rule.
func (s *source) fill(r rule, n int) [][]float32 {
	x := make([][]float32, r.slices)
	for i := range x {
		x[i] = make([]float32, n)
		for j := range x[i] {
			x[i][j] = s.value()
			if slices.Contains(r.square, i) {
				x[i][j] = float32(math.Abs(float64(x[i][j])))
			}
		}
	}
	return x
}

const guard = 19

// guarded copies x to the middle of larger slices.
func guarded(x [][]float32, shift int) (whole, inner [][]float32) {
	for _, v := range x {
		w := make([]float32, len(v)+2*guard+shift)
		for i := range w {
			w[i] = -77.25
		}
		copy(w[guard+shift:], v)
		whole, inner = append(whole, w), append(inner, w[guard+shift:][:len(v):len(v)])
	}
	return whole, inner
}

// same compares bits; every NaN is the same.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func check(t *testing.T, r rule, x [][]float32, cut int) {
	t.Helper()
	restore := use(kernel.Generic)
	want := make([][]float32, len(x))
	for i := range x {
		want[i] = slices.Clone(x[i])
	}
	r.run(want)
	restore()
	if r.kept >= 0 && !slices.EqualFunc(want[r.kept], x[r.kept], same) {
		t.Fatalf("%s changes the slice %d", r.name, r.kept)
	}
	for _, l := range levels() {
		restore := use(l)
		whole, inner := guarded(x, cut%guard)
		parts := func(from, to int) (list [][]float32) {
			for _, v := range inner {
				list = append(list, v[from:to])
			}
			return list
		}
		r.run(parts(0, cut))
		r.run(parts(cut, len(x[0])))
		for i := range whole {
			for j, v := range whole[i] {
				at := j - guard - cut%guard
				expected := float32(-77.25)
				if at >= 0 && at < len(x[0]) {
					expected = want[i][at]
				}
				if !same(v, expected) {
					t.Fatalf("%s of %d cut at %d, %s: slice %d[%d] is %v, want %v", r.name, len(x[0]), cut, l, i, at, v, expected)
				}
			}
		}
		restore()
	}
}

// TestLevels: under every instruction set and for every cut of the work, elements
// have the bits of the definition, and nothing else is written.
func TestLevels(t *testing.T) {
	s := source(1)
	for _, r := range rules() {
		for n := range 68 {
			check(t, r, s.fill(r, n), 0)
			check(t, r, s.fill(r, n), int(s.next()%uint64(n+1)))
		}
		for range 20 {
			n := int(s.next() % 3000)
			check(t, r, s.fill(r, n), int(s.next()%uint64(n+1)))
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(17), uint16(3))
	f.Fuzz(func(t *testing.T, seed uint64, which uint8, n, cut uint16) {
		s := source(seed)
		r := rules()[int(which)%len(rules())]
		check(t, r, s.fill(r, int(n%2048)), int(cut)%(int(n%2048)+1))
	})
}

func TestAllocatesNothing(t *testing.T) {
	s := source(2)
	adam := AdamScalars{Mean: 0.1, Square: 0.001, Rate: 0.01, Root: 1, Eps: 1e-8}
	x := s.fill(rule{slices: 4, square: []int{3}}, 100)
	for _, l := range levels() {
		restore := use(l)
		if n := testing.AllocsPerRun(10, func() {
			Adam(x[0], x[1], x[2], x[3], &adam)
			Lion(x[0], x[1], x[2], &LionScalars{})
			Descend(x[0], x[1], 0.1, 0)
			Momentum(x[0], x[1], x[2], &MomentumScalars{})
			Average(x[0], x[1], x[2], 0.5)
			Scale(x[0], 0.5)
		}); n != 0 {
			t.Errorf("%s: %v allocations", l, n)
		}
		restore()
	}
}

func TestShortSlicePanics(t *testing.T) {
	defer func() {
		if recover() != "update: a slice is shorter than the weights" {
			t.Error("no panic")
		}
	}()
	Descend(make([]float32, 3), make([]float32, 2), 1, 0)
}

func BenchmarkRules(b *testing.B) {
	for _, r := range rules() {
		for _, l := range levels() {
			b.Run(r.name+"/"+l.String(), func(b *testing.B) {
				defer use(l)()
				x := make([][]float32, r.slices)
				for i := range x {
					x[i] = make([]float32, 2048)
					for j := range x[i] {
						x[i][j] = 1 + float32(j%7)
					}
				}
				for b.Loop() {
					r.run(x)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2048, "ns/element")
			})
		}
	}
}
