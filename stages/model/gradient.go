package model

import "context"

// Gradient is reverse mode written out. With f the output, e = f - target and
// weight w, the loss of a row is w |e|² and
//
//	delta_L = 2 w e
//	dW_l   += delta_lᵀ y_l            (y_l is the input of layer l)
//	db_l   += delta_l
//	delta_{l-1} = (delta_l W_l) ∘ act'(z_{l-1})
//
// Sums over rows run in the order of the rows, in float32 for the gradient and
// float64 for the loss.
func (n *perceptron) Gradient(ctx context.Context, grad [][]float32, t []float64, x, target, weight []float32, rows int) (float64, error) {
	n.mustFit(target, t, x, rows)
	if weight != nil && len(weight) < rows {
		panic("model: slice shorter than its rows")
	}
	if grad != nil {
		n.mustMatch(grad)
	}
	s := n.borrow()
	defer n.scratch.Put(s)
	d := n.dim
	var loss float64
	for r := 0; r < rows; r += blockRows {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m := min(blockRows, rows-r)
		f := n.forward(s, t[r:r+m], x[r*d:(r+m)*d], m, grad != nil)
		delta := s.tangent[0][:m*d]
		for i := 0; i < m; i++ {
			w := 1.0
			if weight != nil {
				w = float64(weight[r+i])
			}
			var sum float64
			for j := i * d; j < (i+1)*d; j++ {
				e := float64(f[j]) - float64(target[r*d+j])
				sum += e * e
				delta[j] = float32(2 * w * e)
			}
			loss += w * sum
		}
		if grad != nil {
			n.backward(s, grad, m)
		}
	}
	return loss, nil
}

// backward adds the gradient of m rows to grad; delta of the output is in
// s.tangent[0].
func (n *perceptron) backward(s *scratch, grad [][]float32, m int) {
	now, next := s.tangent[0], s.tangent[1]
	for i := len(n.layers) - 1; i >= 0; i-- {
		l := n.layers[i]
		delta := now[:m*l.out]
		addTransposedProduct(grad[2*i], delta, s.y[i][:m*l.in], l.out, l.in, m)
		db := grad[2*i+1]
		for r := 0; r < m; r++ {
			for j, v := range delta[r*l.out : (r+1)*l.out] {
				db[j] += v
			}
		}
		if i == 0 {
			return
		}
		before := next[:m*l.in]
		clear(before)
		addProduct(before, delta, l.w, m, l.in, l.out)
		multiply(before, s.slope[i-1])
		now, next = next, now
	}
}

// multiply is a *= b, elementwise; b may be longer.
func multiply(a, b []float32) {
	b = b[:len(a)]
	for i, v := range b {
		a[i] *= v
	}
}

func (n *perceptron) mustMatch(grad [][]float32) {
	if len(grad) != 2*len(n.layers) {
		panic("model: gradient does not have one slice per tensor")
	}
	for i, l := range n.layers {
		if len(grad[2*i]) != len(l.w) || len(grad[2*i+1]) != len(l.b) {
			panic("model: gradient slice not as long as its tensor")
		}
	}
}
