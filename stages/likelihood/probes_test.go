package likelihood

import (
	"context"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/pathline/pathline/stages/random"
	"github.com/pathline/pathline/stages/solver"
)

// TestGather follows companies of rows that lose and gain members and compares
// their probes with fresh draws.
func TestGather(t *testing.T) {
	t.Run("float32", gathers[float32])
	t.Run("float64", gathers[float64])
}

func gathers[T solver.Float](t *testing.T) {
	const d = 3
	for _, trace := range []Trace{{Probes: 1, Key: 5}, {Probes: 4, Noise: Gaussian, Key: 6}, {Probes: 3, Noise: Rademacher, Key: 7}} {
		g := rand.New(rand.NewPCG(3, uint64(trace.Probes)))
		s := &probes[T]{dim: d, draw: make([]float32, d)}
		var id []int64
		next := int64(0)
		for range 300 {
			switch n := len(id); {
			case n > 0 && g.IntN(3) > 0: // a row leaves, the last one takes its place
				r := g.IntN(n)
				id[r] = id[n-1]
				id = id[:n-1]
			case g.IntN(4) == 0:
				g.Shuffle(n, func(i, j int) { id[i], id[j] = id[j], id[i] })
			default:
				for range 1 + g.IntN(9) {
					id = append(id, next)
					next++
				}
			}
			s.gather(trace, id)
			if len(s.z) != trace.Probes*len(id)*d {
				t.Fatalf("%d numbers for %d probes of %d rows", len(s.z), trace.Probes, len(id))
			}
			want := make([]float32, d)
			for k := range trace.Probes {
				for r, v := range id {
					if trace.Noise == Gaussian {
						trace.Key.Normals32(want, uint64(v), uint32(k))
					} else {
						trace.Key.Signs(want, uint64(v), uint32(k))
					}
					for i, v := range want {
						if got := s.z[(k*len(id)+r)*d+i]; got != T(v) {
							t.Fatalf("probe %d of place %d of %d: %v, want %v", k, r, len(id), got, v)
						}
					}
				}
			}
		}
	}
}

// still is a field in which nothing moves; it keeps where its probes lay.
type still[T solver.Float] struct{ at *T }

func (still[T]) Dim() int { return 1 }
func (still[T]) Eval(context.Context, []T, []float64, []T, int) error {
	return nil
}
func (s *still[T]) Divergence(_ context.Context, _ []T, _, _ []float64, _, probe []T, _, _ int) error {
	s.at = &probe[0]
	return nil
}

// TestCompanies: a tile finds the probes of its last evaluation, whatever other
// tiles and its own new rows asked for meanwhile, and evaluations of rows that stay
// together allocate nothing.
func TestCompanies(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	f := &still[float32]{}
	p := newProbed[float32](f, Trace{Probes: 2, Key: random.Key(1)})
	tiles := make([][]int64, 2*runtime.GOMAXPROCS(0))
	at := make([]*float32, len(tiles))
	for i := range tiles {
		for r := range int64(10) {
			tiles[i] = append(tiles[i], int64(100*i)+r)
		}
	}
	eval := func(id []int64) *float32 {
		if err := p.EvalQuad(t.Context(), nil, nil, nil, nil, id, len(id)); err != nil {
			t.Fatal(err)
		}
		return f.at
	}
	for i, id := range tiles {
		at[i] = eval(id)
	}
	for range 3 {
		for i, id := range tiles {
			id[0] = id[len(id)-1] // a row leaves
			tiles[i] = id[:len(id)-1]
			if eval(tiles[i]) != at[i] {
				t.Errorf("tile %d does not find its probes", i)
			}
		}
		slices.Reverse(tiles)
		slices.Reverse(at)
	}
	if p.made != len(tiles) {
		t.Errorf("%d companies for %d tiles", p.made, len(tiles))
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, id := range tiles {
			eval(id)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	eval([]int64{1 << 40}) // one tile too many takes the place of another
	if p.made != len(tiles) {
		t.Errorf("%d companies for %d tiles and one more", p.made, len(tiles))
	}
}
