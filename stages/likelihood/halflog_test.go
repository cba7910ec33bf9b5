package likelihood_test

import (
	"encoding/json"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// halfLog is the squared Frobenius norm of 1/2 log S, and that of its diagonal.
func halfLog(t *testing.T, s [][]float64) (all, diagonal float64) {
	t.Helper()
	d := len(s)
	m := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			m.SetSym(i, j, s[i][j])
		}
	}
	var e mat.EigenSym
	if !e.Factorize(m, true) {
		t.Fatal("no eigenvalues")
	}
	var q mat.Dense
	e.VectorsTo(&q)
	values := e.Values(nil)
	for i := range d {
		for j := range d {
			var a float64
			for k, l := range values {
				a += q.At(i, k) * q.At(j, k) * math.Log(l) / 2
			}
			all += a * a
			if i == j {
				diagonal += a * a
			}
		}
	}
	return all, diagonal
}

func rawJSON(s string) json.RawMessage { return json.RawMessage(s) }
