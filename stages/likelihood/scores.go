package likelihood

import "math"

// Scores is what a report shows of log-densities.
type Scores struct {
	Rows   int64     `json:"rows"`     // that have a score
	Mean   float64   `json:"mean"`     // nats
	SE     float64   `json:"se"`       // standard error of the mean, 0 for one row
	Sample []float64 `json:"log_prob"` // of every Stride-th row
	Stride int64     `json:"stride"`
	// RoundTrip is nil when no row was taken to the base and back.
	RoundTrip *Trip `json:"round_trip,omitempty"`
}

// Trip says how far rows that were taken to the base and back are from where they
// began (per row the largest coordinate, in units of model space); rows that
// failed on the way are not counted. It is an error of the solver and of the width
// that it computes in: where it is large no score is to be believed.
type Trip struct {
	Rows int64   `json:"rows"`
	Max  float64 `json:"max"`
	RMS  float64 `json:"rms"`
}

// trip gathers a Trip.
type trip struct {
	Trip
	square float64
}

func (t *trip) add(away []float64) {
	for _, a := range away {
		if math.IsNaN(a) {
			continue
		}
		t.Rows, t.Max, t.square = t.Rows+1, max(t.Max, a), t.square+float64(a*a)
	}
}

func (t *trip) done() *Trip {
	out := t.Trip
	out.RMS = math.Sqrt(t.square / float64(t.Rows))
	return &out
}

// maxSample bounds Scores.Sample.
const maxSample = 20_000

// spread gathers Scores from a stream of unknown length. When the sample is
// full every other value is dropped, so that the rows kept stay evenly spaced.
type spread struct {
	n        int64
	mean, m2 float64 // Welford 1962, in the order of the rows
	stride   int64
	sample   []float64
}

func (s *spread) add(logp []float64) {
	s.stride = max(s.stride, 1)
	for _, v := range logp {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		s.n++
		d := v - s.mean
		s.mean += d / float64(s.n)
		s.m2 += float64(d * (v - s.mean))
		if (s.n-1)%s.stride != 0 {
			continue
		}
		if len(s.sample) == maxSample {
			for i := range maxSample / 2 {
				s.sample[i] = s.sample[2*i]
			}
			s.sample, s.stride = s.sample[:maxSample/2], 2*s.stride
			if (s.n-1)%s.stride != 0 {
				continue
			}
		}
		s.sample = append(s.sample, v)
	}
}

func (s *spread) scores() Scores {
	out := Scores{Rows: s.n, Mean: s.mean, Sample: s.sample, Stride: s.stride}
	if s.n > 1 {
		out.SE = math.Sqrt(s.m2 / float64(s.n-1) / float64(s.n))
	}
	return out
}
