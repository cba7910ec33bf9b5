package path

import "math"

// Interpolate writes x_t and u_t [rows][dim] for the coefficients c [rows], in
// float32. A nil ut is not written. e may be nil when no row has gamma.
func Interpolate(xt, ut []float32, c []Coef, x0, x1, e []float32, rows, dim int) {
	n := rows * dim
	if len(c) != rows || len(xt) != n || ut != nil && len(ut) != n || len(x0) != n || len(x1) != n || e != nil && len(e) != n {
		panic("path: slices of other lengths than rows and dim")
	}
	for r := range rows {
		c, lo, hi := &c[r], r*dim, (r+1)*dim
		if c.Gamma != 0 || c.DGamma != 0 {
			if e == nil {
				panic("path: a path with gamma needs a second noise")
			}
			mix(xt[lo:hi], c.Alpha, c.Sigma, x1[lo:hi], x0[lo:hi])
			add(xt[lo:hi], c.Gamma, e[lo:hi])
			if ut != nil {
				mix(ut[lo:hi], c.DAlpha, c.DSigma, x1[lo:hi], x0[lo:hi])
				add(ut[lo:hi], c.DGamma, e[lo:hi])
			}
			continue
		}
		if ut == nil {
			mix(xt[lo:hi], c.Alpha, c.Sigma, x1[lo:hi], x0[lo:hi])
			continue
		}
		alpha, sigma, dalpha, dsigma := float32(c.Alpha), float32(c.Sigma), float32(c.DAlpha), float32(c.DSigma)
		for i := lo; i < hi; i++ { // rows may be too short for the cost of slices
			x, z := x1[i], x0[i]
			xt[i] = float32(alpha*x) + float32(sigma*z)
			ut[i] = float32(dalpha*x) + float32(dsigma*z)
		}
	}
}

// mix writes dst = a x + b y.
func mix(dst []float32, a, b float64, x, y []float32) {
	a32, b32 := float32(a), float32(b)
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = float32(a32*x[i]) + float32(b32*y[i])
	}
}

// add adds a x to dst; a zero of a may stand beside anything in x.
func add(dst []float32, a float64, x []float32) {
	if a == 0 {
		return
	}
	a32 := float32(a)
	for i := range dst {
		dst[i] += float32(a32 * x[i])
	}
}

// Interior are the times that a path is trained at: Domain, and where it stops
// short of an end at least 1e-5 of it (as Song et al. 2021 train), because the
// variance of u_t grows without bound towards a singular end.
func Interior(p Path) (lo, hi float64) {
	lo, hi = p.Domain()
	if lo > 0 {
		lo = max(lo, 1e-5)
	}
	if hi < 1 {
		hi = min(hi, 1-1e-5)
	}
	return lo, hi
}

// Start is what a path begins with at exactly t = 0: the share alpha of data
// and the standard deviation sigma of all noise, both continued by their slopes
// from where Domain begins. That is where the field of an exact model leads,
// whose coefficients stay what they are at the first time of Domain.
func Start(p Path) (Coef, error) {
	lo, _ := p.Domain()
	var c [1]Coef
	if err := p.Coefficients(c[:], []float64{lo}); err != nil {
		return Coef{}, err
	}
	return Coef{Alpha: c[0].Alpha - lo*c[0].DAlpha, Sigma: continued(c[0], lo)}, nil
}

// BaseStd is the standard deviation of the base of a flow with this path, which
// is N(0, BaseStd² I): sqrt(sigma(0)² + gamma(0)²). Where Domain begins after 0
// the variance is continued to 0 by its slope, which is exact for a bridge up to
// 1e-10; a path that knows better has a method BaseStd. It is 1 for a path that is not
// affine.
func BaseStd(p Path) (float64, error) {
	if std, ok := KnownBaseStd(p); ok {
		return std, nil
	}
	if _, ok := SamplerOf(p); ok {
		return 1, nil
	}
	lo, _ := p.Domain()
	var c [1]Coef
	if err := p.Coefficients(c[:], []float64{lo}); err != nil {
		return 0, err
	}
	return continued(c[0], lo), nil
}

// KnownBaseStd is what a path with a method BaseStd says.
func KnownBaseStd(p Path) (std float64, ok bool) {
	if d, ok := p.(Described); ok {
		p = d.Path
	}
	if p, ok := p.(interface{ BaseStd() float64 }); ok {
		return p.BaseStd(), true
	}
	return 0, false
}

// continued is the standard deviation at t = 0 of the noise whose coefficients
// at lo are c.
func continued(c Coef, lo float64) float64 {
	v := c.Sigma*c.Sigma + c.Gamma*c.Gamma
	dv := 2 * (c.Sigma*c.DSigma + c.Gamma*c.DGamma)
	return math.Sqrt(v - lo*dv)
}
