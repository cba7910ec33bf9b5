package model

import "context"

// blockRows is how many rows go through the layers together: enough to use a
// weight many times while it is in cache, few enough for activations to stay.
const blockRows = pieceRows

// scratch is the memory of one call.
type scratch struct {
	wt    [][]float32 // wt[l] is layer l's weights transposed, [in][out]
	y     [][]float32 // y[0] the input, y[l+1] the output of layer l: [blockRows][width]
	slope [][]float32 // slope[l]: derivative of the activation after hidden layer l

	tangent [2][]float32 // two buffers as wide as the widest layer, for what is pushed through
	bilin   []float32    // see trace.go; made on first use
}

func (n *perceptron) newScratch() *scratch {
	s := &scratch{y: [][]float32{make([]float32, blockRows*n.layers[0].in)}}
	widest := 0
	for i, l := range n.layers {
		s.wt = append(s.wt, make([]float32, l.in*l.out))
		s.y = append(s.y, make([]float32, blockRows*l.out))
		if i < len(n.layers)-1 {
			s.slope = append(s.slope, make([]float32, blockRows*l.out))
		}
		widest = max(widest, l.in, l.out)
	}
	for i := range s.tangent {
		s.tangent[i] = make([]float32, blockRows*widest)
	}
	return s
}

// borrow takes scratch from the pool and puts the present weights in it.
func (n *perceptron) borrow() *scratch {
	s := n.scratch.Get().(*scratch)
	for i, l := range n.layers {
		transpose(s.wt[i], l.w, l.out, l.in)
	}
	return s
}

// Eval is v(t, x).
func (n *perceptron) Eval(ctx context.Context, dx []float32, t []float64, x []float32, rows int) error {
	n.mustFit(dx, t, x, rows)
	s := n.borrow()
	defer n.scratch.Put(s)
	for r := 0; r < rows; r += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(blockRows, rows-r)
		v := n.forward(s, t[r:r+m], x[r*n.dim:(r+m)*n.dim], m, false)
		copy(dx[r*n.dim:], v)
	}
	return nil
}

// forward computes m <= blockRows rows and returns v [m][dim], which lies in s.
// Activations stay in s.y and, when slopes is set, derivatives in s.slope.
func (n *perceptron) forward(s *scratch, t []float64, x []float32, m int, slopes bool) []float32 {
	in, d := n.layers[0].in, n.dim
	for r := 0; r < m; r++ {
		row := s.y[0][r*in : (r+1)*in]
		copy(row[:d], x[r*d:(r+1)*d])
		if r > 0 && t[r] == t[r-1] { // rows of a solve often share their time
			copy(row[d:], s.y[0][(r-1)*in+d:r*in])
		} else {
			timeInputs(row[d:], n.freqs, t[r])
		}
	}
	for i, l := range n.layers {
		y := s.y[i+1][:m*l.out]
		for r := 0; r < m; r++ {
			copy(y[r*l.out:], l.b)
		}
		addProduct(y, s.y[i][:m*l.in], s.wt[i], m, l.out, l.in)
		switch {
		case i == len(n.layers)-1:
		case slopes:
			n.act.activate(y, s.slope[i][:m*l.out])
		default:
			n.act.activate(y, nil)
		}
	}
	return s.y[len(n.layers)][:m*d]
}

// mustFit panics when slices are too short for rows.
func (n *perceptron) mustFit(v []float32, t []float64, x []float32, rows int) {
	if rows < 0 || len(v) < rows*n.dim || len(x) < rows*n.dim || len(t) < rows {
		panic("model: slice shorter than its rows")
	}
}
