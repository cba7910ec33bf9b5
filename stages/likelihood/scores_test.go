package likelihood

import (
	"math"
	"testing"
)

// The sample stays within its bound and evenly spaced; mean and standard error
// are those of all rows.
func TestSpread(t *testing.T) {
	const rows = 3*maxSample + 17
	logp := make([]float64, rows)
	var sum float64
	for i := range logp {
		logp[i] = float64(i)
		sum += float64(i)
	}
	var whole, parts spread
	whole.add(logp)
	for i := 0; i < rows; i += 1000 {
		parts.add(logp[i:min(i+1000, rows)])
	}
	parts.add([]float64{math.NaN(), math.Inf(-1)})
	a, b := whole.scores(), parts.scores()
	if a.Rows != rows || b.Rows != rows || a.Mean != b.Mean || a.SE != b.SE || len(a.Sample) != len(b.Sample) {
		t.Errorf("in one piece %d rows, mean %v; in parts %d rows, mean %v", a.Rows, a.Mean, b.Rows, b.Mean)
	}
	if want := sum / rows; math.Abs(a.Mean-want) > 1e-9*want {
		t.Errorf("mean %v, want %v", a.Mean, want)
	}
	if want := math.Sqrt(float64(rows+1) / 12); math.Abs(a.SE-want) > 1e-6*want { // of 0..n-1
		t.Errorf("standard error %v, want %v", a.SE, want)
	}
	if len(a.Sample) > maxSample || len(a.Sample) != (rows+int(a.Stride)-1)/int(a.Stride) {
		t.Fatalf("%d values at every %d-th row", len(a.Sample), a.Stride)
	}
	for i, v := range a.Sample {
		if v != float64(int64(i)*a.Stride) {
			t.Fatalf("value %d of the sample is row %v", i, v)
		}
	}
}
