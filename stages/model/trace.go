package model

import "context"

// Divergence writes v and its divergence, exact or by probes.
//
// With H hidden layers, D_l = diag(act'(z_l)) of a row and W_x the columns of
// W_0 that meet x, the Jacobian is J = W_H D_{H-1} W_{H-1} ... D_0 W_x. Its
// trace needs neither the first product (the first tangent is W_x for every
// row) nor the last (only a diagonal is wanted):
//
//	H = 0   tr W_x
//	H = 1   sum_j D_0[j] c[j],         c[j] = sum_i W_1[i,j] W_x[j,i]
//	H = 2   sum_kj D_1[k] M[k,j] D_0[j], M = W_1 ∘ (W_x W_2)ᵀ
//	H > 2   d tangents pushed through layers 1..H-1, then
//	        sum_i sum_k D_{H-1}[k] U_i[k] W_H[i,k]
//
// c and M belong to the weights, so H <= 2 costs about one evaluation for any
// d. A probe is one tangent pushed through all layers. Traces are summed in
// float64.
func (n *perceptron) Divergence(ctx context.Context, v []float32, div []float64, t []float64, x, probe []float32, rows, probes int) error {
	n.mustFit(v, t, x, rows)
	if probes < 0 || len(div) < rows*max(1, probes) || len(probe) < probes*rows*n.dim {
		panic("model: slice shorter than its rows")
	}
	s := n.borrow()
	defer n.scratch.Put(s)
	if probes == 0 {
		n.prepareTrace(s)
	}
	d := n.dim
	for r := 0; r < rows; r += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(blockRows, rows-r)
		copy(v[r*d:], n.forward(s, t[r:r+m], x[r*d:(r+m)*d], m, true))
		if probes == 0 {
			n.trace(s, div[r:r+m], m)
		}
		for p := 0; p < probes; p++ {
			z := probe[(p*rows+r)*d : (p*rows+r+m)*d]
			jz := n.push(s, z, m)
			for i := 0; i < m; i++ {
				var sum float64
				for j := i * d; j < (i+1)*d; j++ {
					sum += float64(z[j]) * float64(jz[j])
				}
				div[(r+i)*probes+p] = sum
			}
		}
	}
	return nil
}

// prepareTrace computes what the exact trace takes from the weights alone: c
// or Mᵀ [h0][h1] of Divergence, and W_x.
func (n *perceptron) prepareTrace(s *scratch) {
	d := n.dim
	switch len(n.layers) {
	case 2:
		h := n.layers[0].out
		s.grow(h)
		clear(s.bilin)
		for i := 0; i < d; i++ {
			out, in := n.layers[1].w[i*h:(i+1)*h], s.wt[0][i*h:(i+1)*h]
			for j := range in {
				s.bilin[j] += out[j] * in[j]
			}
		}
	case 3:
		h0, h1 := n.layers[0].out, n.layers[1].out
		s.grow(h0 * h1)
		clear(s.bilin)
		// wt[0] begins with W_xᵀ [d][h0]; (W_x W_2) [h0][h1] = W_xᵀᵀ W_2.
		addTransposedProduct(s.bilin, s.wt[0][:d*h0], n.layers[2].w, h0, h1, d)
		multiply(s.bilin, s.wt[1])
	}
}

func (s *scratch) grow(size int) {
	if cap(s.bilin) < size {
		s.bilin = make([]float32, size)
	}
	s.bilin = s.bilin[:size]
}

// trace writes the exact divergence of m rows after forward with slopes.
func (n *perceptron) trace(s *scratch, div []float64, m int) {
	d := n.dim
	switch last := len(n.layers) - 1; last {
	case 0:
		var sum float64
		for i := 0; i < d; i++ {
			sum += float64(n.layers[0].w[i*n.layers[0].in+i])
		}
		for r := range div {
			div[r] = sum
		}
	case 1:
		h := n.layers[0].out
		for r := range div {
			div[r] = dot(s.slope[0][r*h:(r+1)*h], s.bilin)
		}
	case 2:
		h0, h1 := n.layers[0].out, n.layers[1].out
		u := s.tangent[0][:m*h1]
		clear(u)
		addProduct(u, s.slope[0][:m*h0], s.bilin, m, h1, h0)
		for r := range div {
			div[r] = dot(s.slope[1][r*h1:(r+1)*h1], u[r*h1:(r+1)*h1])
		}
	default:
		clear(div)
		h := n.layers[last].in
		for i := 0; i < d; i++ {
			h0 := n.layers[0].out
			u := s.tangent[0][:m*h0]
			for r := 0; r < m; r++ {
				copy(u[r*h0:], s.wt[0][i*h0:(i+1)*h0])
			}
			u = n.pushHidden(s, m)
			multiply(u, s.slope[last-1])
			out := n.layers[last].w[i*h : (i+1)*h]
			for r := range div {
				div[r] += dot(u[r*h:(r+1)*h], out)
			}
		}
	}
}

// push is J z of m rows, z [m][d], after forward with slopes.
func (n *perceptron) push(s *scratch, z []float32, m int) []float32 {
	first, last := n.layers[0], len(n.layers)-1
	u := s.tangent[0][:m*first.out]
	clear(u)
	addProduct(u, z, s.wt[0][:n.dim*first.out], m, first.out, n.dim)
	if last == 0 {
		return u
	}
	u = n.pushHidden(s, m)
	multiply(u, s.slope[last-1])
	l := n.layers[last]
	jz := s.y[last+1][:m*l.out] // v has been copied out
	clear(jz)
	addProduct(jz, u, s.wt[last], m, l.out, l.in)
	return jz
}

// pushHidden takes the tangent of z_0, in s.tangent[0], to that of the last
// hidden layer's z.
func (n *perceptron) pushHidden(s *scratch, m int) []float32 {
	now, next := s.tangent[0], s.tangent[1]
	for i := 1; i < len(n.layers)-1; i++ {
		l := n.layers[i]
		u := now[:m*l.in]
		multiply(u, s.slope[i-1])
		y := next[:m*l.out]
		clear(y)
		addProduct(y, u, s.wt[i], m, l.out, l.in)
		now, next = next, now
	}
	return now[:m*n.layers[len(n.layers)-1].in]
}

func dot(a, b []float32) float64 {
	var sum float64
	b = b[:len(a)]
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}
