package trainer

import (
	"math"

	"github.com/pathline/pathline/schemas"
	"github.com/pathline/pathline/stages/transform"
)

// codeLength takes the mean negative log-density of held-out rows in model space, in
// nats, to bits per dimension of the values that the rows had before they were
// dequantised:
//
//	(loss - mean ln|det dz/dx| - sum ln step) / (d ln 2)
//
// the sum over the dimensions that are dequantised (Theis et al. 2016, section 3.1).
type codeLength struct {
	shift float64 // mean ln|det dz/dx| + sum ln step
	dim   int
}

// lengthPiece is how many rows are mapped together.
const lengthPiece = 256

// newCodeLength looks at rows x [rows][layout.Width()] behind transforms. It is nil
// where none of them is discrete: densities of continuous values have no length.
func newCodeLength(x []float32, rows int, layout Layout, transforms []schemas.Transform, others map[string]transform.Restorer) (*codeLength, error) {
	var chain []transform.Fitted
	c, discrete := &codeLength{dim: layout.Dim}, false
	for _, t := range transforms {
		f, err := transform.RestoreWith(others, t, layout.Dim)
		if err != nil {
			return nil, err
		}
		if d, ok := f.(transform.Discrete); ok {
			c.shift, discrete = c.shift+d.LogBin(), true
		}
		chain = append(chain, f)
	}
	if !discrete {
		return nil, nil
	}
	d, w := layout.Dim, layout.Width()
	z, again, logdet := make([]float64, lengthPiece*d), make([]float64, lengthPiece*d), make([]float64, lengthPiece)
	for lo := 0; lo < rows; lo += lengthPiece {
		n := min(lengthPiece, rows-lo)
		for i := range n * d {
			z[i] = float64(x[(lo+i/d)*w+i%d])
		}
		clear(logdet)
		for i := len(chain) - 1; i >= 0; i-- {
			if err := chain[i].Invert(z, z, n); err != nil {
				return nil, err
			}
			if _, ok := chain[i].(transform.Discrete); ok {
				continue // its log-determinant is 0, and its noise is gone
			}
			if err := chain[i].Apply(again, z, logdet, transform.Address{}, n); err != nil {
				return nil, err
			}
		}
		for _, l := range logdet[:n] {
			c.shift += l / float64(rows)
		}
	}
	return c, nil
}

// of is the length for a loss.
func (c *codeLength) of(loss float64) float64 {
	return (loss - c.shift) / (float64(c.dim) * math.Ln2)
}
