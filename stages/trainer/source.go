package trainer

import "github.com/pathline/pathline/stages/random"

// Source is a table whose rows X [rows][Dim] are initial as x0 in place of noise: a flow
// from one distribution of which there is a sample to another (Tong et al. 2024). The x0
// of example p is row Permute(p mod rows) of pass p / rows: every row once per pass, in an
// order that has nothing to do with that of the data.
type Source struct {
	X   []float32
	Dim int
}

// initial is a source, or the normal noise where it has no rows, with a key.
type initial struct {
	*Source
	key random.Key
}

// Normals32Rows writes x0 of examples first, first+1, ...; see normals.
func (s initial) Normals32Rows(dst []float32, dim int, first uint64, rows int, step uint32) {
	if s.Source == nil {
		s.key.Normals32Rows(dst, dim, first, rows, step)
		return
	}
	n := uint64(len(s.X) / s.Dim)
	for i := range rows {
		p := first + uint64(i)
		r := s.key.Permute(p%n, n, uint32(p/n))
		copy(dst[i*dim:(i+1)*dim], s.X[int(r)*s.Dim:])
	}
}
