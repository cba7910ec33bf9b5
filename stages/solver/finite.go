package solver

import "github.com/pathline/pathline/stages/internal/kernel/vector"

// finite reports whether all of v is, in one pass without branches: the sum of
// float32s in float64 cannot overflow, so it is finite when its terms are, and
// x - x is 0 or NaN.
func finite[F Float](v []F) bool {
	switch v := any(v).(type) {
	case []float32:
		s := vector.Sum(v)
		return s-s == 0
	case []float64:
		var s0, s1, s2, s3 float64
		i := 0
		for ; i+4 <= len(v); i += 4 {
			s0 += v[i] - v[i]
			s1 += v[i+1] - v[i+1]
			s2 += v[i+2] - v[i+2]
			s3 += v[i+3] - v[i+3]
		}
		for ; i < len(v); i++ {
			s0 += v[i] - v[i]
		}
		return s0+s1+s2+s3 == 0
	}
	panic("solver: no such width")
}

// finiteRow is finite for the few elements of a row.
func finiteRow[F Float](v []F) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}
