package distribution

import (
	"math"

	"github.com/pathline/pathline/stages/random"
)

// Distribution is a known distribution of rows.
type Distribution struct {
	Name string
	Dim  int
	Doc  string // one line: the formula in words

	// Entropy is the differential entropy in nats, NaN where it is not known.
	Entropy float64

	// Sample writes rows first .. first+rows-1 to dst, row-major
	// [rows][Dim]. It may be called concurrently. It panics when dst is
	// shorter than rows*Dim or when a row number is negative.
	Sample func(dst []float64, key random.Key, first int64, rows int)
}

// ByName finds a distribution of All.
func ByName(name string) (Distribution, bool) {
	for _, d := range All() {
		if d.Name == name {
			return d, true
		}
	}
	return Distribution{}, false
}

// All lists the distributions in the order in which a reader meets them.
func All() []Distribution {
	return []Distribution{
		plane("moons", 2.3939, 2, 2, moons,
			"two half circles of radius 2 facing each other, noise 0.2"),
		plane("8gaussians", 2.83188, 1, 2, eightGaussians,
			"eight Gaussians of sd 0.354 on a circle of radius 2.83"),
		plane("checkerboard", math.Log(32), 3, 0, checkerboard,
			"uniform on the 8 black cells, 2 by 2 each, of a board from -4 to 4"),
		plane("circles", 3.2681, 2, 2, circles,
			"two circles of radius 3 and 1.5, noise 0.24"),
		plane("rings", 2.6232, 2, 2, rings,
			"four circles of radius 3, 2.25, 1.5 and 0.75, noise 0.08"),
		plane("swissroll", 2.6696, 1, 2, swissroll,
			"one and a half turns of a spiral, noise 0.2"),
		plane("scurve", 1.487, 1, 2, scurve,
			"two arcs joined to an S, noise 0.075"),
		plane("pinwheel", math.NaN(), 1, 2, pinwheel,
			"five curved arms around the origin"),
		plane("2spirals", 2.646, 4, 2, twoSpirals,
			"two spirals of one and a half turns, one the other turned by 180 degrees"),
		plane("normal", 1+math.Log(2*math.Pi), 0, 2, normal,
			"the standard normal distribution in the plane"),
		plane("cfm-8gaussians", 4.77073, 1, 2, cfmEightGaussians,
			"eight Gaussians of sd 1 on a circle of radius 5"),
		plane("cfm-moons", 1.67548, 2, 2, cfmMoons,
			"two half circles of radius 2 facing each other, noise 0.1"),
		plane("cfm-8gaussians-12", 5.72194, 1, 2, cfmEightGaussians12,
			"eight Gaussians of sd 1.5 on a circle of radius 12"),
		plane("cfm-moons-7", 5.54814, 2, 2, cfmMoons7,
			"two half circles of radius 9.68 facing each other, noise 0.97"),
	}
}

// row fills one row (x, y) from its uniforms u on [0, 1) and its standard
// normals z.
type row func(u, z []float64) (x, y float64)

const (
	uniformStep = 0
	normalStep  = 1
)

func plane(name string, entropy float64, uniforms, normals int, f row, doc string) Distribution {
	return Distribution{Name: name, Dim: 2, Doc: doc, Entropy: entropy,
		Sample: func(dst []float64, key random.Key, first int64, rows int) {
			if first < 0 || rows < 0 || len(dst) < 2*rows {
				panic("distribution: rows do not fit the destination")
			}
			var ub, zb [4]float64
			u, z := ub[:uniforms], zb[:normals]
			for i := range rows {
				r := uint64(first) + uint64(i)
				key.Uniforms(u, r, uniformStep)
				key.Normals64(z, r, normalStep)
				dst[2*i], dst[2*i+1] = f(u, z)
			}
		}}
}
