package coupling

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/pathline/pathline/stages/internal/kernel/assign"
)

// costs is the matrix of costs of a batch: row i is a row of data, column j one of
// noise. Rows are padded to ld columns.
type costs struct {
	n, ld    int
	cost     []float32 // [n][ld]
	greatest float32   // where no cost is below zero; 0 where it is not known

	// Of squared distances: the columns' points, [dim][ld], and the point of a row.
	across []float32
	point  []float64
}

func newCosts(n int) costs {
	ld := assign.Padded(n)
	return costs{n: n, ld: ld, cost: make([]float32, n*ld)}
}

// of is the costs of a row, padded.
func (c *costs) of(i int) []float32 { return c.cost[i*c.ld : (i+1)*c.ld] }

// squares fills the costs with squared distances between rows x and columns y,
// computed in float64 and rounded once.
func (c *costs) squares(ctx context.Context, x, y []float32, dim int) error {
	c.across = slices.Grow(c.across[:0], dim*c.ld)[:dim*c.ld]
	c.point = slices.Grow(c.point[:0], dim)[:dim]
	for k := range dim {
		across := c.across[k*c.ld : (k+1)*c.ld]
		for j := range across {
			across[j] = y[min(j, c.n-1)*dim+k] // what is beyond is as the last
		}
	}
	c.greatest = 0
	for i := range c.n {
		if err := ended(ctx, i); err != nil {
			return err
		}
		for k, v := range x[i*dim : (i+1)*dim] {
			c.point[k] = float64(v)
		}
		row := c.of(i)
		assign.Squares(row, c.point, c.across)
		c.greatest = max(c.greatest, assign.Greatest(row))
		if !math.IsInf(float64(c.greatest), 1) {
			continue
		}
		for j, f := range row[:c.n] {
			if f-f != 0 {
				return fmt.Errorf("coupling: data row %d and noise row %d are infinitely far from each other, or not numbers", i, j)
			}
		}
	}
	return nil
}
