package transform

import (
	"fmt"
	"math"

	"github.com/pathline/pathline/schemas"
)

// momentsBlock is the number of rows that are summed before blocks are merged.
const momentsBlock = 256

// Moments accumulates the mean and the variance of every column in one pass
// over a stream of rows.
//
// Rows are gathered in blocks of 256, counted from the first row; a block's mean
// and sum of squared deviations are computed in two passes over it, and blocks
// are merged pairwise, like the digits of a binary counter, by Chan, Golub and
// LeVeque 1979, eq. 2.1:
//
//	mean = mean_a + (mean_b - mean_a) n_b/n
//	M2   = M2_a + M2_b + (mean_b - mean_a)² n_a n_b/n
//
// So the result depends on the rows and their order alone, not on how they were
// cut into batches, and errors grow with the logarithm of the number of rows.
type Moments struct {
	dim      int
	rows     int64
	min, max []float64
	block    []float64 // rows that wait for their block to be full
	stack    []moments // of falling numbers of blocks
}

// moments are those of some consecutive blocks.
type moments struct {
	blocks, n int64
	mean, m2  []float64
}

// NewMoments begins for rows of dim columns.
func NewMoments(dim int) *Moments {
	if dim < 1 {
		panic("transform: rows without columns")
	}
	m := &Moments{dim: dim, min: make([]float64, dim), max: make([]float64, dim), block: make([]float64, 0, momentsBlock*dim)}
	for i := range m.min {
		m.min[i], m.max[i] = math.Inf(1), math.Inf(-1)
	}
	return m
}

// Rows is the number of rows so far.
func (m *Moments) Rows() int64 { return m.rows }

// Add takes the next rows, x [rows][dim]. A value that is not finite is an
// error that names its row and column, both from 0.
func (m *Moments) Add(x []float64, rows int) error {
	for r := 0; r < rows; r++ {
		row := x[r*m.dim : (r+1)*m.dim]
		for i, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return schemas.Errorf(schemas.NonFinite, "row %d has %v in column %d", m.rows, v, i)
			}
			m.min[i], m.max[i] = min(m.min[i], v), max(m.max[i], v)
		}
		m.rows++
		if m.block = append(m.block, row...); len(m.block) == cap(m.block) {
			m.push()
		}
	}
	return nil
}

// push closes the block and merges neighbours of equal size.
func (m *Moments) push() {
	n := len(m.block) / m.dim
	b := moments{blocks: 1, n: int64(n), mean: make([]float64, m.dim), m2: make([]float64, m.dim)}
	for i := range b.mean {
		var sum, m2 float64
		for j := i; j < len(m.block); j += m.dim {
			sum += m.block[j] / float64(n) // divided first: no overflow
		}
		for j := i; j < len(m.block); j += m.dim {
			d := m.block[j] - sum
			m2 += float64(d * d)
		}
		b.mean[i], b.m2[i] = sum, m2
	}
	m.block = m.block[:0]
	for len(m.stack) > 0 && m.stack[len(m.stack)-1].blocks == b.blocks {
		b = merge(m.stack[len(m.stack)-1], b)
		m.stack = m.stack[:len(m.stack)-1]
	}
	m.stack = append(m.stack, b)
}

// merge writes into b.
func merge(a, b moments) moments {
	na, nb := float64(a.n), float64(b.n)
	for i := range b.mean {
		d := b.mean[i] - a.mean[i]
		b.m2[i] = a.m2[i] + b.m2[i] + float64(d*d)*(na*nb/(na+nb))
		b.mean[i] = a.mean[i] + float64(d*(nb/(na+nb)))
	}
	b.n += a.n
	b.blocks += a.blocks
	return b
}

// Standardize is the transform of the rows seen. The variance is that of the
// rows themselves: the divisor is n. A column of one value has nothing to
// divide by: its standard deviation is taken as 1 and its number is in
// constant.
func (m *Moments) Standardize() (s *Standardize, constant []int, err error) {
	if m.rows == 0 {
		return nil, nil, schemas.Errorf(schemas.EmptyData, "there are no rows to fit a transform on")
	}
	if len(m.block) > 0 {
		m.push()
	}
	for len(m.stack) > 1 {
		l := len(m.stack)
		m.stack = append(m.stack[:l-2], merge(m.stack[l-2], m.stack[l-1]))
	}
	mean, sd := append([]float64{}, m.stack[0].mean...), make([]float64, m.dim)
	for i := range sd {
		sd[i] = math.Sqrt(m.stack[0].m2[i] / float64(m.rows))
		if m.min[i] == m.max[i] {
			mean[i], sd[i] = m.min[i], 0 // exactly, whatever the sums rounded to
		}
		if sd[i] == 0 {
			sd[i], constant = 1, append(constant, i)
		}
	}
	if s, err = NewStandardize(mean, sd); err != nil {
		return nil, nil, fmt.Errorf("transform: values too large to be squared: %w", err)
	}
	return s, constant, nil
}

// Fitted implements Fit.
func (m *Moments) Fitted() (Fitted, []int, error) {
	s, constant, err := m.Standardize()
	if err != nil {
		return nil, nil, err
	}
	return s, constant, nil
}
