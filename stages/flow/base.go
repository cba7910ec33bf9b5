package flow

import (
	"math"

	"github.com/pathline/pathline/stages/random"
)

// Normal is the base N(0, Std² I) of trained flows. It implements model.Base.
type Normal struct {
	Dim int
	Std float64
}

// Sample writes Std times the draws of random.Key.Normals64 at (row, step 0). A
// field of float32 starts from these draws rounded once.
func (n Normal) Sample(x []float64, key random.Key, first int64, rows int) {
	x = x[:rows*n.Dim]
	key.Normals64Rows(x, n.Dim, uint64(first), rows, 0)
	if n.Std == 1 {
		return
	}
	for i := range x {
		x[i] *= n.Std
	}
}

// LogProb writes log N(x; 0, Std² I), in nats.
func (n Normal) LogProb(logp, x []float64, rows int) {
	c := float64(n.Dim) * (math.Log(2*math.Pi)/2 + math.Log(n.Std))
	for r := range rows {
		var sum float64
		for _, v := range x[r*n.Dim : (r+1)*n.Dim] {
			z := v / n.Std
			sum += float64(z * z)
		}
		logp[r] = -sum/2 - c
	}
}

// Score writes the gradient of the log-density, -x / Std².
func (n Normal) Score(score, x []float64, rows int) {
	for i, v := range x[:rows*n.Dim] {
		score[i] = -v / (n.Std * n.Std)
	}
}

// Table is the base of a flow from rows of a table, [rows][Dim] in model space, in their
// order. It implements model.Base but for the density, which nobody knows.
type Table struct {
	X   []float64
	Dim int
}

// Sample writes rows first..first+rows-1 of the table, which must be there.
func (t Table) Sample(x []float64, _ random.Key, first int64, rows int) {
	if first < 0 || (int(first)+rows)*t.Dim > len(t.X) {
		panic("flow: a base without so many rows")
	}
	copy(x[:rows*t.Dim], t.X[int(first)*t.Dim:])
}

// LogProb writes NaN.
func (t Table) LogProb(logp, _ []float64, rows int) {
	for r := range rows {
		logp[r] = math.NaN()
	}
}
