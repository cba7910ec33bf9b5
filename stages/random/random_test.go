package random

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
)

// TestGolden compares every kind of draw with testdata/golden.py.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Seed               uint64
		Stage, Stream, Key string
		Row                uint64
		Step               uint32
		Block7, Uniform    []string
		Normal64, Normal32 []float64
		Sign               string
		Permute            []permutation
		Shuffle            [][]int32
		Shuffle5000        uint32
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 3 {
		t.Fatal("no cases")
	}
	for i, c := range cases {
		k := NewKey(c.Seed, c.Stage, c.Stream)
		if got := fmt.Sprintf("%016x", uint64(k)); got != c.Key {
			t.Fatalf("case %d: key %s, want %s", i, got, c.Key)
		}
		for j, w := range k.Block(c.Row, c.Step, 7) {
			if got := fmt.Sprintf("%08x", w); got != c.Block7[j] {
				t.Errorf("case %d: word %d is %s, want %s", i, j, got, c.Block7[j])
			}
		}
		u := make([]float64, len(c.Uniform))
		k.Uniforms(u, c.Row, c.Step)
		for j, s := range c.Uniform {
			if want, err := strconv.ParseFloat(s, 64); err != nil || u[j] != want {
				t.Errorf("case %d: uniform %d is %v, want %v", i, j, u[j], want)
			}
		}
		if got := k.Uniform(c.Row, c.Step); got != u[0] {
			t.Errorf("case %d: Uniform is %v, want %v", i, got, u[0])
		}
		z := make([]float64, len(c.Normal64))
		k.Normals64(z, c.Row, c.Step)
		for j, want := range c.Normal64 { // within the rounding of sqrt, log and cos
			if math.Abs(z[j]-want) > 4e-15 {
				t.Errorf("case %d: normal %d is %v, want %v", i, j, z[j], want)
			}
		}
		z32 := make([]float32, len(c.Normal32))
		k.Normals32(z32, c.Row, c.Step)
		for j, want := range c.Normal32 {
			if z32[j] != float32(want) {
				t.Errorf("case %d: float32 normal %d is %v, want %v", i, j, z32[j], float32(want))
			}
		}
		signs := make([]float32, len(c.Sign))
		k.Signs(signs, c.Row, c.Step)
		for j, s := range c.Sign {
			if want := float32(44 - s); signs[j] != want { // '+' is 43 and '-' is 45
				t.Errorf("case %d: sign %d is %v, want %v", i, j, signs[j], want)
			}
		}
		for _, want := range c.Shuffle {
			p := make([]int32, len(want))
			if k.Shuffle(p, c.Step); !slices.Equal(p, want) {
				t.Errorf("case %d: shuffle is %v, want %v", i, p, want)
			}
		}
		p := make([]int32, 5000)
		k.Shuffle(p, c.Step)
		var sum, sums uint32 // as fletcher in golden.py
		for _, v := range p {
			sum = (sum + uint32(v)) % 65521
			sums = (sums + sum) % 65521
		}
		if got := sums<<16 | sum; got != c.Shuffle5000 {
			t.Errorf("case %d: 5000 places sum to %d, want %d", i, got, c.Shuffle5000)
		}
		for _, p := range c.Permute {
			for j, want := range p.at {
				if got := k.Permute(uint64(j), p.n, c.Step); got != want {
					t.Errorf("case %d: place %d of %d is %d, want %d", i, j, p.n, got, want)
				}
			}
		}
	}
}

// permutation is a JSON pair of a size and its first places.
type permutation struct {
	n  uint64
	at []uint64
}

func (p *permutation) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &[]any{&p.n, &p.at}) }

// TestPrefix checks that a draw does not depend on how many are asked for.
func TestPrefix(t *testing.T) {
	k := NewKey(3, "a", "b")
	var u, z [300]float64
	var z32, s [300]float32
	k.Uniforms(u[:], 5, 6)
	k.Normals64(z[:], 5, 6)
	k.Normals32(z32[:], 5, 6)
	k.Signs(s[:], 5, 6)
	for n := range 300 {
		a, b := make([]float64, n), make([]float32, n)
		if k.Uniforms(a, 5, 6); !slices.Equal(a, u[:n]) {
			t.Errorf("%d uniforms", n)
		}
		if k.Normals64(a, 5, 6); !slices.Equal(a, z[:n]) {
			t.Errorf("%d normals", n)
		}
		if k.Normals32(b, 5, 6); !slices.Equal(b, z32[:n]) {
			t.Errorf("%d float32 normals", n)
		}
		if k.Signs(b, 5, 6); !slices.Equal(b, s[:n]) {
			t.Errorf("%d signs", n)
		}
	}
}

// TestRows: draws for many rows are those of each row alone.
func TestRows(t *testing.T) {
	k := NewKey(4, "a", "b")
	for _, first := range []uint64{0, 1<<32 - 3, math.MaxUint64 - 5} {
		for _, dim := range []int{1, 2, 3, 7, 21} {
			const rows = 70
			z32, z64, u := make([]float32, rows*dim), make([]float64, rows*dim), make([]float64, rows)
			k.Normals32Rows(z32, dim, first, rows, 9)
			k.Normals64Rows(z64, dim, first, rows, 9)
			k.UniformRows(u, first, 9)
			one32, one64 := make([]float32, dim), make([]float64, dim)
			for r := range rows {
				row := first + uint64(r)
				k.Normals32(one32, row, 9)
				k.Normals64(one64, row, 9)
				if !slices.Equal(z32[r*dim:(r+1)*dim], one32) || !slices.Equal(z64[r*dim:(r+1)*dim], one64) {
					t.Fatalf("row %d of %d from %d: normals differ", r, dim, first)
				}
				if u[r] != k.Uniform(row, 9) {
					t.Fatalf("row %d from %d: uniform differs", r, first)
				}
			}
		}
	}
}

// TestAddresses checks that neighbours in any part of the address differ.
func TestAddresses(t *testing.T) {
	seen := map[[4]uint32]string{}
	for _, key := range []Key{NewKey(0, "a", "b"), NewKey(1, "a", "b"), NewKey(0, "ab", ""), NewKey(0, "", "ab"), NewKey(0, "a", "c"), NewKey(256, "a", "b")} {
		for _, row := range []uint64{0, 1, 1 << 32, 1<<32 + 1, math.MaxUint64} {
			for _, step := range []uint32{0, 1, math.MaxUint32} {
				for _, block := range []uint32{0, 1, 0x80000000} {
					at := fmt.Sprint(key, row, step, block)
					b := key.Block(row, step, block)
					if other, ok := seen[b]; ok {
						t.Errorf("%s and %s have the same block", at, other)
					}
					seen[b] = at
				}
			}
		}
	}
}

// TestPermute checks that every size has a bijection, another one in another
// pass and under another key.
func TestPermute(t *testing.T) {
	k, l := NewKey(1, "train", "shuffle"), NewKey(2, "train", "shuffle")
	sizes := []uint64{255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097, 60000}
	for n := uint64(1); n <= 200; n++ {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		seen := make([]bool, n)
		moved, pass, key := false, false, false
		for i := range n {
			p := k.Permute(i, n, 0)
			if p >= n || seen[p] {
				t.Fatalf("%d of %d: %d is outside or twice", i, n, p)
			}
			seen[p] = true
			moved = moved || p != i
			pass = pass || p != k.Permute(i, n, 1)
			key = key || p != l.Permute(i, n, 0)
		}
		if n >= 10 && !(moved && pass && key) {
			t.Errorf("%d: moved %v, differs by pass %v, by key %v", n, moved, pass, key)
		}
	}
}

// TestPermuteIsUniform counts where the first two of five places go together
// over many passes: chi-squared with 19 degrees of freedom, 60 is beyond 1e-5.
// Small sizes are the hard ones: six rounds fail here.
func TestPermuteIsUniform(t *testing.T) {
	const n, passes = 5, 60000
	const expected = float64(passes) / (n * (n - 1))
	k := NewKey(9, "train", "shuffle")
	var count [n][n]float64
	for pass := range uint32(passes) {
		count[k.Permute(0, n, pass)][k.Permute(1, n, pass)]++
	}
	chi := 0.0
	for i := range n {
		for j := range n {
			if i != j {
				chi += (count[i][j] - expected) * (count[i][j] - expected) / expected
			}
		}
	}
	if chi > 60 {
		t.Errorf("chi-squared %v, counts %v", chi, count)
	}
}

func TestPermutePanics(t *testing.T) {
	defer func() {
		if recover() != "random: place outside of the permutation" {
			t.Error("no panic")
		}
	}()
	Key(0).Permute(3, 3, 0)
}

// TestDistributions checks mean, variance, fourth moment and the
// Kolmogorov-Smirnov distance of 200,000 draws of every kind, within five
// standard errors, and the correlation of neighbours.
func TestDistributions(t *testing.T) {
	const n, per = 200_000, 10
	k := NewKey(5, "test", "moments")
	gauss := func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
	for name, c := range map[string]struct {
		draw                            func(dst []float64, row uint64)
		mean, variance, fourth, fourth2 float64 // fourth2: variance of the fourth power about the mean
		cdf                             func(float64) float64
	}{
		"uniforms":  {func(dst []float64, row uint64) { k.Uniforms(dst, row, 1) }, 0.5, 1.0 / 12, 1.0 / 80, 1.0/2304 - 1.0/6400, func(x float64) float64 { return x }},
		"normals64": {func(dst []float64, row uint64) { k.Normals64(dst, row, 2) }, 0, 1, 3, 96, gauss},
		"normals32": {func(dst []float64, row uint64) { wide(dst, func(f []float32) { k.Normals32(f, row, 3) }) }, 0, 1, 3, 96, gauss},
		"signs":     {func(dst []float64, row uint64) { wide(dst, func(f []float32) { k.Signs(f, row, 4) }) }, 0, 1, 1, 0, nil},
	} {
		x := make([]float64, n)
		for row := range n / per {
			c.draw(x[row*per:(row+1)*per], uint64(row))
		}
		var m1, m2, m4, r float64
		for i, v := range x {
			d := v - c.mean
			m1, m2, m4 = m1+d/n, m2+d*d/n, m4+d*d*d*d/n
			r += d * (x[(i+1)%n] - c.mean) / n
		}
		within := func(what string, got, want, variance float64) {
			if math.Abs(got-want) > 5*math.Sqrt(variance/n)+1e-10 {
				t.Errorf("%s: %s is %v, want %v", name, what, got, want)
			}
		}
		within("mean", m1, 0, c.variance)
		within("variance", m2, c.variance, c.fourth-c.variance*c.variance)
		within("fourth moment", m4, c.fourth, c.fourth2)
		within("covariance of neighbours", r, 0, c.variance*c.variance)
		if c.cdf == nil {
			continue
		}
		slices.Sort(x)
		ks := 0.0
		for i, v := range x {
			f := c.cdf(v)
			ks = max(ks, f-float64(i)/n, float64(i+1)/n-f)
		}
		if ks*math.Sqrt(n) > 2.4 { // beyond 2e-5
			t.Errorf("%s: Kolmogorov-Smirnov distance %v", name, ks)
		}
	}
}

func wide(dst []float64, draw func([]float32)) {
	f := make([]float32, len(dst))
	draw(f)
	for i, v := range f {
		dst[i] = float64(v)
	}
}

func TestDrawsAllocateNothing(t *testing.T) {
	k := NewKey(1, "a", "b")
	a, b, p := make([]float64, 33), make([]float32, 33), make([]int32, 33)
	if n := testing.AllocsPerRun(10, func() {
		k.Uniforms(a, 1, 2)
		k.Normals64(a, 1, 2)
		k.Normals32(b, 1, 2)
		k.Signs(b, 1, 2)
		k.Permute(3, 1000, 4)
		k.Normals32Rows(b, 3, 1, 11, 2)
		k.Normals64Rows(a, 3, 1, 11, 2)
		k.UniformRows(a, 1, 2)
		k.Shuffle(p, 4)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
