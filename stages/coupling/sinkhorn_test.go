package coupling

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pathline/pathline/stages/internal/kernel"
)

func clouds(rows, dim int, seed uint64) (x0, x1 []float32) {
	r := rand.New(rand.NewPCG(6, seed))
	x0, x1 = make([]float32, rows*dim), make([]float32, rows*dim)
	for i := range x0 {
		x0[i], x1[i] = float32(r.NormFloat64()), float32(2+r.NormFloat64())
	}
	return x0, x1
}

func planOf(t *testing.T, o SinkhornOptions, x0, x1 []float32, rows int) []float64 {
	t.Helper()
	p := make([]float64, rows*rows)
	c, err := NewSinkhorn(o).Plan(p, x0, x1, rows, len(x0)/rows)
	if err != nil || c.Iterations < 1 || c.Iterations > o.Iterations || !(c.Error <= o.Tolerance) {
		t.Fatalf("%d rows, %+v: %+v, error %v", rows, o, c, err)
	}
	return p
}

// The rows and columns of a plan sum to 1/rows as exactly as is asked for.
func TestMarginalsOfThePlan(t *testing.T) {
	for _, rows := range []int{1, 2, 17, 64, 100} {
		for _, reg := range []float64{1e-2, 1, 1e5} {
			x0, x1 := clouds(rows, 2, uint64(rows))
			p := planOf(t, SinkhornOptions{Reg: reg, Relative: true, Tolerance: 1e-9, Iterations: 1e6}, x0, x1, rows)
			sum := 0.0
			for i := range rows {
				row, column := 0.0, 0.0
				for j := range rows {
					row += p[i*rows+j]
					column += p[j*rows+i]
					if !(p[i*rows+j] >= 0) {
						t.Fatalf("%d rows, reg %v: entry %v", rows, reg, p[i*rows+j])
					}
				}
				if math.Abs(row*float64(rows)-1) > 1e-12 {
					t.Errorf("%d rows, reg %v: data row %d has the mass %v / rows", rows, reg, i, row*float64(rows))
				}
				sum += math.Abs(column - 1/float64(rows))
			}
			if sum > 1e-9 {
				t.Errorf("%d rows, reg %v: noise rows are wrong by %v", rows, reg, sum)
			}
		}
	}
}

// A plan is the entropic one: the logarithms of its entries are f_i + g_j -
// C_ij / reg, so that those of four entries that are the corners of a rectangle
// say the costs again.
func TestPlanIsEntropic(t *testing.T) {
	const rows, dim, reg = 40, 3, 0.8
	x0, x1 := clouds(rows, dim, 3)
	p := planOf(t, SinkhornOptions{Reg: reg, Tolerance: 1e-9, Iterations: 1e5}, x0, x1, rows)
	a := &assignment{}
	a.resize(rows)
	if err := a.squares(context.Background(), x1, x0, dim); err != nil {
		t.Fatal(err)
	}
	for i := range rows - 1 {
		for j := range rows - 1 {
			var logs, costs float64
			for corner := range 4 {
				i, j, sign := i+corner/2, j+corner%2, 1-2*float64((corner/2+corner%2)%2)
				logs += sign * math.Log(p[i*rows+j])
				costs -= sign * float64(a.of(i)[j]) / reg
			}
			if math.Abs(logs-costs) > 2e-5 { // exponents are rounded to float32
				t.Fatalf("corner %d, %d: %v, not %v", i, j, logs, costs)
			}
		}
	}
}

// Plans that were found by POT, in float64.
func TestPlansAreKnown(t *testing.T) {
	for _, c := range recordedPlans {
		x, y := lattice(c.rows, c.dim, 0.5), lattice(c.rows, c.dim, 0.25)
		p := planOf(t, SinkhornOptions{Reg: c.reg, Tolerance: 1e-10, Iterations: 1e5}, y, x, c.rows)
		got := 0.0
		for i := range c.rows {
			for j := range c.rows {
				for k := range c.dim {
					d := float64(x[i*c.dim+k]) - float64(y[j*c.dim+k])
					got += p[i*c.rows+j] * d * d
				}
			}
		}
		if math.Abs(got-c.cost) > 1e-6*c.cost {
			t.Errorf("%d rows of %d, reg %v: cost %v, POT's is %v", c.rows, c.dim, c.reg, got, c.cost)
		}
	}
}

// Little entropy gives the cost of the assignment, much the mean of all costs.
func TestLimitsOfThePlan(t *testing.T) {
	const rows, dim = 48, 2
	x0, x1 := clouds(rows, dim, 4)
	a := &assignment{}
	a.resize(rows)
	if err := a.squares(context.Background(), x1, x0, dim); err != nil {
		t.Fatal(err)
	}
	if err := a.solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for i := range rows {
		for _, c := range a.of(i)[:rows] {
			mean += float64(c) / (rows * rows)
		}
	}
	cost := func(reg, tolerance float64) (sum float64) {
		p := planOf(t, SinkhornOptions{Reg: reg, Tolerance: tolerance, Iterations: 1e6}, x0, x1, rows)
		for i := range rows {
			for j, c := range a.of(i)[:rows] {
				sum += p[i*rows+j] * float64(c)
			}
		}
		return sum
	}
	least := a.total() / rows
	// The entropy of a plan differs from another's by log(rows) at most, so that its
	// cost is above the least by reg log(rows) at most; and masses that are wrong by
	// the tolerance cost that times the greatest cost at most, up or down. Exponents
	// reach a hundred thousand here.
	for _, reg := range []float64{1, 0.1, 1e-2, 1e-3} {
		const tolerance = 1e-4
		slack := tolerance * float64(a.greatest)
		if got := cost(reg, tolerance); got < least-slack || got > least+slack+reg*math.Log(rows) {
			t.Errorf("reg %v: cost %v, the assignment's is %v", reg, got, least)
		}
	}
	if got := cost(1e7, 1e-7); math.Abs(got-mean) > 1e-5*mean {
		t.Errorf("much entropy: cost %v, the mean is %v", got, mean)
	}
}

// Between two normal distributions of variance 1 the plan is normal with the
// covariance c for which 2c² + reg c - 2 = 0. The points are quantiles.
func TestPlanOfNormalDistributions(t *testing.T) {
	const rows = 1000
	x := make([]float32, rows)
	square := 0.0
	for i := range x {
		q := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/rows-1)
		square += q * q / rows
		x[i] = float32(q)
	}
	for i := range x {
		x[i] /= float32(math.Sqrt(square))
	}
	for _, reg := range []float64{0.5, 2, 8} {
		p := planOf(t, SinkhornOptions{Reg: reg, Tolerance: 1e-7, Iterations: 1e5}, x, x, rows)
		got := 0.0
		for i, a := range x {
			for j, b := range x {
				got += p[i*rows+j] * float64(a) * float64(b)
			}
		}
		want := (math.Sqrt(reg*reg+16) - reg) / 4
		if math.Abs(got-want) > 1e-3 { // of cutting the tails off
			t.Errorf("reg %v: covariance %v, want %v", reg, got, want)
		}
	}
}

// Draws have the probabilities of the plan's rows: chi-squared over all entries that
// are expected often enough.
func TestDrawsFollowThePlan(t *testing.T) {
	const rows, dim, rounds = 150, 2, 4000 // more columns than one stride
	x0, x1 := clouds(rows, dim, 5)
	o := SinkhornOptions{Reg: 0.02, Relative: true, Tolerance: 1e-6, Iterations: 1e5}
	want := planOf(t, o, x0, x1, rows)
	p := &plan{costs: new(costs)}
	if _, err := NewSinkhorn(o).solve(context.Background(), p, x0, x1, rows, dim); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 6))
	chi, degrees := 0.0, 0.0
	for i := range rows {
		var count [rows]float64
		for range rounds {
			count[p.draw(i, r.Float64())]++
		}
		for j, n := range count {
			if expected := want[i*rows+j] * rows * rounds; expected > 5 {
				chi += (n - expected) * (n - expected) / expected
				degrees++
			}
		}
	}
	if z := (chi - degrees) / math.Sqrt(2*degrees); degrees < 1000 || math.Abs(z) > 5 {
		t.Errorf("chi-squared %v of %v entries", chi, degrees)
	}
	// The ends of the interval.
	for i := range rows {
		first, last := p.draw(i, 0), p.draw(i, math.Nextafter(1, 0))
		if want[i*rows+int(first)] == 0 || want[i*rows+int(last)] == 0 || first > last {
			t.Errorf("row %d: from %d to %d", i, first, last)
		}
	}
}

// A plan that was not found is an error that says how far it is; rows that are
// infinitely far are one that names them.
func TestSinkhornErrors(t *testing.T) {
	x0, x1 := clouds(64, 2, 7)
	index := make([]int32, 64)
	err := NewSinkhorn(SinkhornOptions{Reg: 1e-2, Tolerance: 1e-6, Iterations: 3}).Pair(index, x0, x1, 64, 2)
	if err == nil || !strings.Contains(err.Error(), "after 3 iterations") {
		t.Errorf("error is %v", err)
	}
	// One that is no number does not become one in all iterations.
	err = NewSinkhorn(SinkhornOptions{Reg: 5e-324, Tolerance: 1e-6, Iterations: 1e9}).Pair(index, x0, x1, 64, 2)
	if err == nil || !strings.Contains(err.Error(), "choose a larger reg") {
		t.Errorf("error is %v", err)
	}
	x1[6] = float32(math.Inf(-1))
	err = NewSinkhorn(SinkhornOptions{Reg: 1, Tolerance: 1e-6, Iterations: 3}).Pair(index, x0, x1, 64, 2)
	if err == nil || !strings.Contains(err.Error(), "data row 3") {
		t.Errorf("error is %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("options out of range do not panic")
		}
	}()
	NewSinkhorn(SinkhornOptions{Reg: 0, Tolerance: 1, Iterations: 1})
}

// A workspace forgets, draws allocate nothing once it is there, and every level of
// kernels draws from the same plan but for the last bits of exponentials.
func TestSinkhornForgets(t *testing.T) {
	before := kernel.Current()
	defer kernel.Use(before)
	s := NewSinkhorn(SinkhornOptions{Reg: 0.1, Relative: true, Tolerance: 1e-6, Iterations: 1e4})
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		kernel.Use(l)
		used := &plan{costs: new(costs)}
		for _, rows := range []int{50, 20, 50, 7} {
			x0, x1 := clouds(rows, 3, uint64(rows))
			fresh := &plan{costs: new(costs)}
			for _, p := range []*plan{used, fresh} {
				if _, err := s.solve(context.Background(), p, x0, x1, rows, 3); err != nil {
					t.Fatal(err)
				}
			}
			for i := range rows {
				for j := range rows {
					if used.matrix(i)[j] != fresh.matrix(i)[j] || used.v[j] != fresh.v[j] || used.u[i] != fresh.u[i] {
						t.Fatalf("%s, %d rows: entry %d, %d differs in a workspace that was used", l, rows, i, j)
					}
				}
			}
		}
	}
	x0, x1 := clouds(50, 3, 1)
	index, u := make([]int32, 50), make([]float64, 50)
	if n := testing.AllocsPerRun(10, func() {
		if err := s.Draw(index, x0, x1, 50, 3, u); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 { // the pool may lose what it holds
		t.Errorf("%v allocations", n)
	}
}
