package philox

import (
	"math"
	"testing"
)

// extremes are words where a logarithm is near 0 or large and a sine near 0, and
// some from the stream itself.
func extremes() []uint32 {
	var list []uint32
	for i := range 32 {
		list = append(list, 1<<i, 1<<i-1, 1<<i+1, -(1 << i), -(1<<i + 1), 3<<i)
	}
	for row := range uint64(50_000) {
		b := At(Counter{Key: 5, Row: row})
		list = append(list, b[:]...)
	}
	return list
}

// TestLogarithm: within two units of the last place of math.Log, one of which is
// its own.
func TestLogarithm(t *testing.T) {
	check := func(x float64, scale int, want float64) {
		if got := logarithm(x, scale); !(math.Abs(got-want) <= 3.5e-16*math.Abs(want)) {
			t.Errorf("ln(%v 2^-%d) is %v, want %v", x, scale, got, want)
		}
	}
	for _, w := range extremes() {
		x := float64(w) + 0.5
		check(x, 32, math.Log(x*0x1p-32))
		k := float64(uint64(w) << 21)
		check(0x1p53-k, 53, math.Log1p(-k*0x1p-53))
	}
	check(0x1p53, 53, 0)
	check(1, 53, -53*math.Ln2)
}

// TestCircle: within 5e-16 of math.Sincos of what the nearest quarter turn leaves,
// which is exact and so has no error of the argument but that of pi.
func TestCircle(t *testing.T) {
	check := func(x, turn float64) {
		n := math.RoundToEven(x * turn)
		s, c := math.Sincos((x*turn - n) * math.Pi / 2)
		for range int(n) % 4 {
			s, c = c, -s
		}
		sin, cos := circle(x, turn)
		if !(math.Abs(sin-s) <= 5e-16*math.Abs(s) && math.Abs(cos-c) <= 5e-16*math.Abs(c)) {
			t.Errorf("at %v of a turn: sine %v and cosine %v, want %v and %v", x*turn/4, sin, cos, s, c)
		}
	}
	for _, w := range extremes() {
		check(float64(w)+0.5, 0x1p-30)
		check(float64(uint64(w)<<21), 0x1p-51)
		check(float64(w), 0x1p-51)
	}
}

// TestLibrary: float32 normals are those that the library's logarithm, sine and
// cosine give but for about one in 10^7, where a rounding to float32 is nearly a
// tie: 2 of 2^21.
func TestLibrary(t *testing.T) {
	differ := 0
	for row := range uint64(1 << 19) {
		b := At(Counter{Key: 99, Row: row})
		z := normals32(b, 4)
		for j := 0; j < 4; j += 2 {
			r := math.Sqrt(-2 * math.Log((float64(b[j])+0.5)*0x1p-32))
			sin, cos := math.Sincos(2 * math.Pi * (float64(b[j+1]) + 0.5) * 0x1p-32)
			for i, want := range []float64{r * cos, r * sin} {
				if got := z[j+i]; got != float32(want) {
					differ++
					if math.Abs(float64(got)-want) > 0x1p-24*math.Abs(want) {
						t.Errorf("row %d draw %d is %v, want %v", row, j+i, got, want)
					}
				}
			}
		}
	}
	if differ > 4 {
		t.Errorf("%d draws differ", differ)
	}
}

// TestEdges: the extreme words give finite draws, the ones that the range of
// the documentation comes from.
func TestEdges(t *testing.T) {
	const f = math.MaxUint32
	if u := Uniform(f, f); u != 1-0x1p-53 {
		t.Errorf("largest uniform %v", u)
	}
	if u := Uniform(0, 0); u != 0 {
		t.Errorf("smallest uniform %v", u)
	}
	if z := normals32([4]uint32{0, 0, f, 0}, 4); !(z[0] > 6.763 && z[0] < 6.77) || !(z[2] > 0 && z[2] < 2e-5) {
		t.Errorf("extreme normals %v", z)
	}
	if z := normals64([4]uint32{f, f, 0, 0}); !(z[0] > 8.57 && z[0] < 8.58) || z[1] != 0 {
		t.Errorf("largest normal %v", z)
	}
	if z := normals64([4]uint32{0, 0, 1, 2}); z != [2]float64{} {
		t.Errorf("smallest normal %v", z)
	}
}
