package coupling

import "context"

// Potentials is Pair with the proof that its pairs have the least sum: the
// Kantorovich potentials phi0 [rows] of the rows of x0 and phi1 [rows] of the rows
// of x1, with
//
//	phi0[j] + phi1[i] <= |x0_j - x1_i|²   for all i, j, and equal where j = index[i]
//
// to a rounding. They are the solution of the dual problem, unique up to a constant
// that moves from one to the other (and a little more where pairs can be changed at
// no cost); the variance of a potential over its rows is what the transport cost of
// a sample varies by (del Barrio and Loubes 2019). Squared distances are rounded to
// float32. Errors are those of Pair, and that of ctx soon after it has ended.
//
// References: Jonker and Volgenant 1987; Villani, "Topics in optimal
// transportation", 2003, section 1.1 (Kantorovich duality).
func (o Optimal) Potentials(ctx context.Context, index []int32, phi0, phi1 []float64, x0, x1 []float32, rows, dim int) error {
	if len(index) != rows || len(phi0) != rows || len(phi1) != rows || len(x0) != rows*dim || len(x1) != rows*dim {
		panic("coupling: slices of other lengths than rows and dim")
	}
	return o.solved(ctx, index, x0, x1, rows, dim, func(a *assignment) {
		if rows == 1 { // solve has no dual to look for
			a.v[0] = 0
		}
		copy(phi0, a.v)
		for i, j := range a.col {
			phi1[i] = a.reduced(int32(i), j)
		}
	})
}
