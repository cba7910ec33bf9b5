package bijection

import "context"

// Float64 is the same bijection with the present weights in float64: slow and
// accurate, for references. Later changes of the weights do not reach it.
func (n *Network) Float64() Bijection[float64] {
	return &double{network: n, weights: n.weights.Widened()}
}

// double interprets the graph.
type double struct {
	network *Network
	weights [][]float64
}

// blockRows is how many rows are interpreted together.
const blockRows = 64

func (f *double) Dim() int { return f.network.Dim() }

func (f *double) Normalize(ctx context.Context, z, x []float64, logdet []float64, rows int) error {
	return f.run(ctx, normalizing, z, x, logdet, rows)
}

func (f *double) Generate(ctx context.Context, x, z []float64, logdet []float64, rows int) error {
	return f.run(ctx, generating, x, z, logdet, rows)
}

func (f *double) run(ctx context.Context, kind int, to, from []float64, logdet []float64, rows int) error {
	d := f.network.Dim()
	if rows < 0 || len(to) < rows*d || len(from) < rows*d || logdet != nil && len(logdet) < rows {
		panic("bijection: slice shorter than its rows")
	}
	g, outs := f.network.build(kind)
	var weights [][]float64
	for _, p := range g.Params() {
		weights = append(weights, f.weights[f.network.weights.Number(p.Name)])
	}
	for r := 0; r < rows; r += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(blockRows, rows-r)
		y, err := g.Interpret(outs, weights, [][]float64{from[r*d : (r+m)*d]}, m)
		if err != nil {
			return err
		}
		copy(to[r*d:], y[0])
		if logdet != nil {
			for i, v := range y[1] {
				logdet[r+i] += v
			}
		}
	}
	return nil
}
