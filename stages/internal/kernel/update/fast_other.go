//go:build !amd64 || purego

package update

func fastAdam(w, g, mean, square []float32, s *AdamScalars) bool { return false }
func fastLion(w, g, mean []float32, s *LionScalars) bool         { return false }
func fastDescend(w, g []float32, s *[2]float32) bool             { return false }
func fastMomentum(w, g, b []float32, s *MomentumScalars) bool    { return false }
func fastAverage(high, low, w []float32, part *float64) bool     { return false }
func fastScale(g []float32, by *float64) bool                    { return false }
