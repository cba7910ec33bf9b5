package bench

import (
	"context"
	"fmt"

	"github.com/pathline/pathline/stages/machine"
)

// product is W11: C = A B in place, B packed anew every time.
func product(m, n, k int) func(context.Context, *session) ([]Result, error) {
	return func(ctx context.Context, s *session) ([]Result, error) {
		p := machine.NewProduct(m, n, k, s.Threads)
		defer p.Close()
		a, b, c := normals(m, k), normals(k, n), make([]float32, m*n)
		t, err := measure(ctx, s, clock(func() error { p.Multiply(c, a, b); return nil }))
		if err != nil {
			return nil, err
		}
		r := Result{Params: fmt.Sprintf("%dx%dx%d", m, n, k), Metric: "product", Unit: "GFLOP/s",
			RMSError: productError(c, a, b, n, k)}
		return []Result{t.rate(r, p.FLOPs()/1e9, 1e9)}, nil
	}
}

// productError compares the first rows with sums in float64.
func productError(c, a, b []float32, n, k int) *float64 {
	const rows = 8
	want := make([]float64, rows*n)
	for i := range rows {
		for l := range k {
			for j := range n {
				want[i*n+j] += float64(a[i*k+l]) * float64(b[l*n+j])
			}
		}
	}
	return distance(widened(c), want)
}
