package update

import (
	"math"
	"math/big"
	"testing"
)

// TestFused: the product and sum in exact arithmetic, rounded once, also where the
// sum in float64 lies in the middle of two float32 and below the normal ones.
func TestFused(t *testing.T) {
	exact := func(a, b, c float32) float32 {
		x := func(v float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(v)) }
		sum := new(big.Float).SetPrec(1000)
		sum.Add(sum.Mul(x(a), x(b)), x(c))
		v, _ := sum.Float32()
		return v
	}
	test := func(a, b, c float32) {
		for _, v := range []float32{a, b, c} {
			if v-v != 0 {
				return
			}
		}
		if got, want := fused(a, b, c), exact(a, b, c); got != want {
			t.Errorf("%v*%v + %v = %v, want %v", a, b, c, got, want)
		}
	}
	s := source(3)
	for range 200_000 {
		a, b := s.value(), s.value()
		test(a, b, s.value())
		test(a, b, -a*b) // leaves the rounding of the product
	}
	for range 200_000 { // half a unit of c, and a little more or less
		c := 1 + float32(s.next()>>41)*0x1p-23
		for _, little := range []float32{0, 0x1p-30, -0x1p-30, 0x1p-60, -0x1p-60} {
			h := 0x1p-12 + little
			test(h, 0x1p-12, c)
			test(h, -0x1p-12, c)
			test(h*0x1p-70, 0x1p-68, c*0x1p-126*float32(math.Exp2(-float64(s.next()%8))))
		}
		test(0x1p-12+0x1p-35, 0x1p-12-0x1p-36, c)
	}
}

// TestFormulas: one step against the formulas in float64. Each rounding is of 2^-24;
// the bounds count those of an element's terms.
func TestFormulas(t *testing.T) {
	const ulp = 0x1p-24
	s := source(4)
	value := func() float32 { return (float32(s.next()>>40)/(1<<24) - 0.5) * 4 }
	near := func(what string, got float32, want, size float64) {
		t.Helper()
		if !(math.Abs(float64(got)-want) <= 4*ulp*size) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for range 10_000 {
		w, g, m, v := value(), value(), value(), value()*value()
		v = float32(math.Abs(float64(v)))
		W, G, M, V := float64(w), float64(g), float64(m), float64(v)

		a := AdamScalars{Mean: 0.25, Square: 0.125, Rate: 0.5, Root: 1.5, Eps: 0.0625, Decay: 0.5, Shrink: 0.03125}
		wa, ma, va := []float32{w}, []float32{m}, []float32{v}
		Adam(wa, []float32{g}, ma, va, &a)
		d := G + 0.5*W
		mean, square := 0.75*M+0.25*d, 0.875*V+0.125*d*d
		size := math.Abs(M) + math.Abs(G) + math.Abs(W)
		near("mean", ma[0], mean, size)
		near("square", va[0], square, 2*V+2*size*size)
		root := math.Sqrt(float64(va[0]))*1.5 + 0.0625
		near("Adam's weight", wa[0], W-(0.5*float64(ma[0])/root+0.03125*W), math.Abs(W)+2*math.Abs(mean)/root)

		wl, ml := []float32{w}, []float32{m}
		Lion(wl, []float32{g}, ml, &LionScalars{Move: 0.25, Mean: 0.125, Rate: 0.5, Shrink: 0.0625})
		c := 0.75*M + 0.25*G
		if math.Abs(c) > 1e-5 {
			near("Lion's weight", wl[0], W-0.5*math.Copysign(1, c)-0.0625*W, math.Abs(W)+1)
		}
		near("Lion's mean", ml[0], 0.875*M+0.125*G, math.Abs(M)+math.Abs(G))

		wd := []float32{w}
		Descend(wd, []float32{g}, 0.25, 0.5)
		near("descended weight", wd[0], W-0.25*(G+0.5*W), size)

		wm, bm := []float32{w}, []float32{m}
		Momentum(wm, []float32{g}, bm, &MomentumScalars{Rate: 0.25, Decay: 0.5, Keep: 0.75, Add: 0.5, Look: 0.875, Own: 1})
		buffer := 0.75*M + 0.5*d
		near("buffer", bm[0], buffer, size)
		near("weight with momentum", wm[0], W-0.25*(0.875*buffer+d), 2*size)

		high, low := []float32{w}, []float32{g * 0x1p-25}
		Average(high, low, []float32{m}, 0.001)
		want := W + G*0x1p-25
		want += 0.001 * (M - want)
		if got := float64(high[0]) + float64(low[0]); math.Abs(got-want) > 0x1p-47*(math.Abs(W)+math.Abs(M)) || math.Abs(float64(low[0])) > ulp*math.Abs(want) {
			t.Errorf("average is %v + %v, want %v", high[0], low[0], want)
		}
	}
}

// TestLionSigns: a mean of 0 stays, and NaN is not hidden.
func TestLionSigns(t *testing.T) {
	nan := float32(math.NaN())
	for _, l := range levels() {
		restore := use(l)
		w := []float32{1, 1, 1, 1}
		Lion(w, []float32{0, 2, -3, nan}, make([]float32, 4), &LionScalars{Move: 0.5, Mean: 0.5, Rate: 0.25})
		if w[0] != 1 || w[1] != 0.75 || w[2] != 1.25 || w[3] == w[3] {
			t.Errorf("%s: weights %v", l, w)
		}
		restore()
	}
}

// TestAdamRange: squares of gradients that overflow float32 count as long as
// their part of the mean does not.
func TestAdamRange(t *testing.T) {
	for _, l := range levels() {
		restore := use(l)
		w, m, v := []float32{1}, []float32{0}, []float32{0}
		Adam(w, []float32{1e20}, m, v, &AdamScalars{Mean: 0.1, Square: 0.001, Rate: 0.1, Root: 1, Eps: 1e-8})
		if !(math.Abs(float64(v[0])/1e37-1) < 1e-6) || !(math.Abs(float64(w[0])-(1-0.01/math.Sqrt(0.001))) < 1e-6) {
			t.Errorf("%s: square %v, weight %v", l, v[0], w[0])
		}
		restore()
	}
}
