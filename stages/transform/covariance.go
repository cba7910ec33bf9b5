package transform

import (
	"math"

	"github.com/pathline/pathline/schemas"
)

// covariance accumulates the mean and the matrix of products of deviations of rows
// in one pass. As with [Moments], blocks of 256 rows, counted from the first, are
// summed on their own and merged in a fixed order, here one after the other
// because a matrix is large: the result does not depend on batches (Chan, Golub
// and LeVeque 1979, eq. 2.1, for matrices).
type covariance struct {
	dim, n int
	mean   []float64 // [dim]
	m2     []float64 // [dim][dim], lower triangle
	block  []float64
	center []float64 // [dim][momentsBlock], scratch
	rows   int64
}

func newCovariance(dim int) *covariance {
	return &covariance{dim: dim, mean: make([]float64, dim), m2: make([]float64, dim*dim), block: make([]float64, 0, momentsBlock*dim)}
}

func (c *covariance) add(x []float64, rows int) error {
	for r := range rows {
		row := x[r*c.dim : (r+1)*c.dim]
		for i, v := range row {
			if v-v != 0 {
				return schemas.Errorf(schemas.NonFinite, "row %d has %v in column %d", c.rows, v, i)
			}
		}
		c.rows++
		if c.block = append(c.block, row...); len(c.block) == cap(c.block) {
			c.push()
		}
	}
	return nil
}

// push merges the block.
func (c *covariance) push() {
	d, n := c.dim, len(c.block)/c.dim
	if c.center == nil {
		c.center = make([]float64, d*momentsBlock)
	}
	na, nb := float64(c.n), float64(n)
	delta := make([]float64, d)
	for i := range d {
		var mean float64
		for r := range n {
			mean += c.block[r*d+i] / nb
		}
		for r := range n {
			c.center[i*momentsBlock+r] = c.block[r*d+i] - mean
		}
		delta[i] = mean - c.mean[i]
	}
	part := na * nb / (na + nb)
	for i := range d {
		a := c.center[i*momentsBlock : i*momentsBlock+n]
		for j := range i + 1 {
			c.m2[i*d+j] += dot(a, c.center[j*momentsBlock:]) + float64(delta[i]*delta[j]*part)
		}
	}
	for i := range d {
		c.mean[i] += float64(delta[i] * (nb / (na + nb)))
	}
	c.n += n
	c.block = c.block[:0]
}

// sum gives the mean [dim] and the covariance [dim][dim] of the rows, divisor n.
func (c *covariance) sum() (mean, cov []float64, err error) {
	if c.rows == 0 {
		return nil, nil, schemas.Errorf(schemas.EmptyData, "there are no rows to fit a transform on")
	}
	if len(c.block) > 0 {
		c.push()
	}
	d := c.dim
	cov = make([]float64, d*d)
	for i := range d {
		for j := range i + 1 {
			v := c.m2[i*d+j] / float64(c.n)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, nil, schemas.Errorf(schemas.NonFinite, "whiten: values too large to be squared in column %d", i)
			}
			cov[i*d+j], cov[j*d+i] = v, v
		}
	}
	return c.mean, cov, nil
}
