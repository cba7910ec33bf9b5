package transform

import "testing"

// Memory grows with the logarithm of the number of rows.
func TestMomentsMemory(t *testing.T) {
	m := NewMoments(1)
	row := []float64{0}
	for i := range 1000 * momentsBlock {
		row[0] = float64(i % 7)
		if err := m.Add(row, 1); err != nil {
			t.Fatal(err)
		}
		if len(m.stack) > 10 { // 1000 blocks have 10 binary digits
			t.Fatalf("%d moments are kept after %d rows", len(m.stack), i+1)
		}
	}
}
