package solver

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestStageTime checks over random steps that a stage is within its step, and at
// its end when c is 1, whatever the rounding.
func TestStageTime(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 1))
	rounded := false
	for range 100000 {
		a, b := g.NormFloat64(), g.NormFloat64()
		h := b - a
		rounded = rounded || a+h != b
		if got := stageTime(a, b, h, 1); got != b {
			t.Fatalf("the end of [%v, %v] is %v", a, b, got)
		}
		for _, c := range []float64{0, 0x1p-53, 0.5, 1 - 0x1p-53, 1 - 0x1p-52, g.Float64()} {
			if got := stageTime(a, b, h, c); got < min(a, b) || got > max(a, b) {
				t.Fatalf("%v of [%v, %v] is %v", c, a, b, got)
			}
		}
	}
	if !rounded {
		t.Error("no step showed any rounding")
	}
}

// TestReach checks that a step that would end within some roundings of the end,
// or past it, ends there, and that a step moves the time however short it is.
func TestReach(t *testing.T) {
	for _, dir := range []float64{1, -1} {
		p := &problem[float64]{t0: 5 - 3*dir, t1: 5, dir: dir}
		p.last = p.shortest(p.t1)
		for _, c := range []struct{ t, h, want float64 }{
			{5 - dir, 1, 5},
			{5 - dir, 2, 5},
			{5 - dir, math.Inf(1), 5},
			{5 - dir, 1 - 0x1p-50, 5},
			{5 - dir, 0.5, 5 - 0.5*dir},
		} {
			if got := p.reach(c.t, c.h); got != c.want {
				t.Errorf("%v and %v lead to %v, want %v", c.t, c.h, got, c.want)
			}
		}
		if got := p.reach(5-dir, 1e-300); dir*(got-(5-dir)) <= 0 {
			t.Errorf("a step of 1e-300 leads from %v to %v", 5-dir, got)
		}
	}
}

func TestMeanSquare(t *testing.T) {
	for _, c := range []struct {
		s, s3, n float64
		two      bool
		want     float64
	}{{8, 0, 2, false, 4}, {8, 99, 2, false, 4}, {4, 0, 1, true, 4}, {1, 300, 1, true, 0.25}, {1, 300, 4, true, 0.0625}, {0, 0, 1, true, 0}} {
		if got := meanSquare(c.s, c.s3, c.n, c.two); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("meanSquare(%v, %v, %v, %v) = %v, want %v", c.s, c.s3, c.n, c.two, got, c.want)
		}
	}
}

// TestCut: all rows are in tiles, and tiles are whole rounds of all workers where
// there are rows for that.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		rows, workers, tile int
		pooled              bool
		wantWorkers, want   int
	}{
		{10, 2, 0, false, 1, 10}, {150, 2, 0, false, 2, 75}, {600, 2, 0, false, 2, 150}, {10000, 3, 0, false, 3, 239},
		{300, 2, 1000, false, 1, 300}, {300, 8, 7, false, 8, 7}, {20, 8, 7, false, 3, 7}, {0, 2, 0, false, 1, 1}, {300, 2, 7, true, 1, 300},
	} {
		p := &problem[float32]{Options: Options{Workers: c.workers, Tile: c.tile}, state: State[float32]{Rows: c.rows}, pooled: c.pooled}
		if workers, tile := p.cut(); workers != c.wantWorkers || tile != c.want {
			t.Errorf("%+v: %d workers, tiles of %d", c, workers, tile)
		}
	}
}

// TestFinite puts a number that is not finite in every place of slices of every
// length, among the largest numbers that are.
func TestFinite(t *testing.T) {
	t.Run("float64", func(t *testing.T) { finites(t, math.MaxFloat64) })
	t.Run("float32", func(t *testing.T) { finites[float32](t, math.MaxFloat32) })
}

func finites[F Float](t *testing.T, largest F) {
	for n := range 70 {
		v := make([]F, n)
		for i := range v {
			v[i] = largest * F(1-2*(i/3%2))
		}
		if !finite(v) || !finiteRow(v) {
			t.Fatalf("%d large numbers are not finite", n)
		}
		for i := range v {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				was := v[i]
				v[i] = F(bad)
				if finite(v) || finiteRow(v) {
					t.Fatalf("%v at %d of %d is finite", bad, i, n)
				}
				if w := v[n-1]; i < n-1 {
					v[n-1] = F(-bad) // two infinities do not make up for each other
					if finite(v) {
						t.Fatalf("%v at %d and %v at the end of %d are finite", bad, i, -bad, n)
					}
					v[n-1] = w
				}
				v[i] = was
			}
		}
	}
}

// TestCombine compares every number of terms with a plain sum, in both widths,
// with one step for all elements and with a step for each.
func TestCombine(t *testing.T) {
	t.Run("float64", func(t *testing.T) { combines[float64](t, 1e-14) })
	t.Run("float32", func(t *testing.T) { combines[float32](t, 4e-6) })
}

func combines[F Float](t *testing.T, tol float64) {
	g := rand.New(rand.NewPCG(2, 2))
	for n := range 14 {
		const elements = 37
		k, row := make([][]F, n+2), make([]float64, n+2)
		for j := range k {
			k[j] = make([]F, elements+1)
			for i := range k[j] {
				k[j][i] = F(g.NormFloat64())
			}
			if j > 1 {
				row[j] = g.NormFloat64()
			}
		}
		base, hs, dst, same, sums := make([]F, elements), make([]F, elements), make([]F, elements), make([]F, elements), make([]float64, elements)
		for i := range hs {
			base[i], hs[i] = F(g.NormFloat64()), F(0.5+g.Float64())
		}
		terms := newTerms(row)
		args := slopesOf(make([][]F, n+2), k, terms, 1, elements+1)
		combine(dst, base, hs, args, terms)
		combineUniform(same, base, 0.7, args, terms, make([]float32, n+2), make([]float64, n+2))
		total(sums, args, terms.coef)
		for i := range dst {
			want := 0.0
			for j := range k {
				want += row[j] * float64(k[j][i+1])
			}
			if math.Abs(sums[i]-want) > 1e-14 {
				t.Errorf("%d terms: sum %v, want %v", n, sums[i], want)
			}
			if got := float64(dst[i]); math.Abs(got-float64(base[i])-want*float64(hs[i])) > tol {
				t.Errorf("%d terms: element %d is %v, want %v", n, i, got, float64(base[i])+want*float64(hs[i]))
			}
			if got := float64(same[i]); math.Abs(got-float64(base[i])-want*0.7) > tol {
				t.Errorf("%d terms: element %d with one step is %v, want %v", n, i, got, float64(base[i])+want*0.7)
			}
		}
	}
}
