package bench

// sizes are the widths of a network's layers, input first, output last: weights
// between sizes[l] and sizes[l+1].
type sizes []int

// Floating-point operations are two for each weight and row of a product.
// Activations, biases, random draws, updates and combinations of stages are not
// counted: the products alone bound the time from below.

// forward is an evaluation of a row.
func (s sizes) forward() (flops float64) {
	for l := range len(s) - 1 {
		flops += 2 * float64(s[l]) * float64(s[l+1])
	}
	return flops
}

// train is a row of a training step: the evaluation, the gradients by the
// weights, and the gradients by the inputs of all layers but the first, each as
// many operations as the evaluation of those layers.
func (s sizes) train() float64 {
	return 3*s.forward() - 2*float64(s[0])*float64(s[1])
}

// probed is an evaluation with the derivative along one direction of the d
// columns; the columns of the time have no tangent.
func (s sizes) probed() float64 {
	d := s[len(s)-1]
	return 2*s.forward() - 2*float64(s[0]-d)*float64(s[1])
}

// exact is an evaluation with the trace of the derivative. With H hidden layers
// and H <= 2 the trace is a form of the slopes whose coefficients belong to the
// weights: h (H = 1) or h0 h1 (H = 2) of them. Otherwise d tangents go through
// the layers between the first hidden one and the last, and of the output layer
// the diagonal alone is needed; see model.Network.Divergence.
func (s sizes) exact() float64 {
	d, hidden := float64(s[len(s)-1]), s[1:len(s)-1]
	flops := s.forward()
	switch len(hidden) {
	case 0:
	case 1:
		flops += 2 * float64(hidden[0])
	case 2:
		flops += 2 * float64(hidden[0]) * float64(hidden[1])
	default:
		for l := range len(hidden) - 1 {
			flops += d * 2 * float64(hidden[l]) * float64(hidden[l+1])
		}
		flops += d * 2 * float64(hidden[len(hidden)-1])
	}
	return flops
}
