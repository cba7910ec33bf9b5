package trainer

import (
	"math"

	"github.com/pathline/pathline/stages/random"
)

// TimeSampler draws the times at which a batch is trained.
type TimeSampler interface {
	// Times fills t, the times of a step's batch. Example i of the batch has
	// the address (first+i, 0) in key's stream; first grows by len(t) from
	// step to step.
	Times(t []float64, key random.Key, first uint64)
}

// Uniform draws every time independently from U(0, 1).
type Uniform struct{}

// Times draws t.
func (Uniform) Times(t []float64, key random.Key, first uint64) {
	for i := range t {
		t[i] = key.Uniform(first+uint64(i), 0)
	}
}

// Stratified draws one time from each of len(t) equal parts of [0, 1): every
// time alone is uniform, and their mean over a batch has a variance smaller by
// a factor of about len(t)². Rows meet parts at random, since rows are
// shuffled.
type Stratified struct{}

// Times draws t.
func (Stratified) Times(t []float64, key random.Key, first uint64) {
	n := float64(len(t))
	for i := range t {
		// The quotient may round up to 1, which belongs to no part.
		t[i] = min((float64(i)+key.Uniform(first+uint64(i), 0))/n, 1-0x1p-53)
	}
}

// LogitNormal draws t = 1/(1+exp(-(Mean + Std z))), z ~ N(0, 1): more often in
// the middle, where the field is hardest to learn (Esser et al. 2024, eq. 19).
type LogitNormal struct{ Mean, Std float64 }

// Times draws t.
func (s LogitNormal) Times(t []float64, key random.Key, first uint64) {
	var z [1]float64
	for i := range t {
		key.Normals64(z[:], first+uint64(i), 0)
		t[i] = 1 / (1 + math.Exp(-(s.Mean + s.Std*z[0])))
	}
}
