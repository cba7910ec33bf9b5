package matrix_test

import (
	"math"
	"math/rand/v2"
	"testing"
)

// operand is a row-major matrix in the middle of a slice. Around it and between
// its rows stand numbers that must not be used and not be changed.
type operand struct {
	whole, x []float32
	before   []float32 // whole, as it was
	ld       int
	rows     int
	columns  int
}

// guard is a NaN: one that is read shows in the result.
var guard = math.Float32frombits(0x7fc12345)

const margin = 33

// newOperand makes a matrix whose values are those of value, in their order.
func newOperand(rows, columns, gap int, value func() float32) *operand {
	o := &operand{ld: columns + gap, rows: rows, columns: columns}
	size := 0
	if rows > 0 && columns > 0 {
		size = (rows-1)*o.ld + columns
	}
	o.whole = make([]float32, size+2*margin)
	for i := range o.whole {
		o.whole[i] = guard
	}
	o.x = o.whole[margin : margin+size : margin+size]
	for i := range rows {
		for j := range columns {
			o.x[i*o.ld+j] = value()
		}
	}
	o.before = append([]float32(nil), o.whole...)
	return o
}

func (o *operand) at(i, j int) float32 { return o.x[i*o.ld+j] }

// transposed is a matrix of the same values with rows and columns exchanged.
func (o *operand) transposed(gap int) *operand {
	next := 0
	return newOperand(o.columns, o.rows, gap, func() float32 {
		i, j := next%o.rows, next/o.rows
		next++
		return o.at(i, j)
	})
}

// unchanged fails if anything but, with inside, the matrix itself has changed.
func (o *operand) unchanged(t *testing.T, name string, inside bool) {
	t.Helper()
	for p, v := range o.whole {
		if q := p - margin; inside && q >= 0 && q < len(o.x) && q%o.ld < o.columns {
			continue
		}
		if math.Float32bits(v) != math.Float32bits(o.before[p]) {
			t.Fatalf("%s: element %d, outside of [%d][%d], was written", name, p-margin, o.rows, o.columns)
		}
	}
}

// normals are numbers for which rounding differs at every step.
func normals(r *rand.Rand) func() float32 {
	return func() float32 { return float32(r.NormFloat64()) }
}

// zero is the value of a matrix that will be written.
func zero() float32 { return 0 }
