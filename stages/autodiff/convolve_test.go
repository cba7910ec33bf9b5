package autodiff

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestConv2D: a convolution is the naive sum over an image with a border of zeros.
func TestConv2D(t *testing.T) {
	for _, c := range []struct{ height, width, kh, kw, in, out int }{
		{4, 3, 3, 3, 2, 5}, {1, 1, 3, 3, 1, 1}, {5, 2, 1, 3, 3, 2}, {2, 5, 5, 1, 1, 3}, {3, 2, 7, 5, 2, 2}, {3, 3, 1, 1, 4, 2},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			const rows = 3
			g := New()
			x := g.Input("x", c.height*c.width, c.in)
			y := g.Conv2D(x, g.Param("w", Init{}, c.out, c.kh*c.kw*c.in), g.Param("b", Init{}, c.out), c.height, c.width, c.kh, c.kw)
			r := rand.New(rand.NewPCG(1, 2))
			image, w, b := normal(r, rows*c.height*c.width*c.in), normal(r, c.out*c.kh*c.kw*c.in), normal(r, c.out)
			got, err := g.Interpret([]Value{y}, [][]float64{w, b}, [][]float64{image}, rows)
			if err != nil {
				t.Fatal(err)
			}
			var want []float64
			for row := range rows {
				// The image inside of zeros that reach as far as a kernel does.
				h, v := c.height+c.kh-1, c.width+c.kw-1
				padded := make([]float64, h*v*c.in)
				for i := range c.height {
					for j := range c.width {
						copy(padded[((i+c.kh/2)*v+j+c.kw/2)*c.in:][:c.in], image[((row*c.height+i)*c.width+j)*c.in:])
					}
				}
				for i := range c.height {
					for j := range c.width {
						for o := range c.out {
							sum, at := b[o], o*c.kh*c.kw*c.in
							for di := range c.kh {
								for dj := range c.kw {
									for k := range c.in {
										sum += w[at] * padded[((i+di)*v+j+dj)*c.in+k]
										at++
									}
								}
							}
							want = append(want, sum)
						}
					}
				}
			}
			all(t, "convolution", got[0], want, 1e-13)
		})
	}
}

// TestConv2DMistakes: shapes that do not fit are named.
func TestConv2DMistakes(t *testing.T) {
	for name, build := range map[string]func(g *Graph, x Value){
		"even kernel":     func(g *Graph, x Value) { g.Conv2D(x, g.Param("w", Init{}, 2, 8), Value{}, 2, 3, 2, 2) },
		"other image":     func(g *Graph, x Value) { g.Conv2D(x, g.Param("w", Init{}, 2, 18), Value{}, 3, 3, 3, 3) },
		"other channels":  func(g *Graph, x Value) { g.Conv2D(x, g.Param("w", Init{}, 2, 27), Value{}, 2, 3, 3, 3) },
		"weight of a row": func(g *Graph, x Value) { g.Conv2D(x, g.Input("w", 2, 18), Value{}, 2, 3, 3, 3) },
	} {
		g := New()
		if build(g, g.Input("x", 6, 2)); g.Err() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
