package coupling

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
	"github.com/pathline/pathline/stages/internal/kernel/assign"
)

// least tries every permutation.
func least(a *assignment) float64 {
	used := make([]bool, a.n)
	var best func(i int) float64
	best = func(i int) float64 {
		if i == a.n {
			return 0
		}
		low := math.Inf(1)
		for j := range a.n {
			if !used[j] {
				used[j] = true
				low = min(low, float64(a.of(i)[j])+best(i+1))
				used[j] = false
			}
		}
		return low
	}
	return best(0)
}

// paired says whether col and row are permutations and each other's inverse.
func paired(a *assignment) bool {
	seen := make([]bool, a.n)
	for i, j := range a.col {
		if j < 0 || int(j) >= a.n || seen[j] {
			return false
		}
		seen[j] = true
		if a.n > 1 && a.row[j] != int32(i) {
			return false
		}
	}
	return true
}

// fillers are costs of many kinds: distances, numbers that are often equal, and
// numbers of very different sizes, some below zero.
var fillers = map[string]func(r *rand.Rand, i, j int) float32{
	"uniform":  func(r *rand.Rand, _, _ int) float32 { return r.Float32() },
	"few":      func(r *rand.Rand, _, _ int) float32 { return float32(r.IntN(3)) },
	"constant": func(*rand.Rand, int, int) float32 { return 7 },
	"sizes":    func(r *rand.Rand, _, _ int) float32 { return float32(math.Exp(20 * r.NormFloat64())) },
	"signs":    func(r *rand.Rand, _, _ int) float32 { return float32(r.NormFloat64()) },
	"product":  func(_ *rand.Rand, i, j int) float32 { return float32((i + 1) * (j + 1)) }, // Machol and Wien's hard one
	"line":     func(_ *rand.Rand, i, j int) float32 { return float32((i - 2*j) * (i - 2*j)) },
}

// The least sum of all permutations, for sizes where all can be tried.
func TestAssignmentIsTheLeast(t *testing.T) {
	for name, fill := range fillers {
		r := rand.New(rand.NewPCG(5, 1))
		for n := 1; n <= 8; n++ {
			for range 20 {
				a := &assignment{}
				a.resize(n)
				for i := range n {
					for j := range n {
						a.of(i)[j] = fill(r, i, j)
					}
				}
				if err := a.solve(context.Background()); err != nil {
					t.Fatal(err)
				}
				want := least(a)
				if !paired(a) || math.Abs(a.total()-want) > 1e-12*math.Abs(want)+1e-12 {
					t.Fatalf("%s, %d rows: pairs %v of cost %v, the least is %v", name, n, a.col, a.total(), want)
				}
			}
		}
	}
}

// For any size the duals prove that no pairs cost less, and every level of
// kernels finds the same pairs, or others of the same cost.
func TestAssignmentIsProved(t *testing.T) {
	before := kernel.Current()
	defer kernel.Use(before)
	for name, fill := range fillers {
		for _, n := range []int{9, 16, 17, 64, 130, 257} {
			var first []int32
			total := 0.0
			for l := kernel.Generic; l <= kernel.Best(); l++ {
				kernel.Use(l)
				r := rand.New(rand.NewPCG(5, uint64(n)))
				a := &assignment{}
				a.resize(n)
				size, positive := 0.0, true
				for i := range n {
					for j := range n {
						c := fill(r, i, j)
						a.of(i)[j] = c
						size = max(size, math.Abs(float64(c)))
						positive = positive && c >= 0
					}
				}
				if positive {
					a.greatest = float32(size)
				}
				if err := a.solve(context.Background()); err != nil {
					t.Fatal(err)
				}
				// Duals are sums of up to n differences of costs, each rounded.
				if gap := a.gap(); !paired(a) || gap > 1e-15*size*float64(n*n) {
					t.Errorf("%s, %d rows, %s: pairs may cost %v less, of %v", name, n, l, gap, a.total())
				}
				if a.n >= softRows && positive { // exponentials have other last bits
					if total == 0 {
						total = a.total()
					}
					if math.Abs(a.total()-total) > 1e-12*total {
						t.Fatalf("%s, %d rows, %s: cost %v, not %v", name, n, l, a.total(), total)
					}
					continue
				}
				if first == nil {
					first = append(first, a.col...)
				}
				for i := range first {
					if first[i] != a.col[i] {
						t.Fatalf("%s, %d rows, %s: row %d goes with %d, not %d", name, n, l, i, a.col[i], first[i])
					}
				}
			}
		}
	}
}

// A workspace that was used before, for more or fewer rows, gives the same.
func TestAssignmentForgets(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	used := &assignment{}
	for range 40 {
		n := 1 + r.IntN(60)
		fresh := &assignment{}
		fresh.resize(n)
		used.resize(n)
		for i := range fresh.cost {
			fresh.cost[i] = r.Float32()
			used.cost[i] = fresh.cost[i]
		}
		if err := fresh.solve(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := used.solve(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i := range fresh.col {
			if fresh.col[i] != used.col[i] {
				t.Fatalf("%d rows: row %d goes with %d, not %d", n, i, used.col[i], fresh.col[i])
			}
		}
	}
}

// Costs that were solved by SciPy (linear_sum_assignment): sums of squared
// distances between the points of two lattices, which anybody can make again.
func TestOptimalSumsAreKnown(t *testing.T) {
	for _, c := range recordedSums {
		x, y := lattice(c.rows, c.dim, 0.5), lattice(c.rows, c.dim, 0.25)
		a := &assignment{}
		a.resize(c.rows)
		if err := a.squares(context.Background(), x, y, c.dim); err != nil {
			t.Fatal(err)
		}
		if err := a.solve(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := a.total(); math.Abs(got-c.sum) > 1e-6*c.sum {
			t.Errorf("%d rows of %d: %v, SciPy found %v", c.rows, c.dim, got, c.sum)
		}
	}
}

// lattice is rows points of Kronecker's sequence, ((i + shift) phi_k) mod 1 with
// phi_k the square roots of primes, rounded to float32 and bent to a power that
// makes the two sets differ.
func lattice(rows, dim int, shift float64) []float32 {
	primes := []float64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73}
	x := make([]float32, rows*dim)
	for i := range rows {
		for k := range dim {
			_, f := math.Modf((float64(i) + shift) * math.Sqrt(primes[k]))
			x[i*dim+k] = float32(4 * math.Pow(f, 1+shift))
		}
	}
	return x
}

// gap bounds how far the sum of costs is above the least there is: by duality
// no pairs cost less than the sums of the duals of rows and columns.
func (a *assignment) gap() float64 {
	gap := 0.0
	for i := range int32(a.n) {
		if a.n == 1 {
			break
		}
		gap += a.reduced(i, a.col[i]) - assign.TwoLeast(a.of(int(i)), a.v).First
	}
	return gap
}

// total is the sum of the costs of the pairs.
func (a *assignment) total() float64 {
	sum := 0.0
	for i := range int32(a.n) {
		sum += float64(a.of(int(i))[a.col[i]])
	}
	return sum
}
