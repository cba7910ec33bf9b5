package path

// Coef are the coefficients of a path that is linear in data x1, noise x0 and,
// for stochastic bridges, a second independent noise e ~ N(0, I):
//
//	x_t = Alpha x1 + Sigma x0 + Gamma e
//	u_t = DAlpha x1 + DSigma x0 + DGamma e        (u_t = d/dt x_t)
//
// Gamma and DGamma are zero for the affine paths of Lipman et al. 2023.
type Coef struct{ Alpha, Sigma, Gamma, DAlpha, DSigma, DGamma float64 }

// Path is a probability path between noise (t = 0) and data (t = 1): four, or
// with a bridge six, functions of time; see [Sampler] for what is not. Implementations are values, safe for
// concurrent use.
type Path interface {
	// Coefficients fills c[i] for t[i] in [0, 1]. A time outside of Domain is
	// moved to its nearest end first: that is the stated policy at singular
	// ends.
	Coefficients(c []Coef, t []float64) error

	// Domain is where the derivatives are finite: [0, 1] for most paths,
	// [0, 1-1e-12] where dsigma/dt diverges at the data end.
	Domain() (lo, hi float64)
}

// Distant says whether the coefficients of p cost a call to somewhere else: such
// a path has a method Distant that says true. It is asked once for a whole
// batch, where others are asked for a few rows at a time, by several callers.
func Distant(p Path) bool {
	if d, ok := p.(Described); ok {
		p = d.Path
	}
	d, ok := p.(interface{ Distant() bool })
	return ok && d.Distant()
}
