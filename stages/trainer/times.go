package trainer

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/pathline/pathline/stages/random"
)

// TimeSampler draws the times at which a network is trained. Implementations are
// values, safe for concurrent use.
type TimeSampler interface {
	// Times fills t for some consecutive examples of a step. t[i] belongs to the
	// example with the address (first+i, 0) in key's stream, which stands at
	// place+i among the step's rows examples. It depends on that alone, not on
	// how the examples are cut into calls.
	Times(t []float64, key random.Key, first uint64, place, rows int)
}

// Uniform draws every time independently from U(0, 1).
type Uniform struct{}

// Times draws t.
func (Uniform) Times(t []float64, key random.Key, first uint64, _, _ int) {
	key.UniformRows(t, first, 0)
}

// Stratified draws one time from each of as many equal parts of [0, 1) as a step
// has examples: every time alone is uniform, and their mean over n examples has
// a variance smaller by a factor of about n². Rows meet parts at random, since
// rows are shuffled.
type Stratified struct{}

// Times draws t.
func (Stratified) Times(t []float64, key random.Key, first uint64, place, rows int) {
	key.UniformRows(t, first, 0)
	n := float64(rows)
	for i, u := range t {
		// The quotient may round up to 1, which belongs to no part.
		t[i] = min((float64(place+i)+u)/n, 1-0x1p-53)
	}
}

// LogitNormal draws t = 1/(1+exp(-(Mean + Std z))), z ~ N(0, 1): more often in
// the middle, where the field is hardest to learn (Esser et al. 2024, eq. 19).
type LogitNormal struct{ Mean, Std float64 }

// Times draws t.
func (s LogitNormal) Times(t []float64, key random.Key, first uint64, _, _ int) {
	key.Normals64Rows(t, 1, first, len(t), 0)
	for i, z := range t {
		t[i] = 1 / (1 + math.Exp(-(s.Mean + s.Std*z)))
	}
}

// Antithetic draws times in pairs t and 1-t, for the examples 2k and 2k+1: every
// time alone is uniform, and what is odd about the middle of a step cancels
// (Hammersley and Morton 1956).
type Antithetic struct{}

// Times draws t.
func (Antithetic) Times(t []float64, key random.Key, first uint64, _, _ int) {
	var u [64]float64
	for len(t) > 0 {
		odd := int(first % 2)
		n := min(len(t), 2*len(u)-odd)
		pairs := u[:(odd+n+1)/2]
		key.UniformRows(pairs, first/2, 0)
		for i := range n {
			if k := odd + i; k%2 == 0 {
				t[i] = pairs[k/2]
			} else {
				t[i] = min(1-pairs[k/2], 1-0x1p-53)
			}
		}
		t, first = t[n:], first+uint64(n)
	}
}

// Beta draws t from the beta distribution with density proportional to
// t^(A-1) (1-t)^(B-1), by the inverse of its distribution function: more often
// near data for A > B, as near noise for B > A.
type Beta struct{ A, B float64 }

// Times draws t.
func (s Beta) Times(t []float64, key random.Key, first uint64, _, _ int) {
	key.UniformRows(t, first, 0)
	for i, u := range t {
		t[i] = min(mathext.InvRegIncBeta(s.A, s.B, u), 1-0x1p-53)
	}
}
