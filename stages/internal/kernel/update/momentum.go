package update

// Descend makes a step of gradient descent, w = w - rate (g + decay w).
func Descend(w, g []float32, rate, decay float32) {
	g = fit(g, len(w))
	s := [2]float32{rate, decay}
	if fastDescend(w, g, &s) {
		return
	}
	for i, v := range w {
		w[i] = fused(-rate, fused(decay, v, g[i]), v)
	}
}

// MomentumScalars are the numbers of one step of descent with momentum. The
// assembly reads these fields in this order.
type MomentumScalars struct {
	Rate, Decay float32 // learning rate; decay of weights, added to the gradient
	Keep, Add   float32 // of the buffer and of the gradient, in the new buffer
	Look, Own   float32 // of the new buffer and of the gradient, in the move
}

// Momentum makes a step of descent with momentum (Sutskever et al. 2013):
//
//	g = g + Decay w
//	buffer = Keep buffer + Add g
//	w = w - Rate (Look buffer + Own g)
//
// Look 1, Own 0 is the classical form; Look Keep, Own 1 is Nesterov's.
func Momentum(w, g, buffer []float32, s *MomentumScalars) {
	g, buffer = fit(g, len(w)), fit(buffer, len(w))
	if fastMomentum(w, g, buffer, s) {
		return
	}
	for i, v := range w {
		d := fused(s.Decay, v, g[i])
		buffer[i] = fused(s.Add, d, s.Keep*buffer[i])
		w[i] = fused(-s.Rate, fused(s.Look, buffer[i], s.Own*d), v)
	}
}
