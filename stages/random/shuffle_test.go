package random

import (
	"fmt"
	"slices"
	"testing"
)

// TestShuffle: every length gives a permutation, another one in another pass and
// under another key, and the same one again.
func TestShuffle(t *testing.T) {
	k, l := NewKey(1, "train", "shuffle"), NewKey(2, "train", "shuffle")
	sizes := []int{255, 256, 257, 511, 512, 513, 1000, 60000}
	for n := range 70 {
		sizes = append(sizes, n)
	}
	shuffled := func(k Key, n int, pass uint32) []int32 {
		p := make([]int32, n)
		k.Shuffle(p, pass)
		return p
	}
	for _, n := range sizes {
		p := shuffled(k, n, 3)
		sorted := slices.Sorted(slices.Values(p))
		for i, v := range sorted {
			if int(v) != i {
				t.Fatalf("%d: not a permutation: %v", n, p)
			}
		}
		if again := shuffled(k, n, 3); !slices.Equal(p, again) {
			t.Errorf("%d: differs the second time", n)
		}
		if n >= 13 && (slices.Equal(p, sorted) || slices.Equal(p, shuffled(k, n, 4)) || slices.Equal(p, shuffled(l, n, 3))) {
			t.Errorf("%d: equal to the identity, to another pass or to another key", n)
		}
	}
}

// TestShuffleIsUniform counts all permutations of 2 to 5 places over many passes.
// Chi-squared with one degree of freedom less than permutations is above its bound
// with a probability of 2e-5 or less.
func TestShuffleIsUniform(t *testing.T) {
	k := NewKey(9, "train", "shuffle")
	for n, all := range map[int]int{2: 2, 3: 6, 4: 24, 5: 120} {
		const passes = 60000
		count := map[string]int{}
		p := make([]int32, n)
		for pass := range uint32(passes) {
			k.Shuffle(p, pass)
			count[fmt.Sprint(p)]++
		}
		if len(count) != all {
			t.Errorf("%d places: %d permutations of %d", n, len(count), all)
		}
		chi, expected := 0.0, float64(passes)/float64(all)
		for _, c := range count {
			chi += (float64(c) - expected) * (float64(c) - expected) / expected
		}
		if bound := map[int]float64{2: 20, 3: 31, 4: 63, 5: 203}[n]; chi > bound {
			t.Errorf("%d places: chi-squared %v with %d degrees of freedom", n, chi, all-1)
		}
	}
}

// TestShufflePlaces counts which of 300 rows stands at the place 0, 255, 256 and
// 299: chi-squared with 299 degrees of freedom, above 412 with a probability of 2e-5.
func TestShufflePlaces(t *testing.T) {
	const n, passes = 300, 30000
	k := NewKey(10, "train", "shuffle")
	p := make([]int32, n)
	places := []int{0, 255, 256, 299}
	count := make([][n]float64, len(places))
	for pass := range uint32(passes) {
		k.Shuffle(p, pass)
		for i, at := range places {
			count[i][p[at]]++
		}
	}
	for i, at := range places {
		chi, expected := 0.0, float64(passes)/n
		for _, c := range count[i] {
			chi += (c - expected) * (c - expected) / expected
		}
		if chi > 412 {
			t.Errorf("place %d: chi-squared %v", at, chi)
		}
	}
}

func BenchmarkShuffle(b *testing.B) {
	p := make([]int32, 10000)
	pass := uint32(0)
	for b.Loop() {
		Key(1).Shuffle(p, pass)
		pass++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p)), "ns/place")
}
